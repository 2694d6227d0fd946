"""Carry out a plan and decide nothing: the same for every step, whatever its object. The only user of tenacity."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from reconciler.desired import Desired
from reconciler.errors import ActionError, Declined, HostUnreachable, TransientError
from reconciler.fact import AllOf, Fact, Verdict
from reconciler.hypervisor import Clock, Edge
from reconciler.observed import Listing, Look, Observed
from reconciler.step import Event, Outcome, Plan, Recovery, Report, Step, StepReport

ATTEMPTS = 3
"""Tries within a step; what lasts longer than seconds is the next pass's business (law 14)."""
LOOK_FIRST_S, LOOK_LONGEST_S = 0.05, 1.0
WAKE_S = 0.5
"""How often a waiting scheduler asks whether it shall stop."""

Tell = Callable[[Event], None]
Stop = Callable[[], bool]


@dataclass
class _Crew:
    """One plan being carried out: what has begun, what has ended, and which slots are taken."""

    plan: Plan
    desired: Desired
    observed: Observed
    edge: Edge
    clock: Clock
    tell: Tell


def execute(
    plan: Plan, desired: Desired, observed: Observed, edge: Edge, clock: Clock, *, tell: Tell, stop: Stop
) -> Report:
    """Run every step once its needs are done and its slots are free; then wait for what runs.

    After `stop()` turns true no new step begins. Raises: only bugs; every foreseeable failure is an outcome.
    """
    crew = _Crew(plan, desired, observed, edge, clock, tell)
    inbox = clock.mailbox()
    reports: dict[str, StepReport] = {}
    running: dict[str, Step] = {}
    while True:
        for step in () if stop() else _ready(plan, reports, running):
            running[step.id] = step
            clock.spawn(lambda step=step: inbox.put(_run_safely(crew, step)), f"step {step.id}")  # type: ignore[misc]
        if not running:
            return _report(plan, reports)
        try:
            report = inbox.get(WAKE_S)
        except TimeoutError:
            continue
        if isinstance(report, BaseException):
            raise report
        del running[report.step.id]
        reports[report.step.id] = report


def _ready(plan: Plan, reports: dict[str, StepReport], running: dict[str, Step]) -> list[Step]:
    """Steps that may begin now, in the plan's order, each taking its slots from those after it."""
    taken = Counter(slot for step in running.values() for slot in step.slots)
    ready = []
    for step in plan.steps:
        waits = step.id not in reports and step.id not in running
        if waits and _needs_done(step, reports) and all(taken[s] < plan.capacities.get(s, 1) for s in step.slots):
            taken.update(step.slots)
            ready.append(step)
    return ready


def _needs_done(step: Step, reports: dict[str, StepReport]) -> bool:
    return all(need in reports and reports[need].outcome is Outcome.DONE for need in step.needs)


def _report(plan: Plan, reports: dict[str, StepReport]) -> Report:
    return Report(plan, tuple(reports.get(step.id) or _not_begun(step, reports) for step in plan.steps))


def _not_begun(step: Step, reports: dict[str, StepReport]) -> StepReport:
    undone = [need for need in step.needs if need not in reports or reports[need].outcome is not Outcome.DONE]
    return StepReport(step, Outcome.NOT_BEGUN, f"needs {undone[0]}" if undone else "told to stop")


# --- one step -------------------------------------------------------------------


def _run_safely(crew: _Crew, step: Step) -> StepReport | BaseException:
    """A bug must reach the scheduler: a thread that only dies would leave it waiting."""
    begun = crew.clock.now()
    crew.tell(Event("begun", step))
    try:
        report = replace(_run(crew, step), seconds=crew.clock.now() - begun)
    except BaseException as bug:
        return bug
    values = {"outcome": report.outcome, "message": report.message, "seconds": report.seconds}
    crew.tell(Event("ended", step, {**report.values, **values}))
    return report


