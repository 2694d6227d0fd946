"""Faults in the middle of a migration: of the network, libvirt, QEMU, the storage and the guest itself.

Always: by our doing no guest stops, starts anew or runs twice; the run ends and says whose move failed and why; when
the fault is gone the next run empties the host, and the one after it writes nothing (fixture `cloud`).
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import ticker
from tests.lab.cloud import HYPERVISORS, POOL, Begun, Cloud, Ended, bare_documents, lab_of, until
from tests.lab.moves import ADDRESSES, leave, other, progress

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

GUESTS = ("heavy", "light")
SLOW = {"bandwidth": "1MiB"}
"""Even empty memory needs seconds at that speed: long enough to do something meanwhile."""
STALLED_S = 8
"""The cluster's progressTimeout here."""
PORTS = "tcp dport 49152-49215 drop"
SYN_RETRIES = 2
"""Of the hosts' connections here: one that nobody answers is given up after 7 s, not after 130."""
RUN_S = 180
"""Of two tries and the backoff between them, on a busy machine."""


def image_of(tmp: Path, *, busy: bool) -> Path:
    return ticker.make_image(tmp / f"{'busy' if busy else 'calm'}.qcow2", busy=busy)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    tmp = tmp_path_factory.mktemp("cloud")
    with lab_of("test-migration-faults", bare_documents(tmp, image_of(tmp, busy=False))) as cloud:
        cloud.edit("cluster.yaml", "outboundPerHost: 2", f"outboundPerHost: 2\n    progressTimeout: {STALLED_S}s")
        cloud.add_domain("heavy", disks=ticker.DISKS, memory="2GiB", migration=SLOW)
        cloud.add_domain("light", disks=ticker.DISKS)
        cloud.once()
        for host in HYPERVISORS:
            cloud.run("sysctl", "-q", "-w", f"net.ipv4.tcp_syn_retries={SYN_RETRIES}", on=host)
        yield cloud


@pytest.fixture
def mortal() -> set[str]:
    """Guests that the test itself kills."""
    return set()


@pytest.fixture
def cloud(filled: Cloud, mortal: set[str]) -> Iterator[Cloud]:
    born = ticker.all_told(filled, GUESTS)
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
    assert all(filled.virsh(host, "domstate", name).strip() == "running" for name, host in running)
    assert all(sum(filled.qemu_processes(name).values()) == 1 for name in GUESTS)
    ticker.assert_go_on(filled, {name: at for name, at in born.items() if name not in mortal})


def in_mid_copy(cloud: Cloud, name: str, share: float = 0.2) -> tuple[Begun, str, str]:
    """A run that is moving a guest; its source and target."""
    source, target = leave(cloud, name)
    begun = cloud.begin("--once", "-o", "json")
    until(lambda: progress(cloud, source, name) > share, f"the migration of {name}", every=0.05)
    return begun, source, target


@contextlib.contextmanager
def cut(cloud: Cloud, rules: dict[str, tuple[str, ...]]) -> Iterator[None]:
    """nft rules on what reaches a machine, for a while: "" is the seat."""
    lines = "add table inet cut; add chain inet cut in {{ type filter hook input priority 0; }}; {}"
    for host, found in rules.items():
        text = lines.format("; ".join(f"add rule inet cut in {rule}" for rule in found))
        cloud.run("nft", text, on=host or "seat")
    try:
        yield
    finally:
        for host in rules:
            cloud.run("nft", "delete table inet cut", on=host or "seat")


def between_hosts(what: str = "") -> dict[str, tuple[str, ...]]:
    """Rules that drop all, or `what`, between the hypervisors; we reach both."""
    return {host: (what or f"ip saddr {ADDRESSES[other(host)]} drop",) for host in HYPERVISORS}


def move_of(ended: Ended, name: str) -> list[dict[str, str]]:
    """All that was said of the steps that move a guest."""
    return [step for one in ended.passes for step in one["steps"] if f"migrate-domain:domain/{name}@" in step["id"]]


def assert_named(ended: Ended, name: str, source: str, target: str) -> None:
    """Whose move failed, from where and whither, is said, and the guest still runs there."""
    told = [step["message"] for step in move_of(ended, name)]
    told += [f"{held['object']}: {held['message']}" for one in ended.passes for held in one["held"]]
    assert any(f"domain/{name}@{source}" in text and f"host/{target}" in text for text in told), ended


# --- the network -----------------------------------------------------------------------


