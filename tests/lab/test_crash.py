"""Killed at any moment of a creation, run again: the same end, and nothing twice."""

import contextlib
import os
import signal

import pytest

from tests.lab.cloud import POOL, Begun, Cloud, until

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

ROUNDS = 10
KILLED = 128 + signal.SIGKILL


@pytest.fixture(scope="module")
def cloud(bare_cloud: Cloud) -> Cloud:
    bare_cloud.once()
    return bare_cloud


def check(cloud: Cloud, name: str) -> None:
    """It is there once, runs once, on one disk of the right size."""
    assert [found for found, _ in cloud.everywhere(cloud.defined)].count(name) == 1
    home = cloud.host_of(name)
    assert sum(cloud.qemu_processes(name).values()) == 1
    assert cloud.virsh(home, "domstate", name).strip() == "running"
    disks = cloud.run("sh", "-c", f"ls {POOL} | grep '^{name}[.]'", on=home).split()
    assert disks == [f"{name}.root.qcow2"]
    assert "virtual size: 64 MiB" in cloud.run("qemu-img", "info", "-U", f"{POOL}/{disks[0]}", on=home)


def await_lines(begun: Begun, count: int) -> None:
    """Wait until it has told so much of what it does, or has ended."""
    until(
        lambda: len(begun.talk.read_text().splitlines()) >= count or begun.shell.poll() is not None, "more", every=0.01
    )


def test_killed_at_any_moment(cloud: Cloud) -> None:
    cloud.add_domain("calm")
    calm = cloud.begin("--once").end()
    assert calm.code == 0, calm
    check(cloud, "calm")
    told = len(calm.stderr.splitlines())
    cut = 0
    for number in range(ROUNDS):
        name = f"round-{number}"
        cloud.add_domain(name)
        begun = cloud.begin("--once")
        pid = begun.pid
        await_lines(begun, told * number // ROUNDS)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        cut += begun.end().code == KILLED
        cloud.once()
        check(cloud, name)
        assert cloud.once().steps == []
        cloud.remove(f"domains/{name}.yaml")
        cloud.forget(name)
    assert cut >= ROUNDS - 2, "most of the kills came after the end"