def _run(crew: _Crew, step: Step) -> StepReport:
    requires, goal = AllOf(step.requires), step.goal
    seen = _look(crew, AllOf((requires, goal)))
    if not step.action.blind and goal.check(seen).holds:
        return StepReport(step, Outcome.DONE, "it was so already")
    verdict = requires.check(seen)
    if not verdict.holds:
        outcome = Outcome.SUPERSEDED if verdict.holds is False else Outcome.NOT_BEGUN
        return StepReport(step, outcome, verdict.seen)
    try:
        told = _apply(crew, step)
    except ActionError as error:
        return _after_error(crew, step, error)
    verdict = _await(crew, goal, step.action.deadline_s)
    if verdict.holds:
        return StepReport(step, Outcome.DONE, str(told.get("note", "")), values=told)
    return StepReport(step, Outcome.FAILED, f"the call returned, but {verdict.seen}")


def _apply(crew: _Crew, step: Step) -> dict[str, Any]:
    """Do it; what it told last about itself."""
    told: dict[str, Any] = {}

    def progress(**values: Any) -> None:
        told.update(values)
        crew.tell(Event("progress", step, values))

    retrying = Retrying(
        stop=stop_after_attempt(ATTEMPTS if step.action.retriable else 1),
        wait=wait_exponential(multiplier=0.5, max=4),
        retry=retry_if_exception_type(TransientError),
        sleep=crew.clock.sleep,
        reraise=True,
    )
    retrying(crew.edge.apply, step.action, progress)
    return told


def _after_error(crew: _Crew, step: Step, error: ActionError) -> StepReport:
    """An error is not proof either: look who is right, where it can be seen. A lost answer may still come true."""
    patience = step.action.deadline_s if isinstance(error, HostUnreachable) else 0.0
    if not step.action.blind and _await(crew, step.goal, patience).holds:
        return StepReport(step, Outcome.DONE, f"done, although: {error}")
    failed = step.recovery.failed if step.recovery else AllOf(step.requires)
    verdict = failed.check(_look(crew, failed))
    if verdict.holds is False:
        return StepReport(step, Outcome.SUPERSEDED, f"{verdict.seen}; {error}")
    recovered = _recover(crew, step.recovery) if step.recovery else ""
    return StepReport(step, Outcome.FAILED, f"{error}{recovered}", declined=isinstance(error, Declined))


def _recover(crew: _Crew, recovery: Recovery) -> str:
    """Put right what the failure left, where that is called for; what came of it, for people."""
    requires = AllOf(recovery.requires)
    if not requires.check(_look(crew, requires)).holds:
        return ""
    what = f"{recovery.action.verb} {recovery.action.object}"
    try:
        crew.edge.apply(recovery.action, lambda **values: None)
    except ActionError as error:
        return f"; then {what}: {error}"
    verdict = _await(crew, recovery.goal, recovery.action.deadline_s)
    return f"; then {what}: {'done' if verdict.holds else verdict.seen}"


def _await(crew: _Crew, goal: Fact, patience_s: float) -> Verdict:
    """Look until the goal is seen, or the deadline has passed (law 9)."""
    deadline, pause = crew.clock.now() + patience_s, LOOK_FIRST_S
    while True:
        verdict = goal.check(_look(crew, goal))
        if verdict.holds or crew.clock.now() + pause > deadline:
            return verdict
        crew.clock.sleep(pause)
        pause = min(2 * pause, LOOK_LONGEST_S)


def _look(crew: _Crew, fact: Fact) -> Observed:
    """The pass's snapshot with everything read anew that the fact speaks of, but what is young enough."""
    looks = tuple(look for look in fact.looks() if not _is_fresh(crew, look))
    if not looks:
        return crew.observed
    asked_at = crew.clock.now()
    return crew.observed.merged(crew.edge.look(crew.desired, looks), asked_at)


def _is_fresh(crew: _Crew, look: Look) -> bool:
    listing = crew.observed.listing(look)
    return isinstance(listing, Listing) and crew.clock.now() - listing.at < look.max_age_s
