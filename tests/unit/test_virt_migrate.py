"""Watching a migration: progress, downtime in steps, aborts, broken lines."""

import math
import threading
import time
from typing import Any

import pytest

from reconciler.action import MigrateDomain
from reconciler.desired.documents import Transport
from reconciler.errors import HostUnreachable, PermanentError
from reconciler.virt import lib, migrate
from reconciler.virt.connect import Link

libvirt: Any = pytest.importorskip("libvirt")


def refusal(code: int, domain: int, message: str) -> Exception:
    error: Exception = libvirt.libvirtError("")
    error.err = (code, domain, message, 2, None, None, None, -1, -1)  # type: ignore[attr-defined]
    return error


class World:
    """Connection and domain in one. `script`: what each look at the job tells; the copy ends with its last."""

    def __init__(self) -> None:
        self.script: list[dict[str, int]] = []
        self.copied = threading.Event()
        self.error: Exception | None = None
        self.called: tuple[Any, ...] = ()
        self.downtimes: list[int] = []
        self.aborted = False
        self.switched = False
        self.alive = True

    def open(self, uri: str) -> "World":
        return self

    def isAlive(self) -> int:
        return int(self.alive)

    def setKeepAlive(self, interval: int, count: int) -> int:
        return 0

    def lookupByUUIDString(self, uuid: str) -> "World":
        return self

    def migrateToURI3(self, *words: Any) -> int:
        self.called = words
        self.copied.wait()
        if self.aborted:
            raise refusal(78, 10, "operation aborted: migration out job: canceled by client")
        if self.error is not None:
            raise self.error
        return 0

    def jobStats(self, flags: int = 0) -> dict[str, int]:
        if flags:
            return {"downtime": 193, "time_elapsed": 900}
        stats = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if stats.get("ends"):
            self.copied.set()
        return {"type": 2, "data_total": 100, "memory_page_size": 4096, **stats}

    def migrateStartPostCopy(self, flags: int) -> int:
        self.switched = True
        self.copied.set()
        return 0

    def migrateSetMaxDowntime(self, milliseconds: int, flags: int) -> int:
        self.downtimes.append(milliseconds)
        return 0

    def abortJob(self) -> int:
        self.aborted = True
        self.copied.set()
        return 0


@pytest.fixture
def world(monkeypatch):
    world = World()
    monkeypatch.setattr(lib, "open_connection", world.open)
    monkeypatch.setattr(migrate, "POLL_S", 0.02)
    return world


@pytest.fixture
def links(world):
    links = Link("hv1", "qemu:///system"), Link("hv2", "qemu:///system")
    yield links
    world.copied.set()
    for link in links:
        link.close()


def action(**more: Any) -> MigrateDomain:
    base = {
        "host": "hv1",
        "name": "web",
        "uuid": "u",
        "target": "hv2",
        "peer_uri": "qemu+ssh://root@hv2/system",
        "address": "10.0.0.2",
        "memory": 1 << 30,
        "bandwidth": None,
        "max_downtime_s": 0.5,
        "progress_timeout_s": 60.0,
        "timeout_s": 60.0,
        "expected_s": 3.0,
    }
    return MigrateDomain(**{**base, **more})  # type: ignore[arg-type]


def run(links: Any, wanted: MigrateDomain, stopping: threading.Event | None = None) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    migrate.migrate(*links, wanted, lambda **values: told.append(values), stopping or threading.Event())
    return told


def test_what_libvirt_is_asked_for(world, links):
    world.copied.set()
    world.script = [{"data_remaining": 1}]
    run(links, action(address="fd00::2", bandwidth=100 << 20))
    uri, params, flags = world.called
    assert uri == "qemu+ssh://root@hv2/system?no_tty=1"
    assert params == {"migrate_uri": "tcp://[fd00::2]", "bandwidth": 100}
    names = ("LIVE", "PEER2PEER", "PERSIST_DEST", "UNDEFINE_SOURCE", "ABORT_ON_ERROR", "AUTO_CONVERGE")
    assert flags == sum(getattr(libvirt, f"VIR_MIGRATE_{name}") for name in names)
    assert not flags & libvirt.VIR_MIGRATE_UNSAFE


def test_progress_and_the_downtime_at_the_end(world, links):
    world.script = [
        {"data_total": 0, "data_remaining": 0},
        {"data_remaining": 60, "memory_bps": 7, "memory_dirty_rate": 2, "time_elapsed": 500},
        {"data_remaining": 10, "ends": 1},
    ]
    told = run(links, action())
    first = {"percent": 40.0, "remaining": 60, "rate": 7, "dirty_rate": 8192, "iteration": 1, "elapsed": 0.5}
    assert told[0] == {**first, "left": math.inf}
    assert told[-1] == {"percent": 100.0, "total": 0.9, "downtime": 0.193, "expected": 3.0}


