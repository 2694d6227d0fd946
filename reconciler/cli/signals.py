"""SIGTERM and SIGINT: no new step, and the process gone within 10 s whatever hangs. SIGHUP: look again."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reconciler.cli import output

GRACE_S = 8.0
"""For what runs to end by itself; a migration that does not is left to libvirt."""
ENDING = (signal.SIGTERM, signal.SIGINT)


class Stop:
    """Whether we were told to end, and by which signal. Called as execute's `stop`."""

    def __init__(self) -> None:
        self.signal = 0

    def __call__(self) -> bool:
        return bool(self.signal)

    @property
    def code(self) -> int:
        """What a shell expects of a program that a signal ended."""
        return 128 + self.signal


@contextmanager
def signals(stop: Stop, code: Callable[[], int], told: Callable[[int], None] = lambda number: None) -> Iterator[None]:
    """While it lasts: `stop` turns true at SIGTERM or SIGINT, `told` hears each signal, in a thread of its own.

    A thread reads them from a pipe that Python's C handler writes to: it works while the main thread is stuck in a C
    call. `code`: the exit code where the end must be forced. Only the main thread may use it.
    """
    reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    before = {number: signal.signal(number, _nothing) for number in (*ENDING, signal.SIGHUP)}
    wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    thread = threading.Thread(target=_listen, args=(reader, stop, code, told), name="signals", daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(writer)
        thread.join(1.0)


def _nothing(number: int, frame: object) -> None:
    """Python only writes to the wakeup pipe for signals that have a handler."""


def _listen(reader: int, stop: Stop, code: Callable[[], int], told: Callable[[int], None]) -> None:
    while numbers := os.read(reader, 64):
        for number in numbers:
            if number in ENDING:
                if stop.signal:
                    _leave(code())
                stop.signal = number
                deadline = threading.Timer(GRACE_S, _leave, [code()])
                deadline.daemon = True
                deadline.start()
            told(number)
    os.close(reader)


def _leave(code: int) -> None:
    """End the process now: a thread that hangs in libvirt cannot be ended in another way."""
    output.talk("stopped; a migration that still runs is left to libvirt")
    os._exit(code)
