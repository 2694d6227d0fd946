"""`reconcile status REF --wait CONDITION`: look again and again until a condition is True."""

from reconciler import reconcile
from reconciler import status as conditions
from reconciler.cli import output, world
from reconciler.cli.options import Settings
from reconciler.desired import Desired
from reconciler.history import History
from reconciler.hypervisor import Clock, Edge
from reconciler.observed import Observed
from reconciler.show.safe import safe
from reconciler.status import ObjectStatus, Truth
from reconciler.status.names import condition as named
from reconciler.status.names import find
from reconciler.step import Plan

POLL_S = 2.0
"""Between two looks; a look at a small cloud takes a fraction of it."""

Look = tuple[bool, tuple[ObjectStatus, ...], Plan]


def wait(settings: Settings, ref: str, condition: str, timeout_s: float) -> Look:
    """Whether the condition of `ref` became True within the time, and what was seen last.

    The documents are read anew each time: who uncordons a host meanwhile must not be overlooked. The names are
    checked before anything is contacted. Raises: UsageError, DesiredStateError.
    """
    load, clock = world.loader(settings), world.open_clock()
    kind = named(find(conditions.status(load(), Observed(), Plan()), ref)[0], condition)
    told, end = "", clock.now() + timeout_s
    with world.edge() as edge:
        while True:
            reached, shown, plan = _look(load(), edge, clock, ref, kind)
            left = end - clock.now()
            told = _tell(shown[0], kind, told)
            if reached or left <= 0:
                return reached, shown, plan
            clock.sleep(min(POLL_S, left))


def _look(desired: Desired, edge: Edge, clock: Clock, ref: str, kind: str) -> Look:
    surveyed = reconcile.survey(desired, edge, clock, History())
    shown = find(conditions.status(desired, surveyed.observed, surveyed.plan), ref)
    reached = any(c.type == kind and c.status is Truth.TRUE for c in shown[0].conditions)
    return reached, shown, surveyed.plan


def _tell(one: ObjectStatus, kind: str, told: str) -> str:
    """Say how it stands, where that is new."""
    condition = next(c for c in one.conditions if c.type == kind)
    because = safe(condition.message or condition.reason)
    line = f"{safe(one.object)}: {kind} is {condition.status.value}: {because}"
    if line != told:
        output.talk(line)
    return line
