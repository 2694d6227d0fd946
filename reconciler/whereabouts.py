"""Where each domain of the documents is, and whether we may touch it: a total table of what can be seen. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from reconciler.desired import Desired, Ref
from reconciler.desired.derive import object_uuid
from reconciler.desired.documents import Domain, Power, State
from reconciler.observed import DomainState, Listing, Observed, SeenDomain, Standing, Unknown
from reconciler.ours import TAKE_OVER, is_ours, may_adopt
from reconciler.renaming import found_by_former_name
from reconciler.step import Held, HeldReason


class Whereabouts(NamedTuple):
    """One domain: at `home` (None: nowhere), as `seen`; or `held`, which means hands off.

    `leftovers`: hosts with a second, inactive definition of it that a cut move left behind. `husks`: hosts with the
    paused source of a migration that was cut when the target ran already.
    """

    name: str
    uuid: str
    home: str | None = None
    seen: SeenDomain | None = None
    leftovers: tuple[str, ...] = ()
    husks: tuple[str, ...] = ()
    held: Held | None = None
    adopts: bool = False
    """It does not carry our mark yet, and its document says that we take it over."""
    renames: str = ""
    """The name that it has still, or that our mark has, where its document gives it another."""

    @property
    def ref(self) -> Ref:
        return Ref("domain", self.name, self.home or "")


def whereabouts(desired: Desired, observed: Observed) -> Mapping[str, Whereabouts]:
    """Every domain document's whereabouts, by name. Order: by name. Raises: nothing."""
    cluster = desired.cluster_name
    return {name: _locate(desired, observed, cluster, domain) for name, domain in sorted(desired.domains.items())}


def own_uuid(desired: Desired, observed: Observed, domain: Domain) -> str:
    """The UUID by which a domain is looked for: the derived one, or that of the one we adopted, or shall adopt."""
    cluster, name = desired.cluster_name, domain.name
    derived = object_uuid(cluster, "domain", name)
    found = observed.whereabouts(name, derived)
    if not found:
        return derived
    named = [seen for _, seen in found if seen.name == name]
    if not named or any(seen.uuid == derived for seen in named):
        return derived
    ours = {seen.uuid for seen in named if is_ours(seen, cluster)}
    return min(ours or {seen.uuid for seen in named if domain.adopted}, default=derived)


def _locate(desired: Desired, observed: Observed, cluster: str, domain: Domain) -> Whereabouts:
    name = domain.name
    if (former := domain.metadata.renamed_from) and (renaming := _renaming(desired, observed, domain, former)):
        return renaming
    uuid = object_uuid(cluster, "domain", name)
    found = observed.whereabouts(name, uuid)
    if not found and name not in observed.unsettled:
        return Whereabouts(name, uuid)
    own = own_uuid(desired, observed, domain)
    if own != uuid:
        uuid, found = own, observed.whereabouts(name, own)
    for host, seen in found:
        if seen.unknown:
            return _held(name, uuid, host, seen, HeldReason.STATE_UNCLEAR, f"cannot read it: {seen.unknown}")
        known = is_ours(seen, cluster) or may_adopt(domain, seen.mark, cluster)
        if not known or (seen.name, seen.uuid) != (name, uuid):
            return _held(name, uuid, host, seen, HeldReason.NOT_OURS, _not_ours(host, seen, name, cluster))
    located = _placed(desired, observed, domain, uuid, found)
    adopts = any(not is_ours(seen, cluster) for _, seen in found)
    claimant = _claimant(desired, name, uuid) if adopts else ""
    if claimant:
        host, seen = found[0]
        message = f"its UUID belongs to domain/{claimant}, which has a document too; give one of them another UUID"
        return _held(name, uuid, host, seen, HeldReason.NOT_OURS, message)
    return located._replace(adopts=True) if adopts else located


