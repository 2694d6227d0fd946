"""The daemon: when it makes a pass, what does not end it, how it ends, and that it is alone."""

import time
from collections.abc import Iterator

import pytest

from tests.lab.cloud import TERM_S, Begun, Cloud, until

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

LOCKED = 75


@pytest.fixture(scope="module")
def cloud(bare_cloud: Cloud) -> Cloud:
    bare_cloud.add_domain("first")
    return bare_cloud


@pytest.fixture
def daemon(cloud: Cloud) -> Iterator[Begun]:
    """A daemon that is up, and has made its first pass."""
    begun = cloud.begin()
    begun.await_word("reconciling cluster")
    until(lambda: runs(cloud, "first"), "the first guest")
    yield begun
    cloud.end_all()


def runs(cloud: Cloud, name: str) -> bool:
    return [found for found, _ in cloud.everywhere(cloud.running)].count(name) == 1


def test_passes_are_made_when_documents_change(cloud: Cloud, daemon: Begun) -> None:
    cloud.add_domain("second")
    until(lambda: runs(cloud, "second"), "the second guest")
    cloud.write("domains/third.yaml", "kind: Domain\nvcpus: many\n")
    time.sleep(3)
    assert daemon.shell.poll() is None
    assert runs(cloud, "first")
    assert runs(cloud, "second")
    cloud.add_domain("third")
    until(lambda: runs(cloud, "third"), "the third guest")
    daemon.terminate()
    ended = daemon.end()
    assert ended.code == 0, ended
    assert "third.yaml" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_second_reconciler_is_refused(cloud: Cloud, daemon: Begun) -> None:
    assert cloud.reconcile("--once").code == LOCKED
    assert cloud.begin().end(60).code == LOCKED
    assert cloud.reconcile("plan").code == 0
    assert daemon.shell.poll() is None


def test_lock_is_free_at_once_after_a_kill(cloud: Cloud, daemon: Begun) -> None:
    daemon.kill()
    daemon.end()
    assert cloud.once().steps == []


def test_stops_in_time(cloud: Cloud, daemon: Begun) -> None:
    told = time.monotonic()
    daemon.terminate()
    ended = daemon.end()
    assert time.monotonic() - told < TERM_S
    assert ended.code == 0, ended
    assert cloud.once().steps == []


def test_interval_finds_what_no_document_tells(cloud: Cloud, daemon: Begun) -> None:
    cloud.edit("cluster.yaml", "interval: 5m", "interval: 3s")
    home = cloud.host_of("first")
    dead = cloud.qemu_pid(home, "first")
    cloud.virsh(home, "destroy", "first")
    until(lambda: runs(cloud, "first"), "the guest again")
    assert cloud.host_of("first") == home
    assert cloud.qemu_pid(home, "first") != dead
    assert daemon.shell.poll() is None
