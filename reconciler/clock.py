"""Time and threads as they really are."""

import queue
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from reconciler.hypervisor import Mailbox

T = TypeVar("T")


class RealClock:
    """Monotonic time, daemon threads: nothing that hangs keeps the process alive."""

    def now(self) -> float:
        return time.monotonic()

    def wall(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def mailbox(self) -> Mailbox:
        return _QueueMailbox()

    def spawn(self, work: Callable[[], None], name: str) -> None:
        threading.Thread(target=work, name=name, daemon=True).start()


class _QueueMailbox:
    def __init__(self) -> None:
        self._items: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def put(self, item: Any) -> None:
        self._items.put(item)

    def get(self, timeout_s: float) -> Any:
        try:
            return self._items.get(timeout=max(timeout_s, 0.0))
        except queue.Empty:
            raise TimeoutError from None


class Promise(Generic[T]):
    """Work that some thread will do; whoever waits for it waits only so long."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work: Callable[[], T] | None = work
        self._ended = threading.Event()
        self._value: T
        self._error: BaseException | None = None

    def keep(self) -> None:
        """Do the work, once, in the thread that calls this."""
        work, self._work = self._work, None
        assert work is not None
        try:
            self._value = work()
        except BaseException as error:
            self._error = error
        del work
        self._ended.set()

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Whether it has ended, after waiting at most so long."""
        return self._ended.wait(max(timeout_s, 0.0))

    def result(self, timeout_s: float) -> T:
        """What the work returned. Raises: TimeoutError after `timeout_s`; what the work raised."""
        if not self.wait(timeout_s):
            raise TimeoutError
        if self._error is not None:
            raise self._error
        return self._value


class Pending(Promise[T]):
    """Work in a daemon thread of its own."""

    def __init__(self, work: Callable[[], T], name: str) -> None:
        super().__init__(work)
        threading.Thread(target=self.keep, name=name, daemon=True).start()
