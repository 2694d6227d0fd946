"""What running guests show of themselves: asked only for `status` and for those who wait, never in a pass.

virDomainInterfaceAddresses by AGENT, LEASE and ARP; a connection to the TCP port that a document names. A guest's agent
may say anything, or never end: its answer is bounded, and each is asked over a session of its own.
"""

import errno
import ipaddress
import selectors
import socket
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from reconciler.clock import Pending
from reconciler.errors import HostUnreachable, ReconcilerError
from reconciler.observed import Listing, Unknown
from reconciler.presence import AddressSource, SeenAddress, SeenGuest, sorted_out
from reconciler.virt import codes, lib
from reconciler.virt.caller import Hung
from reconciler.virt.codes import Code
from reconciler.virt.connect import Link, Session
from reconciler.virt.neighbours import read_neighbours
from reconciler.virt.parts import unread
from reconciler.virt.translate import is_broken
from reconciler.xml.domain import read as read_domain_xml

ANSWER_S = 5.0
"""How long one answer may take."""
TOTAL_S = 20.0
"""For all guests of a host; who was not asked by then shows nothing."""
LONGEST_ANSWER = 1 << 20
"""Characters of one guest's addresses; no honest guest has so many."""
ASKERS = 3
"""Guests' agents that are asked at the same time at one host."""
PORT_S = 2.0
PORTS_AT_ONCE = 256
ADDRESSES_TRIED = 4
"""Of one guest, for its port."""

Told = list[tuple[AddressSource, str, str]]
SOURCES: Mapping[AddressSource, int] = {
    AddressSource.AGENT: codes.INTERFACE_ADDRESSES_SRC_AGENT,
    AddressSource.LEASE: codes.INTERFACE_ADDRESSES_SRC_LEASE,
    AddressSource.ARP: codes.INTERFACE_ADDRESSES_SRC_ARP,
}


@dataclass(frozen=True, slots=True)
class Question:
    """A running guest that is asked. `port`: the TCP port that its document names."""

    name: str
    uuid: str
    port: int | None = None


def read_guests(link: Link, questions: Iterable[Question], at: float) -> Listing[SeenGuest] | Unknown:
    """What each guest shows. Raises: nothing; one that is gone or does not answer shows nothing."""
    asked = sorted(questions, key=lambda question: question.name)
    until = time.monotonic() + TOTAL_S
    agents: dict[str, tuple[bool | None, Told]] = {}
    todo = deque(asked)
    askers = [Pending(partial(_ask_agents, link, todo, agents, until), f"{link.host}-agents") for _ in asked[:ASKERS]]
    told = _neighbours(link, asked, until)
    for asker in askers:
        with suppress(TimeoutError):
            asker.result(max(0.0, until + ANSWER_S - time.monotonic()))
    if isinstance(told, Unknown):
        return told
    guests = {}
    for question in asked:
        agent, said = agents.get(question.name, (None, []))
        guests[question.name] = SeenGuest(question.name, agent, sorted_out([*said, *told.get(question.name, [])]))
    return Listing(_with_ports(guests, asked), at, only=frozenset(guests))


# --- libvirt -----------------------------------------------------------------


def _neighbours(link: Link, asked: list[Question], until: float) -> Mapping[str, Told] | Unknown:
    """What libvirt's own DHCP servers and the host's neighbour table tell, which ask no guest."""
    told: dict[str, Told] = {}
    macs: dict[str, tuple[str, ...]] = {}

    def read(session: Session) -> None:
        for question in asked:
            if time.monotonic() > until:
                return
            leased = _addresses(session.connection, question.uuid, AddressSource.LEASE)
            session.beat()
            heard = _addresses(session.connection, question.uuid, AddressSource.ARP)
            session.beat()
            told[question.name] = [*(leased or ()), *(heard or ())]
            if heard is None:
                macs[question.name] = _macs(session.connection, question.uuid)

    try:
        with link.borrowed() as session:
            try:
                session.run(read, ANSWER_S, TOTAL_S)
            except Hung:
                session.end()
    except Exception as error:
        return unread(link, error)
    heard_of = read_neighbours(link) if any(macs.values()) else {}
    for name, own in macs.items():
        told[name] += [(AddressSource.ARP, mac, address) for mac in own for address in heard_of.get(mac, ())]
    return told


