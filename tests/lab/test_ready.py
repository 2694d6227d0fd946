"""Guests that are ready, that do not stop, and that somebody shuts down from inside."""

from typing import Any

import pytest

from tests.lab.cloud import Cloud, domain_document, until

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

GUEST, OTHER, DEAF = "web-1", "web-2", "deaf"
"""Two boot a system with a guest agent. The third's disk is empty: nobody in it listens to a power button."""


@pytest.fixture(scope="module")
def cloud(booting_cloud: Cloud) -> Cloud:
    booting_cloud.remove("domains/db-1.yaml")
    booting_cloud.edit(f"domains/{GUEST}.yaml", "power: running", "power: running\n  ready: {agent: true, tcp: 8080}")
    return booting_cloud


def write_deaf(cloud: Cloud, **fields: Any) -> None:
    cloud.write(f"domains/{DEAF}.yaml", domain_document(DEAF, shutdownTimeout="3s", **fields))


def test_once_waits_until_the_guest_is_ready(cloud: Cloud) -> None:
    ended = cloud.reconcile("--once", "--wait", "GuestReady", "--timeout", "2m")
    assert (ended.code, ended.json["result"]) == (0, "converged"), ended
    assert ended.json["waited"] == {
        "condition": "GuestReady",
        "domains": [f"domain/{GUEST}", f"domain/{OTHER}"],
        "lacking": [],
    }
    assert f"domain/{GUEST}: GuestReady is False: no guest agent has opened its channel" in ended.stderr
    cloud.answer(GUEST, 1)

    [seen] = cloud.reconcile("status", GUEST).json["objects"]
    [address] = seen["addresses"]
    assert (address["address"], address["source"]) == (cloud.address(GUEST), "agent")
    truths = {one["type"]: one["status"] for one in seen["conditions"]}
    assert (truths["GuestReady"], truths["Migratable"]) == ("True", "True")


def test_a_port_that_does_not_answer_is_named(cloud: Cloud) -> None:
    cloud.edit(f"domains/{GUEST}.yaml", "tcp: 8080", "tcp: 8099")
    ended = cloud.reconcile("status", GUEST, "--wait", "GuestReady", "--timeout", "0")
    assert ended.code == 3, ended
    assert f"TCP port 8099 does not answer at {cloud.address(GUEST)}" in ended.stdout


def test_a_guest_that_does_not_stop_is_held_and_forced_where_its_document_says_so(cloud: Cloud) -> None:
    write_deaf(cloud)
    cloud.once()
    home = cloud.host_of(DEAF)
    write_deaf(cloud, power="stopped")
    ended = cloud.once(3)
    assert ended.held == {f"domain/{DEAF}@{home}": "DoesNotStop"}
    [told] = ended.passes[-1]["held"]
    assert "it was asked for 3s, by its power button, and runs on" in told["message"]
    assert DEAF in cloud.running(home)

    write_deaf(cloud, power="stopped", onShutdownTimeout="force")
    [step] = cloud.reconcile("plan").json["steps"]
    assert "forced off unless it powers off within 3s" in step["reason"]
    ended = cloud.once()
    assert "was forced off" in ended.passes[0]["steps"][0]["message"]
    assert "destroyed" in cloud.virsh(home, "domstate", DEAF, "--reason")
    assert cloud.once().steps == []


def test_who_is_shut_down_from_inside_comes_back_only_where_its_document_says_running(cloud: Cloud) -> None:
    home, other = cloud.host_of(GUEST), cloud.host_of(OTHER)
    cloud.virsh(home, "shutdown", GUEST, "--mode", "acpi")
    until(lambda: GUEST not in cloud.running(home), "the guest's end", 20)
    cloud.edit(f"domains/{GUEST}.yaml", "power: running", "power: unmanaged")
    cloud.edit(f"domains/{OTHER}.yaml", "power: running", "power: stopped")
    assert cloud.once().steps == [f"shutdown-domain:domain/{OTHER}@{other}"], "by its agent"
    cloud.edit(f"domains/{GUEST}.yaml", "power: unmanaged", "power: running")
    assert cloud.once().steps == [f"start-domain:domain/{GUEST}@{home}"]
