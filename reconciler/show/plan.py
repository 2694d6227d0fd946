"""A plan for people and for scripts."""

from collections import Counter
from collections.abc import Sequence
from math import ceil, inf, isinf
from typing import Any

from reconciler.desired.quantity import format_duration
from reconciler.place import Advice
from reconciler.plan.schedule import drain_s, expected_s
from reconciler.show.safe import safe
from reconciler.show.style import columns, finite, paint, plural
from reconciler.status.drain import Undrainable
from reconciler.step import Held, Plan, Sign, Step

COLOURS = {Sign.CREATE: "green", Sign.UPDATE: "yellow", Sign.DELETE: "red", Sign.MIGRATE: "cyan", Sign.HELD: "magenta"}
COUNTED = {Sign.CREATE: "create", Sign.UPDATE: "update", Sign.MIGRATE: "migrate", Sign.DELETE: "delete"}


def plan_text(plan: Plan, advice: Sequence[Advice] | None = None, *, color: bool = False) -> str:
    """One line a step, a held object, an unreachable host, an orphan, an advised move; then the summary line.

    Order: the plan's. Counts of the summary are of lines above it, so that they can be checked by eye.
    `advice`: None where nobody asked for it.
    """
    lines = [*_step_lines(plan, color=color), *_recoveries(plan), *held_lines(plan.held, color=color), *remarks(plan)]
    lines += [] if advice is None else _advice_lines(advice)
    return "\n".join([*lines, *([""] if lines else []), summary_line(plan)])


def _step_lines(plan: Plan, *, color: bool) -> list[str]:
    cells = [
        (safe(s.object), safe(s.action.verb), s.impact.value, f"because {safe(s.reason)}{_duration(s)}")
        for s in plan.steps
    ]
    return [
        f"  {paint(step.sign.value, COLOURS[step.sign], color=color)} {line}"
        for step, line in zip(plan.steps, columns(cells, gap="   "), strict=True)
    ]


def _recoveries(plan: Plan) -> list[str]:
    """What is done beside the steps, when one of them fails."""
    if not any(step.recovery for step in plan.steps):
        return []
    return ["  . a guest that a cut migration leaves paused is resumed where it was, at once"]


def _duration(step: Step) -> str:
    """How long it should take, for people."""
    expected = expected_s(step)
    if expected is None:
        return ""
    if isinf(expected):
        return "; does not converge by itself: the guest writes to memory faster than that can be sent"
    return f"; in about {human_time(expected)}"


def human_time(seconds: float) -> str:
    """`12 s`, `2m5s`."""
    whole = ceil(seconds)
    return f"{whole} s" if whole < 60 else format_duration(whole)


def held_lines(held: tuple[Held, ...], *, color: bool) -> list[str]:
    """A line for each held object: the reason's word, then the message."""
    mark = paint(Sign.HELD.value, COLOURS[Sign.HELD], color=color)
    return [
        f"  {mark} {line}" for line in columns(((safe(h.object), h.reason.value, safe(h.message)) for h in held), "   ")
    ]


def remarks(plan: Plan) -> list[str]:
    """What is neither done nor held, but must not go unsaid."""
    silent = [
        f"  ? {safe(f'host/{host}')} cannot be reached: {safe(cause)}" for host, cause in sorted(plan.silent.items())
    ]
    orphans = [f"  . {safe(ref)} is ours and has no document; left alone, since prune is off" for ref in plan.orphans]
    return silent + orphans


def _advice_lines(advice: Sequence[Advice]) -> list[str]:
    if not advice:
        return ["  * no move is worth making"]
    cells = [
        (safe(f"domain/{one.domain}@{one.source}"), f"would do well at {safe(f'host/{one.target}')}", safe(one.reason))
        for one in advice
    ]
    return [f"  * {line}" for line in columns(cells, gap="   ")]


def summary(plan: Plan) -> dict[str, int | float | None]:
    """How many lines of each sort, and how long all that moves takes (seconds; null where nobody knows)."""
    signs = Counter(step.sign for step in plan.steps)
    counts = {word: signs[sign] for sign, word in COUNTED.items()}
    return {**counts, "held": len(plan.held), "expectedSeconds": finite(drain_s(plan))}


def summary_line(plan: Plan) -> str:
    """`Plan: 1 to create, 2 to update, 1 to migrate, 0 to delete, 1 held.` or `No changes.`"""
    counts = summary(plan)
    silent = f" {plural(len(plan.silent), 'host')} could not be reached." if plan.silent else ""
    if not plan.steps and not plan.held:
        return f"No changes.{silent}"
    work = ", ".join(f"{counts[word]} to {word}" for word in COUNTED.values())
    return f"Plan: {work}, {counts['held']} held.{silent}{_whole(drain_s(plan))}"


def _whole(expected: float | None) -> str:
    """How long all that moves should take, for people."""
    if expected is None:
        return ""
    return " Not all moves may end." if isinf(expected) else f" All moves should end in about {human_time(expected)}."


def plan_json(plan: Plan, advice: Sequence[Advice] = (), undrainable: Sequence[Undrainable] = ()) -> dict[str, Any]:
    """The plan as scripts read it; every key is always there."""
    return {
        "schemaVersion": 1,
        "steps": [_step_json(step) for step in plan.steps],
        "held": held_json(plan.held),
        "unreachable": [{"object": f"host/{host}", "message": cause} for host, cause in sorted(plan.silent.items())],
        "orphans": [str(ref) for ref in plan.orphans],
        "advice": [_advice_json(one) for one in advice],
        "undrainable": [_undrainable_json(one) for one in undrainable],
        "summary": summary(plan),
    }


def _step_json(step: Step) -> dict[str, Any]:
    return {
        "id": step.id,
        "action": step.action.verb,
        "object": str(step.object),
        "impact": step.impact.value,
        "reason": step.reason,
        "needs": list(step.needs),
        "expectedSeconds": finite(expected_s(step)),
        "converges": expected_s(step) != inf,
        "recovery": step.recovery.action.verb if step.recovery else "",
    }


def held_json(held: tuple[Held, ...]) -> list[dict[str, str]]:
    """Held objects as scripts read them, in a plan and in a report."""
    return [{"object": str(h.object), "reason": h.reason.value, "message": h.message} for h in held]


def _advice_json(one: Advice) -> dict[str, Any]:
    return {
        "object": f"domain/{one.domain}@{one.source}",
        "target": one.target,
        "evens": one.evens,
        "restores": list(one.restores),
        "reason": one.reason,
    }


def _undrainable_json(one: Undrainable) -> dict[str, Any]:
    return {
        "host": f"host/{one.host}",
        "object": f"domain/{one.domain}",
        "reason": one.reason,
        "file": one.place.file,
        "line": one.place.line,
        "column": one.place.column,
    }
