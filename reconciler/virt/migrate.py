"""Moving a running guest: libvirt does it, peer to peer; we watch, and end what gets nowhere.

The migration is the source libvirtd's own: it goes on when this process dies. Law 3: ABORT_ON_ERROR ends it when the
guest meets an I/O error, and the guest stays where it was. UNSAFE is never passed.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from reconciler.action import MigrateDomain
from reconciler.clock import Promise
from reconciler.desired.documents import Transport
from reconciler.errors import HostUnreachable, PermanentError
from reconciler.hypervisor import Progress, figures
from reconciler.moving import SeenJob
from reconciler.pace import Pace
from reconciler.virt import codes, lib
from reconciler.virt.caller import Hung
from reconciler.virt.connect import Link, Session
from reconciler.virt.jobs import ended_job, read_job
from reconciler.virt.translate import translate
from reconciler.virt.uri import quiet, reach

T = TypeVar("T")

FLAGS = (
    codes.MIGRATE_LIVE
    | codes.MIGRATE_PEER2PEER
    | codes.MIGRATE_PERSIST_DEST
    | codes.MIGRATE_UNDEFINE_SOURCE
    | codes.MIGRATE_ABORT_ON_ERROR
)
TRANSPORTS = {Transport.NATIVE: 0, Transport.TUNNELLED: codes.MIGRATE_TUNNELLED, Transport.TLS: codes.MIGRATE_TLS}
POLL_S = 0.5
CALL_S = 10.0
"""For one look at the job, or the word to abort it."""
ABORTED_S = 60.0
"""For the migration to end after that word."""
MIB = 1 << 20


def migrate(link: Link, target: Link, action: MigrateDomain, progress: Progress, stopping: threading.Event) -> None:
    """virDomainMigrateToURI3 over a connection of its own, watched over another.

    Raises: PermanentError, also when it was aborted; HostUnreachable when the source fell silent (libvirt goes on).
    """
    session = link.own_session()
    call = session.begin(lambda session: _call(session.connection, action))
    watch = _Watch(link, action, progress)
    try:
        cause = _wait(call, watch, stopping)
        call.result(0)
    except TimeoutError:
        raise HostUnreachable(f"cannot follow {_move(action)}: {cause}; libvirt ends it by itself") from None
    except Exception as error:
        raise _error(error, session, action, cause) from None
    finally:
        session.end()
    progress(percent=100.0, **_told_after(target, action), expected=action.expected_s)


def _call(connection: lib.Connection, action: MigrateDomain) -> None:
    domain = connection.lookupByUUIDString(action.uuid)
    with suppress(Exception):  # libvirt before 3.7 takes it only while the migration runs
        domain.migrateSetMaxDowntime(_milliseconds(Pace(action, 0.0).downtime_s), 0)
    domain.migrateToURI3(quiet(action.peer_uri), _params(action), _flags(action))


def _flags(action: MigrateDomain) -> int:
    helps = (codes.MIGRATE_AUTO_CONVERGE if action.auto_converge else 0) | (
        codes.MIGRATE_POSTCOPY if action.post_copy else 0
    )
    return FLAGS | TRANSPORTS[action.transport] | helps


def _params(action: MigrateDomain) -> dict[str, Any]:
    """A tunnelled migration has no address of its own. TLS checks the name by which hosts know the target."""
    params: dict[str, Any] = {}
    if action.transport is not Transport.TUNNELLED:
        params["migrate_uri"] = f"tcp://{_bracketed(action.address)}"
    if action.transport is Transport.TLS:
        params["tls.destination"] = reach(action.peer_uri).host
    if action.bandwidth is not None:
        params["bandwidth"] = max(1, action.bandwidth // MIB)
        if action.post_copy:
            params["bandwidth.postcopy"] = params["bandwidth"]
    return params


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _move(action: MigrateDomain) -> str:
    return f"the migration of {action.object} to host/{action.target}"


def _wait(call: Promise[None], watch: "_Watch", stopping: threading.Event) -> str:
    """Until it has ended, or we stop waiting; returns why we meddled, if we did."""
    while not call.wait(POLL_S):
        if stopping.is_set():
            return "we were told to end"
        cause = watch.look()
        if cause:
            watch.abort()
            call.wait(ABORTED_S)
            return cause
    return ""


def _error(error: Exception, session: Session, action: MigrateDomain, cause: str) -> BaseException:
    """libvirt's error in our words; where our own connection lives, a broken one is the two hosts' own."""
    attempt = f"migrate {action.object} to host/{action.target}"
    ours = translate(error, attempt)
    if isinstance(ours, HostUnreachable) and session.is_alive():
        said = str(ours).removeprefix(f"cannot {attempt}: ")
        lost = f"host/{action.host} and host/{action.target} lost each other ({said})"
        ours = PermanentError(f"cannot {attempt}: {lost}; see the libvirt log of host/{action.target}")
    if cause and isinstance(ours, PermanentError):
        return PermanentError(f"cannot {attempt}: {cause}; aborted, it runs on where it was")
    return ours


@dataclass
class _Watch:
    """Looks at a migration, tells how it gets on, and does what its pace orders."""

    link: Link
    action: MigrateDomain
    progress: Progress

    def __post_init__(self) -> None:
        self._pace = Pace(self.action, time.monotonic())

    def look(self) -> str:
        """Look once, tell, help it on; returns why it should be aborted."""
        job: SeenJob | None = None
        with suppress(Exception):  # a look that fails tells nothing; the deadlines go on
            job = self._within(read_job)
        if job is not None and job.is_measured:
            self.progress(**figures(job))
        order = self._pace.judge(job, time.monotonic())
        if order.downtime_s is not None:
            allowed = _milliseconds(order.downtime_s)
            with suppress(Exception):  # asked again at the next stall
                self._within(lambda domain: domain.migrateSetMaxDowntime(allowed, 0))
        if order.post_copy:
            self._switch()
        return order.give_up

    def _switch(self) -> None:
        """virDomainMigrateStartPostCopy; where it is refused, the deadlines of the pre-copy go on."""
        with suppress(Exception):
            self._within(lambda domain: domain.migrateStartPostCopy(0))
            self._pace.switched = True

    def _within(self, work: Callable[[lib.Domain], T]) -> T:
        with self.link.borrowed() as session:
            try:
                return session.run(lambda s: work(s.connection.lookupByUUIDString(self.action.uuid)), CALL_S, CALL_S)
            except Hung:
                session.end()
                raise

    def abort(self) -> None:
        """virDomainAbortJob; too late once the guest has switched over."""
        with suppress(Exception):
            self._within(lambda domain: domain.abortJob())


def _told_after(target: Link, action: MigrateDomain) -> dict[str, float]:
    """How long it took and how long the guest stood still, as the target tells it (COMPLETED), if it does."""

    def ask(session: Session) -> dict[str, float]:
        return ended_job(session.connection.lookupByUUIDString(action.uuid).jobStats(codes.JOB_STATS_COMPLETED))

    with suppress(Exception), target.borrowed() as session:
        return session.run(ask, CALL_S, CALL_S)
    return {}
