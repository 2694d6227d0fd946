"""What earlier passes of this process tried: kept in memory only, never on disk."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.desired.ref import Ref
from reconciler.step import Outcome, Report, StepReport

FIRST_DELAY_S = 20.0
LONGEST_DELAY_S = 600.0
"""Doubles from the first to the longest, as KubeVirt's migration backoff: a busy guest needs minutes, not retries."""


@dataclass(frozen=True, slots=True)
class Failure:
    """How a step failed, so far in a row. `object` is its object, `at` the clock's now() at the last time."""

    object: Ref
    count: int
    at: float
    message: str
    targets: tuple[str, ...] = ()
    """Hosts towards which it failed; others are tried first."""

    @property
    def retry_at(self) -> float:
        return self.at + min(FIRST_DELAY_S * 2.0 ** (self.count - 1), LONGEST_DELAY_S)


@dataclass(frozen=True)
class History:
    """By step id, which names verb, object and host."""

    failures: Mapping[str, Failure] = field(default_factory=dict)
    done: Mapping[str, float] = field(default_factory=dict)
    """When a step was last done."""

    def failed_targets(self, name: str) -> frozenset[str]:
        """Hosts towards which the domain failed to move, from wherever."""
        of_it = (f for f in self.failures.values() if (f.object.kind, f.object.name) == ("domain", name))
        return frozenset(target for failure in of_it for target in failure.targets)

    def retry_at(self, ref: Ref) -> float | None:
        """When the first of the object's failed steps may be tried again; None where none failed."""
        return min((f.retry_at for f in self.failures.values() if f.object == ref), default=None)

    def after(self, report: Report, now: float) -> "History":
        """This history with what a pass did."""
        failures, done = dict(self.failures), dict(self.done)
        for step in report.steps:
            if step.outcome is Outcome.FAILED:
                failures[step.step.id] = _failed_again(failures.get(step.step.id), step, now)
            elif step.outcome is Outcome.DONE:
                failures.pop(step.step.id, None)
                done[step.step.id] = now
        return History(failures, done)


def _failed_again(before: Failure | None, step: StepReport, now: float) -> Failure:
    target = getattr(step.step.action, "target", "")
    earlier = before.targets if before else ()
    targets = tuple(dict.fromkeys((*earlier, target) if target else earlier))
    return Failure(step.step.object, (before.count if before else 0) + 1, now, step.message, targets)
