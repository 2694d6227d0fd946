"""A plan for people and for scripts."""

import math
from collections import Counter
from typing import Any

from reconciler.show.safe import safe
from reconciler.show.style import columns, finite, paint, plural
from reconciler.step import Held, Plan, Sign, Step

COLOURS = {Sign.CREATE: "green", Sign.UPDATE: "yellow", Sign.DELETE: "red", Sign.MIGRATE: "cyan", Sign.HELD: "magenta"}
COUNTED = {Sign.CREATE: "create", Sign.UPDATE: "update", Sign.MIGRATE: "migrate", Sign.DELETE: "delete"}


def plan_text(plan: Plan, *, color: bool = False) -> str:
    """One line a step, a held object, an unreachable host, an orphan; then the summary line.

    Order: the plan's. Counts of the summary are of lines above it, so that they can be checked by eye.
    """
    lines = [*_step_lines(plan, color=color), *_recoveries(plan), *held_lines(plan.held, color=color), *remarks(plan)]
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


def _expected(step: Step) -> float | None:
    """Seconds that it should take, for what tells that: a migration."""
    return getattr(step.action, "expected_s", None)


def _duration(step: Step) -> str:
    """How long it should take, for people."""
    expected = _expected(step)
    if expected is None:
        return ""
    if math.isinf(expected):
        return "; does not converge by itself: the guest writes to memory faster than that can be sent"
    return f"; in about {expected:.0f} s"


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
    orphans = [
        f"  . {safe(ref)} carries our mark and has no document; left alone, since prune is off" for ref in plan.orphans
    ]
    return silent + orphans


def summary(plan: Plan) -> dict[str, int]:
    """How many lines of each sort."""
    signs = Counter(step.sign for step in plan.steps)
    return {**{word: signs[sign] for sign, word in COUNTED.items()}, "held": len(plan.held)}


def summary_line(plan: Plan) -> str:
    """`Plan: 1 to create, 2 to update, 1 to migrate, 0 to delete, 1 held.` or `No changes.`"""
    counts = summary(plan)
    silent = f" {plural(len(plan.silent), 'host')} could not be reached." if plan.silent else ""
    if not plan.steps and not plan.held:
        return f"No changes.{silent}"
    work = ", ".join(f"{counts[word]} to {word}" for word in COUNTED.values())
    return f"Plan: {work}, {counts['held']} held.{silent}"


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan as scripts read it; every key is always there."""
    return {
        "schemaVersion": 1,
        "steps": [_step_json(step) for step in plan.steps],
        "held": held_json(plan.held),
        "unreachable": [{"object": f"host/{host}", "message": cause} for host, cause in sorted(plan.silent.items())],
        "orphans": [str(ref) for ref in plan.orphans],
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
        "expected": finite(_expected(step)),
        "converges": _expected(step) != math.inf,
        "recovery": step.recovery.action.verb if step.recovery else "",
    }


def held_json(held: tuple[Held, ...]) -> list[dict[str, str]]:
    """Held objects as scripts read them, in a plan and in a report."""
    return [{"object": str(h.object), "reason": h.reason.value, "message": h.message} for h in held]
