"""Bugs that a careless edit could plant, one a function: each takes one check out of the product."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
from tenacity import retry_if_exception_type

import reconciler.execute
import reconciler.guard
import reconciler.lock
import reconciler.observed
import reconciler.plan
import reconciler.reconcile
import reconciler.whereabouts
from reconciler.action import MigrateDomain
from reconciler.change import DomainLeftover
from reconciler.errors import ActionError, DesiredStateError
from reconciler.fact import YES, NowhereElse, Verdict
from reconciler.history import History
from reconciler.observed import Standing
from reconciler.stopping import Stop
from reconciler.volume import NothingStandsOn, UsedByNoOther
from tests.scenarios import documents
from tests.scenarios.rehearsal import cloud

CLAIMS, DISKS, POWER, DOMAINS, FIELDS, PRUNE = (
    import_module(f"reconciler.diff.{name}") for name in ("claims", "disks", "power", "domains", "fields", "prune")
)
RECONCILE = import_module("reconciler.reconcile")
"""As modules: the packages have functions of these names."""

Patch = pytest.MonkeyPatch


def _wrapped(patch: Patch, stage: str, change: Callable[..., tuple[Any, ...]]) -> None:
    """One of reconcile's stages gets other arguments than it should."""
    honest = getattr(RECONCILE, stage)
    patch.setattr(RECONCILE, stage, lambda *known: honest(*change(*known)))


def _edited(desired: Any, edit: Callable[[Any], dict[str, Any]], part: str) -> Any:
    """Documents of one sort with other values in their specs."""
    made = {
        name: document.model_copy(update={"spec": document.spec.model_copy(update=edit(document.spec))})
        for name, document in getattr(desired, part).items()
    }
    return replace(desired, **{part: made})


# --- the laws -----------------------------------------------------------------------------


def silence_means_absence(patch: Patch) -> None:
    def check(self: NowhereElse, observed: Any) -> Verdict:
        conflicts = (self._conflict(host, domain) for host, domain in observed.all_domains())
        return next((Verdict(False, conflict) for conflict in conflicts if conflict), YES)

    patch.setattr(NowhereElse, "check", check)


def nobody_looks_elsewhere(patch: Patch) -> None:
    patch.setattr(NowhereElse, "check", lambda self, observed: YES)


def old_facts_are_facts(patch: Patch) -> None:
    patch.setattr(reconciler.execute, "_is_fresh", lambda crew, look: True)


def late_answers_are_answers(patch: Patch) -> None:
    merged = reconciler.observed.Observed.merged
    patch.setattr(reconciler.observed.Observed, "merged", lambda self, newer, asked_at=0.0: merged(self, newer))


def nobody_claims_anything(patch: Patch) -> None:
    for module in (CLAIMS, DOMAINS):
        patch.setattr(module, "claim", lambda domain, pools: None)


def every_claim_is_ours(patch: Patch) -> None:
    patch.setattr(CLAIMS, "_compared", lambda *_: iter(()))


def no_paused_source_is_resumed(patch: Patch) -> None:
    patch.setattr(POWER, "_halted", lambda *_: iter(()))


def everything_is_ours(patch: Patch) -> None:
    patch.setattr(reconciler.whereabouts, "is_ours", lambda domain, cluster: True)


def whatever_lies_there_is_mounted_over(patch: Patch) -> None:
    observe = RECONCILE.observe
    patch.setattr(RECONCILE, "observe", lambda *known: replace(observe(*known), targets={}))


def a_lost_disk_is_a_missing_disk(patch: Patch) -> None:
    def gone(desired: Any, observed: Any, domain: Any, made: Any, where: Any, history: Any) -> Iterator[Any]:
        disk = next(disk for disk in domain.spec.disks if disk.name == made.name)
        return DISKS._unrecorded(desired, observed, domain, disk, where)

    patch.setattr(DISKS, "_gone", gone)


