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
    """How an object failed, so far in a row. `at`: the clock's now() at the last time."""

    count: int
    at: float
    message: str
    step: str
    """The id of the step that failed; only its success ends the row."""
    targets: tuple[str, ...] = ()
    """Hosts towards which it failed; others are tried first."""

    @property
    def retry_at(self) -> float:
        return self.at + min(FIRST_DELAY_S * 2.0 ** (self.count - 1), LONGEST_DELAY_S)


@dataclass(frozen=True)
class History:
    """By object without its host, since a domain takes its past along."""

    failures: Mapping[Ref, Failure] = field(default_factory=dict)
    done: Mapping[str, float] = field(default_factory=dict)
    """Step id -> when it was last done."""

    def failure(self, ref: Ref) -> Failure | None:
        return self.failures.get(ref._replace(host=""))

    def after(self, report: Report, now: float) -> "History":
        """This history with what a pass did."""
        failures, done = dict(self.failures), dict(self.done)
        for step in report.steps:
            ref = step.step.object._replace(host="")
            if step.outcome is Outcome.FAILED:
                failures[ref] = _failed_again(failures.get(ref), step, now)
            elif step.outcome is Outcome.DONE:
                done[step.step.id] = now
                if ref in failures and failures[ref].step == step.step.id:
                    del failures[ref]
        return History(failures, done)


def _failed_again(before: Failure | None, step: StepReport, now: float) -> Failure:
    target = getattr(step.step.action, "target", "")
    earlier = before.targets if before else ()
    targets = tuple(dict.fromkeys((*earlier, target) if target else earlier))
    return Failure((before.count if before else 0) + 1, now, step.message, step.step.id, targets)
