"""What running guests show of themselves over libvirt: hostile agents, hangs, ports."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.observed import Listing, Unknown
from reconciler.presence import AddressSource, SeenAddress, SeenGuest
from reconciler.virt import guests, lib
from reconciler.virt.connect import Link
from reconciler.virt.guests import Question, open_ports, read_guests
from reconciler.virt.neighbours import parse_neighbours

libvirt: Any = pytest.importorskip("libvirt")

MAC = "52:54:00:aa:00:01"
LEASE, AGENT, ARP = 0, 1, 2


def refusal(code: int, message: str) -> Exception:
    error: Exception = libvirt.libvirtError("")
    error.err = (code, 10, message, 2, None, None, None, -1, -1)  # type: ignore[attr-defined]
    return error


NOT_CONFIGURED = refusal(74, "argument unsupported: QEMU guest agent is not configured")
NOT_CONNECTED = refusal(86, "Guest agent is not responding: QEMU guest agent is not connected")
SILENT = refusal(86, "Guest agent is not responding: Guest agent not available for now")
UNABLE = refusal(1, "internal error: unable to execute QEMU agent command 'guest-network-get-interfaces'")


def has(*addresses: str, name: str = "eth0") -> dict[str, Any]:
    return {name: {"hwaddr": MAC, "addrs": [{"addr": address, "prefix": 24, "type": 0} for address in addresses]}}


class World:
    """Connection and domain in one. `says`: by source, an answer or an error; an Event hangs until it is set."""

    def __init__(self) -> None:
        self.says: dict[int, Any] = {AGENT: NOT_CONNECTED, LEASE: {}, ARP: has("10.0.0.7")}
        self.opened = 0

    def open(self, uri: str) -> "World":
        self.opened += 1
        return self

    def isAlive(self) -> int:
        return 1

    def setKeepAlive(self, interval: int, count: int) -> int:
        return 0

    def lookupByUUIDString(self, uuid: str) -> "World":
        if uuid == "gone":
            raise refusal(42, "Domain not found")
        return self

    def XMLDesc(self, flags: int) -> str:
        return f"<domain><devices><interface type='network'><mac address='{MAC}'/></interface></devices></domain>"

    def interfaceAddresses(self, source: int, flags: int) -> dict[str, Any]:
        said = self.says[source]
        if isinstance(said, threading.Event):
            said.wait()
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, dict) else {}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    found = World()
    lib.prepare()
    monkeypatch.setattr(lib, "open_connection", found.open)
    monkeypatch.setattr(guests, "ANSWER_S", 0.3)
    return found


@pytest.fixture
def link() -> Iterator[Link]:
    made = Link("hv1", "qemu:///system")
    made.shell = None
    yield made
    made.close()


def ask(link: Link, *questions: Question) -> dict[str, SeenGuest]:
    told = read_guests(link, questions or [Question("web-1", "u")], 7.0)
    assert isinstance(told, Listing)
    assert told.at == 7.0
    return dict(told.items)


def test_an_address_is_known_by_its_best_source(world: World, link: Link) -> None:
    world.says = {AGENT: has("127.0.0.1", "10.0.0.7", "fd00::7"), LEASE: has("192.168.122.5"), ARP: has("10.0.0.7")}
    assert ask(link) == {
        "web-1": SeenGuest(
            "web-1",
            True,
            (
                SeenAddress("10.0.0.7", AddressSource.AGENT, MAC),
                SeenAddress("fd00::7", AddressSource.AGENT, MAC),
                SeenAddress("192.168.122.5", AddressSource.LEASE, MAC),
            ),
        )
    }


@pytest.mark.parametrize(
    ("error", "agent"), [(NOT_CONFIGURED, None), (NOT_CONNECTED, None), (SILENT, False), (UNABLE, True)]
)
def test_whether_an_agent_answers(world: World, link: Link, error: Exception, agent: bool | None) -> None:
    world.says[AGENT] = error
    [seen] = ask(link).values()
    assert (seen.agent, [address.source for address in seen.addresses]) == (agent, [AddressSource.ARP])


def test_an_agent_that_never_ends_costs_its_own_answer(world: World, link: Link) -> None:
    world.says[AGENT] = hangs = threading.Event()
    begun = time.monotonic()
    try:
        seen = ask(link, *(Question(f"web-{number}", "u") for number in range(4)))
    finally:
        hangs.set()
    assert time.monotonic() - begun < 3
    assert [(one.agent, bool(one.addresses)) for one in seen.values()] == [(False, True)] * 4


@pytest.mark.parametrize(
    "answer",
    [
        {"x" * 100: {"hwaddr": MAC, "addrs": [{"addr": "10.0.0.9"}] * 100_000}},
        {"eth0": {"hwaddr": "\x1b[2J", "addrs": [{"addr": "\x1b]0;pwned\x07"}, {"addr": None}, {}]}},
        {"eth0": {"addrs": None}},
        {"eth0": {"hwaddr": MAC, "addrs": [{"addr": "9" * 2_000_000}]}},
    ],
    ids=["endless", "controls", "empty", "one-long"],
)
def test_whatever_an_agent_says_little_of_it_is_kept(world: World, link: Link, answer: dict[str, Any]) -> None:
    world.says = {AGENT: answer, LEASE: {}, ARP: {}}
    [seen] = ask(link).values()
    assert len(seen.addresses) <= 1
    assert "\x1b" not in repr(seen)


def test_a_guest_that_is_gone_shows_nothing(world: World, link: Link) -> None:
    assert ask(link, Question("web-1", "gone")) == {"web-1": SeenGuest("web-1")}


def test_a_host_that_cannot_be_reached_is_unknown(world: World, link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(uri: str) -> World:
        raise refusal(38, "Failed to connect socket")

    monkeypatch.setattr(lib, "open_connection", refuse)
    assert isinstance(read_guests(link, [Question("web-1", "u")], 0.0), Unknown)


NEIGH = f"""\
10.0.0.9 dev br0 lladdr 52:54:00:bb:00:01 REACHABLE
10.0.0.8 dev br0 lladdr {MAC} STALE
fe80::8 dev br0 lladdr {MAC} router STALE
10.0.0.7 dev br0 FAILED
nonsense lladdr \x1b[2J
"""


def test_where_libvirt_cannot_read_the_neighbours_the_shell_does(
    world: World, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.says[ARP] = refusal(1, "internal error: wrong nlmsg len")
    monkeypatch.setattr(guests, "read_neighbours", lambda link: parse_neighbours(NEIGH))
    assert ask(link)["web-1"].addresses == (SeenAddress("10.0.0.8", AddressSource.ARP, MAC),)
    assert ask(link, Question("web-1", "gone"))["web-1"].addresses == ()


# --- ports -------------------------------------------------------------------------


def test_a_port_that_takes_a_connection_is_open(world: World, link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as closed:
        port, shut = server.getsockname()[1], closed.getsockname()[1]
        closed.close()
        assert open_ports([("127.0.0.1", port), ("127.0.0.1", shut)]) == {("127.0.0.1", port)}
    assert open_ports([]) == frozenset()


def test_ports_that_give_no_answer_cost_two_seconds_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guests, "PORT_S", 0.2)
    with socket.socket() as full:  # its queue is full, so that further connections wait
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        begun = time.monotonic()
        assert open_ports([address]) == frozenset()
        assert 0.1 < time.monotonic() - begun < 2
        for one in waiting:
            one.close()


def test_a_guests_port_is_tried_at_what_neighbours_told_first(
    world: World, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int]] = []

    def none(pairs: Any) -> frozenset[tuple[str, int]]:
        asked.extend(sorted(pairs))
        return frozenset()

    monkeypatch.setattr(guests, "open_ports", none)
    world.says = {AGENT: has(*(f"10.9.0.{n}" for n in range(1, 40))), LEASE: {}, ARP: has("10.0.0.7")}
    seen = ask(link, Question("web-1", "u", 22), Question("web-2", "u"))
    assert asked == [("10.0.0.7", 22), ("10.9.0.1", 22), ("10.9.0.2", 22), ("10.9.0.3", 22)]
    assert (seen["web-1"].port_open, seen["web-2"].port_open) == (False, None)
