"""What differs in domains: definition, place, power. Their disks are in disks.py."""

from collections.abc import Iterator
from math import ceil

from reconciler.change import (
    Change,
    DomainDiffers,
    DomainHalted,
    DomainHusk,
    DomainLeftover,
    DomainMisplacedOff,
    DomainMisplacedRunning,
    DomainOff,
    DomainOn,
    DomainUndefined,
    DomainUnwanted,
)
from reconciler.desired import Desired, Ref
from reconciler.desired.documents import GIB, Domain, OnDrain, Power, State
from reconciler.diff.disks import disk_paths, existing_disks, new_disks, volumes_of
from reconciler.diff.fields import differing
from reconciler.fact import NowhereElse
from reconciler.history import History
from reconciler.observed import CpuFacts, Mark, Observed, SeenDomain, Standing
from reconciler.place import Placement, Placements
from reconciler.readiness import is_usable, pool_trouble
from reconciler.step import Held, HeldReason
from reconciler.xml.capabilities import baseline
from reconciler.xml.domain import Fields, merge, skeleton, wanted


def domains(desired: Desired, observed: Observed, placements: Placements, history: History) -> Iterator[Change | Held]:
    """Each domain of the documents, then guests of others that keep a cordoned host from being empty."""
    for name, placement in placements.of.items():
        yield from _domain(desired, observed, desired.domains[name], placement, history)
    yield from _foreign_guests(desired, observed)


def _domain(
    desired: Desired, observed: Observed, domain: Domain, placement: Placement, history: History
) -> Iterator[Change | Held]:
    where = placement.where
    for host in where.leftovers:
        reason = f"a cut move left a definition here; it is at host/{where.home}"
        yield DomainLeftover(Ref("domain", domain.name, host), reason, where.uuid, where.home or "")
    for host in where.husks:
        reason = f"a migration was cut at its very end; the domain runs at host/{where.home}"
        yield DomainHusk(Ref("domain", domain.name, host), reason, where.uuid, where.home or "")
    if placement.held:
        yield placement.held
        if where.seen is None or where.held:
            return
    if domain.spec.state is State.ABSENT:
        yield from _unwanted(domain, placement)
    elif where.home is None or where.seen is None:
        yield from _new(desired, observed, domain, placement)
    else:
        yield from _existing(desired, observed, domain, placement, history)


# --- new ---------------------------------------------------------------------------


def _new(desired: Desired, observed: Observed, domain: Domain, placement: Placement) -> Iterator[Change | Held]:
    if placement.target is None:
        return
    host, uuid = placement.target, placement.where.uuid
    ref = Ref("domain", domain.name, host)
    blocked = _may_live_elsewhere(desired, observed, domain)
    if blocked:
        yield Held(ref, *blocked)
        return
    nowhere = nowhere_else(desired, observed, domain, host, uuid, is_new=True)
    verdict = nowhere.check(observed)
    if verdict.holds is False:
        yield Held(ref, HeldReason.IN_USE, verdict.seen)
        return
    vouched_for = _volumes_explained(desired, observed, domain) and not _silent(desired, observed)
    volumes = () if vouched_for else volumes_of(domain)
    xml = _new_xml(desired, observed, domain, host)
    yield DomainUndefined(ref, "it is not defined anywhere", uuid, xml, volumes, nowhere)
    yield from new_disks(desired, observed, domain, host, uuid)
    if domain.spec.power is Power.RUNNING:
        yield DomainOff(ref, "power is running", uuid, nowhere, *_needs(domain))


def _may_live_elsewhere(desired: Desired, observed: Observed, domain: Domain) -> tuple[HeldReason, str] | None:
    """Why a domain that no host defines may still run where we cannot look (law 2); None where it cannot."""
    silent = _silent(desired, observed)
    if silent and not any(desired.pools[disk.pool].is_shared for disk in domain.spec.disks):
        message = f"it has no shared disk that would show whether it lives on host/{silent[0]}, which is unknown"
        return HeldReason.HOST_UNKNOWN, message
    volume = _existing_volume(desired, observed, domain)
    if volume and silent:
        return HeldReason.HOST_UNKNOWN, f"its {volume} exists: it may live on host/{silent[0]}, which is unknown"
    if volume and not _volumes_explained(desired, observed, domain):
        return HeldReason.VOLUME_WITHOUT_DOMAIN, (
            f"its {volume} exists while no host defines it: it may run on a machine that has no document; "
            'if it does not, annotate it with reconciler/adopt: "true"'
        )
    return None


def _silent(desired: Desired, observed: Observed) -> list[str]:
    """Hypervisors that cannot be asked and that nobody vouches to be off."""
    return [h for h, host in desired.hypervisors.items() if not observed.is_reachable(h) and not host.spec.fenced]


def _existing_volume(desired: Desired, observed: Observed, domain: Domain) -> str:
    for pool, volume in volumes_of(domain):
        if volume in (observed.listed(pool) or ()):
            return f"volume {volume} in pool/{pool}"
    return ""


