"""When to make a pass: at start, when documents change, when told to, and at the interval. Never ends by an error.

Time, documents, and the pass itself come in from outside, so that all of it runs in virtual time. Watching files only
says "look again": a swapped link and a network filesystem give no event, so the interval looks too.
"""

import os
import socket
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from reconciler.desired import Desired
from reconciler.errors import DesiredStateError, Problem, ReconcilerError
from reconciler.guard import spent_by
from reconciler.history import RETRIED, History
from reconciler.hypervisor import Clock
from reconciler.step import HeldReason, Outcome, Report

SETTLE_S = 1.0
"""Before the pass that looks at what the last one did; grows with every pass that had steps again."""
AFTER_ERROR_S = 30.0
"""Before the next pass when one ended in an error of ours."""
LIMIT_WINDOW_S = 3600.0
REARM_MS = 15_000
"""How often a watcher asks whether the directory is still the one it watches."""
SOON = frozenset({HeldReason.MIGRATION_RUNNING, HeldReason.UNSETTLED})
SOON_S = 5.0
"""What is held for these reasons clears by itself, so it is looked at again soon."""
ASKED, CHANGED = "asked", "changed"
"""What wakes a daemon that waits: asked for a pass, or something to look at that may call for one."""


class Pass(Protocol):
    """One pass, as reconcile.one_pass makes it. `spent`: what counts against the limits already."""

    def __call__(
        self, desired: Desired, history: History, spent: Mapping[str, int], stop: Callable[[], bool]
    ) -> Report: ...


class Documents:
    """The last good set of documents; a bad one is told once and changes nothing (law 6)."""

    def __init__(self, load: Callable[[], Desired], say: Callable[[str], None]) -> None:
        self._load, self._say = load, say
        self._lock = threading.Lock()
        self._told: tuple[str, ...] = ()
        self.current = load()
        self.newer: Desired | None = None

    def rescan(self) -> bool:
        """Whether the directory says something new and good. Raises: nothing."""
        with self._lock:
            try:
                found = self._load()
                self._check(found)
            except DesiredStateError as error:
                self._tell(tuple(str(problem) for problem in error.problems))
                return False
            except (ReconcilerError, OSError) as error:
                self._tell((str(error),))
                return False
            if self._told:
                self._say("the documents are valid again")
                self._told = ()
            self.newer = None if found == self.current else found
            return self.newer is not None

    def _check(self, found: Desired) -> None:
        """The lock, the marks and every derived name hang on the cluster's name: another one is another daemon."""
        ours, name = self.current.cluster_name, found.cluster_name
        if name != ours:
            message = f"the cluster's name changed from {ours} to {name}; start the daemon anew for that"
            raise DesiredStateError((Problem(found.directory, 1, 1, message),))

    def _tell(self, problems: tuple[str, ...]) -> None:
        if problems == self._told:
            return
        self._told = problems
        for problem in problems[:100]:
            self._say(problem)
        self._say(f"the documents have {len(problems)} problem(s); the last good ones stay in force")

    def take(self) -> Desired:
        """The newest good set, which is from now on the current one."""
        with self._lock:
            if self.newer is not None:
                self.current, self.newer = self.newer, None
                self._say("the documents have changed")
            return self.current