def _renaming(desired: Desired, observed: Observed, domain: Domain, former: str) -> Whereabouts | None:
    """Where a domain is that has its former name still; None where it has the new one, or shall not be there."""
    name, found = domain.name, found_by_former_name(desired, observed, domain)
    own = observed.whereabouts(name, own_uuid(desired, observed, domain))
    if not found:
        return None if own or domain.spec.state is State.ABSENT else _vanished(desired, observed, name, former)
    host, seen = found[0]
    located = _alone(name, seen.uuid, host, seen)
    message = ""
    if len(found) > 1:
        message = f"domain/{former} is defined at {' and '.join(at for at, _ in found)}; it is renamed where it is once"
    elif other := next((there for there in own if there not in found), None):
        message = f"domain/{former}@{host} is there, and so is domain/{other[1].name}@{other[0]}; one of them must go"
    elif domain.spec.state is State.ABSENT:
        message = f"it shall be absent, and is domain/{former} still; say so under that name"
    elif seen.standing is Standing.RUNNING and domain.spec.power is not Power.STOPPED:
        message = f"it runs as domain/{former}, and only what is off is renamed; write power: stopped until it is"
    if seen.unknown:
        return _held(name, seen.uuid, host, seen, HeldReason.STATE_UNCLEAR, f"cannot read it: {seen.unknown}")
    if message:
        return _held(name, seen.uuid, host, seen, HeldReason.CANNOT_RENAME, message)
    return located if located.held else located._replace(renames=former)


def _vanished(desired: Desired, observed: Observed, name: str, former: str) -> Whereabouts:
    """Under neither name. Nothing new is made: its disks bear the former one."""
    silent = [host for host in desired.hypervisors if not observed.is_reachable(host)]
    reason = HeldReason.HOST_UNKNOWN if silent else HeldReason.CANNOT_RENAME
    message = f"domain/{former}, which it was, is nowhere to be seen; to make a new domain take renamedFrom out"
    if silent:
        message = f"domain/{former}, which it was, may be on host/{silent[0]}, which is unknown"
    uuid = object_uuid(desired.cluster_name, "domain", name)
    return Whereabouts(name, uuid, held=Held(Ref("domain", name), reason, message))


def orphan(desired: Desired, observed: Observed, name: str, uuid: str) -> Whereabouts:
    """Where a domain of ours without a document is, and whether it may be touched."""
    found = observed.whereabouts(name, uuid)
    for host, seen in found:
        if seen.unknown:
            return _held(name, uuid, host, seen, HeldReason.STATE_UNCLEAR, f"cannot read it: {seen.unknown}")
        if not is_ours(seen, desired.cluster_name) or (seen.name, seen.uuid) != (name, uuid):
            message = _not_ours(host, seen, name, desired.cluster_name)
            return _held(name, uuid, host, seen, HeldReason.NOT_OURS, message)
    return _alone(name, uuid, *found[0]) if len(found) == 1 else _twice(desired, name, uuid, found)


def _claimant(desired: Desired, name: str, uuid: str) -> str:
    """The other document to which `uuid` belongs; empty where there is none."""
    others = (other for other in desired.domains if other != name)
    return next((other for other in others if object_uuid(desired.cluster_name, "domain", other) == uuid), "")


def _placed(
    desired: Desired, observed: Observed, domain: Domain, uuid: str, found: tuple[tuple[str, SeenDomain], ...]
) -> Whereabouts:
    name = domain.name
    if name in observed.unsettled:
        message = "two looks at the hosts did not agree on where it is; the next pass looks again"
        return Whereabouts(name, uuid, held=Held(Ref("domain", name), HeldReason.UNSETTLED, message))
    if not found:
        return Whereabouts(name, uuid)
    if len(found) == 1:
        return _alone(name, uuid, *found[0])
    return _twice(desired, name, uuid, found)


def _not_ours(host: str, seen: SeenDomain, name: str, cluster: str) -> str:
    if seen.name == name and seen.mark and seen.mark.cluster != cluster:
        return f"host/{host} has a domain of that name that belongs to the cluster {seen.mark.cluster}; rename one"
    if seen.name == name:
        return f"host/{host} has a domain of that name that does not carry our mark; {TAKE_OVER}"
    if seen.mark and seen.mark.former == name and seen.mark.cluster == cluster:
        return f"domain/{seen.name}@{host} was renamed from it, and keeps its UUID and its volumes; choose another name"
    return f"domain/{seen.name}@{host} has the UUID that belongs to this document; give that domain another UUID"


