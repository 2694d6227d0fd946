"""What earlier passes of this process tried: kept in memory only, never on disk."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from reconciler.action import MigrateDomain, ProvePath, SharedPool
from reconciler.desired import Desired, Ref
from reconciler.step import HeldReason, Outcome, Plan, Report, StepReport

FIRST_DELAY_S = 20.0
LONGEST_DELAY_S = 600.0
"""Doubles from the first to the longest, as KubeVirt's migration backoff: a busy guest needs minutes, not retries."""
STALLED_AFTER = 5
"""Failures in a row after which a person should look; it is tried again all the same, at the longest delay."""
LOOKED_FOR_S = 60.0
"""How long a step counts whose effect cannot be seen: done again sooner it tells nothing new."""
FAILED = frozenset({HeldReason.BACKING_OFF, HeldReason.STALLED})
"""Held for these reasons is what failed before."""
RETRIED = FAILED | {HeldReason.DOES_NOT_STOP}
"""Held for these reasons is what is tried again by itself, once its time has come."""


@dataclass(frozen=True, slots=True)
class Failure:
    """How a step failed, so far in a row. `object` is its object, `at` the clock's now() at the last time."""

    object: Ref
    count: int
    at: float
    message: str
    targets: tuple[str, ...] = ()
    """Hosts towards which it failed; others are tried first."""
    declined: bool = False
    """A guest does not do what it was asked: it is not asked again soon, and that is nobody's failure."""

    @property
    def is_stalled(self) -> bool:
        return self.count >= STALLED_AFTER and not self.declined

    @property
    def retry_at(self) -> float:
        seldom = self.declined or self.is_stalled
        return self.at + (LONGEST_DELAY_S if seldom else FIRST_DELAY_S * 2.0 ** (self.count - 1))


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

    def retry_in(self, ref: Ref, now: float) -> float | None:
        """Seconds until the first of the object's failed steps that wait may be tried again; None where none failed."""
        waits = [f.retry_at - now for f in self.failures.values() if f.object == ref]
        return min((wait for wait in waits if wait > 0), default=0.0) if waits else None

    def progressed(self, report: Report, now: float) -> bool:
        """Whether something differs after `report`: a blind step (a refresh) done a moment ago tells no more."""
        return any(
            step.outcome is Outcome.DONE and not (step.step.action.blind and self.is_recent(step.step.id, now))
            for step in report.steps
        )

    def is_recent(self, step_id: str, now: float) -> bool:
        """Whether the step was done within the last minute."""
        return step_id in self.done and now - self.done[step_id] <= LOOKED_FOR_S

    def asked_anew(self, before: Desired, after: Desired) -> "History":
        """This history under new documents: what failed is tried at once where its document, or any host, changed."""
        if (before.cluster, before.hosts) != (after.cluster, after.hosts):
            return replace(self, failures={})
        changed = {
            (kind, name)
            for kind in ("pool", "network", "domain")
            for old, new in [(getattr(before, f"{kind}s"), getattr(after, f"{kind}s"))]
            for name in {*old, *new}
            if old.get(name) != new.get(name)
        }
        kept = {
            id_: failure
            for id_, failure in self.failures.items()
            if failure.object[:2] not in changed and ("domain", failure.object.domain) not in changed
        }
        return replace(self, failures=kept)

    def after(self, report: Report, now: float) -> "History":
        """This history with what a pass did, without failures of what nobody wants any more."""
        failures, done = self._still_wanted(report.plan, now), dict(self.done)
        proven = dict(self.proven)
        for step in report.steps:
            if step.outcome is Outcome.FAILED:
                failures[step.step.id] = _failed_again(failures.get(step.step.id), step, now)
            elif step.outcome is Outcome.DONE:
                failures.pop(step.step.id, None)
                done[step.step.id] = now
            _learn_of_path(proven, step)
        return History(failures, done, proven)

    def _still_wanted(self, plan: Plan, now: float) -> dict[str, Failure]:
        """Failures that still wait, or are planned, or whose object is held or at a host that says nothing."""
        steps, held = {step.id for step in plan.steps}, {one.object[:2] for one in plan.held}
        return {
            id_: failure
            for id_, failure in self.failures.items()
            if failure.retry_at > now
            or id_ in steps
            or failure.object[:2] in held
            or failure.object.host in plan.silent
        }


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
    return Failure(step.step.object, (before.count if before else 0) + 1, now, step.message, targets, step.declined)
