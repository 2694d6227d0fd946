"""Virtual time: real threads that pass one baton, so that a program runs the same way twice.

Only the thread that holds the baton runs. It gives it up in `sleep` and in a mailbox's `get`; the next event in
virtual time (ties: the order of asking) decides who has it next. No thread waits for real time.
"""

import heapq
import math
import threading
from _thread import LockType, allocate_lock
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.errors import ReconcilerError

_MONDAY = datetime(2024, 1, 1, tzinfo=UTC)


class Deadlock(ReconcilerError):
    """Every thread waits, and nothing will happen any more."""


class _Ended(BaseException):
    """Unwinds a thread that is no longer wanted."""


def _taken() -> LockType:
    lock = allocate_lock()
    lock.acquire()
    return lock


@dataclass(eq=False)
class Timer:
    """Something that happens at a moment of virtual time, unless it is cancelled."""

    happen: Callable[[], None] | None = None
    task: "_Task | None" = None
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass(eq=False)
class _Task:
    """A thread of this clock."""

    name: str
    thread: threading.Thread | None = None
    baton: LockType = field(default_factory=_taken)
    """Taken, but for the moment in which somebody hands it over."""
    timer: Timer | None = None
    error: BaseException | None = None
    waits_for: str = ""


class VirtualClock:
    """Fulfils Clock, deterministically. The thread that makes it is its main thread.

    What a spawned thread raises is raised again in the main thread, at once if it waits, else when it next waits.
    """

    def __init__(self, start: float = 0.0) -> None:
        self._now = start
        self._order = 0
        self._events: list[tuple[float, int, Timer]] = []
        self._main = _Task("main", threading.current_thread())
        self._running = self._main
        self._others: list[_Task] = []
        self._reaper: _Task | None = None
        self._mailboxes = 0

    # --- Clock ---------------------------------------------------------------------

    def now(self) -> float:
        """Virtual seconds."""
        return self._now

    def wall(self) -> datetime:
        """Virtual time began on a Monday at midnight."""
        return _MONDAY + timedelta(seconds=self._now)

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass, and others run."""
        self._wait(max(0.0, seconds), f"the moment {self._now + seconds:g}")

    def mailbox(self) -> "VirtualMailbox":
        """A queue between threads of this clock."""
        self._mailboxes += 1
        return VirtualMailbox(self, f"mailbox {self._mailboxes}")

    def spawn(self, work: Callable[[], None], name: str) -> None:
        """Run `work` in a thread of this clock; it begins when the caller next waits."""
        if self._reaper:
            return
        task = _Task(name)
        task.thread = threading.Thread(target=self._live, args=(task, work), name=name, daemon=True)
        self._others.append(task)
        self._wake(task, self._now)

    # --- beyond Clock ----------------------------------------------------------------

    def at(self, moment: float, happen: Callable[[], None]) -> Timer:
        """Let something happen to the world at `moment` (at once, where that has passed). It must not wait."""
        return self._schedule(moment, Timer(happen))

    def reap(self) -> None:
        """End every thread but the main one, as the death of a process does; what is due `at` a moment stays."""
        self._reaper = self._main
        try:
            for task in list(self._others):
                self._end(task)
        finally:
            self._reaper = None
            self._main.error = None

    def close(self) -> None:
        """Release every thread; nothing happens after."""
        self.reap()
        self._events.clear()

    # --- the baton ---------------------------------------------------------------------

    def _schedule(self, moment: float, timer: Timer) -> Timer:
        self._order += 1
        heapq.heappush(self._events, (max(moment, self._now), self._order, timer))
        return timer

    def _wake(self, task: _Task, moment: float) -> None:
        if task.timer:
            task.timer.cancel()
        task.timer = self._schedule(moment, Timer(task=task))

    def _wait(self, seconds: float, waits_for: str) -> None:
        me = self._running
        if me.thread is not threading.current_thread():
            raise RuntimeError(f"thread {threading.current_thread().name} is not of this clock, and may not wait on it")
        if self._reaper and me is not self._reaper:
            raise _Ended
        if not math.isinf(seconds):
            self._wake(me, self._now + seconds)
        me.waits_for = waits_for
        self._give_baton(me)
        if me.error:
            error, me.error = me.error, None
            raise error

    def _give_baton(self, me: _Task) -> None:
        heir = self._next()
        if heir is not me:
            self._hand_to(heir)
            me.baton.acquire()

    def _next(self) -> _Task:
        """Let time pass until a thread is due."""
        if self._main.error:
            return self._main
        while self._events:
            moment, _, timer = heapq.heappop(self._events)
            if timer.cancelled:
                continue
            self._now = moment
            if timer.task:
                timer.task.timer = None
                return timer.task
            self._let_happen(timer)
            if self._main.error:
                return self._main
        waiting = ", ".join(f"{task.name} for {task.waits_for}" for task in (self._main, *self._others))
        self._main.error = Deadlock(f"cannot go on: every thread waits for ever: {waiting}")
        return self._main

    def _let_happen(self, timer: Timer) -> None:
        try:
            if timer.happen:
                timer.happen()
        except BaseException as error:
            self._main.error = error

    def _hand_to(self, heir: _Task) -> None:
        self._running = heir
        if heir.timer:
            heir.timer.cancel()
            heir.timer = None
        if heir.thread and heir is not self._main and heir.thread.ident is None:
            heir.thread.start()
        else:
            heir.baton.release()

    def _live(self, task: _Task, work: Callable[[], None]) -> None:
        try:
            work()
        except _Ended:
            pass
        except BaseException as error:
            if not self._reaper:
                self._main.error = self._main.error or error
        finally:
            self._others.remove(task)
            self._hand_to(self._reaper or self._next())

    def _end(self, task: _Task) -> None:
        if task not in self._others:
            return
        if task.timer:
            task.timer.cancel()
        if task.thread and task.thread.ident is None:
            self._others.remove(task)
            return
        task.error = _Ended()
        self._hand_to(task)
        self._main.baton.acquire()


@dataclass(eq=False)
class _Waiter:
    task: _Task
    items: list[Any] = field(default_factory=list)


class VirtualMailbox:
    """Fulfils Mailbox."""

    def __init__(self, clock: VirtualClock, name: str) -> None:
        self._clock = clock
        self._name = name
        self._items: deque[Any] = deque()
        self._waiters: deque[_Waiter] = deque()

    def put(self, item: Any) -> None:
        """Hand `item` to who waits longest, else keep it. Never waits."""
        if self._waiters:
            waiter = self._waiters.popleft()
            waiter.items.append(item)
            self._clock._wake(waiter.task, self._clock.now())
        else:
            self._items.append(item)

    def get(self, timeout_s: float) -> Any:
        """The oldest item. Raises: TimeoutError after `timeout_s`."""
        if self._items:
            return self._items.popleft()
        waiter = _Waiter(self._clock._running)
        self._waiters.append(waiter)
        try:
            self._clock._wait(timeout_s, self._name)
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
        if not waiter.items:
            raise TimeoutError(f"nothing came within {timeout_s:g} s")
        return waiter.items[0]
