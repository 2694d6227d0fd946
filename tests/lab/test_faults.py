"""Faults on the real thing: of the process, the network, libvirt and QEMU, storage and people.

Always: by our doing no guest stops, restarts or runs twice, and when the fault is gone the next run converges, and the
one after it writes nothing (fixture `cloud`).
"""

import contextlib
import hashlib
import time
from collections.abc import Iterator

import pytest

from reconciler.desired.derive import object_uuid
from tests.lab.cloud import HYPERVISORS, POOL, TERM_S, Cloud, foreign_domain, until
from tests.lab.moves import await_arrival, gather, leave, migrate_by_hand, other, processes, progress

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

SLOW_ONES = ("big", "great")
GUESTS = ("left", "right", *SLOW_ONES)
BIG = {"memory": "1536MiB", "migration": {"bandwidth": "1MiB"}}
"""Even empty, so much memory needs seconds at that speed: long enough to do something meanwhile."""
MOST_PASSES = 12
"""Of a run that cannot succeed: tries with a backoff between them, and the passes that wait it out."""
PASS_S = 90
"""A pass ends within its deadlines: what answers does not wait long for what does not."""
UNKNOWN = 4


@pytest.fixture(scope="module")
def filled(bare_cloud: Cloud) -> Cloud:
    for name in ("left", "right"):
        bare_cloud.add_domain(name)
    for name in SLOW_ONES:
        bare_cloud.add_domain(name, **BIG)
    bare_cloud.once()
    assert {host for _, host in bare_cloud.everywhere(bare_cloud.running)} == set(HYPERVISORS)
    return bare_cloud


@pytest.fixture
def cloud(filled: Cloud) -> Iterator[Cloud]:
    yield filled
    filled.end_all()
    filled.uncordon(*HYPERVISORS)
    filled.once()
    before = filled.written()
    assert filled.once().steps == []
    assert filled.written() == before
    running = filled.everywhere(filled.running)
    assert sorted(name for name, _ in running) == sorted(GUESTS)
    assert filled.everywhere(filled.defined) == running
    assert all(filled.qemu_processes(name)[host] == 1 for name, host in running)
    assert all(sum(filled.qemu_processes(name).values()) == 1 for name in GUESTS)


@contextlib.contextmanager
def stranger(cloud: Cloud, host: str, name: str, uuid: str = "") -> Iterator[str]:
    """A domain that is not ours, for a while; its definition as libvirt keeps it."""
    cloud.feed(host, foreign_domain(name, uuid), "define")
    try:
        yield cloud.xml(host, name)
    finally:
        cloud.forget(name)


# --- our process ---------------------------------------------------------------------


def test_killed_in_mid_migration(cloud: Cloud) -> None:
    source, target = leave(cloud, "big")
    begun = cloud.begin("--once")
    until(lambda: progress(cloud, source, "big") > 0.4, "half of the migration", every=0.05)
    begun.kill()
    begun.end()
    assert "big" in cloud.running(source), "it was killed too late to tell anything"
    await_arrival(cloud, "big", target)
    cloud.once()
    assert cloud.host_of("big") == target
    assert cloud.running(source) == set()


def test_run_again_while_its_migration_goes_on(cloud: Cloud) -> None:
    source, target = leave(cloud, "big")
    begun = cloud.begin("--once")
    until(lambda: progress(cloud, source, "big"), "the migration", every=0.05)
    begun.kill()
    begun.end()
    cloud.once()
    assert cloud.host_of("big") == target
    assert cloud.running(source) == set()


def test_daemon_told_to_stop_leaves_the_migration_to_libvirt(cloud: Cloud) -> None:
    source, target = leave(cloud, "big")
    begun = cloud.begin()
    until(lambda: progress(cloud, source, "big"), "the migration", every=0.05)
    told = time.monotonic()
    begun.terminate()
    ended = begun.end()
    assert ended.code == 0, ended
    assert time.monotonic() - told < TERM_S
    await_arrival(cloud, "big", target)


# --- network, libvirt, QEMU ----------------------------------------------------------


def test_silent_host_costs_only_itself(cloud: Cloud) -> None:
    silent = cloud.host_of("left")
    guests = processes(cloud, silent)
    with cloud.extra("late"):
        cloud.run("ip", "link", "set", "eth0", "down", on=silent)
        try:
            ended = cloud.once(UNKNOWN)
            assert ended.seconds < PASS_S
            assert cloud.running(other(silent)) == (set(GUESTS) | {"late"}) - set(guests)
            assert processes(cloud, silent) == guests
        finally:
            cloud.run("ip", "link", "set", "eth0", "up", on=silent)
        cloud.once()
    assert processes(cloud, silent) == guests


def test_stopped_libvirtd_costs_only_its_host(cloud: Cloud) -> None:
    stuck = cloud.host_of("right")
    guests = processes(cloud, stuck)
    with cloud.extra("late"):
        cloud.signal(stuck, "STOP", "libvirtd")
        try:
            ended = cloud.once(UNKNOWN)
            assert ended.seconds < PASS_S
            assert cloud.running(other(stuck)) == (set(GUESTS) | {"late"}) - set(guests)
        finally:
            cloud.signal(stuck, "CONT", "libvirtd")
        assert processes(cloud, stuck) == guests
        cloud.once()
    assert processes(cloud, stuck) == guests


def test_dead_guest_is_started_where_it_was(cloud: Cloud) -> None:
    home = cloud.host_of("right")
    dead = cloud.qemu_pid(home, "right")
    cloud.run("kill", "-9", str(dead), on=home)
    until(lambda: "right" not in cloud.running(home), "its death")
    assert len(cloud.once().steps) == 1
    assert cloud.host_of("right") == home
    assert cloud.qemu_pid(home, "right") != dead


