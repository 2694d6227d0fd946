"""Reading all domains of a host: one that hangs, one that fails, many."""

import threading
from typing import Any

import pytest

from reconciler.observed import DomainState, Listing, Unknown
from reconciler.virt import connect, domains, lib, parts
from reconciler.virt.connect import Link
from reconciler.virt.read import ReadingRules

libvirt: Any = pytest.importorskip("libvirt")

RULES = ReadingRules("c", lambda name: True)


def refusal(code: int) -> Exception:
    error: Exception = libvirt.libvirtError("")
    error.err = (code, 10, f"error {code}", 2, None, None, None, -1, -1)  # type: ignore[attr-defined]
    return error


class Guest:
    """A domain, seen by one connection."""

    def __init__(self, world: "World", number: int) -> None:
        self.world, self.number = world, number

    def name(self) -> str:
        return f"d{self.number}"

    def UUIDString(self) -> str:
        return f"00000000-0000-0000-0000-{self.number:012}"

    def XMLDesc(self, flags: int) -> str:
        self.world.calls.append((self.name(), flags))
        trouble = self.world.troubles.get(self.number)
        if isinstance(trouble, threading.Event):
            trouble.wait()
        elif trouble is not None:
            raise trouble
        text = f"<domain><name>{self.name()}</name><uuid>{self.UUIDString()}</uuid><memory>1024</memory></domain>"
        return self.world.texts.get(self.number, text)


class World:
    """All connections to one libvirtd. `running`, `transient`: numbers of domains."""

    def __init__(self) -> None:
        self.number = 3
        self.running: set[int] = set()
        self.transient: set[int] = set()
        self.troubles: dict[int, Any] = {}
        self.texts: dict[int, str] = {}
        self.calls: list[tuple[str, int]] = []
        self.lists: list[int] = []

    def open(self, uri: str) -> "World":
        return self

    def guests(self) -> list[Guest]:
        return [Guest(self, number) for number in range(self.number)]

    def isAlive(self) -> int:
        return 1

    def setKeepAlive(self, interval: int, count: int) -> int:
        return 0

    def domainEventRegisterAny(self, *words: Any) -> int:
        return 1

    def domainEventDeregisterAny(self, number: int) -> int:
        return 0

    def getAllDomainStats(self, stats: int, flags: int) -> list[Any]:
        states = {n: (1, 1) if n in self.running else (5, 1) for n in range(self.number)}
        return [(g, {"state.state": states[g.number][0], "state.reason": states[g.number][1]}) for g in self.guests()]

    def listAllDomains(self, flags: int = 0) -> list[Guest]:
        self.lists.append(flags)
        if flags == 1 << 3:
            return [guest for guest in self.guests() if guest.number in self.transient]
        return [] if flags else self.guests()

    def lookupByUUIDString(self, uuid: str) -> Guest:
        return next(guest for guest in self.guests() if guest.UUIDString() == uuid)


@pytest.fixture
def world(monkeypatch):
    world = World()
    monkeypatch.setattr(lib, "open_connection", world.open)
    monkeypatch.setattr(connect, "OPEN_S", 1.0)
    for module in (domains, parts):
        monkeypatch.setattr(module, "QUIET_S", 0.3)
    # A default argument is bound when the function is made.
    monkeypatch.setattr(parts.attempt, "__defaults__", (*parts.attempt.__defaults__[:-1], 0.3))
    return world


@pytest.fixture
def link(world):
    link = Link("hv1", "qemu:///system")
    yield link
    for trouble in world.troubles.values():
        if isinstance(trouble, threading.Event):
            trouble.set()
    link.close()


def test_a_domain_is_read_once_and_once_more_when_it_runs(world, link):
    world.running = {1}
    seen = domains.read_domains(link, RULES, 0.0)
    assert [(d.name, d.state) for d in seen.items.values()] == [
        ("d0", DomainState.SHUTOFF),
        ("d1", DomainState.RUNNING),
        ("d2", DomainState.SHUTOFF),
    ]
    assert sorted(world.calls) == [("d0", 2), ("d1", 0), ("d1", 2), ("d2", 2)]


