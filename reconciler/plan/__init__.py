"""Changes as ordered steps. Pure; the plan leaves no choice to execute."""

from collections.abc import Iterable, Mapping
from graphlib import TopologicalSorter

from reconciler.change import Change, Changes, DomainMisplacedRunning
from reconciler.desired import Desired
from reconciler.observed import Observed
from reconciler.plan.domains import DOMAINS
from reconciler.plan.draft import Builder, Draft
from reconciler.plan.live import LIVE
from reconciler.plan.networks import NETWORKS
from reconciler.plan.passwords import PASSWORDS
from reconciler.plan.removal import REMOVAL
from reconciler.plan.restarts import RESTARTS
from reconciler.plan.storage import STORAGE
from reconciler.step import Plan, Step
from reconciler.whereabouts import migrations_under_way, twins

BUILDERS: Mapping[type[Change], Builder] = {
    **STORAGE,
    **NETWORKS,
    **DOMAINS,
    **LIVE,
    **PASSWORDS,
    **REMOVAL,
    **RESTARTS,
}
"""Every way to differ, and the steps that end it. A new change is one entry here."""

UPLOADS = 3
"""Images that a host is sent at once: each over a connection of its own, and an sshd takes ten that log in together."""


def plan(desired: Desired, observed: Observed, changes: Changes) -> Plan:
    """Order the steps that end `changes`.

    What a step needs comes before it; beyond that, the order of changes, small migrations first. Same input, same plan,
    byte for byte (law 7). Raises: nothing.
    """
    drafts: dict[str, Draft] = {}
    for change in sorted(changes.changes, key=_size_to_move):
        for draft in BUILDERS[type(change)](change):
            drafts.setdefault(draft.id, draft)
    return Plan(
        steps=_ordered(drafts),
        held=changes.held,
        capacities=_capacities(desired, observed),
        silent=silent_hosts(desired, observed),
        orphans=changes.orphans,
    )


def _size_to_move(change: Change) -> tuple[bool, bool, float, int]:
    """Zero for all but live migrations: what is expected to take least goes first, else the smallest memory.

    What is done early frees the host early, and is safe whatever comes after.
    """
    if not isinstance(change, DomainMisplacedRunning):
        return False, False, 0.0, 0
    return True, change.expected_s is None, change.expected_s or 0.0, change.memory


def _ordered(drafts: Mapping[str, Draft]) -> tuple[Step, ...]:
    needs = _needs(drafts)
    rank = {id_: number for number, id_ in enumerate(drafts)}
    sorter = TopologicalSorter(needs)
    sorter.prepare()
    steps: list[Step] = []
    while sorter.is_active():
        for id_ in sorted(sorter.get_ready(), key=rank.__getitem__):
            steps.append(drafts[id_].step(needs[id_]))
            sorter.done(id_)
    return tuple(steps)


def _needs(drafts: Mapping[str, Draft]) -> Mapping[str, tuple[str, ...]]:
    """step -> steps right before it; what those need already is not named again."""
    providers: dict[str, set[str]] = {}
    for id_, draft in drafts.items():
        for offered in draft.provides:
            providers.setdefault(offered, set()).add(id_)
    before = {
        id_: {other for wanted in draft.after for other in providers.get(wanted, ())} - {id_}
        for id_, draft in drafts.items()
    }
    return {id_: tuple(sorted(needs - _reachable(needs, before))) for id_, needs in before.items()}


def _reachable(ids: Iterable[str], before: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    todo = [need for id_ in ids for need in before[id_]]
    while todo:
        id_ = todo.pop()
        if id_ not in found:
            found.add(id_)
            todo.extend(before[id_])
    return found


def _capacities(desired: Desired, observed: Observed) -> Mapping[str, int]:
    """How many steps fit into each slot beside the migrations that are under way already."""
    policy = desired.policy.migration
    outbound = {f"out:{host}": policy.outbound_per_host for host in sorted(desired.hypervisors)}
    inbound = {f"in:{host}": policy.inbound_per_host for host in sorted(desired.hypervisors)}
    uploads = {f"upload:{host}": UPLOADS for host in sorted(desired.hypervisors)}
    capacities = {**outbound, **inbound, "cluster": policy.parallel, **uploads}
    for source, target in migrations_under_way(observed):
        for slot in (f"out:{source}", f"in:{target}", "cluster"):
            capacities[slot] = max(0, capacities.get(slot, 0) - 1)
    return capacities


def silent_hosts(desired: Desired, observed: Observed) -> Mapping[str, str]:
    """Hosts of the documents that could not be reached, with the cause; a fenced one is expected to be silent."""
    same = twins(observed)
    return {
        name: silence
        for name, host in sorted(desired.hosts.items())
        if (silence := observed.silence(name)) and not host.spec.fenced and name not in same
    }


__all__ = ["plan", "silent_hosts"]
