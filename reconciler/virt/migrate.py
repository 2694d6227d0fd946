"""Moving a running guest: libvirt does it, peer to peer; we watch, and end what gets nowhere.

The migration is the source libvirtd's own: it goes on when this process dies. Law 3: ABORT_ON_ERROR ends it when the
guest meets an I/O error, and the guest stays where it was. UNSAFE is never passed.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from reconciler.action import MigrateDomain
from reconciler.clock import Promise
from reconciler.errors import HostUnreachable, PermanentError
from reconciler.hypervisor import Progress
from reconciler.virt import codes, lib
from reconciler.virt.caller import Hung
from reconciler.virt.connect import Link, Session
from reconciler.virt.translate import translate
from reconciler.virt.uri import quiet

FLAGS = (
    codes.MIGRATE_LIVE
    | codes.MIGRATE_PEER2PEER
    | codes.MIGRATE_PERSIST_DEST
    | codes.MIGRATE_UNDEFINE_SOURCE
    | codes.MIGRATE_ABORT_ON_ERROR
    | codes.MIGRATE_AUTO_CONVERGE
)
POLL_S = 0.5
CALL_S = 10.0
"""For one look at the job, or the word to abort it."""
ABORTED_S = 60.0
"""For the migration to end after that word."""
DOWNTIME_STEPS = 4
"""The longest downtime is allowed bit by bit, one step for each time that all memory was gone over."""
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
    progress(percent=100.0, **_downtime(target, action))


def _call(connection: lib.Connection, action: MigrateDomain) -> None:
    params: dict[str, Any] = {"migrate_uri": f"tcp://{_bracketed(action.address)}"}
    if action.bandwidth is not None:
        params["bandwidth"] = max(1, action.bandwidth // MIB)
    connection.lookupByUUIDString(action.uuid).migrateToURI3(quiet(action.peer_uri), params, FLAGS)


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
    """How a migration gets on. Progress is less memory left than ever before."""

    link: Link
    action: MigrateDomain
    progress: Progress
    begun: float = field(default_factory=time.monotonic)
    least: int | None = None
    progressed: float = field(default_factory=time.monotonic)
    allowed: int = 0

    def look(self) -> str:
        """Look once, tell, allow more downtime; returns why it should be aborted."""
        with suppress(Exception):  # a look that fails tells nothing; the deadlines go on
            self._within(self._look)
        now = time.monotonic()
        if now - self.progressed > self.action.progress_timeout_s:
            return f"no progress for {self.action.progress_timeout_s:g} s"
        if now - self.begun > self.action.timeout_s:
            return f"not done within {self.action.timeout_s:g} s"
        return ""

    def _within(self, work: Callable[[lib.Domain], object]) -> None:
        with self.link.borrowed() as session:
            try:
                session.run(lambda s: work(s.connection.lookupByUUIDString(self.action.uuid)), CALL_S, CALL_S)
            except Hung:
                session.end()
                raise

    def _look(self, domain: lib.Domain) -> None:
        stats = domain.jobStats(0)
        total, left = int(stats.get("data_total", 0)), int(stats.get("data_remaining", 0))
        if stats.get("type") != codes.JOB_UNBOUNDED or not total:
            return
        if self.least is None or left < self.least:
            self.least, self.progressed = left, time.monotonic()
        self.progress(
            percent=min(99.0, 100.0 * (total - left) / total),
            remaining=left,
            rate=int(stats.get("memory_bps", 0)),
            dirty_rate=int(stats.get("memory_dirty_rate", 0)) * int(stats.get("memory_page_size", 4096)),
        )
        self._allow_downtime(domain, int(stats.get("memory_iteration", 1)))

    def _allow_downtime(self, domain: lib.Domain, iteration: int) -> None:
        steps = min(max(iteration, 1), DOWNTIME_STEPS)
        if steps > self.allowed:
            milliseconds = self.action.max_downtime_s * 1000 * steps / DOWNTIME_STEPS
            domain.migrateSetMaxDowntime(max(1, round(milliseconds)), 0)
            self.allowed = steps

    def abort(self) -> None:
        """virDomainAbortJob; too late once the guest has switched over."""
        with suppress(Exception):
            self._within(lambda domain: domain.abortJob())


def _downtime(target: Link, action: MigrateDomain) -> dict[str, float]:
    """How long the guest stood still, as the target tells it (virDomainGetJobStats, COMPLETED), if it does."""

    def ask(session: Session) -> int:
        stats = session.connection.lookupByUUIDString(action.uuid).jobStats(codes.JOB_STATS_COMPLETED)
        return int(stats["downtime"])

    with suppress(Exception), target.borrowed() as session:
        return {"downtime": session.run(ask, CALL_S, CALL_S) / 1000}
    return {}
