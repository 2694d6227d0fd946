"""What earlier passes of this process tried: kept in memory only, never on disk."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from reconciler.action import MigrateDomain, ProvePath, SharedPool
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
    """By step id, which names verb, object and host. `proven`: paths between hosts that were shown to work."""

    failures: Mapping[str, Failure] = field(default_factory=dict)
    done: Mapping[str, float] = field(default_factory=dict)
    """When a step was last done."""
    proven: Mapping[tuple[str, str], ProvePath] = field(default_factory=dict)
    """By source and target."""

    def failed_targets(self, name: str) -> frozenset[str]:
        """Hosts towards which the domain failed to move, from wherever."""
        of_it = (f for f in self.failures.values() if (f.object.kind, f.object.name) == ("domain", name))
        return frozenset(target for failure in of_it for target in failure.targets)

    @cached_property
    def failed_paths(self) -> Mapping[str, frozenset[str]]:
        """Host -> hosts to which no guest can be moved from there, as was found when it was tried last."""
        found: dict[str, frozenset[str]] = {}
        for path in (f.object for f in self.failures.values() if f.object.kind == ProvePath.kind):
            found[path.host] = found.get(path.host, frozenset()) | {path.name}
        return found

    def is_proven(self, source: str, target: str, peer_uri: str, address: str, pools: tuple[SharedPool, ...]) -> bool:
        """Whether the path from host to host was shown to work, for these pools, as the documents have it now."""
        known = self.proven.get((source, target))
        return (
            known is not None
            and known.peer_uri == peer_uri
            and address in ("", known.address)
            and set(pools) <= set(known.pools)
        )

    def retry_at(self, ref: Ref) -> float | None:
        """When the first of the object's failed steps may be tried again; None where none failed."""
        return min((f.retry_at for f in self.failures.values() if f.object == ref), default=None)

    def after(self, report: Report, now: float) -> "History":
        """This history with what a pass did."""
        failures, done, proven = dict(self.failures), dict(self.done), dict(self.proven)
        for step in report.steps:
            if step.outcome is Outcome.FAILED:
                failures[step.step.id] = _failed_again(failures.get(step.step.id), step, now)
            elif step.outcome is Outcome.DONE:
                failures.pop(step.step.id, None)
                done[step.step.id] = now
            _learn_of_path(proven, step)
        return History(failures, done, proven)


def _learn_of_path(proven: dict[tuple[str, str], ProvePath], step: StepReport) -> None:
    """A path is proven once; anew after anything that went along it has failed."""
    action = step.step.action
    if not isinstance(action, ProvePath | MigrateDomain):
        return
    pair = action.host, action.target
    if step.outcome is Outcome.FAILED:
        proven.pop(pair, None)
    elif step.outcome is Outcome.DONE and isinstance(action, ProvePath):
        before = proven.get(pair)
        same = before is not None and (before.peer_uri, before.address) == (action.peer_uri, action.address)
        pools = {*before.pools, *action.pools} if before and same else set(action.pools)
        proven[pair] = replace(action, pools=tuple(sorted(pools)))


def _failed_again(before: Failure | None, step: StepReport, now: float) -> Failure:
    target = getattr(step.step.action, "target", "")
    earlier = before.targets if before else ()
    targets = tuple(dict.fromkeys((*earlier, target) if target else earlier))
    return Failure(step.step.object, (before.count if before else 0) + 1, now, step.message, targets)