def _volumes_explained(desired: Desired, observed: Observed, domain: Domain) -> bool:
    """A person vouches for them, or for a dead host that had the definition."""
    dead = [h for h, host in desired.hypervisors.items() if host.spec.fenced and not observed.is_reachable(h)]
    return domain.adopted or bool(dead)


def _new_xml(desired: Desired, observed: Observed, domain: Domain, host: str) -> str:
    facts = observed.host_facts(host)
    assert facts is not None, "place chooses only hosts whose facts are known"
    cluster = desired.cluster_name
    cpu = _baseline(desired, observed, domain, facts.cpu)
    fields = wanted(domain, cluster, only_set=False)
    base = skeleton(domain, cluster, facts, cpu)
    return merge(base, fields, sources=disk_paths(desired, domain), mark=Mark(cluster, domain.name))


def _baseline(desired: Desired, observed: Observed, domain: Domain, own: CpuFacts) -> CpuFacts | None:
    """What all hosts have to which the domain may ever move; computed once, when it is made."""
    candidates = desired.selected(domain.spec.placement.hosts)
    facts = [observed.host_facts(host) for host in candidates]
    return baseline([f.cpu for f in facts if f is not None]) or own


def nowhere_else(
    desired: Desired, observed: Observed, domain: Domain, host: str, uuid: str, *, is_new: bool = False
) -> NowhereElse:
    """Law 2 for this domain at `host`. A new one may be made while hosts are silent; a fenced host is off."""
    hosts = tuple(sorted(desired.hypervisors))
    silent = {h for h in hosts if desired.hosts[h].spec.fenced}
    if is_new:
        silent |= {h for h in hosts if not observed.is_reachable(h)}
    disks = frozenset(disk_paths(desired, domain).values())
    return NowhereElse(host, domain.name, uuid, disks, hosts, frozenset(silent))


