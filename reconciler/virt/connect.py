"""Reaching one hypervisor: a probe, connections behind deadlines, a breaker, a remote shell.

A libvirt.open or a call that hangs cannot be ended, only left behind: its daemon thread and its connection are let go
of, and the next user gets a new one. Source: virConnectOpen, virConnectSetKeepAlive, virConnectIsAlive.
"""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from reconciler.clock import Pending
from reconciler.errors import HostUnreachable
from reconciler.shell import Breaker, Shell, ssh_argv
from reconciler.virt import codes, lib
from reconciler.virt.memo import Memo
from reconciler.virt.uri import Reach, reach
from reconciler.virt.workers import Workers

T = TypeVar("T")

OPEN_S = 15.0
"""For libvirt.open, once the host was seen to answer."""
PROBE_TCP_S = 5.0
KEEPALIVE = (5, 3)
"""Seconds between pings, and how many may stay unanswered: a dead peer is noticed after 20 s."""
READERS = 4
"""Threads that read over one connection; more are slower, and libvirtd serves five calls at a time per client."""


class Session:
    """An open connection, with threads that share out the reading, and what is asked once per connection.

    `only`: never ended, since a test driver's world goes with its connection. `facts` is begun by whoever needs it
    first. `definitions`: UUID -> the fields that an active domain had when libvirt last said that it is persistent; an
    event that it was undefined takes it out (its XML stays the same, tried).
    """

    def __init__(self, host: str, connection: lib.Connection, *, only: bool = False) -> None:
        self._host = host
        self._only = only
        self._connection: lib.Connection | None = connection
        self.readers = Workers(READERS, f"{host}-reader")
        self.facts: Pending[Any] | None = None
        self.definitions: dict[str, Any] = {}
        self._event: int | None = None
        with suppress(Exception):  # a driver without events: then `definitions` is as good as its last reading
            self._event = connection.domainEventRegisterAny(None, codes.EVENT_LIFECYCLE, self._heard, None)

    def _heard(self, _connection: object, domain: lib.Domain, event: int, _detail: int, _opaque: object) -> None:
        if event == codes.EVENT_UNDEFINED:
            self.definitions.pop(domain.UUIDString(), None)

    @property
    def given_up(self) -> bool:
        return self._connection is None

    @property
    def connection(self) -> lib.Connection:
        """Raises: HostUnreachable where it was let go of."""
        if self._connection is None:
            raise HostUnreachable(f"cannot use the connection to host/{self._host}: it was given up")
        return self._connection

    def is_alive(self) -> bool:
        """Whether it may be used; asks nobody."""
        connection = self._connection
        return connection is not None and bool(connection.isAlive())

    def end(self) -> None:
        """Let go of it; waits for nothing."""
        if not self._only:
            self.close()

    def close(self) -> None:
        """Let go of it, whatever it is.

        It is never closed by us: a call that still hangs in it would find its memory freed (tried: a crash). Python
        closes it when the last thread that uses it is back.
        """
        connection, self._connection = self._connection, None
        if connection is not None:
            self.readers.dismiss()
            letting_go = partial(_let_go, [connection], self._event)
            del connection
            Pending(letting_go, f"{self._host}-let-go")


def _let_go(held: list[lib.Connection], event: int | None) -> None:
    """Take our ear away, which also holds the connection, then forget it."""
    connection = held.pop()
    if event is not None:
        with suppress(Exception):
            connection.domainEventDeregisterAny(event)


class Link:
    """One hypervisor, by its URI. Thread-safe."""

    def __init__(self, host: str, uri: str) -> None:
        self.host = host
        self.uri = uri
        self.reach: Reach = reach(uri)
        self.shell = _shell(self.reach)
        self.memo = Memo()
        self._breaker = Breaker()
        self._locks: dict[str, threading.Lock] = {"read": threading.Lock(), "work": threading.Lock()}
        self._sessions: dict[str, Session] = {}
        self._hung_pool_call: Pending[Any] | None = None

    # --- sessions ------------------------------------------------------------

    def session(self, purpose: str = "read") -> Session:
        """An open session: "read" for observing, "work" for short actions, so that neither waits for the other.

        Any other purpose gives one for the caller alone, to be ended by it. Raises: HostUnreachable.
        """
        purpose = "read" if self.reach.is_test else purpose
        lock = self._locks.get(purpose)
        if lock is None:
            return self._new_session()
        if not lock.acquire(timeout=OPEN_S + PROBE_TCP_S):
            raise HostUnreachable(f"cannot reach host/{self.host}: another connection to it is still being opened")
        try:
            kept = self._sessions.get(purpose)
            if kept is not None and kept.is_alive():
                return kept
            if kept is not None:
                kept.end()
            self._sessions[purpose] = self._new_session()
            return self._sessions[purpose]
        finally:
            lock.release()

    def _new_session(self) -> Session:
        return Session(self.host, self._open(), only=self.reach.is_test)

    def _open(self) -> lib.Connection:
        refusal = self._breaker.refusal()
        if refusal:
            raise HostUnreachable(refusal)
        try:
            self._probe()
            connection = self._within(lambda: _open(self.reach), OPEN_S, "connect to libvirt")
        except HostUnreachable as error:
            self._breaker.failed(str(error))
            raise
        self._breaker.succeeded()
        return connection

    def _probe(self) -> None:
        if self.shell is not None:
            self.shell.run(":")
        elif self.reach.transport in ("tcp", "tls"):
            self._within(lambda: _connect_tcp(self.reach), PROBE_TCP_S + 1, "connect")

    def _within(self, work: Callable[[], T], timeout_s: float, attempt: str) -> T:
        try:
            return Pending(work, f"{self.host}-open").result(timeout_s)
        except TimeoutError:
            raise HostUnreachable(f"cannot {attempt} at host/{self.host}: no answer within {timeout_s:g} s") from None
        except OSError as error:
            raise HostUnreachable(f"cannot {attempt} at host/{self.host}: {error.strerror or error}") from None
        except Exception as error:
            said = lib.refusal(error)
            if said is None:
                raise
            raise HostUnreachable(f"cannot {attempt} at host/{self.host}: {said.message}") from None

    def give_up(self, session: Session, cause: str) -> None:
        """A call over `session` hung: nobody uses it any more, and the host is left in peace for a while."""
        if session.given_up:
            return
        session.end()
        self._breaker.failed(cause)

    # --- storage pool calls that hang --------------------------------------------

    @property
    def hangs_in_pools(self) -> bool:
        """Whether a storage pool call still gives no answer: no other is made, each would cost libvirtd a thread."""
        return self._hung_pool_call is not None and not self._hung_pool_call.ended

    def note_pool_call(self, call: Pending[Any]) -> None:
        self._hung_pool_call = call

    def close(self) -> None:
        """Let go of everything; waits for nothing."""
        for session in self._sessions.values():
            session.close()
        if self.shell is not None:
            self.shell.close()


def _shell(where: Reach) -> Shell | None:
    """How /proc/self/mounts of the host is read; None where libvirt alone is reached."""
    if where.transport == "ssh":
        return Shell(ssh_argv(where.ssh_target, port=where.port, keyfile=where.keyfile))
    return Shell() if where.is_local and not where.is_test else None


def _connect_tcp(where: Reach) -> None:
    socket.create_connection((where.host, where.port or 0), timeout=PROBE_TCP_S).close()


def _open(where: Reach) -> lib.Connection:
    connection = lib.open_connection(where.uri)
    with suppress(Exception):  # the test driver and old daemons have none
        connection.setKeepAlive(*KEEPALIVE)
    return connection
