"""What happens, while it happens, on stderr: live bars on a terminal, else plain lines."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from reconciler.cli import output
from reconciler.cli.options import Settings
from reconciler.show.safe import safe
from reconciler.show.style import paint, plural

if TYPE_CHECKING:
    from reconciler.step import Event, Step

    Tell = Callable[[Event], None]

LINE_PERCENT = 10.0
LINE_S = 2.0
"""A plain line at most so often for one running step."""
AGAIN_S = 10.0
"""For one that goes over all of it again: its percentage falls."""


@contextmanager
def progress(settings: Settings) -> Iterator[Tell]:
    """Something to give events to, from any thread."""
    if sys.stderr.isatty() and settings.color != "never":
        from reconciler.cli.bars import bars

        with bars() as live:
            yield live
    else:
        yield Lines(output.talk, color=settings.colors(sys.stderr))


def title(step: Step) -> str:
    """What a step is called while it runs: `> domain/web-1@hv1 migrate-domain to hv2`."""
    target = getattr(step.action, "target", "")
    return f"{step.sign.value} {safe(step.object)} {step.action.verb}{f' to {safe(target)}' if target else ''}"


def ending(event: Event, *, color: bool = False) -> str:
    """How a step ended: `done in 0.9 s`, `failed: no route to host`."""
    outcome, message = str(event.values.get("outcome", "ended")), safe(event.values.get("message", ""))
    colour = {"done": "green", "failed": "red"}.get(outcome, "yellow")
    seconds = f" in {float(event.values.get('seconds', 0.0)):.1f} s"
    tail = f"{timing(event.values)}{f': {message}' if message else ''}"
    return f"{paint(outcome, colour, color=color)}{seconds}{tail}"


def timing(values: Any) -> str:
    """` (4.1 s were expected; the guest stood still for 0.19 s)`: of a migration that went through."""
    expected, downtime = values.get("expected"), values.get("downtime")
    if downtime is None and "total" not in values:
        return ""
    parts = [
        *([f"{duration(expected)} expected"] if expected is not None else []),
        *([f"the guest stood still for {downtime:.2f} s"] if downtime is not None else []),
    ]
    return f" ({'; '.join(parts)})" if parts else ""


def duration(seconds: float) -> str:
    """`12 s`, `3 min`, or that it has no end."""
    if math.isinf(seconds):
        return "no end was"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def pass_line(event: Event) -> str:
    """`3 steps, 1 held`, or nothing to say."""
    plan = event.values.get("plan")
    if plan is None or not (plan.steps or plan.held):
        return ""
    return f"{plural(len(plan.steps), 'step')}, {len(plan.held)} held"


class Lines:
    """One line when a step begins, when it ends, and now and then between."""

    def __init__(
        self, say: Callable[[str], None], *, color: bool = False, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._say, self._color, self._now = say, color, now
        self._lock = threading.Lock()
        self._told: dict[str, tuple[float, float]] = {}
        self._passes = 0

    def __call__(self, event: Event) -> None:
        with self._lock:
            line = self._line(event)
            if line:
                self._say(line)

    def _line(self, event: Event) -> str:
        if event.kind == "pass":
            self._passes += 1
            told = pass_line(event)
            return f"pass {self._passes}: {told}" if told else ""
        if event.step is None:
            return ""
        if event.kind == "progress":
            return self._progress(event.step, event.values)
        if event.kind == "ended":
            self._told.pop(event.step.id, None)
            return f"  {title(event.step)} {ending(event, color=self._color)}"
        return f"  {title(event.step)} ..."

    def _progress(self, step: Step, values: Any) -> str:
        """A line where another tenth is done, or a while has passed and it has moved at all."""
        if "percent" not in values:
            return ""
        percent, now = float(values["percent"]), self._now()
        last_percent, last_at = self._told.get(step.id, (0.0, now))
        self._told.setdefault(step.id, (0.0, now))
        tenth = percent // LINE_PERCENT > last_percent // LINE_PERCENT
        waited = now - last_at
        if not (
            tenth or (waited >= LINE_S and percent > last_percent) or (waited >= AGAIN_S and percent < last_percent)
        ):
            return ""
        self._told[step.id] = (percent, now)
        return f"  {title(step)} {percent:.0f} %{figures(values)}"


def figures(values: Any) -> str:
    """`, 1.20GiB left, 110.00MiB/s, 4.00MiB/s written anew, pass 2, ends in 12 s`: what libvirt tells beside it."""
    from reconciler.show.status import human_size

    left = f", {human_size(int(values['remaining']))} left" if values.get("remaining") else ""
    rate = f", {human_size(int(values['rate']))}/s" if values.get("rate") else ""
    dirty = f", {human_size(int(values['dirty_rate']))}/s written anew" if values.get("dirty_rate") else ""
    passes = f", pass {values['iteration']}" if values.get("iteration", 0) > 1 else ""
    return f"{left}{rate}{dirty}{passes}{_ending_in(values.get('left'))}"


def _ending_in(left: float | None) -> str:
    if left is None:
        return ""
    return ", does not converge" if math.isinf(left) else f", ends in {duration(left)}"