def _needs(domain: Domain) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Pools and networks that must be ready where it runs."""
    pools = tuple(sorted({disk.pool for disk in domain.spec.disks}))
    return pools, tuple(sorted({interface.network for interface in domain.spec.interfaces}))


# --- existing -----------------------------------------------------------------------


def _existing(
    desired: Desired, observed: Observed, domain: Domain, placement: Placement, history: History
) -> Iterator[Change | Held]:
    seen, ref = placement.where.seen, placement.where.ref
    assert seen is not None
    if seen.fields is None:
        yield Held(ref, HeldReason.STATE_UNCLEAR, "it has no persistent definition; define it, or let it end")
        return
    fields = wanted(domain, desired.cluster_name, only_set=True, there=seen.fields)
    different = differing(seen.fields, fields)
    if different:
        reason = ", ".join(str(field) for field in different)
        yield DomainDiffers(ref, reason, seen.uuid, _merged(desired, domain, seen), different, seen.is_active)
    if seen.live is not None:
        yield from _staged(seen.live, ref, wanted(domain, desired.cluster_name, only_set=True, there=seen.live))
    disks = tuple(existing_disks(desired, observed, domain, placement.where, history))
    yield from disks
    blocked = any(isinstance(item, Held) for item in disks)
    yield from _place_and_power(desired, observed, domain, placement, blocked=blocked)


def _merged(desired: Desired, domain: Domain, seen: SeenDomain) -> str:
    """The persistent definition with what the document says written into it."""
    fields = wanted(domain, desired.cluster_name, only_set=True, there=seen.fields)
    return merge(seen.xml, fields, sources=disk_paths(desired, domain), mark=None)


def _staged(live: Fields, ref: Ref, fields: Fields) -> Iterator[Held]:
    """What a running domain does not have, though its persistent definition has it or will."""
    if pending := differing(live, fields):
        names = ", ".join(str(field) for field in pending)
        yield Held(ref, HeldReason.RESTART_REQUIRED, f"takes effect when it is started again: {names}")


def _place_and_power(
    desired: Desired, observed: Observed, domain: Domain, placement: Placement, *, blocked: bool
) -> Iterator[Change | Held]:
    where, target = placement.where, placement.target
    if target is None or where.home is None or where.seen is None:
        return
    running = where.seen.standing is not Standing.OFF
    if placement.moves and running and domain.spec.on_drain is OnDrain.MIGRATE:
        yield _migration(desired, domain, placement, target)
        return
    if placement.moves:
        nowhere = nowhere_else(desired, observed, domain, where.home, where.uuid)
        reason = f"host/{where.home} is cordoned" + (" and onDrain is restart" if running else "")
        if running:
            yield DomainOn(where.ref, reason, where.uuid, restarts=True)
        xml = _merged(desired, domain, where.seen)
        yield DomainMisplacedOff(where.ref, reason, where.uuid, target, *_needs(domain), xml, nowhere)
    if not blocked:
        yield from _power(desired, observed, domain, placement, target)


def _migration(desired: Desired, domain: Domain, placement: Placement, target: str) -> DomainMisplacedRunning:
    where, hypervisor = placement.where, desired.hosts[target].spec.hypervisor
    assert hypervisor is not None
    assert where.seen is not None
    policy = desired.policy.migration.model_copy(
        update={name: getattr(domain.spec.migration, name) for name in domain.spec.migration.model_fields_set}
    )
    memory = int((where.seen.live or where.seen.fields or {}).get("memory", domain.spec.memory))
    return DomainMisplacedRunning(
        where.ref,
        f"host/{where.home} is cordoned",
        where.uuid,
        target,
        *_needs(domain),
        peer_uri=hypervisor.peer,
        address=hypervisor.migration_address or desired.hosts[target].spec.address,
        memory=memory,
        bandwidth=policy.bandwidth,
        max_downtime_s=policy.max_downtime,
        progress_timeout_s=policy.progress_timeout,
        timeout_s=policy.timeout_per_gib * ceil(memory / GIB),
    )


# --- power ----------------------------------------------------------------------------


def _power(
    desired: Desired, observed: Observed, domain: Domain, placement: Placement, host: str
) -> Iterator[Change | Held]:
    where = placement.where
    assert where.seen is not None
    standing, restarts = where.seen.standing, placement.moves and where.seen.standing is not Standing.OFF
    here = Ref("domain", domain.name, host)
    if standing in (Standing.IO_ERROR, Standing.MIGRATING):
        yield from _halted(desired, observed, domain, placement)
    elif standing is Standing.RUNNING and not restarts:
        if stop := _reason_to_stop(desired, domain, host):
            yield DomainOn(where.ref, stop, where.uuid)
    elif domain.spec.power is Power.RUNNING and not _reason_to_stop(desired, domain, host):
        yield from _start(desired, observed, domain, here, where.uuid)


def _reason_to_stop(desired: Desired, domain: Domain, host: str) -> str:
    if domain.spec.power is Power.STOPPED:
        return "power is stopped"
    cordoned = host in desired.hosts and desired.hosts[host].spec.cordoned
    return f"host/{host} is cordoned and onDrain is stop" if cordoned and domain.spec.on_drain is OnDrain.STOP else ""


def _start(desired: Desired, observed: Observed, domain: Domain, ref: Ref, uuid: str) -> Iterator[Change | Held]:
    nowhere = nowhere_else(desired, observed, domain, ref.host, uuid)
    verdict = nowhere.check(observed)
    if ref.host in desired.hosts and desired.hosts[ref.host].spec.fenced:
        yield Held(ref, HeldReason.FENCED_HOST_ANSWERS, f"host/{ref.host} is fenced, yet it answers; unfence it first")
    elif trouble := _pool_trouble(desired, observed, domain, ref.host):
        yield Held(ref, *trouble)
    elif verdict.holds is not True:
        reason = HeldReason.HOST_UNKNOWN if verdict.holds is None else HeldReason.IN_USE
        yield Held(ref, reason, verdict.seen)
    else:
        yield DomainOff(ref, "power is running", uuid, nowhere, *_needs(domain))


def _pool_trouble(desired: Desired, observed: Observed, domain: Domain, host: str) -> tuple[HeldReason, str] | None:
    for name in _needs(domain)[0]:
        trouble = pool_trouble(desired, observed, desired.pools[name], host)
        if trouble:
            return HeldReason.POOL_NOT_READY, f"pool/{name}@{host}: {trouble[1]}"
    return None


def _halted(desired: Desired, observed: Observed, domain: Domain, placement: Placement) -> Iterator[Change | Held]:
    where = placement.where
    assert where.seen is not None
    assert where.home is not None
    if where.seen.standing is Standing.IO_ERROR:
        bad = [p for p in _needs(domain)[0] if not is_usable(desired, observed, desired.pools[p], where.home)]
        if bad:
            message = f"paused by an I/O error, and pool/{bad[0]}@{where.home} is not well; resumed once it is"
            yield Held(where.ref, HeldReason.POOL_NOT_READY, message)
            return
    nowhere = nowhere_else(desired, observed, domain, where.home, where.uuid)
    verdict = nowhere.check(observed)
    if verdict.holds is None:
        yield Held(where.ref, HeldReason.HOST_UNKNOWN, verdict.seen)
    else:
        cause = "an I/O error" if where.seen.standing is Standing.IO_ERROR else "a cut migration"
        yield DomainHalted(where.ref, f"paused by {cause}", where.uuid, nowhere)


# --- unwanted and foreign ----------------------------------------------------------------


def _unwanted(domain: Domain, placement: Placement) -> Iterator[Change | Held]:
    where = placement.where
    if where.home is None or where.seen is None:
        return
    if domain.spec.protected:
        yield Held(where.ref, HeldReason.PROTECTED, "state is absent, but protected is true; nothing is deleted")
        return
    yield DomainUnwanted(where.ref, "its document says absent", where.uuid, where.seen.is_active)


def _foreign_guests(desired: Desired, observed: Observed) -> Iterator[Held]:
    for host, seen in observed.all_domains():
        cordoned = host in desired.hosts and desired.hosts[host].spec.cordoned
        if cordoned and seen.is_active and seen.name not in desired.domains:
            message = (
                f"it runs on host/{host}, which is cordoned, and no document speaks of it; move or stop it by hand"
            )
            yield Held(Ref("domain", seen.name, host), HeldReason.FOREIGN_GUEST, message)
