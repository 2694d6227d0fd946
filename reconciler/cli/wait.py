"""Waiting until a condition is True: of one object (`status REF --wait`), or of all domains (`--once --wait`)."""

from collections.abc import Callable
from dataclasses import dataclass, field

from reconciler import reconcile
from reconciler import status as conditions
from reconciler.cli import output, world
from reconciler.cli.options import Settings
from reconciler.desired import Desired
from reconciler.desired.quantity import format_duration
from reconciler.history import History
from reconciler.hypervisor import Clock, Edge
from reconciler.observed import Observed
from reconciler.show.safe import safe
from reconciler.status import ObjectStatus, Truth, is_meant_to
from reconciler.status.names import condition as named
from reconciler.status.names import find, known_condition
from reconciler.step import Plan

POLL_S = 2.0
"""Between two looks; a look at a small cloud takes a fraction of it."""
REMIND_S = 30.0
"""How often it is said that the wait for many goes on."""

Choice = Callable[[Desired, tuple[ObjectStatus, ...]], tuple[ObjectStatus, ...]]
"""The objects whose condition counts, of all that there are."""


@dataclass
class Waiting:
    """One wait for a condition. `name`: the only domain that is asked more than a pass asks; None: all are.

    `chosen`: who it is waited for, `plan`: what is pending, both as seen last.
    """

    kind: str
    choose: Choice
    name: str | None = None
    chosen: tuple[ObjectStatus, ...] = ()
    statuses: tuple[ObjectStatus, ...] = ()
    plan: Plan = field(default_factory=Plan)
    _told: dict[str, str] = field(default_factory=dict)
    _reminded: float = 0.0

    @property
    def lacking(self) -> tuple[ObjectStatus, ...]:
        """Who has not reached it."""
        return tuple(one for one in self.chosen if one.condition(self.kind).status is not Truth.TRUE)

    def wait(
        self,
        load: Callable[[], Desired],
        edge: Edge,
        clock: Clock,
        timeout_s: float,
        stop: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Whether all have reached it within the time; ends early where somebody says stop. Raises what `load` does."""
        self._reminded = clock.now()
        end = clock.now() + timeout_s
        while True:
            self._look(load(), edge, clock)
            left = end - clock.now()
            self._tell()
            if not self.lacking or left <= 0 or stop():
                return not self.lacking
            self._remind(clock.now(), left)
            clock.sleep(min(POLL_S, left))

    def _look(self, desired: Desired, edge: Edge, clock: Clock) -> None:
        surveyed = reconcile.survey(desired, edge, clock, History())
        observed, names = surveyed.observed, None if self.name is None else (self.name,)
        if self.kind == "GuestReady":
            observed = reconcile.with_guests(desired, edge, observed, names)
        elif self.kind == "Migratable":
            observed = reconcile.with_obstacles(desired, edge, observed, names)
        self.plan, self.statuses = surveyed.plan, conditions.status(desired, observed, surveyed.plan)
        self.chosen = self.choose(desired, self.statuses)

    def _tell(self) -> None:
        """Say how each stands, where that is new."""
        for one in self.chosen:
            line = said(one, self.kind)
            if line != self._told.get(str(one.object)):
                self._told[str(one.object)] = line
                output.talk(line)

    def _remind(self, now: float, left_s: float) -> None:
        if len(self.chosen) > 1 and now - self._reminded >= REMIND_S:
            self._reminded = now
            left = "" if left_s == float("inf") else f", {format_duration(round(left_s))} left"
            output.talk(f"waiting for {self.kind}: {len(self.lacking)} of {len(self.chosen)} lack it{left}")


def said(one: ObjectStatus, kind: str) -> str:
    """`domain/web-1: GuestReady is False: it is shutoff`"""
    condition = one.condition(kind)
    return f"{safe(one.object)}: {kind} is {condition.status.value}: {safe(condition.message or condition.reason)}"


def wait(settings: Settings, ref: str, condition: str, timeout_s: float) -> tuple[bool, Waiting]:
    """Whether the condition of `ref` became True within the time, and what was seen last.

    The documents are read anew each time: who uncordons a host meanwhile must not be overlooked. The names are
    checked before anything is contacted. Raises: UsageError, DesiredStateError.
    """
    load = world.loader(settings)
    known = find(conditions.status(load(), Observed(), Plan()), ref)[0]
    waiting = Waiting(named(known, condition), lambda _, statuses: find(statuses, ref)[:1], known.object.name)
    with world.edge() as edge:
        return waiting.wait(load, edge, world.open_clock(), timeout_s), waiting


def for_domains(condition: str) -> Waiting:
    """A wait for all domains whose documents mean them to reach the condition. Raises: UsageError."""
    kind = known_condition("a domain", conditions.CONDITIONS, condition)

    def choose(desired: Desired, statuses: tuple[ObjectStatus, ...]) -> tuple[ObjectStatus, ...]:
        domains = (one for one in statuses if one.object.kind == "domain")
        return tuple(one for one in domains if is_meant_to(desired.domains[one.object.name], kind))

    return Waiting(kind, choose)
