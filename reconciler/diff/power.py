"""What differs in where a domain is and whether it runs."""

from collections.abc import Iterator
from dataclasses import replace
from math import ceil

from reconciler.change import Change, DomainHalted, DomainMisplacedOff, DomainMisplacedRunning, DomainOff, DomainOn
from reconciler.desired import Desired, Ref
from reconciler.desired.derive import pools_of, volume_name
from reconciler.desired.documents import GIB, Disk, Domain, OnDrain, OnShutdownTimeout, Power
from reconciler.diff.cdroms import images, media, withdrawn
from reconciler.diff.seeds import drawn, seeding
from reconciler.diff.unnamed import unnamed
from reconciler.diff.volumes import all_paths, disk_paths
from reconciler.fact import NowhereElse
from reconciler.forecast import assigned_memory, forecast, migration_policy
from reconciler.observed import Observed, SeenDomain, Standing
from reconciler.place import Placement
from reconciler.readiness import is_usable, pool_trouble
from reconciler.step import Held, HeldReason
from reconciler.stopping import Stop
from reconciler.xml.devices import NO_OTHER_NAMES, are_all_named, device_names
from reconciler.xml.domain import EditError, Fields, merge, wanted


def place_and_power(
    desired: Desired, observed: Observed, domain: Domain, placement: Placement, *, blocked: bool
) -> Iterator[Change | Held]:
    """Where it shall be, and whether it shall run. `blocked`: its disks are in no state to be started with."""
    where, target = placement.where, placement.target
    if where.home is None or where.seen is None:
        return
    if target is None:
        yield from () if blocked else _stranded(desired, observed, domain, placement)
    elif not placement.moves:
        yield from () if blocked else _power(desired, observed, domain, placement, target)
    elif where.seen.standing is Standing.OFF:
        yield _moved(desired, observed, domain, placement, target)
        if domain.spec.power is Power.RUNNING and not blocked:
            yield from start(desired, observed, domain, placement, target)
    elif domain.spec.power is Power.STOPPED:
        yield DomainOn(where.ref, "power is stopped", where.uuid, how_to_stop(domain))
        yield _moved(desired, observed, domain, placement, target)
    elif domain.spec.on_drain is OnDrain.MIGRATE:
        yield _migration(desired, observed, domain, placement, target)
    elif not blocked:
        yield from _restarted(desired, observed, domain, placement, target)


def _stranded(desired: Desired, observed: Observed, domain: Domain, placement: Placement) -> Iterator[Change | Held]:
    """A restart elsewhere that lost its target after the stop: no drain leaves a guest stopped, so it goes back."""
    where, held = placement.where, placement.held
    off = where.seen is not None and where.seen.standing is Standing.OFF
    no_way = held is not None and held.reason is HeldReason.CANNOT_MIGRATE
    if off and no_way and domain.spec.power is Power.RUNNING and domain.spec.on_drain is OnDrain.RESTART:
        yield from start(desired, observed, domain, placement, where.home or "")


def _restarted(
    desired: Desired, observed: Observed, domain: Domain, placement: Placement, target: str
) -> Iterator[Change | Held]:
    """Stopped here and started there, only where nothing is known that would keep it stopped."""
    where = placement.where
    if domain.spec.power is Power.UNMANAGED:
        message = "onDrain is restart, and power is unmanaged: nobody would start it again; say power: running"
        yield Held(where.ref, HeldReason.CANNOT_MIGRATE, message)
        return
    starting = tuple(start(desired, observed, domain, placement, target))
    if not any(isinstance(item, Held) for item in starting):
        reason = f"{placement.cause} and onDrain is restart"
        stop = how_to_stop(domain)
        yield DomainOn(where.ref, reason, where.uuid, stop, target, *needs(domain), placement.after)
        yield _moved(desired, observed, domain, placement, target)
    yield from starting


def _moved(
    desired: Desired, observed: Observed, domain: Domain, placement: Placement, target: str
) -> DomainMisplacedOff:
    where = placement.where
    assert where.home is not None
    assert where.seen is not None
    nowhere = nowhere_else(desired, observed, domain, where.home, where.uuid, seen=where.seen)
    xml = _carried(desired, observed, domain, where.seen)
    return DomainMisplacedOff(where.ref, placement.cause, where.uuid, target, *needs(domain), xml, nowhere)


