"""When the steps of a plan would begin and end, were each to take what is expected of it. Pure."""

from bisect import insort
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush

from reconciler.step import Plan, Step


def expected_s(step: Step) -> float | None:
    """Seconds that the step should take; inf where it does not end, None where nobody knows."""
    known: float | None = getattr(step.action, "expected_s", None)
    return known


def drain_s(plan: Plan) -> float | None:
    """Seconds until the last move of the plan has ended; None where nothing moves, or nobody knows.

    Only what moves takes time here: the rest is over in seconds. Each begins once its needs are done and its slots
    are free, in the plan's order, as execute does it; so it is the time of the whole, not the sum of its parts.
    """
    moves = [step for step in plan.steps if step.slots]
    times = {step.id: expected_s(step) for step in moves}
    if not moves or None in times.values():
        return None
    return _run(plan, {id_: time for id_, time in times.items() if time is not None})


@dataclass
class _Run:
    """One plan being played: the moment, what runs (by its end), what waits for slots, what others wait for."""

    now: float = 0.0
    running: list[tuple[float, int]] = field(default_factory=list)
    ready: list[int] = field(default_factory=list)
    taken: Counter[str] = field(default_factory=Counter)


def _run(plan: Plan, times: Mapping[str, float]) -> float | None:
    """When the last step ends; None where not all of them can begin."""
    run, rank = _Run(), {step.id: number for number, step in enumerate(plan.steps)}
    waits = [len(step.needs) for step in plan.steps]
    freed: list[list[int]] = [[] for _ in plan.steps]
    for number, step in enumerate(plan.steps):
        for need in step.needs:
            freed[rank[need]].append(number)
    run.ready = [number for number, count in enumerate(waits) if not count]
    _begin(run, plan, times)
    while run.running:
        run.now, ended = heappop(run.running)
        run.taken.subtract(plan.steps[ended].slots)
        for number in freed[ended]:
            waits[number] -= 1
            if not waits[number]:
                insort(run.ready, number)
        _begin(run, plan, times)
    return None if any(waits) or run.ready else run.now


def _begin(run: _Run, plan: Plan, times: Mapping[str, float]) -> None:
    """Begin what is ready and finds its slots free, in the plan's order."""
    for number in tuple(run.ready):
        step = plan.steps[number]
        if all(run.taken[slot] < plan.capacities.get(slot, 1) for slot in step.slots):
            run.taken.update(step.slots)
            run.ready.remove(number)
            heappush(run.running, (run.now + times.get(step.id, 0.0), number))