def _addresses(connection: lib.Connection, uuid: str, source: AddressSource) -> Told | None:
    """virDomainInterfaceAddresses; None where libvirt refuses to tell. Raises: libvirt's errors of the connection."""
    try:
        found = connection.lookupByUUIDString(uuid).interfaceAddresses(SOURCES[source], 0)
    except Exception as error:
        if lib.refusal(error) is None or is_broken(error):
            raise
        return None
    return list(_flat(source, found))


def _macs(connection: lib.Connection, uuid: str) -> tuple[str, ...]:
    """Of its interfaces; none where it is gone."""
    try:
        fields = read_domain_xml(connection.lookupByUUIDString(uuid).XMLDesc(0)).fields
    except Exception as error:
        if (lib.refusal(error) is None and not isinstance(error, ReconcilerError)) or is_broken(error):
            raise
        return ()
    return tuple(card["mac"].lower() for card in fields["interfaces"].values() if card.get("mac"))


def _flat(source: AddressSource, found: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[AddressSource, str, str]]:
    """(source, mac, address), as far as it is not too much."""
    length = 0
    for name, interface in found.items():
        mac = str(interface.get("hwaddr") or "")
        for entry in interface.get("addrs") or ():
            address = str(entry.get("addr") or "")
            length += len(name) + len(mac) + len(address)
            if length > LONGEST_ANSWER:
                return
            yield source, mac, address


# --- agents --------------------------------------------------------------------


def _ask_agents(link: Link, todo: deque[Question], agents: dict[str, tuple[bool | None, Told]], until: float) -> None:
    """Ask one guest's agent after the other, until none is left or the time is over."""
    with ExitStack() as stack, suppress(HostUnreachable):
        session = stack.enter_context(link.borrowed())
        while time.monotonic() < until:
            try:
                question = todo.popleft()
            except IndexError:
                return
            try:
                agents[question.name] = session.run(partial(_ask_agent, question.uuid), ANSWER_S, ANSWER_S)
            except Hung:
                agents[question.name] = False, []
                session.end()
                session = stack.enter_context(link.borrowed())


def _ask_agent(uuid: str, session: Session) -> tuple[bool | None, Told]:
    """Whether it answers, and what. Without one, libvirt says so at once. A refusal of the agent's own is an answer."""
    try:
        found = session.connection.lookupByUUIDString(uuid).interfaceAddresses(SOURCES[AddressSource.AGENT], 0)
    except Exception as error:
        said = lib.refusal(error)
        if said is None:
            raise
        if said.code in (Code.AGENT_UNRESPONSIVE, Code.AGENT_UNSYNCED) and "not connected" not in said.message:
            return False, []
        return (True if "QEMU agent command" in said.message else None), []
    return True, list(_flat(AddressSource.AGENT, found))


# --- ports -----------------------------------------------------------------------


def _with_ports(guests: Mapping[str, SeenGuest], asked: Iterable[Question]) -> dict[str, SeenGuest]:
    wanted = {
        question.name: [(seen.address, question.port) for seen in _tried(guests[question.name].addresses)]
        for question in asked
        if question.port is not None
    }
    answering = open_ports({pair for pairs in wanted.values() for pair in pairs})
    return {
        name: replace(guest, port_open=bool(answering.intersection(wanted[name]))) if name in wanted else guest
        for name, guest in guests.items()
    }


def _tried(addresses: tuple[SeenAddress, ...]) -> tuple[SeenAddress, ...]:
    """What neighbours told before what the guest itself says, which may be anybody's address."""
    return tuple(sorted(addresses, key=lambda seen: seen.source is AddressSource.AGENT))[:ADDRESSES_TRIED]


def open_ports(pairs: Iterable[tuple[str, int]]) -> frozenset[tuple[str, int]]:
    """Which (address, port) take a TCP connection within PORT_S; nothing is sent."""
    todo, found = sorted(pairs), set()
    for start in range(0, len(todo), PORTS_AT_ONCE):
        found |= set(_open_now(todo[start : start + PORTS_AT_ONCE]))
    return frozenset(found)


def _open_now(pairs: list[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        for address, port in pairs:
            family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
            knocking = stack.enter_context(socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
            if knocking.connect_ex((address, port)) in (0, errno.EINPROGRESS):
                selector.register(knocking, selectors.EVENT_WRITE, (address, port))
        until = time.monotonic() + PORT_S
        while selector.get_map() and (left := until - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                selector.unregister(key.fileobj)
                assert isinstance(key.fileobj, socket.socket)
                if key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                    yield key.data