def _migration(
    desired: Desired, observed: Observed, domain: Domain, placement: Placement, target: str
) -> DomainMisplacedRunning:
    where, hypervisor = placement.where, desired.hosts[target].spec.hypervisor
    assert hypervisor is not None
    assert where.seen is not None
    policy, home = migration_policy(desired, domain), where.home or ""
    memory = assigned_memory(observed, domain, home)
    return DomainMisplacedRunning(
        where.ref,
        placement.cause,
        where.uuid,
        target,
        *needs(domain),
        peer_uri=hypervisor.peer,
        address=desired.hosts[target].migration_address,
        memory=memory,
        bandwidth=policy.bandwidth,
        max_downtime_s=policy.max_downtime,
        progress_timeout_s=policy.progress_timeout,
        timeout_s=policy.timeout_per_gib * ceil(memory / GIB),
        transport=policy.transport,
        auto_converge=policy.auto_converge,
        post_copy=policy.post_copy,
        expected_s=forecast(desired, observed, domain, home, target),
        nowhere=nowhere_else(desired, observed, domain, home, where.uuid, seen=where.seen),
        after_leaving=placement.after,
    )


# --- power ----------------------------------------------------------------------------


def _power(
    desired: Desired, observed: Observed, domain: Domain, placement: Placement, host: str
) -> Iterator[Change | Held]:
    where = placement.where
    assert where.seen is not None
    standing = where.seen.standing
    if standing in (Standing.IO_ERROR, Standing.MIGRATING):
        yield from _halted(desired, observed, domain, placement)
    elif standing is Standing.RUNNING:
        if reason := _reason_to_stop(desired, domain, host):
            yield DomainOn(where.ref, reason, where.uuid, how_to_stop(domain))
    elif domain.spec.power is Power.RUNNING and not _reason_to_stop(desired, domain, host):
        yield from start(desired, observed, domain, placement, host)


def how_to_stop(domain: Domain) -> Stop:
    """As its document says, whatever it is stopped for."""
    return Stop(domain.spec.shutdown_timeout, domain.spec.on_shutdown_timeout is OnShutdownTimeout.FORCE)


def _reason_to_stop(desired: Desired, domain: Domain, host: str) -> str:
    if domain.spec.power is Power.STOPPED:
        return "power is stopped"
    cordoned = host in desired.hosts and desired.hosts[host].spec.cordoned
    return f"host/{host} is cordoned and onDrain is stop" if cordoned and domain.spec.on_drain is OnDrain.STOP else ""


def start(
    desired: Desired, observed: Observed, domain: Domain, placement: Placement, host: str
) -> Iterator[Change | Held]:
    """Start it at `host`. What this plan moves away or removes before that is no obstacle."""
    where, ref = placement.where, Ref("domain", domain.name, host)
    nowhere = nowhere_else(desired, observed, domain, host, where.uuid, seen=where.seen)
    verdict = replace(nowhere, host=where.home or host, defined=not where.leftovers).check(observed)
    if host in desired.hosts and desired.hosts[host].spec.fenced:
        yield Held(ref, HeldReason.FENCED_HOST_ANSWERS, f"host/{host} is fenced, yet it answers; unfence it first")
    elif trouble := _pool_trouble(desired, observed, domain, host):
        yield Held(ref, *trouble)
    elif verdict.holds is not True:
        reason = HeldReason.HOST_UNKNOWN if verdict.holds is None else HeldReason.IN_USE
        yield Held(ref, reason, verdict.seen)
    else:
        uploaded = images(desired, domain)
        yield DomainOff(ref, "power is running", where.uuid, nowhere, *needs(domain), placement.after, uploaded)


def _pool_trouble(desired: Desired, observed: Observed, domain: Domain, host: str) -> tuple[HeldReason, str] | None:
    for name in needs(domain)[0]:
        trouble = pool_trouble(desired, observed, desired.pools[name], host)
        if trouble:
            return HeldReason.POOL_NOT_READY, f"pool/{name}@{host}: {trouble[1]}"
    return None


def _halted(desired: Desired, observed: Observed, domain: Domain, placement: Placement) -> Iterator[Change | Held]:
    where = placement.where
    assert where.seen is not None
    assert where.home is not None
    if where.seen.standing is Standing.IO_ERROR:
        bad = [p for p in needs(domain)[0] if not is_usable(desired, observed, desired.pools[p], where.home)]
        if bad:
            message = f"paused by an I/O error, and pool/{bad[0]}@{where.home} is not well; resumed once it is"
            yield Held(where.ref, HeldReason.POOL_NOT_READY, message)
            return
    nowhere = nowhere_else(desired, observed, domain, where.home, where.uuid, seen=where.seen)
    verdict = nowhere.check(observed)
    if verdict.holds is None:
        yield Held(where.ref, HeldReason.HOST_UNKNOWN, verdict.seen)
    else:
        cause = "an I/O error" if where.seen.standing is Standing.IO_ERROR else "a cut migration"
        yield DomainHalted(where.ref, f"paused by {cause}", where.uuid, nowhere)


# --- what both need


