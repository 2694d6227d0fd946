"""One pass of all the stages, and passes until there is nothing more to do."""

from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reconciler.desired import Desired
from reconciler.diff import diff
from reconciler.forecast import is_worth_measuring
from reconciler.guard import guard, spent_by
from reconciler.history import FAILED, History
from reconciler.hypervisor import Clock, Edge
from reconciler.observed import Look, Observed, Part, Standing
from reconciler.place import Placements, place
from reconciler.plan import plan
from reconciler.renaming import with_volumes_as_made
from reconciler.step import Event, HeldReason, Outcome, Plan, Report
from reconciler.whereabouts import suspects, unsettled, whereabouts, without_twins

if TYPE_CHECKING:  # a pass without steps needs no execute, nor the tenacity that it imports
    from reconciler.execute import Stop, Tell

IDLE_PASSES = 3
"""`--once` ends after so many passes without progress."""
PATIENCE_S = 600.0
"""How long `--once` waits, in all, for what others have under way."""
LONGEST_WAIT_S = 30.0
"""`--once` waits out a backoff of that length, and no longer."""
POLL_S = 1.0
"""How often a migration that somebody else began is looked at."""


@dataclass(frozen=True)
class Survey:
    """What one look at the world came to, before anything is done."""

    observed: Observed
    placements: Placements
    plan: Plan


@dataclass(frozen=True)
class Result:
    """How `--once` ended. `passes` in order; the last one only looked. `result` and `exit_code` as the design fixes."""

    passes: tuple[Report, ...]
    result: str
    exit_code: int
    history: History = field(default_factory=History)


def _quiet(event: Event) -> None:
    """Tell nobody."""


def _never() -> bool:
    return False


def observe(desired: Desired, edge: Edge) -> Observed:
    """A snapshot in which "nowhere" and "twice" were seen by two looks, the second begun when the first had ended."""
    first = without_twins(edge.observe(desired))
    if not suspects(desired, first):
        return first
    second = without_twins(edge.observe(desired))
    return replace(second, unsettled=unsettled(desired, first, second))


def survey(
    desired: Desired, edge: Edge, clock: Clock, history: History, spent: Mapping[str, int] | None = None
) -> Survey:
    """Observe, place, measure who is about to move, diff, plan, guard."""
    observed = observe(desired, edge)
    desired = with_volumes_as_made(desired, observed)
    placements = place(desired, observed, history)
    observed = _measured(desired, edge, observed, placements)
    planned = plan(desired, observed, diff(desired, observed, placements, history))
    allowed = guard(planned, desired.policy, spent or {}, history, clock.now(), clock.wall())
    return Survey(observed, placements, allowed)


def _measured(desired: Desired, edge: Edge, observed: Observed, placements: Placements) -> Observed:
    """With what running guests that shall move do to their memory; nobody is asked where that decides little."""
    looks = []
    for name, placement in placements.of.items():
        where, target = placement.where, placement.target
        if not (placement.moves and where.home and target and where.seen):
            continue
        runs = where.seen.standing is Standing.RUNNING
        if runs and is_worth_measuring(desired, observed, desired.domains[name], where.home, target):
            looks.append(Look(where.home, Part.MEMORY, name, where.uuid))
    return observed.merged(edge.look(desired, tuple(looks))) if looks else observed


def with_guests(desired: Desired, edge: Edge, observed: Observed, names: Container[str] | None = None) -> Observed:
    """With what running guests of the documents show of themselves: all, or those of `names`."""
    looks = tuple(
        Look(where.home, Part.GUESTS, name, where.uuid)
        for name, where in sorted(whereabouts(desired, observed).items())
        if (names is None or name in names) and where.home and where.seen and not where.held
        if where.seen.standing is Standing.RUNNING
    )
    return observed.merged(edge.look(desired, looks)) if looks else observed


def with_obstacles(desired: Desired, edge: Edge, observed: Observed, names: Container[str] | None = None) -> Observed:
    """With what stands against moving domains of the documents, all or those of `names`, wherever they are.

    Saved states and snapshots are asked for, as a pass does on cordoned hosts.
    """
    looks = tuple(
        Look(where.home, Part.DOMAINS, name, where.uuid)
        for name, where in sorted(whereabouts(desired, observed).items())
        if (names is None or name in names) and where.home in desired.hypervisors and where.home
    )
    return observed.merged(edge.look(desired.cordoning({look.host for look in looks}), looks)) if looks else observed


def make_plan(desired: Desired, edge: Edge, clock: Clock, history: History) -> Plan:
    """What would be done now."""
    return survey(desired, edge, clock, history).plan


def one_pass(
    desired: Desired,
    edge: Edge,
    clock: Clock,
    history: History,
    *,
    spent: Mapping[str, int] | None = None,
    tell: "Tell" = _quiet,
    stop: "Stop" = _never,
) -> Report:
    """Look, and do what the plan says. Whether it helped, the next look tells."""
    surveyed = survey(desired, edge, clock, history, spent)
    tell(Event("pass", values={"plan": surveyed.plan}))
    if not surveyed.plan.steps:
        return Report(surveyed.plan)
    from reconciler.execute import execute

    return execute(surveyed.plan, desired, surveyed.observed, edge, clock, tell=tell, stop=stop)


def converge(
    desired: Desired,
    edge: Edge,
    clock: Clock,
    *,
    history: History | None = None,
    tell: "Tell" = _quiet,
    stop: "Stop" = _never,
) -> Result:
    """Passes until one finds nothing to do, or until three in a row have made no progress.

    A migration found running is waited for and counts as progress; a backoff of up to 30 s is waited out.
    """
    past, passes, idle, patience = history or History(), [], 0, PATIENCE_S
    spent: Counter[str] = Counter()
    while True:
        report = one_pass(desired, edge, clock, past, spent=spent, tell=tell, stop=stop)
        progressed, past = past.progressed(report, clock.now()), past.after(report, clock.now())
        spent.update(spent_by(report))
        passes.append(report)
        idle = 0 if progressed else idle + 1
        if stop() or idle >= IDLE_PASSES:
            break
        if progressed:
            continue
        wait = _worth_waiting(report.plan, past, clock.now()) if patience > 0 else None
        if wait is not None:
            idle, patience = 0, patience - wait
            clock.sleep(wait)
        elif not report.plan.steps:
            break
    return _result(tuple(passes), past)


def _worth_waiting(plan: Plan, history: History, now: float) -> float | None:
    """Seconds to wait before a pass that may do more; None where only a person or time can help."""
    waits = []
    for held in plan.held:
        if held.reason in (HeldReason.MIGRATION_RUNNING, HeldReason.UNSETTLED):
            waits.append(POLL_S)
        wait = history.retry_in(held.object, now)
        if held.reason in FAILED and wait is not None and wait <= LONGEST_WAIT_S:
            waits.append(max(0.1, wait))
    return min(waits, default=None)


def _result(passes: tuple[Report, ...], history: History) -> Result:
    """The end counts, not the way: what the last look found."""
    last = passes[-1]
    outcomes = {step.outcome for step in last.steps}
    backing_off = any(held.reason in FAILED for held in last.plan.held)
    if Outcome.FAILED in outcomes or backing_off:
        return Result(passes, "failed", 1, history)
    if last.plan.silent:
        return Result(passes, "unreachable", 4, history)
    if outcomes - {Outcome.DONE}:
        return Result(passes, "failed", 1, history)
    if last.plan.held:
        return Result(passes, "held", 3, history)
    return Result(passes, "converged", 0, history)
