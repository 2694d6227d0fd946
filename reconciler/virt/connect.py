"""Reaching one hypervisor: a probe, connections behind deadlines, a breaker, a remote shell.

A libvirt.open or a call that hangs cannot be ended, only left behind: its daemon thread and its connection are let go
of, and the next user gets a new one. Source: virConnectOpen, virConnectSetKeepAlive, virConnectIsAlive.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from reconciler.clock import Pending, Promise
from reconciler.errors import HostUnreachable
from reconciler.observed import SeenVolume
from reconciler.shell import Breaker, Shell, ssh_argv
from reconciler.virt import codes, lib
from reconciler.virt.caller import Caller, Dismissed
from reconciler.virt.memo import Memo
from reconciler.virt.uri import Reach, reach

T = TypeVar("T")

OPEN_S = 15.0
"""For libvirt.open, once the host was seen to answer."""
PROBE_TCP_S = 5.0
KEEPALIVE = (5, 3)
"""Seconds between pings, and how many may stay unanswered: a dead peer is noticed after 20 s."""
WORKERS = 6
"""Connections per host for single looks and short actions, opened as they are needed."""


class Session:
    """An open connection and the one thread that makes calls over it.

    One call at a time: in libvirt 9.0 the process crashes when a connection breaks in which several threads wait
    (tried; a stale GSource in virNetClientIOEventLoop). For the same reason it is never closed by us: Python closes it
    when its thread, back from the last call, forgets it.

    `only`: never let go of, since a test driver's world goes with its connection. `facts`: what is asked once per
    connection. `definitions`, where events are heard: UUID -> the fields that an active domain had when libvirt last
    said that it is persistent; the event that it was undefined takes it out (its XML stays the same, tried). `handles`:
    domains by UUID, where this connection did not list them itself.
    """

    def __init__(self, host: str, connection: lib.Connection, *, only: bool = False, hears: bool = False) -> None:
        self._given_up = f"cannot use the connection to host/{host}: it was given up"
        self._only = only
        self._connection: lib.Connection | None = connection
        self._caller = Caller(f"{host}-calls")
        self.facts: dict[str, Any] | None = None
        self.definitions: dict[str, Any] | None = None
        self.handles: dict[str, lib.Domain] = {}
        self._event: int | None = None
        if hears:
            self._caller.begin(self._listen)

    def _listen(self) -> None:
        with suppress(Exception):  # a driver without events: transient domains are then asked for each time
            self._event = self.connection.domainEventRegisterAny(None, codes.EVENT_LIFECYCLE, self._heard, None)
            self.definitions = {}

    def _heard(self, _connection: object, domain: lib.Domain, event: int, _detail: int, _opaque: object) -> None:
        if event == codes.EVENT_UNDEFINED and self.definitions is not None:
            self.definitions.pop(domain.UUIDString(), None)

    @property
    def connection(self) -> lib.Connection:
        """For work that `run` or `begin` does. Raises: HostUnreachable where it was let go of."""
        if self._connection is None:
            raise HostUnreachable(self._given_up)
        return self._connection

    def run(self, work: Callable[["Session"], T], quiet_s: float, total_s: float) -> T:
        """The result of `work`. Raises: Hung, HostUnreachable, what `work` raised."""
        try:
            return self._caller.run(lambda: work(self), quiet_s, total_s)
        except Dismissed:
            raise HostUnreachable(self._given_up) from None

    def begin(self, work: Callable[["Session"], T]) -> Promise[T]:
        """Do `work` without a deadline. Raises: HostUnreachable."""
        try:
            return self._caller.begin(lambda: work(self))
        except Dismissed:
            raise HostUnreachable(self._given_up) from None

    def beat(self) -> None:
        """Said by work between its calls: it gets on."""
        self._caller.beat()

    def is_alive(self) -> bool:
        """Whether it may be used; asks nobody."""
        connection = self._connection
        return connection is not None and bool(connection.isAlive())

    def end(self) -> None:
        """Let go of it; waits for nothing."""
        if not self._only:
            self.close()

    def close(self) -> None:
        """Let go of it, whatever it is. Its thread does that, when it is back from a call that hangs."""
        connection, self._connection = self._connection, None
        if connection is not None:
            held, event = [connection], self._event
            del connection
            self._caller.end(lambda: _let_go(held, event))


def _let_go(held: list[lib.Connection], event: int | None) -> None:
    """Take our ear away, which also holds the connection, then forget it."""
    connection = held.pop()
    if event is not None:
        with suppress(Exception):
            connection.domainEventDeregisterAny(event)


class Link:
    """One hypervisor, by its URI. Thread-safe.

    `volumes`: details by pool and volume, read since the last whole look. `hung_domains`: by UUID, the call that hangs.
    """

    def __init__(self, host: str, uri: str) -> None:
        self.host = host
        self.uri = uri
        self.reach: Reach = reach(uri)
        self.shell = _shell(self.reach)
        self.memo = Memo()
        self.volumes: dict[tuple[str, str], SeenVolume | None] = {}
        self._breaker = Breaker()
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._sessions: dict[str, Session] = {}
        self._idle: list[Session] = []
        self._places = threading.Semaphore(WORKERS)
        self._hung_pool_call: Promise[Any] | None = None
        self.hung_domains: dict[str, Promise[Any]] = {}

    # --- sessions ------------------------------------------------------------

    def session(self, purpose: str) -> Session:
        """The open session that is kept for `purpose`: "read" hears events. Raises: HostUnreachable."""
        purpose = "only" if self.reach.is_test else purpose
        with self._lock:
            lock = self._locks.setdefault(purpose, threading.Lock())
        if not lock.acquire(timeout=OPEN_S + PROBE_TCP_S):
            raise HostUnreachable(f"cannot reach host/{self.host}: another connection to it is still being opened")
        try:
            kept = self._sessions.get(purpose)
            if kept is None or not kept.is_alive():
                if kept is not None:
                    kept.close()
                kept = self._sessions[purpose] = self._new_session(hears=purpose in ("read", "only"))
            return kept
        finally:
            lock.release()

    @contextmanager
    def borrowed(self) -> Iterator[Session]:
        """A session for the caller alone, one of a few. Raises: HostUnreachable."""
        if self.reach.is_test:
            yield self.session("only")
            return
        if not self._places.acquire(timeout=OPEN_S):
            raise HostUnreachable(f"cannot reach host/{self.host}: all {WORKERS} connections to it are busy")
        try:
            with self._lock:
                session = self._idle.pop() if self._idle else None
            if session is None or not session.is_alive():
                session = self._new_session()
            try:
                yield session
            finally:
                if session.is_alive():
                    with self._lock:
                        self._idle.append(session)
        finally:
            self._places.release()

    def _new_session(self, *, hears: bool = False) -> Session:
        return Session(self.host, self._open(), only=self.reach.is_test, hears=hears)

    def new_shell(self) -> Shell | None:
        """A shell for the caller alone, to be closed by it; None where libvirt alone is reached."""
        return _shell(self.reach)

    def own_session(self) -> Session:
        """A session for the caller alone, to be ended by it. Raises: HostUnreachable."""
        return self.session("only") if self.reach.is_test else self._new_session()

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
        session.end()
        self._breaker.failed(cause)

    # --- storage pool calls that hang --------------------------------------------

    @property
    def hangs_in_pools(self) -> bool:
        """Whether a storage pool call still gives no answer: no other is made, each would cost libvirtd a thread."""
        return self._hung_pool_call is not None and not self._hung_pool_call.ended

    def note_pool_call(self, call: Promise[Any]) -> None:
        self._hung_pool_call = call

    def close(self) -> None:
        """Let go of everything; waits for nothing."""
        for session in (*self._sessions.values(), *self._idle):
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
