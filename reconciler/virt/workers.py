"""Threads that make blocking calls for somebody who waits only so long."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Hung(Exception):
    """A call gave no answer in time, or was never made because others gave none."""


class Batch(Generic[T]):
    """Calls that several workers share out among themselves. Results keep the order of the calls."""

    def __init__(self, calls: Sequence[Callable[[], T]]) -> None:
        self._calls = calls
        self._results: list[T | BaseException] = [Hung() for _ in calls]
        self._next = count()
        self._left = len(calls)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._progressed_at = time.monotonic()
        self._abandoned = False
        if not calls:
            self._ended.set()

    def help(self) -> None:
        """Make calls until none is left: what each worker does."""
        while not self._abandoned:
            index = next(self._next)
            if index >= len(self._calls):
                return
            try:
                result: T | BaseException = self._calls[index]()
            except BaseException as error:
                result = error
            with self._lock:
                self._results[index] = result
                self._left -= 1
                self._progressed_at = time.monotonic()
                if not self._left:
                    self._ended.set()

    def results(self, quiet_s: float, total_s: float) -> list[T | BaseException]:
        """What each call returned or raised; Hung where no call has ended for `quiet_s`, or `total_s` are over."""
        deadline = time.monotonic() + total_s
        while not self._ended.is_set():
            until = min(self._progressed_at + quiet_s, deadline)
            left = until - time.monotonic()
            if left <= 0:
                self._abandoned = True
                break
            self._ended.wait(left)
        with self._lock:
            return list(self._results)


class Workers:
    """A few daemon threads, started when first needed."""

    def __init__(self, number: int, name: str) -> None:
        self._number = number
        self._name = name
        self._batches: queue.SimpleQueue[Batch[Any] | None] = queue.SimpleQueue()
        self._started = False
        self._lock = threading.Lock()

    def share(self, calls: Sequence[Callable[[], T]]) -> Batch[T]:
        """Begin the calls; each worker that is free takes part."""
        with self._lock:
            if not self._started:
                self._started = True
                for number in range(self._number):
                    threading.Thread(target=self._work, name=f"{self._name}-{number}", daemon=True).start()
        batch = Batch(calls)
        for _ in range(min(self._number, len(calls))):
            self._batches.put(batch)
        return batch

    def _work(self) -> None:
        while (batch := self._batches.get()) is not None:
            batch.help()
            del batch

    def dismiss(self) -> None:
        """Let the threads end once their calls do."""
        for _ in range(self._number):
            self._batches.put(None)
