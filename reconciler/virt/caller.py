"""A thread that makes calls for others, who wait only so long."""

import queue
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from reconciler.clock import Promise

T = TypeVar("T")


class Hung(Exception):
    """A call gave no answer in time. `promise`: it, for it may still end."""

    def __init__(self, promise: Promise[Any]) -> None:
        super().__init__("no answer in time")
        self.promise = promise


class Dismissed(Exception):
    """The thread makes no more calls."""


class Caller:
    """One daemon thread, one call at a time, in order."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: queue.SimpleQueue[Promise[Any] | None] = queue.SimpleQueue()
        self._beat = time.monotonic()
        self._started = self._dismissed = False
        self._lock = threading.Lock()

    def begin(self, work: Callable[[], T]) -> Promise[T]:
        """Do `work` after what was begun before. Raises: Dismissed."""
        promise = Promise(work)
        with self._lock:
            if self._dismissed:
                raise Dismissed
            self._put(promise)
        return promise

    def run(self, work: Callable[[], T], quiet_s: float, total_s: float) -> T:
        """The result of `work`, however long it takes while the thread gets on.

        Raises: Hung after `quiet_s` without a beat, or `total_s`; Dismissed; what `work` raised.
        """
        begun = time.monotonic()
        promise = self.begin(work)
        while not promise.ended:
            until = min(max(self._beat, begun) + quiet_s, begun + total_s)
            left = until - time.monotonic()
            if left <= 0:
                raise Hung(promise)
            promise.wait(left)
        return promise.result(0)

    def beat(self) -> None:
        """Said by long work between its calls: it gets on."""
        self._beat = time.monotonic()

    def end(self, last: Callable[[], None]) -> None:
        """Let the thread end, once what was begun and `last` are done."""
        with self._lock:
            self._dismissed = True
            self._put(Promise(last))
            self._put(None)

    def _put(self, promise: Promise[Any] | None) -> None:
        if not self._started:
            self._started = True
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        self._calls.put(promise)

    def _work(self) -> None:
        while (promise := self._calls.get()) is not None:
            self._beat = time.monotonic()
            promise.keep()
            self._beat = time.monotonic()
            del promise