def _held(name: str, uuid: str, host: str, seen: SeenDomain, reason: HeldReason, message: str) -> Whereabouts:
    return Whereabouts(name, uuid, host, seen, held=Held(Ref("domain", name, host), reason, message))


FROZEN: Mapping[Standing, tuple[HeldReason, str]] = {
    Standing.PAUSED: (HeldReason.PAUSED, "it was paused by a person or a tool; resume it with: virsh resume {name}"),
    Standing.BUSY: (HeldReason.UNSETTLED, "libvirt is changing its state; the next pass looks again"),
    Standing.POSTCOPY_FAILED: (
        HeldReason.POSTCOPY_FAILED,
        "a post-copy migration failed: its memory is split over two hosts; nothing is done to either half",
    ),
    Standing.UNCLEAR: (HeldReason.STATE_UNCLEAR, "libvirt tells a state that has no rule here: {state} {reason}"),
}
"""Standings in which we keep our hands off a domain that is seen once."""


def _alone(name: str, uuid: str, host: str, seen: SeenDomain) -> Whereabouts:
    if seen.standing is Standing.MIGRATING and (seen.job or seen.fields is None):
        message = "a migration of it is under way whose other end is not seen; libvirt ends it"
        return _held(name, uuid, host, seen, HeldReason.MIGRATION_RUNNING, message)
    if seen.standing in FROZEN:
        reason, message = FROZEN[seen.standing]
        text = message.format(name=name, state=seen.state, reason=seen.reason)
        return _held(name, uuid, host, seen, reason, text)
    return Whereabouts(name, uuid, host, seen)


def _twice(desired: Desired, name: str, uuid: str, found: tuple[tuple[str, SeenDomain], ...]) -> Whereabouts:
    active = [(host, seen) for host, seen in found if seen.is_active]
    inactive = tuple(host for host, seen in found if not seen.is_active)
    # All off: a cut move of a stopped domain left both definitions; keep one that has disks, where it may stay.
    if not active:
        home, seen = min(found, key=lambda item: (not _has_disks(item[1]), _is_cordoned(desired, item[0]), item[0]))
        return Whereabouts(name, uuid, home, seen, tuple(host for host in inactive if host != home))
    # One active, others only defined: the definitions are what a move left behind.
    if len(active) == 1:
        host, seen = active[0]
        located = _alone(name, uuid, host, seen)
        return located if located.held else Whereabouts(name, uuid, host, seen, inactive)
    standings = {seen.standing for _, seen in active}
    host, seen = next((item for item in active if item[1].standing is Standing.RUNNING), active[0])
    others = [(other, there) for other, there in active if other != host]
    # One runs, the other was its source and lost the last word of the migration: it will never run again.
    if seen.standing is Standing.RUNNING and all(_is_husk(there) for _, there in others):
        return Whereabouts(name, uuid, host, seen, inactive, husks=tuple(other for other, _ in others))
    # A post-copy broke: each end has a part of the memory, so that neither may run on or be ended by us.
    if Standing.POSTCOPY_FAILED in standings:
        host, seen = next(item for item in active if item[1].standing is Standing.POSTCOPY_FAILED)
        reason, message = FROZEN[Standing.POSTCOPY_FAILED]
        return _held(name, uuid, host, seen, reason, f"{message} (host/{active[0][0]} and host/{active[1][0]})")
    # One runs (or hands over), the other receives: a migration is under way; libvirt ends it.
    under_way = standings <= {Standing.RUNNING, Standing.MIGRATING} and Standing.MIGRATING in standings
    if under_way or all(_in_post_copy(there) for _, there in active):
        hosts = " and ".join(host for host, _ in active)
        return _held(name, uuid, host, seen, HeldReason.MIGRATION_RUNNING, f"a migration between {hosts} is waited for")
    hosts = " and ".join(host for host, _ in active)
    message = f"ALARM: it is active at {hosts} at once; nothing is done to either; stop the wrong one by hand"
    return _held(name, uuid, active[0][0], active[0][1], HeldReason.RUNS_TWICE, message)


