"""Connections that hang, break and come back, without any libvirtd."""

import threading
import time
from typing import Any

import pytest

from reconciler.errors import HostUnreachable
from reconciler.observed import Unknown
from reconciler.virt import connect, lib, parts
from reconciler.virt.caller import Hung
from reconciler.virt.connect import Link

pytest.importorskip("libvirt")


class Connection:
    """As much of a connection as these tests need."""

    def __init__(self) -> None:
        self.alive, self.release = True, threading.Event()

    def isAlive(self) -> int:
        return int(self.alive)

    def setKeepAlive(self, interval: int, count: int) -> int:
        return 0

    def domainEventRegisterAny(self, *words: Any) -> int:
        return 1

    def domainEventDeregisterAny(self, number: int) -> int:
        return 0


@pytest.fixture
def opened(monkeypatch):
    """Every connection that was opened; `opened.next` is what the next opening does instead."""

    class Opened(list[Connection]):
        next: Any = None

    made = Opened()

    def open_connection(uri: str) -> Connection:
        if made.next is not None:
            made.next()
        made.append(Connection())
        return made[-1]

    monkeypatch.setattr(lib, "open_connection", open_connection)
    monkeypatch.setattr(connect, "OPEN_S", 0.3)
    monkeypatch.setattr(parts, "QUIET_S", 0.2)
    return made


@pytest.fixture
def link():
    # A local URI needs no probe; its shell is never asked for more than a colon.
    link = Link("hv1", "qemu:///system")
    yield link
    link.close()


def test_a_session_is_kept_for_each_purpose(opened, link):
    assert link.session("read") is link.session("read")
    assert link.session("pools") is not link.session("read")
    assert len(opened) == 2


def test_a_session_that_died_is_replaced(opened, link):
    first = link.session("read")
    opened[0].alive = False
    assert link.session("read") is not first
    with pytest.raises(HostUnreachable, match="given up"):
        first.run(lambda session: session.connection, 1, 1)


def test_single_looks_share_a_few_sessions(opened, link):
    with link.borrowed() as one, link.borrowed() as two:
        assert one is not two
    with link.borrowed() as again:
        assert again in (one, two)
    assert len(opened) == 2


def test_an_opening_that_hangs_costs_its_deadline_once(opened, link):
    hang = threading.Event()
    opened.next = hang.wait
    begun = time.monotonic()
    with pytest.raises(HostUnreachable, match=r"host/hv1: no answer within 0\.3 s"):
        link.session("read")
    assert 0.2 < time.monotonic() - begun < 5
    begun = time.monotonic()
    with pytest.raises(HostUnreachable, match=r"asked again in \d s"):
        link.session("read")
    assert time.monotonic() - begun < 0.1
    hang.set()


def test_a_host_is_left_in_peace_for_longer_and_longer(opened, link, monkeypatch):
    now = 1000.0
    monkeypatch.setattr("reconciler.shell.time.monotonic", lambda: now)
    opened.next = lambda: (_ for _ in ()).throw(OSError(111, "Connection refused"))
    waits = []
    for _ in range(6):
        with pytest.raises(HostUnreachable, match="Connection refused"):
            link._open()
        start = now
        while link._breaker.refusal():
            now += 1
        waits.append(now - start)
    assert waits == [5, 10, 20, 40, 60, 60]
    opened.next = None
    link._open()
    assert link._breaker.refusal() == ""


def test_a_read_that_hangs_costs_the_session_and_is_unknown(opened, link):
    def hang(session: Any) -> None:
        session.connection.release.wait()

    seen = parts.attempt(link, hang, quiet_s=0.2)
    assert seen == Unknown("libvirt at host/hv1 does not answer")
    begun = time.monotonic()
    assert isinstance(parts.attempt(link, hang, quiet_s=0.2), Unknown)
    assert time.monotonic() - begun < 0.1
    opened[0].release.set()


def test_a_broken_connection_is_replaced_once(opened, link):
    libvirt = pytest.importorskip("libvirt")
    error = libvirt.libvirtError("")
    error.err = (39, 7, "client socket is closed", 2, None, None, None, -1, -1)
    tried = []

    def read(session: Any) -> str:
        tried.append(session)
        if len(tried) == 1:
            raise error
        return "read"

    assert parts.attempt(link, read) == "read"
    assert tried[0] is not tried[1]

    def never(session: Any) -> str:
        raise error

    assert parts.attempt(link, never) == Unknown("libvirt at host/hv1 says: client socket is closed")


def test_a_bug_is_not_a_silent_host(opened, link):
    with pytest.raises(ZeroDivisionError):
        parts.attempt(link, lambda session: 1 // 0)


def test_a_hanging_object_can_be_spared(opened, link):
    spared = []

    def read(session: Any) -> str:
        if not spared:
            session.connection.release.wait()
        return "the rest"

    def spare(session: Any, hung: Hung) -> bool:
        spared.append(session)
        return True

    assert parts.attempt(link, read, spare=spare, quiet_s=0.2) == "the rest"
    opened[0].release.set()


def test_a_session_is_let_go_of_only_when_its_call_is_back(opened, link):
    session = link.session("read")
    with pytest.raises(Hung):
        session.run(lambda s: s.connection.release.wait(), 0.1, 0.1)
    told = []
    opened[0].domainEventDeregisterAny = told.append  # type: ignore[method-assign]
    session.end()
    time.sleep(0.1)
    assert told == []
    opened[0].release.set()
    for _ in range(50):
        if told:
            break
        time.sleep(0.02)
    assert told == [1]


def test_closing_waits_for_nothing(opened, link):
    with pytest.raises(Hung):
        link.session("read").run(lambda s: s.connection.release.wait(), 0.1, 0.1)
    begun = time.monotonic()
    link.close()
    assert time.monotonic() - begun < 1
    opened[0].release.set()


def test_a_tcp_host_is_probed_before_it_is_opened(opened):
    link = Link("hv1", "qemu+tcp://127.0.0.1:1/system")
    with pytest.raises(HostUnreachable, match="Connection refused"):
        link.session("read")
    assert opened == []
