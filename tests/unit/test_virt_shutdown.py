"""Stopping a guest over libvirt: which calls are made, and which never."""

import threading
from typing import Any

import pytest

from reconciler.action import ShutdownDomain
from reconciler.errors import Declined, PermanentError
from reconciler.stopping import Stop
from reconciler.virt import lib, shutdown
from reconciler.virt.connect import Link

libvirt: Any = pytest.importorskip("libvirt")

RUNNING, PAUSED, OFF = (1, 1), (3, 1), (5, 1)
AGENT, ACPI, GRACEFUL = 2, 1, 1
CHANNEL = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0' state='{}'/></channel>"


def refusal(code: int, message: str) -> Exception:
    error: Exception = libvirt.libvirtError("")
    error.err = (code, 10, message, 2, None, None, None, -1, -1)  # type: ignore[attr-defined]
    return error


class World:
    """Connection and domain in one. `obeys`: flags of a shutdown to which it powers off. `calls`: what changed it."""

    def __init__(self) -> None:
        self.now: tuple[int, int] | None = RUNNING
        self.agent = "disconnected"
        self.obeys = 0
        self.job = 0
        self.agent_error: Exception | None = None
        self.calls: list[tuple[str, int]] = []

    def open(self, uri: str) -> "World":
        return self

    def isAlive(self) -> int:
        return 1

    def setKeepAlive(self, interval: int, count: int) -> int:
        return 0

    def lookupByUUIDString(self, uuid: str) -> "World":
        if self.now is None:
            raise refusal(42, "Domain not found")
        return self

    def state(self, flags: int) -> tuple[int, int]:
        assert self.now is not None
        return self.now

    def XMLDesc(self, flags: int) -> str:
        return f"<domain><devices>{CHANNEL.format(self.agent)}</devices></domain>"

    def jobInfo(self) -> tuple[int]:
        return (self.job,)

    def shutdownFlags(self, flags: int) -> int:
        self.calls.append(("shutdown", flags))
        if flags == AGENT and self.agent_error is not None:
            raise self.agent_error
        if flags == self.obeys:
            self.now = OFF
        return 0

    def destroyFlags(self, flags: int) -> int:
        self.calls.append(("destroy", flags))
        self.now = OFF
        return 0


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    found = World()
    lib.prepare()
    monkeypatch.setattr(lib, "open_connection", found.open)
    monkeypatch.setattr(shutdown, "POLL_S", 0.01)
    return found


def stop(world: World, *, timeout_s: float = 0.2, force: bool = False) -> dict[str, Any]:
    told: dict[str, Any] = {}
    action = ShutdownDomain("hv1", "web-1", "u", Stop(timeout_s, force))
    link = Link("hv1", "qemu:///system")
    link.shell = None
    try:
        shutdown.shut_down(link, action, told.update, threading.Event())
    finally:
        link.close()
    return told


def test_a_guest_without_an_agent_gets_one_press_of_its_button(world: World) -> None:
    world.obeys = ACPI
    stop(world)
    assert world.calls == [("shutdown", ACPI)]


def test_one_that_is_off_already_is_asked_nothing(world: World) -> None:
    world.now = OFF
    stop(world)
    assert world.calls == []


def test_an_agent_is_asked_alone_where_it_obeys(world: World) -> None:
    world.agent, world.obeys = "connected", AGENT
    stop(world, timeout_s=5)
    assert world.calls == [("shutdown", AGENT)]


def test_after_an_agent_that_refuses_the_button_is_pressed_at_once(world: World) -> None:
    world.agent, world.obeys = "connected", ACPI
    world.agent_error = refusal(86, "Guest agent is not responding")
    stop(world, timeout_s=60)
    assert world.calls == [("shutdown", AGENT), ("shutdown", ACPI)]


def test_one_that_runs_on_is_left_alone(world: World) -> None:
    with pytest.raises(Declined, match=r"^cannot shut down domain/web-1@hv1: it was asked for 200ms, by its power "):
        stop(world)
    assert world.calls == [("shutdown", ACPI)]


def test_force_comes_once_its_time_is_over_and_asks_qemu_to_end(world: World) -> None:
    told = stop(world, force=True)
    assert world.calls == [("shutdown", ACPI), ("destroy", GRACEFUL)]
    assert told["note"] == "it did not power off within 200ms, and was forced off"


@pytest.mark.parametrize(("now", "job", "why"), [(RUNNING, 2, "a job of it is under way"), (PAUSED, 0, "it is paused")])
def test_force_spares_what_is_on_its_way_or_paused(world: World, now: tuple[int, int], job: int, why: str) -> None:
    world.now, world.job = now, job
    with pytest.raises(PermanentError, match=f"cannot force off domain/web-1@hv1: {why}; it is left as it is"):
        stop(world, force=True)
    assert world.calls == [("shutdown", ACPI)]


def test_one_that_is_no_longer_there_is_not_forced(world: World) -> None:
    """A transient domain is gone once it is off; one that was never there is an error."""
    pressed = world.shutdownFlags

    def vanish(flags: int) -> int:
        world.now = None
        return pressed(flags)

    world.shutdownFlags = vanish  # type: ignore[method-assign]
    stop(world, force=True)
    assert world.calls == [("shutdown", ACPI)]
    with pytest.raises(PermanentError, match="cannot shut down domain/web-1@hv1: Domain not found"):
        stop(world)
