"""The virtual clock: one order, byte for byte, and no real waiting."""

import math
import time

import pytest

from reconciler.simulate.clock import Deadlock, VirtualClock


def story(clock: VirtualClock) -> list[str]:
    log: list[str] = []
    done = clock.mailbox()

    def worker(name: str, pause: float) -> None:
        for count in range(3):
            clock.sleep(pause)
            log.append(f"{clock.now():g} {name} {count}")
        done.put(name)

    for name, pause in (("a", 1.0), ("b", 0.5), ("c", 1.0)):
        clock.spawn(lambda name=name, pause=pause: worker(name, pause), name)  # type: ignore[misc]
    clock.at(1.2, lambda: log.append(f"{clock.now():g} world"))
    for _ in range(3):
        name = done.get(math.inf)
        log.append(f"{clock.now():g} done {name}")
    return log


def test_a_program_runs_the_same_way_twice():
    first, second = story(VirtualClock()), story(VirtualClock())
    assert first == second
    assert first == [
        "0.5 b 0", "1 a 0", "1 c 0", "1 b 1", "1.2 world", "1.5 b 2", "1.5 done b",
        "2 a 1", "2 c 1", "3 a 2", "3 c 2", "3 done a", "3 done c",
    ]  # fmt: skip


def test_time_passes_without_waiting():
    clock, began = VirtualClock(), time.monotonic()
    clock.sleep(86400.0)
    assert clock.now() == 86400.0
    assert time.monotonic() - began < 1.0


def test_ten_thousand_switches_are_fast():
    clock, began = VirtualClock(), time.monotonic()
    there, back = clock.mailbox(), clock.mailbox()

    def echo() -> None:
        while True:
            back.put(there.get(math.inf))

    clock.spawn(echo, "echo")
    for count in range(5000):
        there.put(count)
        assert back.get(10.0) == count
    clock.close()
    assert time.monotonic() - began < 3.0


def test_a_mailbox_gives_up_in_virtual_time():
    clock = VirtualClock()
    with pytest.raises(TimeoutError):
        clock.mailbox().get(30.0)
    assert clock.now() == 30.0


def test_an_item_comes_before_the_end_of_patience():
    clock = VirtualClock()
    box = clock.mailbox()
    clock.at(5.0, lambda: box.put("hello"))
    assert box.get(30.0) == "hello"
    assert clock.now() == 5.0
    clock.sleep(60.0)
    assert clock.now() == 65.0


def test_a_deadlock_is_told_with_names():
    clock = VirtualClock()
    box = clock.mailbox()
    clock.spawn(lambda: clock.mailbox().get(math.inf), "worker")
    with pytest.raises(Deadlock, match=r"main for mailbox 1, worker for mailbox 2"):
        box.get(math.inf)
    clock.close()


def test_what_a_thread_raises_reaches_the_main_thread():
    clock = VirtualClock()

    def fail() -> None:
        clock.sleep(3.0)
        raise ValueError("boom")

    clock.spawn(fail, "worker")
    with pytest.raises(ValueError, match="boom"):
        clock.sleep(60.0)
    assert clock.now() == 3.0


def test_what_the_world_raises_reaches_the_main_thread():
    clock = VirtualClock()
    clock.at(1.0, lambda: 1 // 0)  # type: ignore[arg-type,return-value]
    with pytest.raises(ZeroDivisionError):
        clock.sleep(2.0)


def test_reap_ends_threads_and_leaves_the_world():
    clock, log = VirtualClock(), []

    def work() -> None:
        try:
            clock.sleep(10.0)
        finally:
            log.append("unwound")
            clock.mailbox().put("nobody hears")

    def stubborn() -> None:
        try:
            clock.sleep(math.inf)
        finally:
            clock.sleep(1.0)

    clock.spawn(work, "worker")
    clock.spawn(stubborn, "stubborn")
    clock.at(5.0, lambda: log.append("world"))
    clock.sleep(1.0)
    clock.spawn(lambda: log.append("never begun"), "late")
    clock.reap()
    assert log == ["unwound"]
    clock.sleep(100.0)
    assert log == ["unwound", "world"]


def test_a_strange_thread_may_not_wait():
    import threading

    clock, errors = VirtualClock(), []

    def stranger() -> None:
        try:
            clock.sleep(1.0)
        except RuntimeError as error:
            errors.append(str(error))

    thread = threading.Thread(target=stranger)
    thread.start()
    thread.join()
    assert "is not of this clock" in errors[0]