# --- storage -------------------------------------------------------------------------


@pytest.mark.parametrize("size", ["64M", "3G"])
def test_volume_that_is_there_first_is_left_alone(cloud: Cloud, size: str) -> None:
    cloud.run("qemu-img", "create", "-q", "-f", "qcow2", f"{POOL}/odd.root.qcow2", size, on="hv1")
    for host in HYPERVISORS:
        cloud.virsh(host, "pool-refresh", "images")
    before = volume(cloud, "odd")
    with cloud.extra("odd"):
        ended = cloud.once(3)
        assert ended.steps == []
        assert [ref.partition("@")[0] for ref in ended.held] == ["domain/odd"]
        assert volume(cloud, "odd") == before
        assert "odd" not in [name for name, _ in cloud.everywhere(cloud.defined)]


def test_volume_that_nobody_lists_yet_is_left_alone(cloud: Cloud) -> None:
    """As above, but behind libvirt's back: no pool was refreshed since."""
    cloud.run("qemu-img", "create", "-q", "-f", "qcow2", f"{POOL}/odd.root.qcow2", "3G", on="hv1")
    before = volume(cloud, "odd")
    with cloud.extra("odd"):
        assert cloud.reconcile("--once").code in (1, 3)
        assert volume(cloud, "odd") == before
        assert cloud.qemu_processes("odd") == {"hv1": 0, "hv2": 0}


def volume(cloud: Cloud, name: str) -> tuple[str, str]:
    """Its file number and time, and a digest of what is in it."""
    file = f"{POOL}/{name}.root.qcow2"
    content = cloud.run("sha256sum", file, on="hv1")
    return cloud.run("stat", "-c", "%i %Y %s", file, on="hv1"), hashlib.sha256(content.encode()).hexdigest()


def test_disk_that_cannot_be_made_ends_the_run(cloud: Cloud) -> None:
    """A qcow2 file cannot be that large: qemu-img refuses it each time. The guest beside it is made all the same."""
    with cloud.extra("huge", disks="{name: root, pool: images, size: 8PiB}"), cloud.extra("late"):
        ended = cloud.once(1)
        assert len(ended.passes) < MOST_PASSES
        assert cloud.host_of("late")
        assert cloud.qemu_processes("huge") == {"hv1": 0, "hv2": 0}


# --- people --------------------------------------------------------------------------


def test_guest_moved_by_hand_is_left_there(cloud: Cloud) -> None:
    source = cloud.host_of("left")
    migrate_by_hand(cloud, "left", source)
    ended = cloud.once()
    assert (ended.steps, ended.held) == ([], {})
    assert cloud.host_of("left") == other(source)


def test_guest_moved_by_hand_between_plan_and_step(cloud: Cloud) -> None:
    """The second one's step waits for its turn while the first one goes; meanwhile a person is quicker."""
    gather(cloud, *SLOW_ONES)
    cloud.edit("cluster.yaml", "outboundPerHost: 2", "outboundPerHost: 1")
    source, target = leave(cloud, "big")
    try:
        begun = cloud.begin("--once", "-o", "json")
        goes = until(lambda: [g for g in SLOW_ONES if progress(cloud, source, g)], "the migration", every=0.05)
        [waits] = {*SLOW_ONES} - {*goes}
        migrate_by_hand(cloud, waits, source)
        assert [name for name in SLOW_ONES if progress(cloud, source, name)] == goes, "it was no quicker"
        ended = begun.end()
    finally:
        cloud.edit("cluster.yaml", "outboundPerHost: 1", "outboundPerHost: 2")
    assert ended.code == 0, ended
    assert {step["outcome"] for one in ended.passes for step in one["steps"]} <= {"done", "superseded"}
    assert set(SLOW_ONES) <= cloud.running(target)


def test_taken_name_is_not_ours(cloud: Cloud) -> None:
    with stranger(cloud, "hv2", "taken") as before, cloud.extra("taken"):
        ended = cloud.once(3)
        assert (ended.steps, ended.held) == ([], {"domain/taken@hv2": "NotOurs"})
        assert cloud.xml("hv2", "taken") == before
        assert "taken" not in cloud.defined("hv1")


def test_taken_uuid_is_not_ours(cloud: Cloud) -> None:
    uuid = object_uuid("small-cloud", "domain", "taken")
    with stranger(cloud, "hv1", "impostor", uuid) as before, cloud.extra("taken"):
        ended = cloud.once(3)
        assert ended.steps == []
        assert list(ended.held.values()) == ["NotOurs"]
        assert cloud.xml("hv1", "impostor") == before
        assert "taken" not in [name for name, _ in cloud.everywhere(cloud.defined)]


def test_guest_of_a_host_without_a_document_is_not_started_elsewhere(cloud: Cloud) -> None:
    home = cloud.host_of("left")
    guests = processes(cloud, home)
    elsewhere = cloud.running(other(home))
    with cloud.without(f"hosts/{home}.yaml"):
        ended = cloud.once(3)
        done = {s["id"].partition(":")[0] for one in ended.passes for s in one["steps"] if s["outcome"] == "done"}
        assert done <= {"refresh-pool"}, "no more than a look at the pool, where it does not list their disks yet"
        assert set(ended.held.values()) == {"VolumeWithoutDomain"}
        assert {ref.partition("@")[0] for ref in ended.held} == {f"domain/{name}" for name in guests}
    assert processes(cloud, home) == guests
    assert cloud.running(other(home)) == elsewhere