def test_one_that_hangs_is_unknown_and_its_neighbours_are_read(world, link):
    world.troubles[1] = threading.Event()
    seen = domains.read_domains(link, RULES, 0.0)
    assert {name: bool(d.unknown) for name, d in seen.items.items()} == {"d0": False, "d1": True, "d2": False}
    # While the call hangs, no other is made for it: each would cost libvirtd a thread.
    world.calls.clear()
    assert domains.read_domains(link, RULES, 0.0).items["d1"].unknown
    assert sorted(world.calls) == [("d0", 2), ("d2", 2)]
    world.troubles.pop(1).set()
    for _ in range(50):
        if not domains.read_domains(link, RULES, 0.0).items["d1"].unknown:
            return
        threading.Event().wait(0.02)
    pytest.fail("it is never read again")


def test_one_that_fails_is_unknown_and_one_that_went_is_gone(world, link):
    world.troubles = {0: refusal(1), 2: refusal(42)}
    seen = domains.read_domains(link, RULES, 0.0)
    assert list(seen.items) == ["d0", "d1"]
    assert seen.items["d0"].unknown == "libvirt says: error 1"


@pytest.mark.parametrize("text", ["<domain>", "", "<a/>" * (1 << 19), "<domain><memory unit='x'>9</memory></domain"])
def test_foreign_xml_that_makes_no_sense_is_that_domains_own_trouble(world, link, text):
    world.texts[1] = text
    seen = domains.read_domains(link, RULES, 0.0)
    assert seen.items["d1"].unknown.startswith("cannot read its definition: ")
    assert not seen.items["d0"].unknown


def test_a_host_whose_domains_all_hang_hangs(world, link):
    world.number = 6
    world.troubles = {number: threading.Event() for number in range(6)}
    assert isinstance(domains.read_domains(link, RULES, 0.0), Unknown)


def test_transient_domains_are_asked_for_once(world, link):
    world.running, world.transient = {0, 1}, set()
    for _ in range(3):
        assert isinstance(domains.read_domains(link, RULES, 0.0), Listing)
    assert world.lists.count(1 << 3) == 1
    world.texts[1] = "<domain><name>d1</name><memory>2048</memory></domain>"
    world.transient = {1}
    seen = domains.read_domains(link, RULES, 0.0)
    assert (seen.items["d0"].fields is None, seen.items["d1"].fields is None) == (False, True)
    # As long as one is there, it is asked for again: it may be defined any time.
    domains.read_domains(link, RULES, 0.0)
    assert world.lists.count(1 << 3) == 3


def test_many_are_read_over_several_connections(world, link, monkeypatch):
    monkeypatch.setattr(domains, "DOMAINS_PER_HELPER", 100)
    world.number = 400
    for _ in range(3):
        seen = domains.read_domains(link, RULES, 0.0)
        assert len(seen.items) == 400
        assert not any(domain.unknown for domain in seen.items.values())
    assert len(world.calls) == 3 * 400


def test_a_helper_that_hangs_leaves_the_rest_to_others(world, link, monkeypatch):
    monkeypatch.setattr(domains, "DOMAINS_PER_HELPER", 100)
    world.number = 300
    world.troubles = {150: threading.Event()}
    seen = domains.read_domains(link, RULES, 0.0)
    assert [name for name, domain in seen.items.items() if domain.unknown] == ["d150"]
    assert len(seen.items) == 300


def test_helpers_that_all_hang_are_a_host_that_hangs(world, link, monkeypatch):
    monkeypatch.setattr(domains, "DOMAINS_PER_HELPER", 100)
    world.number = 300
    world.troubles = {number: threading.Event() for number in range(300)}
    assert isinstance(domains.read_domains(link, RULES, 0.0), Unknown)
