"""What is read of guests that move: their use of memory before, how far they are meanwhile."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from reconciler.moving import MemoryUse, SeenJob
from reconciler.observed import Listing, Unknown
from reconciler.virt import codes, lib, memory, parts, underway
from reconciler.virt.connect import Link
from reconciler.virt.observe import HostSeen
from tests.unit.made import listing, seen

libvirt: Any = pytest.importorskip("libvirt")

MIB = 1 << 20
RUNS = {"type": 2, "data_total": 100, "data_remaining": 60, "memory_bps": 10, "time_elapsed": 1500}


def refusal(code: int) -> Exception:
    error: Exception = libvirt.libvirtError("")
    error.err = (code, 10, "no", 2, None, None, None, -1, -1)  # type: ignore[attr-defined]
    return error


class Guests:
    """Connection and domains in one. `stats`: what is told of each; `jobs`: UUID -> its job's figures."""

    def __init__(self) -> None:
        self.stats: dict[str, Any] = {}
        self.jobs: dict[str, Any] = {}
        self.begun: list[tuple[int, int]] = []
        self.calls: list[str] = []
        self.refuses = False

    def open(self, uri: str) -> "Guests":
        return self

    def isAlive(self) -> int:
        return 1

    def setKeepAlive(self, interval: int, count: int) -> int:
        return 0

    def lookupByUUIDString(self, uuid: str) -> Any:
        self.calls.append(f"lookup {uuid}")
        if uuid not in self.stats and uuid not in self.jobs:
            raise refusal(42)
        return SimpleNamespace(
            name=lambda: uuid, startDirtyRateCalc=self._begin, jobStats=lambda flags: self._job(self.jobs[uuid])
        )

    def _begin(self, seconds: int, flags: int) -> int:
        if self.refuses:
            raise refusal(84)
        self.begun.append((seconds, flags))
        return 0

    def _job(self, told: Any) -> Any:
        if isinstance(told, Exception):
            raise told
        return told

    def domainListGetStats(self, handles: Any, stats: int, flags: int) -> Any:
        self.calls.append(f"stats {stats}")
        return [(handle, self.stats[handle.name()]) for handle in handles]


@pytest.fixture
def guests(monkeypatch):
    made = Guests()
    monkeypatch.setattr(lib, "open_connection", made.open)
    monkeypatch.setattr(memory, "MEASURE_S", 0)
    monkeypatch.setattr(memory, "SLACK_S", 0)
    return made


@pytest.fixture
def link(guests):
    made = Link("hv1", "qemu:///system")
    yield made
    made.close()


MEASURED = {"dirtyrate.calc_status": 2, "dirtyrate.megabytes_per_second": 5, "balloon.rss": 1024}


def test_all_guests_are_measured_at_once_with_one_question_after(guests, link):
    guests.stats = {"a": MEASURED, "b": {"balloon.rss": 2048}}
    told = memory.read_memory(link, {"a": "a", "b": "b", "gone": "gone"}, 7.0)
    uses = {"a": MemoryUse("a", MIB, 5 * MIB), "b": MemoryUse("b", 2 * MIB, None)}
    assert told == Listing(uses, 7.0, frozenset({"a", "b", "gone"}))
    assert len(guests.begun) == 2
    assert guests.calls[-1] == f"stats {codes.STATS_BALLOON | codes.STATS_DIRTYRATE}"
    assert sum(call.startswith("stats") for call in guests.calls) == 1


def test_a_measuring_that_is_refused_or_unfinished_leaves_the_rest(guests, link):
    guests.refuses = True
    guests.stats = {"a": {**MEASURED, "dirtyrate.calc_status": 1}}
    told = memory.read_memory(link, {"a": "a"}, 7.0)
    assert isinstance(told, Listing)
    assert told.items == {"a": MemoryUse("a", MIB, None)}


def test_a_guest_that_hangs_costs_the_measurement_and_no_more(guests, link, monkeypatch):
    monkeypatch.setattr(parts, "ASIDE_S", 0.1)
    freed = threading.Event()
    monkeypatch.setattr(guests, "_begin", lambda *words: freed.wait(5))
    guests.stats = {"a": MEASURED}
    assert memory.read_memory(link, {"a": "a"}, 7.0) == Unknown("libvirt at host/hv1 does not answer")
    assert link.session("read").is_alive(), "the host is not left in peace for it"
    freed.set()


def host_seen(*domains: Any) -> HostSeen:
    return HostSeen(domains=listing(*domains))


INCOMING = {"state": "paused", "reason": "migration", "fields": None, "job": SeenJob()}


def test_the_source_is_asked_how_far_it_is(guests, link):
    source, target = seen("web"), seen("web", **INCOMING)
    guests.jobs = {source.uuid: RUNS}
    before = {"hv1": host_seen(source, seen("other")), "hv2": host_seen(target)}
    after = underway.with_jobs({"hv1": link, "hv2": link}, before)
    assert after["hv1"].domains.items["web"].job == SeenJob(100, 60, 10, 0, 1, 1.5)
    assert after["hv1"].domains.items["other"].job is None
    assert after["hv2"].domains.items["web"].job == SeenJob()
    assert guests.calls == [f"lookup {source.uuid}"]


def test_where_nothing_moves_nobody_is_asked(guests, link):
    before = {"hv1": host_seen(seen("web")), "hv2": host_seen(seen("db")), "hv3": HostSeen(domains=Unknown("silent"))}
    assert underway.with_jobs({"hv1": link, "hv2": link}, dict(before)) == before
    assert guests.calls == []


@pytest.mark.parametrize("told", [refusal(55), {"type": 0}])
def test_a_migration_that_is_over_meanwhile_tells_nothing(guests, link, told):
    source = seen("web")
    guests.jobs = {source.uuid: told}
    after = underway.with_jobs({"hv1": link}, {"hv1": host_seen(source), "hv2": host_seen(seen("web", **INCOMING))})
    assert after["hv1"].domains.items["web"].job is None