def test_hosts_that_reach_us_but_not_each_other(cloud: Cloud) -> None:
    source, target = leave(cloud, "heavy")
    with cut(cloud, between_hosts(PORTS)):
        ended = cloud.reconcile("--once")
        assert ended.code in (1, 3), ended
        assert ended.seconds < RUN_S
        assert_named(ended, "heavy", source, target)
        assert cloud.host_of("heavy") == source
    cloud.once()
    assert cloud.running(source) == set()


def test_ports_shut_in_mid_copy(cloud: Cloud) -> None:
    begun, source, target = in_mid_copy(cloud, "heavy")
    with cut(cloud, between_hosts(PORTS)):
        begun.await_word("migrate-domain to " + target + " failed")
        until(lambda: "heavy" not in cloud.running(target), "nothing left on the target")
        assert cloud.host_of("heavy") == source
    ended = begun.end()
    assert ended.code == 0, ended
    assert_named(ended, "heavy", source, target)
    assert cloud.running(source) == set()


def test_cut_in_mid_copy(cloud: Cloud) -> None:
    begun, source, target = in_mid_copy(cloud, "heavy")
    with cut(cloud, between_hosts()):
        begun.await_word("migrate-domain to " + target + " failed")
        until(lambda: "heavy" not in cloud.running(target), "nothing left on the target")
        assert cloud.host_of("heavy") == source
    ended = begun.end()
    assert ended.code == 0, ended
    assert_named(ended, "heavy", source, target)
    assert cloud.running(source) == set()


def test_answer_lost_after_switch_over(cloud: Cloud) -> None:
    begun, source, target = in_mid_copy(cloud, "heavy", 0.8)
    deaf = {host: (f"ip saddr {seat_address(cloud)} reject with tcp reset",) for host in HYPERVISORS}
    with cut(cloud, deaf):
        until(lambda: "heavy" not in cloud.defined(source), "the end of the migration")
        assert cloud.host_of("heavy") == target
        ended = begun.end()
    assert ended.code in (0, 4), ended
    cloud.once()
    assert cloud.running(source) == set()


def seat_address(cloud: Cloud) -> str:
    return cloud.run("sh", "-c", "ip -4 -o addr show eth0 | awk '{print $4}'").partition("/")[0]


# --- libvirt and QEMU ------------------------------------------------------------------


@pytest.mark.parametrize("end", ["source", "target"])
def test_libvirtd_dies_in_mid_copy(cloud: Cloud, end: str) -> None:
    begun, source, target = in_mid_copy(cloud, "heavy")
    host = source if end == "source" else target
    cloud.signal(host, "KILL", "libvirtd")
    cloud.run("/usr/sbin/libvirtd", "--listen", "--daemon", on=host)
    ended = begun.end()
    assert ended.code in (0, 1, 4), ended
    assert move_of(ended, "heavy"), ended
    cloud.once()
    assert cloud.running(source) == set()


@pytest.mark.parametrize("end", ["source", "target"])
def test_qemu_dies_in_mid_copy(cloud: Cloud, mortal: set[str], end: str) -> None:
    begun, source, target = in_mid_copy(cloud, "heavy")
    host = source if end == "source" else target
    if end == "source":
        mortal.add("heavy")
    cloud.run("kill", "-9", str(cloud.qemu_pid(host, "heavy")), on=host)
    ended = begun.end()
    assert ended.code == 0, ended
    assert move_of(ended, "heavy"), ended
    assert cloud.running(source) == set()


# --- storage ---------------------------------------------------------------------------


def test_another_mount_at_the_pools_path(cloud: Cloud) -> None:
    source, target = leave(cloud, "heavy")
    cloud.once()
    source, target = target, source
    cloud.uncordon(target)
    cloud.run("umount", "-l", POOL, on=target)
    cloud.run("mount", "-t", "tmpfs", "strange", POOL, on=target)
    try:
        cloud.cordon(source)
        ended = cloud.once(3)
        assert move_of(ended, "heavy") == []
        assert_named(ended, "heavy", source, target)
        said = " ".join(held["message"] for held in ended.passes[-1]["held"])
        assert "strange" in said
        assert "/srv/images" in said
        assert cloud.host_of("heavy") == source
    finally:
        cloud.run("umount", POOL, on=target)
    cloud.once()
    assert cloud.running(source) == set()


# --- the guest -------------------------------------------------------------------------


def test_guest_that_ends_by_itself_in_mid_copy(cloud: Cloud, mortal: set[str]) -> None:
    mortal.add("heavy")
    begun, source, target = in_mid_copy(cloud, "heavy")
    ticker.switch_off(cloud, source, "heavy")
    ended = begun.end()
    assert ended.code == 0, ended
    assert [step["outcome"] for step in move_of(ended, "heavy")][:1] == ["superseded"], ended
    assert cloud.running(source) == set()
    assert cloud.host_of("light") == target