def nothing_is_protected(patch: Patch) -> None:
    _wrapped(patch, "diff", lambda desired, *rest: (_edited(desired, lambda _: {"protected": False}, "domains"), *rest))


def what_is_broken_is_left_out(patch: Patch) -> None:
    load = documents.load

    def lenient(directory: Any) -> Any:
        try:
            return load(directory)
        except DesiredStateError:
            return cloud("small-cloud.yaml")

    patch.setattr(documents, "load", lenient)


def all_of_libvirt_is_compared(patch: Patch) -> None:
    """What it adds by itself too, but for whole parts (CPU features), of which nobody could say a single difference."""

    def narrowed(seen: Any, wanted: Any) -> Any:
        return {key: value for key, value in seen.items() if key in wanted or not isinstance(value, dict)}

    patch.setattr(FIELDS, "_narrowed", narrowed)


def leftovers_are_left(patch: Patch) -> None:
    patch.setitem(reconciler.plan.BUILDERS, DomainLeftover, lambda change: ())  # type: ignore[arg-type]


def returned_means_done(patch: Patch) -> None:
    patch.setattr(reconciler.execute, "_await", lambda crew, goal, patience_s: YES)


def an_error_means_undone(patch: Patch) -> None:
    honest = reconciler.execute._await
    patch.setattr(reconciler.execute, "_await", lambda c, g, s: honest(c, g, s) if s else Verdict(False, "it failed"))


def _rewritten(patch: Patch, rewrite: Callable[[str], str]) -> None:
    honest = POWER.merged
    for module in (POWER, DOMAINS):
        patch.setattr(module, "merged", lambda *known: rewrite(honest(*known)))


def a_definition_is_written_anew(patch: Patch) -> None:
    """Without what libvirt, or somebody else, has put into it."""
    _rewritten(patch, lambda xml: "\n".join(line for line in xml.splitlines() if "<sound " not in line))


def an_edit_makes_another_network_card(patch: Patch) -> None:
    _rewritten(patch, lambda xml: xml.replace("52:54:00", "52:54:01"))


def an_edit_takes_another_disk(patch: Patch) -> None:
    _rewritten(patch, lambda xml: xml.replace(".root.qcow2", ".root-2.qcow2"))


def two_may_write(patch: Patch) -> None:
    patch.setattr(reconciler.lock.fcntl, "flock", lambda handle, operation: None)


def slots_have_room_for_all(patch: Patch) -> None:
    capacities = reconciler.plan._capacities
    patch.setattr(reconciler.plan, "_capacities", lambda *known: dict.fromkeys(capacities(*known), 99))


def what_was_shown_is_changed(patch: Patch) -> None:
    """A migration gets another bandwidth on its way from the plan to the edge."""
    execute = reconciler.execute.execute

    def hasty(plan: Any, *known: Any, **told: Any) -> Any:
        moves = (s for s in plan.steps if isinstance(s.action, MigrateDomain))
        other = {step.id: replace(step, action=replace(step.action, bandwidth=1 << 20)) for step in moves}
        return execute(replace(plan, steps=tuple(other.get(s.id, s) for s in plan.steps)), *known, **told)

    patch.setattr(reconciler.execute, "execute", hasty)


def a_migration_is_tried_again_at_once(patch: Patch) -> None:
    patch.setattr(MigrateDomain, "retriable", True)


def the_hopeless_is_tried_again(patch: Patch) -> None:
    patch.setattr(reconciler.execute, "retry_if_exception_type", lambda _: retry_if_exception_type(ActionError))


def nothing_is_tried_later(patch: Patch) -> None:
    patch.setattr(reconciler.guard, "_backing_off", lambda *_: {})


# --- the rules of a drain -------------------------------------------------------------------