def test_downtime_is_allowed_bit_by_bit(world, links):
    """From the first look before it begins; a step for each pass that begins with no less than the best one."""
    world.script = [{"data_remaining": 9, "memory_iteration": i} for i in (1, 1, 2, 3, 4, 5, 6)]
    world.script.append({"data_remaining": 9, "memory_iteration": 9, "ends": 1})
    run(links, action(max_downtime_s=0.5))
    assert world.downtimes == [100, 200, 300, 400, 500]


def test_a_copy_that_gets_on_is_allowed_no_more_downtime(world, links):
    world.script = [{"data_remaining": 90 // i, "memory_iteration": i} for i in (1, 2, 3, 4, 5)]
    world.script.append({"data_remaining": 9, "memory_iteration": 9, "ends": 1})
    run(links, action(max_downtime_s=0.5))
    assert world.downtimes == [100]


def test_a_short_downtime_is_the_only_one(world, links):
    world.script = [{"data_remaining": 9, "memory_iteration": i} for i in (1, 2, 3, 4)]
    world.script.append({"data_remaining": 9, "ends": 1})
    run(links, action(max_downtime_s=0.05))
    assert world.downtimes == [50]


@pytest.mark.parametrize(
    ("transport", "params", "flag"),
    [
        (Transport.TUNNELLED, {}, "TUNNELLED"),
        (Transport.TLS, {"migrate_uri": "tcp://10.0.0.2", "tls.destination": "hv2"}, "TLS"),
    ],
)
def test_transports(world, links, transport, params, flag):
    world.copied.set()
    world.script = [{"data_remaining": 1}]
    run(links, action(transport=transport, auto_converge=False))
    _, told, flags = world.called
    assert told == params
    assert flags & getattr(libvirt, f"VIR_MIGRATE_{flag}")
    assert not flags & libvirt.VIR_MIGRATE_AUTO_CONVERGE


def test_post_copy_only_once_nothing_else_helps(world, links):
    world.script = [{"data_remaining": 9, "memory_iteration": i} for i in (1, 2, 3, 4, 5)]
    world.script += [{"data_remaining": 9, "memory_iteration": 6}]
    run(links, action(post_copy=True, bandwidth=100 << 20))
    assert world.downtimes == [100, 200, 300, 400, 500]
    assert world.switched
    _, params, flags = world.called
    assert flags & libvirt.VIR_MIGRATE_POSTCOPY
    assert params["bandwidth.postcopy"] == 100


def test_a_refused_post_copy_is_aborted_in_its_time(world, links, monkeypatch):
    def refuse(self, flags):
        raise refusal(84, 10, "unsupported")

    monkeypatch.setattr(World, "migrateStartPostCopy", refuse)
    world.script = [{"data_remaining": 9, "memory_iteration": i} for i in (1, 2, 3, 4, 5, 6)]
    with pytest.raises(PermanentError, match="no progress for"):
        run(links, action(post_copy=True, progress_timeout_s=0.3))


def test_without_progress_it_is_aborted_and_runs_on(world, links):
    world.script = [{"data_remaining": 50}]
    begun = time.monotonic()
    with pytest.raises(
        PermanentError, match=r"cannot migrate domain/web@hv1 to host/hv2: no progress for 0\.2 s; aborted"
    ):
        run(links, action(progress_timeout_s=0.2))
    assert time.monotonic() - begun < 5


def test_less_than_ever_is_progress_and_the_whole_is_bounded(world, links):
    world.script = [{"data_remaining": 1000 - i} for i in range(1000)]
    with pytest.raises(PermanentError, match=r"not done within 0\.5 s; aborted"):
        run(links, action(progress_timeout_s=0.3, timeout_s=0.5))


def test_a_switch_over_that_was_faster_than_the_abort_counts(world, links, monkeypatch):
    world.script = [{"data_remaining": 50}]
    monkeypatch.setattr(World, "abortJob", lambda self: self.copied.set())
    run(links, action(progress_timeout_s=0.1))


def test_libvirts_refusal_is_final(world, links):
    world.script = [{"data_remaining": 50}]
    world.error = refusal(81, 10, "Unsafe migration: Migration without shared storage is unsafe")
    world.copied.set()
    with pytest.raises(PermanentError, match="its disks must lie on a pool that both hosts share"):
        run(links, action())


def test_the_daemons_own_broken_line_is_not_ours(world, links):
    world.script = [{"data_remaining": 50}]
    world.error = refusal(38, 7, "End of file while reading data: Input/output error")
    world.copied.set()
    with pytest.raises(PermanentError, match=r"host/hv1 and host/hv2 lost each other .End of file"):
        run(links, action())


def test_our_own_broken_line_says_nothing_about_the_migration(world, links):
    world.script = [{"data_remaining": 50}]
    world.error = refusal(39, 7, "connection closed due to keepalive timeout")

    def cut() -> None:
        world.alive = False
        world.copied.set()

    threading.Timer(0.1, cut).start()
    with pytest.raises(HostUnreachable):
        run(links, action())


def test_told_to_end_it_is_left_to_libvirt(world, links):
    world.script = [{"data_remaining": 50}]
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(HostUnreachable, match="we were told to end; libvirt ends it by itself"):
        run(links, action(), stopping)
    assert not world.aborted
