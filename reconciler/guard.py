"""What is over a limit is held, with all that needs it. Pure; the last word before anything is done."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from reconciler.desired.documents import ClusterSpec
from reconciler.desired.ref import Ref
from reconciler.history import FAILED, Failure, History
from reconciler.step import Held, HeldReason, Impact, Outcome, Plan, Report, Step

Refusal = tuple[HeldReason, str]
"""Why a step is held, and what is said of it."""


def guard(
    plan: Plan, policy: ClusterSpec, spent: Mapping[str, int], history: History, now: float, wall: datetime
) -> Plan:
    """Hold what is over a limit, outside its window, what failed a moment ago, and every step that needs a held one.

    `spent`: what counts against each limit already (this run, or the last hour). `now`: by the clock that `history`
    was kept by; `wall`: by the calendar. Raises: nothing.
    """
    if policy.suspend:
        return _without(
            plan, {step.id: (HeldReason.SUSPENDED, "suspend is true: nothing is changed") for step in plan.steps}
        )
    limits = {"deletes": policy.limits.deletes, "restarts": policy.limits.restarts}
    closed = _closed(plan, wall)
    wanted = Counter(step.limit for step in plan.steps if step.limit and step.id not in closed)
    over = {sort for sort, count in wanted.items() if count + spent.get(sort, 0) > limits[sort]}
    counts = {sort: (wanted[sort], spent.get(sort, 0), limits[sort]) for sort in over}
    refused = {step.id: _over(step.limit, *counts[step.limit]) for step in plan.steps if step.limit in over}
    opens_in_s = min(((opens - wall).total_seconds() for opens in closed.values()), default=None)
    outside = {step.id: _outside(step, closed[step.id]) for step in plan.steps if step.id in closed}
    allowed = _without(plan, {**_crowded_out(plan), **_backing_off(plan, history, now), **refused, **outside})
    return replace(allowed, opens_in_s=opens_in_s)


def spent_by(report: Report) -> Counter[str]:
    """What a pass used up of the cluster's limits.

    A deletion that failed may have taken effect all the same; a guest that did not stop was not restarted.
    """
    begun = (one for one in report.steps if one.step.limit and one.outcome is not Outcome.NOT_BEGUN)
    return Counter(
        one.step.limit for one in begun if one.outcome is Outcome.DONE or one.step.impact is not Impact.RESTART
    )


def _over(sort: str, wanted: int, spent: int, limit: int) -> Refusal:
    before = f" after {spent} already" if spent else ""
    message = f"{wanted} {sort} are wanted{before}, limits.{sort} is {limit}"
    once = f"allow them once with --allow-deletes {wanted + spent}" if sort == "deletes" else ""
    return HeldReason.OVER_LIMIT, f"{message}; {once + ', or raise it' if once else 'raise it to allow them'}"


def _closed(plan: Plan, wall: datetime) -> dict[str, datetime]:
    """Steps whose window is not open, and when it opens."""
    opens = {step.id: step.window.opens(wall) for step in plan.steps if step.window}
    return {id_: moment for id_, moment in opens.items() if moment > wall}


def _outside(step: Step, opens: datetime) -> Refusal:
    return HeldReason.OUTSIDE_WINDOW, f"restartWindow ({step.window}, UTC) opens on {opens:%a %Y-%m-%d at %H:%M} UTC"


def _crowded_out(plan: Plan) -> dict[str, Refusal]:
    """Steps whose slot is taken by what others have under way."""
    full = {slot for slot, places in plan.capacities.items() if places == 0}
    waits = HeldReason.MIGRATION_RUNNING, "waits for migrations that are under way already"
    return {step.id: waits for step in plan.steps if full & set(step.slots)}


def _backing_off(plan: Plan, history: History, now: float) -> dict[str, Refusal]:
    """Steps that failed and wait for their time; towards a host that did not fail them they may go at once."""
    held = {}
    for step in plan.steps:
        failure = history.failures.get(step.id)
        target = getattr(step.action, "target", "")
        if failure and now < failure.retry_at and (not target or target in failure.targets):
            held[step.id] = _waiting(failure, now)
    return held


def _waiting(failure: Failure, now: float) -> Refusal:
    wait = failure.retry_at - now
    if failure.declined:
        return HeldReason.DOES_NOT_STOP, f"{failure.message}; asked again in {wait:.0f} s"
    reason = HeldReason.STALLED if failure.is_stalled else HeldReason.BACKING_OFF
    times = "once" if failure.count == 1 else f"{failure.count} times in a row"
    return reason, f"failed {times}, tried again in {wait:.0f} s: {failure.message}"


def _without(plan: Plan, refused: Mapping[str, Refusal]) -> Plan:
    """The plan without refused steps, without those that need them, and without those that only they need."""
    held, roots = dict(refused), {id_: id_ for id_ in refused}
    by_id = {step.id: step for step in plan.steps}
    for step in plan.steps:
        root = next((roots[need] for need in step.needs if need in held), None)
        if root and step.id not in held:
            roots[step.id] = root
            held[step.id] = _for_want_of(step, by_id[root], *refused[root])
    _hold_preparations(plan, held)
    idle = _idle(plan, held)
    steps = tuple(step for step in plan.steps if step.id not in held and step.id not in idle)
    return replace(plan, steps=steps, held=tuple(sorted({*plan.held, *_held_objects(plan, held)})))


def _for_want_of(step: Step, root: Step, reason: HeldReason, message: str) -> Refusal:
    """A move whose path failed has itself failed, and backs off; all else waits for what is held."""
    needs = f"needs {root.action.verb} of {root.object}, which"
    if reason in FAILED and step.impact is Impact.MIGRATE:
        return reason, f"{needs} {message}"
    return HeldReason.NEEDS_HELD, f"{needs} is held: {reason.value}"


def _held_objects(plan: Plan, held: Mapping[str, Refusal]) -> Iterator[Held]:
    """One line an object for all its steps that wait for others, the first cause of them; each other reason once.

    Of a restart that is put off, what is put off says all.
    """
    waiting: set[Ref] = {step.object for step in plan.steps if step.instead and step.id in held}
    for step in plan.steps:
        if step.id not in held:
            continue
        reason, message = held[step.id]
        if step.instead:
            yield step.instead
        if reason is HeldReason.NEEDS_HELD and step.object in waiting:
            continue
        if reason is HeldReason.NEEDS_HELD:
            waiting.add(step.object)
        yield Held(step.object, reason, message)


def _hold_preparations(plan: Plan, held: dict[str, Refusal]) -> None:
    """A guest is not shut down for a deletion that is refused, nor for a restart elsewhere that cannot follow."""
    by_id = {step.id: step for step in plan.steps}
    for step in reversed(plan.steps):
        if step.id not in held:
            continue
        for need in step.needs:
            earlier = by_id[need]
            leads_there = earlier.impact is step.impact or earlier.impact is Impact.RESTART
            if earlier.subject == step.subject and leads_there and need not in held:
                held[need] = held[step.id]


def _idle(plan: Plan, held: Mapping[str, object]) -> set[str]:
    """Steps whose effect nobody can see, of which all that needs them is held: done anew in each pass, for nothing."""
    blind = {step.id for step in plan.steps if step.action.blind}
    users = [(step.id, need) for step in plan.steps for need in step.needs if need in blind]
    return {need for _, need in users} - {need for user, need in users if user not in held}
