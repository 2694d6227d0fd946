"""Threads that make calls for others."""

import subprocess
import sys
import threading
import time

import pytest

from reconciler.clock import Pending, RealClock
from reconciler.virt.caller import Caller, Hung


def test_calls_are_made_one_after_another_by_one_thread():
    caller, threads = Caller("c"), []
    promises = [caller.begin(lambda: threads.append(threading.current_thread().name)) for _ in range(5)]
    assert all(promise.wait(5) for promise in promises)
    assert set(threads) == {"c"}


def test_a_result_and_an_error_come_back():
    caller = Caller("c")
    assert caller.run(lambda: 7, 1, 1) == 7
    with pytest.raises(ZeroDivisionError):
        caller.run(lambda: 1 // 0, 1, 1)


def test_a_call_that_hangs_is_not_waited_for():
    caller, release = Caller("c"), threading.Event()
    begun = time.monotonic()
    with pytest.raises(Hung) as caught:
        caller.run(release.wait, 0.1, 5)
    assert time.monotonic() - begun < 2
    assert not caught.value.promise.ended
    release.set()
    assert caught.value.promise.wait(5)


def test_slow_is_not_hung():
    caller = Caller("c")

    def slow() -> str:
        for _ in range(10):
            time.sleep(0.05)
            caller.beat()
        return "done"

    assert caller.run(slow, 0.3, 60) == "done"
    with pytest.raises(Hung):
        caller.run(slow, 0.3, 0.2)


def test_the_last_thing_is_done_when_the_hanging_call_is_back():
    caller, release, last = Caller("c"), threading.Event(), threading.Event()
    caller.begin(release.wait)
    caller.end(last.set)
    assert not last.wait(0.1)
    release.set()
    assert last.wait(5)


def test_a_process_ends_although_its_calls_hang():
    code = (
        "import sys, threading; from reconciler.virt.caller import Caller, Hung\n"
        "try: Caller('c').run(threading.Event().wait, 0.1, 1)\n"
        "except Hung: sys.exit(7)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=30, check=False).returncode == 7


def test_pending_work_can_be_waited_for_only_so_long():
    release = threading.Event()
    pending = Pending(release.wait, "p")
    with pytest.raises(TimeoutError):
        pending.result(0.05)
    release.set()
    assert pending.result(5) is True


def test_the_real_clock():
    clock = RealClock()
    box, before = clock.mailbox(), clock.now()
    with pytest.raises(TimeoutError):
        box.get(0.01)
    clock.spawn(lambda: box.put("a"), "putter")
    assert box.get(5) == "a"
    clock.sleep(0.01)
    assert clock.now() > before