def _has_disks(seen: SeenDomain) -> bool:
    """Whether its mark lists a disk as made; a definition beside it that lists none never lived."""
    return seen.mark is not None and bool(seen.mark.made)


def _is_husk(seen: SeenDomain) -> bool:
    """Paused by a migration that nobody works on any more, with a definition of its own: a source, not a target."""
    return seen.standing is Standing.MIGRATING and not seen.job and seen.fields is not None


End = tuple[str, SeenDomain]
"""A domain at one host."""


def migrations_under_way(observed: Observed) -> tuple[tuple[str, str], ...]:
    """(source, target) of every migration that libvirt is at work on, whoever began it. Order: by domain."""
    listings = {host: listing for host, listing in observed.domains.items() if isinstance(listing, Listing)}
    return tuple((source[0], target[0]) for source, target in ends_of_migrations(listings))


def ends_of_migrations(listings: Mapping[str, Listing[SeenDomain]]) -> tuple[tuple[End, End], ...]:
    """Both ends, the source first, of every domain that libvirt is moving. Order: by UUID."""
    ends: dict[str, list[End]] = {}
    for host, listing in sorted(listings.items()):
        for seen in listing.items.values():
            if _is_end(seen):
                ends.setdefault(seen.uuid, []).append((host, seen))
    pairs = [sorted(pair, key=_is_target) for _, pair in sorted(ends.items()) if len(pair) == 2]
    return tuple((source, target) for source, target in pairs if _moves(source[1], target[1]))


def _is_end(seen: SeenDomain) -> bool:
    if seen.standing is Standing.MIGRATING:
        return not _is_husk(seen)
    return seen.standing is Standing.RUNNING or _in_post_copy(seen)


def _is_target(end: End) -> bool:
    """It has no definition before the migration is over; in a post-copy, it runs."""
    return end[1].fields is None or (_in_post_copy(end[1]) and end[1].state is DomainState.RUNNING)


def _moves(*ends: SeenDomain) -> bool:
    return any(seen.standing is Standing.MIGRATING for seen in ends) or all(_in_post_copy(seen) for seen in ends)


def _in_post_copy(seen: SeenDomain) -> bool:
    """One end of a post-copy that goes on: the source is paused for good, the target runs already."""
    return seen.standing is Standing.BUSY and seen.reason == "postcopy"


def _is_cordoned(desired: Desired, host: str) -> bool:
    return host not in desired.hosts or desired.hosts[host].spec.cordoned


def suspects(desired: Desired, observed: Observed) -> frozenset[str]:
    """Domains seen nowhere or more than once: hosts are not read at one instant, so look again (law 2)."""
    return frozenset(name for name in desired.domains if len(_hosts(desired, observed, name)) != 1)


def unsettled(desired: Desired, first: Observed, second: Observed) -> frozenset[str]:
    """Suspects of the first look that the second saw at other hosts, or at other hosts than once."""
    again = suspects(desired, second)
    return frozenset(name for name in again if _hosts(desired, first, name) != _hosts(desired, second, name))


def _hosts(desired: Desired, observed: Observed, name: str) -> tuple[str, ...]:
    uuid = own_uuid(desired, observed, desired.domains[name])
    return tuple(host for host, _ in observed.whereabouts(name, uuid))


def twins(observed: Observed) -> Mapping[str, str]:
    """Hosts that tell the same libvirt host UUID as another: one machine under two names (host -> the other)."""
    by_uuid: dict[str, list[str]] = {}
    for host, listing in sorted(observed.facts.items()):
        if isinstance(listing, Listing) and host in listing.items:
            by_uuid.setdefault(listing.items[host].uuid, []).append(host)
    groups = [group for group in by_uuid.values() if len(group) > 1]
    return {host: next(other for other in group if other != host) for group in groups for host in group}


def without_twins(observed: Observed) -> Observed:
    """The snapshot with twin hosts unknown: their guests are seen twice, and no alarm is due for that."""
    pairs = twins(observed)
    blind = {host: Unknown(f"it is the same machine as host/{other}") for host, other in pairs.items()}
    return replace(
        observed,
        domains={**observed.domains, **blind},
        networks={**observed.networks, **blind},
        pools={**observed.pools, **blind},
    )