def nowhere_else(
    desired: Desired, observed: Observed, domain: Domain, host: str, uuid: str, *, seen: SeenDomain | None
) -> NowhereElse:
    """Law 2 for this domain at `host`. One not `seen` is new: hosts may be silent meanwhile; a fenced host is off."""
    hosts = tuple(sorted(desired.hypervisors))
    silent = {h for h in hosts if desired.hosts[h].spec.fenced}
    if seen is None:
        silent |= {h for h in hosts if not observed.is_reachable(h)}
    disks = frozenset(disk_paths(desired, domain).values()) | (seen.writable_sources if seen else frozenset())
    return NowhereElse(host, domain.name, uuid, disks, hosts, frozenset(silent))


def needs(domain: Domain) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Pools and networks that must be ready where it runs."""
    return pools_of(domain), tuple(sorted({interface.network for interface in domain.spec.interfaces}))


def merged(desired: Desired, observed: Observed, domain: Domain, seen: SeenDomain) -> str:
    """The persistent definition with what the document says written into it, and our mark. Raises: EditError."""
    there = seen.fields or {}
    given = seeding(desired, domain, seen).given
    return merge(
        seen.xml,
        said(desired, observed, domain, seen, there),
        sources=disk_paths(desired, domain),
        mark=replace(seen.mark, restarted_for="", seed=given) if seen.mark else None,
        edits=domain.spec.xml,
        taken={disk.target for disk in seen.disks},
    )


def said(desired: Desired, observed: Observed, domain: Domain, seen: SeenDomain, there: Fields) -> Fields:
    """What the document says of a domain that is there; `there`: the fields of one of its definitions.

    A device that it named before and names no more is None.
    """
    domain = drawn(desired, domain, seen, there)
    names, document = NO_OTHER_NAMES, domain
    if not are_all_named(domain, there):
        names = device_names(domain, there, seen.disks, all_paths(desired, domain))
        lost = lost_disks(desired, observed, domain, seen, there) | _not_to_add(observed, domain, seen)
        disks = tuple(disk for disk in domain.spec.disks if disk.name not in lost)
        document = domain.model_copy(update={"spec": domain.spec.model_copy(update={"disks": disks})})
    lie = media(desired, observed, domain, seen)
    fields = wanted(document, desired.cluster_name, only_set=True, there=there, names=names, media=lie)
    gone = [("cdroms", name) for name in withdrawn(domain, seen, there)]
    for sort, name in (*unnamed(desired, observed, domain, seen, there), *gone):
        fields = {**fields, sort: {**fields.get(sort, {}), name: None}}
    return fields


def _carried(desired: Desired, observed: Observed, domain: Domain, seen: SeenDomain) -> str:
    """What is defined at another host; an edit that cannot be made is held beside, and keeps no domain from moving."""
    try:
        return merged(desired, observed, domain, seen)
    except EditError:
        return merged(
            desired, observed, domain.model_copy(update={"spec": domain.spec.model_copy(update={"xml": ()})}), seen
        )


def lost_disks(desired: Desired, observed: Observed, domain: Domain, seen: SeenDomain, there: Fields) -> frozenset[str]:
    """Disks of an adopted domain that exist, and are none of its devices by name or by file.

    It was taken over on another file, or a snapshot of another hand moved it there. Nothing may be added in the place
    of such a disk: it would write below what the domain writes to.
    """
    if seen.mark is None or not seen.mark.uuid or are_all_named(domain, there):
        return frozenset()
    names = device_names(domain, there, seen.disks, disk_paths(desired, domain)).disks
    out = {made.name for made in seen.mark.made if made.detached}
    disks = (disk for disk in domain.spec.disks if disk.name not in out)
    unfound = [disk for disk in disks if names.get(disk.name, disk.name) not in there.get("disks", {})]
    return frozenset(
        disk.name for disk in unfound if disk.name in seen.mark.disks or _may_exist(observed, domain, disk)
    )


def _not_to_add(observed: Observed, domain: Domain, seen: SeenDomain) -> frozenset[str]:
    """Disks that were taken out once and whose volume is gone, and those on the volume of a disk of another name."""
    found = set()
    for disk in domain.spec.disks:
        volume = volume_name(domain.name, disk)
        record = seen.mark.record(disk.name, disk.pool, volume) if seen.mark else None
        is_gone = record is not None and record.detached and volume not in (observed.listed(disk.pool) or ())
        if record is not None and (is_gone or (record.name != disk.name and not record.detached)):
            found.add(disk.name)
    return frozenset(found)


def _may_exist(observed: Observed, domain: Domain, disk: Disk) -> bool:
    listed = observed.listed(disk.pool)
    return listed is None or volume_name(domain.name, disk) in listed