class Daemon:
    """Makes passes until told to stop. `rescan`, `look_now` and `stop` may be called from any thread."""

    def __init__(self, documents: Documents, make_pass: Pass, clock: Clock, say: Callable[[str], None]) -> None:
        self._documents, self._make_pass, self._clock, self._say = documents, make_pass, clock, say
        self._wakes = clock.mailbox()
        self._stopping = False
        self._busy = 0
        self._spent: list[tuple[float, str]] = []
        self.history = History()

    def stop(self) -> None:
        """Hand out no new step, make no new pass."""
        self._stopping = True
        self._wakes.put(CHANGED)

    def rescan(self) -> None:
        """Something changed in the directory: where it is new and good, the running pass ends early for it."""
        if self._documents.rescan():
            self._wakes.put(CHANGED)

    def look_now(self) -> None:
        """Make a pass as soon as the running one has ended."""
        self._documents.rescan()
        self._wakes.put(ASKED)

    def run(self) -> None:
        """Pass after pass. Raises: nothing."""
        while not self._stopping:
            before, desired = self._documents.current, self._documents.take()
            self.history = self.history.asked_anew(before, desired)
            report = self._pass(desired)
            self._wait(self._pause_s(desired, report))

    def _cut_short(self) -> bool:
        return self._stopping or self._documents.newer is not None

    def _pass(self, desired: Desired) -> Report | None:
        """One pass; None where it ended in an error, which the next one may not meet."""
        try:
            report = self._make_pass(desired, self.history, self._limits(), self._cut_short)
        except ReconcilerError as error:
            self._say(f"the pass ended early: {error}")
            return None
        except Exception:
            self._say(f"{traceback.format_exc()}the pass ended in a bug of ours; the daemon goes on")
            return None
        now = self._clock.now()
        self._busy = self._busy + 1 if self.history.progressed(report, now) else 0
        self.history = self.history.after(report, now)
        self._spent += [(now, limit) for limit in spent_by(report).elements()]
        return report

    def _limits(self) -> Counter[str]:
        """What the last hour used up of the cluster's limits."""
        since = self._clock.now() - LIMIT_WINDOW_S
        self._spent = [(at, limit) for at, limit in self._spent if at > since]
        return Counter(limit for _, limit in self._spent)

    def _pause_s(self, desired: Desired, report: Report | None) -> float:
        """How long until the next pass when nothing calls for one: the interval, or sooner where that may help."""
        return min(desired.policy.interval, *self._pauses(report))

    def _pauses(self, report: Report | None) -> Iterator[float]:
        if report is None:
            self._busy = 0
            yield AFTER_ERROR_S
            return
        yield SETTLE_S * self._busy if self._busy else float("inf")
        yield SOON_S if any(held.reason in SOON for held in report.plan.held) else float("inf")
        if report.plan.opens_in_s is not None:
            yield max(SETTLE_S, report.plan.opens_in_s)
        yield from (max(SETTLE_S, wait) for wait in self._retries(report))

    def _retries(self, report: Report) -> Iterator[float]:
        """Seconds until what failed may be tried again: towards another host at once, else once its time has come."""
        now = self._clock.now()
        held = (self.history.retry_in(one.object, now) for one in report.plan.held if one.reason in RETRIED)
        yield from (wait for wait in held if wait is not None)
        for step in report.steps:
            if step.outcome is Outcome.FAILED:
                failure = self.history.failures[step.step.id]
                yield 0.0 if failure.targets else failure.retry_at - now

    def _wait(self, pause_s: float) -> None:
        """Until the pause is over, or something calls for a pass."""
        due = self._clock.now() + pause_s
        while not self._cut_short():
            try:
                if self._wakes.get(due - self._clock.now()) == ASKED:
                    return
            except TimeoutError:
                self._documents.rescan()
                return


# --- files ------------------------------------------------------------------------


def watch(directory: Path, changed: Callable[[], None], clock: Clock) -> None:
    """Call `changed` for every batch of changes below `directory`, for ever; in a thread of its own."""
    from watchfiles import watch as batches

    while True:
        try:
            before = _identity(directory)
            for batch in batches(
                directory,
                watch_filter=lambda _change, path: is_document(directory, path),
                rust_timeout=REARM_MS,
                yield_on_timeout=True,
                raise_interrupt=False,
            ):
                if batch:
                    changed()
                if _identity(directory) != before:
                    break
        except (OSError, RuntimeError):  # gone, unmounted, or more directories than the kernel will watch
            clock.sleep(REARM_MS / 1000)
        changed()


def _identity(directory: Path) -> tuple[int, int]:
    found = os.stat(directory)
    return found.st_dev, found.st_ino


def is_document(directory: Path, path: str) -> bool:
    """Whether a change of `path` may matter: not git's own files, not an editor's."""
    relative = os.path.relpath(path, directory)
    return not any(part.startswith((".", "#")) or part.endswith("~") for part in relative.split(os.sep) if part != "..")


# --- systemd ----------------------------------------------------------------------


def sd_notify(state: str) -> None:
    """Tell systemd, where it asked to be told (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address[:1] in ("/", "@"):
        target = "\0" + address[1:] if address[0] == "@" else address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notifier:
                notifier.sendto(state.encode(), target)
        except OSError:
            pass  # systemd is not there to hear it; nothing depends on that
