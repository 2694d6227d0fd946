"""What came of `reconcile --once`, and what is worth a line while it works."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from reconciler.show.plan import COLOURS, held_json, held_lines, remarks
from reconciler.show.safe import safe
from reconciler.show.style import columns, finite, paint, plural
from reconciler.step import Event, Outcome, Report, StepReport

RESULT_COLOURS = {"converged": "green", "held": "magenta", "unreachable": "yellow", "failed": "red"}
OUTCOME_COLOURS = {Outcome.DONE: "green", Outcome.FAILED: "red", Outcome.SUPERSEDED: "yellow", Outcome.NOT_BEGUN: "dim"}


class Ended(Protocol):
    """What a converging run ended with (reconcile.Result)."""

    @property
    def passes(self) -> tuple[Report, ...]: ...
    @property
    def result(self) -> Any: ...
    @property
    def exit_code(self) -> int: ...


def report_json(ended: Ended) -> dict[str, Any]:
    """Every pass as scripts read it; every key is always there."""
    return {
        "schemaVersion": 1,
        "passes": [pass_json(report) for report in ended.passes],
        "result": str(ended.result),
        "exitCode": ended.exit_code,
    }


def pass_json(report: Report) -> dict[str, Any]:
    """One pass as scripts read it."""
    return {"steps": [_step_json(step) for step in report.steps], "held": held_json(report.plan.held)}


def _step_json(step: StepReport) -> dict[str, Any]:
    return {
        "id": step.step.id,
        "outcome": step.outcome.value,
        "message": step.message,
        "seconds": round(step.seconds, 3),
        **timing_json(step.values),
    }


def timing_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """Of a migration that went through, in seconds: as libvirt told, and as was expected; null for all else."""
    return {key: finite(values.get(key)) for key in ("total", "downtime", "expected")}


PROGRESS = {
    "percent": "percent",
    "remaining": "remaining",
    "rate": "rate",
    "dirtyRate": "dirty_rate",
    "iteration": "iteration",
    "elapsed": "elapsed",
    "left": "left",
}
"""Key of scripts -> hypervisor.Progress's name. Bytes, bytes a second, seconds."""


def event_json(event: Event) -> dict[str, Any] | None:
    """A running step as scripts read it, a line each: begun, progress, ended; None for what is no news to them."""
    if event.step is None:
        return None
    head = {"schemaVersion": 1, "event": event.kind, "id": event.step.id, "object": str(event.step.object)}
    if event.kind == "progress":
        return {**head, **{key: finite(event.values.get(name)) for key, name in PROGRESS.items()}}
    if event.kind == "ended":
        told = {key: event.values[key] for key in ("outcome", "message", "seconds")}
        return {**head, **told, **timing_json(event.values)}
    return {**head, "expected": finite(getattr(event.step.action, "expected_s", None))}


def report_text(ended: Ended, *, color: bool = False) -> str:
    """What did not go well in the last pass, what is held, then one summary line.

    The end counts, not the way: a step that failed and then succeeded is not named.
    """
    last = ended.passes[-1] if ended.passes else None
    lines: list[str] = []
    if last:
        troubles = [s for s in last.steps if s.outcome is not Outcome.DONE]
        lines = [*step_lines(troubles, color=color), *held_lines(last.plan.held, color=color), *remarks(last.plan)]
    return "\n".join([*lines, *([""] if lines else []), _summary(ended, color=color)])


def step_lines(steps: Sequence[StepReport], *, color: bool) -> list[str]:
    """A line for each step: its sign, object, action, how it ended and why."""
    cells = [(safe(s.step.object), safe(s.step.action.verb), s.outcome.value, safe(s.message)) for s in steps]
    return [
        f"  {paint(s.step.sign.value, COLOURS[s.step.sign], color=color)} {line}"
        for s, line in zip(steps, columns(cells, gap="   "), strict=True)
    ]


def _summary(ended: Ended, *, color: bool) -> str:
    """`Converged: 7 steps done in 2 passes.`; a guest that did not stop is held, and no failure."""
    outcomes = Counter(step.outcome for report in ended.passes for step in report.steps if not step.declined)
    result = str(ended.result)
    counts = [f"{outcomes[o]} {o.value}" for o in (Outcome.FAILED, Outcome.SUPERSEDED) if outcomes[o]]
    held = len(ended.passes[-1].plan.held) if ended.passes else 0
    parts = [f"{plural(outcomes[Outcome.DONE], 'step')} done", *counts, *([f"{held} held"] if held else [])]
    word = paint(result.capitalize(), RESULT_COLOURS.get(result, "bold"), color=color)
    return f"{word}: {', '.join(parts)} in {plural(len(ended.passes), 'pass')}."