def a_cordoned_host_takes_guests(patch: Patch) -> None:
    """All but the first cordon are forgotten."""

    def change(desired: Any, *rest: Any) -> tuple[Any, ...]:
        cordoned = sorted(name for name, host in desired.hosts.items() if host.spec.cordoned)[1:]
        opened = {
            name: host.model_copy(update={"spec": host.spec.model_copy(update={"cordoned": False})})
            for name, host in desired.hosts.items()
            if name in cordoned
        }
        return replace(desired, hosts={**desired.hosts, **opened}), *rest

    _wrapped(patch, "place", change)


def every_host_has_room(patch: Patch) -> None:
    def change(desired: Any, observed: Any, *rest: Any) -> tuple[Any, ...]:
        facts = {
            host: replace(listing, items={name: replace(f, memory=f.memory * 9) for name, f in listing.items.items()})
            for host, listing in observed.facts.items()
        }
        return desired, replace(observed, facts=facts), *rest

    _wrapped(patch, "place", change)


def one_failure_ends_the_drain(patch: Patch) -> None:
    ready = reconciler.execute._ready

    def timid(plan: Any, reports: Any, running: Any) -> Any:
        failed = any(report.outcome is not reconciler.execute.Outcome.DONE for report in reports.values())
        return [] if failed else ready(plan, reports, running)

    patch.setattr(reconciler.execute, "_ready", timid)


def the_big_ones_go_first(patch: Patch) -> None:
    honest = RECONCILE.plan
    patch.setattr(RECONCILE, "plan", lambda *known: replace(p := honest(*known), steps=tuple(reversed(p.steps))))


def the_same_target_again(patch: Patch) -> None:
    patch.setattr(History, "failed_targets", lambda self, name: frozenset())


def nobody_changes_his_mind(patch: Patch) -> None:
    execute = reconciler.execute.execute

    def deaf(*known: Any, tell: Any, stop: Any) -> Any:
        return execute(*known, tell=tell, stop=lambda: False)

    patch.setattr(reconciler.execute, "execute", deaf)


def on_drain_is_always_migrate(patch: Patch) -> None:
    migrate = {"on_drain": reconciler.desired.documents.OnDrain.MIGRATE}
    for stage in ("place", "diff"):
        _wrapped(patch, stage, lambda desired, *rest: (_edited(desired, lambda _: migrate, "domains"), *rest))


def what_a_person_paused_is_resumed(patch: Patch) -> None:
    standings = reconciler.observed.STANDINGS
    patch.setitem(standings, (reconciler.observed.DomainState.PAUSED, "user"), Standing.IO_ERROR)  # type: ignore[arg-type]


def no_limit_holds(patch: Patch) -> None:
    patch.setattr(RECONCILE, "guard", lambda plan, *rest: plan)


def one_look_is_enough(patch: Patch) -> None:
    patch.setattr(RECONCILE, "suspects", lambda *known: frozenset())


def nobody_else_has_the_disk(patch: Patch) -> None:
    patch.setattr(UsedByNoOther, "check", lambda self, observed: YES)


def nothing_stands_on_a_disk(patch: Patch) -> None:
    patch.setattr(NothingStandsOn, "check", lambda self, observed: YES)


def an_empty_directory_is_a_wish(patch: Patch) -> None:
    patch.setattr(PRUNE, "_last", lambda *known: None)


def a_mark_forgets_protection(patch: Patch) -> None:
    honest = PRUNE._kept

    def forgetful(desired: Any, where: Any) -> Any:
        mark = replace(where.seen.mark, protected=False)
        return honest(desired, where._replace(seen=replace(where.seen, mark=mark)))

    patch.setattr(PRUNE, "_kept", forgetful)


def another_name_is_another_disk(patch: Patch) -> None:
    patch.setattr(RECONCILE, "with_volumes_as_made", lambda desired, observed: desired)


def any_guest_may_be_forced_off(patch: Patch) -> None:
    patch.setattr(POWER, "how_to_stop", lambda domain: Stop(domain.spec.shutdown_timeout, force=True))
