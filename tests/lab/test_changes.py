"""Changes of the machine itself: what a running guest gets at once, and what it is restarted for."""

import pytest

from tests.lab.cloud import Cloud, Pulse

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]

GUEST = "web-1"
DOCUMENT = f"domains/{GUEST}.yaml"


@pytest.fixture(scope="module")
def cloud(booting_cloud: Cloud) -> Cloud:
    """One guest with room to grow, up. With 128 MiB it would not boot: Linux takes 64 where modules may come."""
    for name in ("web-2", "db-1"):
        booting_cloud.remove(f"domains/{name}.yaml")
    booting_cloud.edit(DOCUMENT, "vcpus: 1", "vcpus: 1\n  maxVcpus: 2\n  maxMemory: 512MiB")
    booting_cloud.edit(DOCUMENT, "memory: 128MiB", "memory: 256MiB")
    booting_cloud.once()
    booting_cloud.answer(GUEST)
    return booting_cloud


def live(cloud: Cloud, *words: str) -> str:
    return cloud.virsh(cloud.host_of(GUEST), *words).strip()


def test_processors_memory_pins_and_texts_come_while_it_runs(cloud: Cloud) -> None:
    cloud.edit(
        DOCUMENT, "vcpus: 1", 'vcpus: 2\n  vcpuPins: ["0", "0"]\n  title: A guest\n  description: tells its uptime'
    )
    cloud.edit(DOCUMENT, "memory: 256MiB", "memory: 384MiB\n  memballoon: {statsPeriod: 5s}")
    assert {step["impact"] for step in cloud.reconcile("plan").json["steps"]} == {"live"}
    with Pulse(cloud, GUEST) as pulse:
        cloud.once()
    pulse.assert_steady(longest_gap_s=10)
    assert live(cloud, "vcpucount", GUEST, "--live", "--current") == "2"
    assert [line.split() for line in live(cloud, "vcpupin", GUEST, "--live").splitlines()] == [["0", "0"], ["1", "0"]]
    assert live(cloud, "desc", GUEST, "--live", "--title") == "A guest"
    assert live(cloud, "dumpxml", GUEST, "--xpath", "/domain/memory/text()") == str(384 * 1024)
    assert cloud.once().steps == []


def test_what_is_staged_is_named_and_a_revert_clears_it(cloud: Cloud) -> None:
    domain = f"domain/{GUEST}@{cloud.host_of(GUEST)}"
    before = cloud.answer(GUEST)
    cloud.edit(DOCUMENT, "memory: 384MiB", "memory: 320MiB")
    assert cloud.once(3).held == {domain: "RestartRequired"}
    assert cloud.conditions(f"domain/{GUEST}")["RestartRequired"] == "True"
    cloud.edit(DOCUMENT, "memory: 320MiB", "memory: 384MiB")
    cloud.once()
    assert cloud.answer(GUEST)[1] == before[1]


def test_it_is_restarted_once_for_what_cannot_be_had_live(cloud: Cloud) -> None:
    domain = f"domain/{GUEST}@{cloud.host_of(GUEST)}"
    before = cloud.answer(GUEST)
    cloud.edit(DOCUMENT, "vcpus: 2", "vcpus: 1\n  onChange: restart")
    cloud.edit(DOCUMENT, 'vcpuPins: ["0", "0"]', 'vcpuPins: ["0"]')
    verbs = ("define-domain", "shutdown-domain", "start-domain", "record-restart")
    assert cloud.once().steps == [f"{verb}:{domain}" for verb in verbs]
    assert cloud.answer(GUEST)[1] != before[1]
    assert live(cloud, "vcpucount", GUEST, "--live", "--current") == "1"
    written = cloud.written()
    for _ in range(3):
        assert cloud.once().steps == []
    assert cloud.written() == written
