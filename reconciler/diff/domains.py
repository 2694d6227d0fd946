"""What differs in domains: their definition. Their disks are in disks.py, place and power in power.py."""

from collections.abc import Iterator
from dataclasses import replace

from reconciler.autostart import may_start_twice
from reconciler.change import (
    Change,
    DomainAutostarts,
    DomainDiffers,
    DomainDisowned,
    DomainForeign,
    DomainOff,
    DomainUndefined,
    Field,
)
from reconciler.desired import Desired, Ref
from reconciler.desired.derive import claim
from reconciler.desired.documents import Domain, Power, State
from reconciler.diff.cdroms import images, missing_media, new_media
from reconciler.diff.claims import NO_DOCUMENT, VOUCH, existing_volume, maker, volumes_of, vouched_for
from reconciler.diff.disks import disks_there, existing_disks, new_contents, new_disks, observed_at
from reconciler.diff.fields import differing
from reconciler.diff.leftovers import left_behind
from reconciler.diff.live import Lacking, Subject, lacking, taken_out_disks
from reconciler.diff.passwords import is_open, new_password, password_differs, staged_password
from reconciler.diff.pools import stale
from reconciler.diff.power import lost_disks, merged, needs, nowhere_else, place_and_power, said
from reconciler.diff.removal import removal
from reconciler.diff.rename import rename
from reconciler.diff.restarts import staged
from reconciler.diff.seeds import existing_seed, new_seed, new_seeding
from reconciler.diff.unnamed import kept_disks
from reconciler.diff.volumes import disk_paths
from reconciler.history import History
from reconciler.live_change import DeviceUnwanted
from reconciler.mark import Mark
from reconciler.observed import CpuFacts, Observed, SeenDomain, Standing
from reconciler.ours import ADOPTS, domain_mark
from reconciler.place import Placement, Placements
from reconciler.step import Held, HeldReason
from reconciler.xml.capabilities import baseline
from reconciler.xml.domain import EditError, first_definition, unchangeable

HARMLESS = frozenset({HeldReason.CANNOT_CHANGE, HeldReason.SEED_DIFFERS})
"""Held of its disks and media, and no reason against a start."""


def domains(desired: Desired, observed: Observed, placements: Placements, history: History) -> Iterator[Change | Held]:
    """Each domain of the documents, then guests of others that keep a cordoned host from being empty."""
    for name, placement in placements.of.items():
        yield from _domain(desired, observed, desired.domains[name], placement, history)
    yield from _foreign_guests(desired, observed)


def _domain(
    desired: Desired, observed: Observed, domain: Domain, placement: Placement, history: History
) -> Iterator[Change | Held]:
    where = placement.where
    yield from left_behind(where)
    if placement.held:
        yield placement.held
        if where.seen is None or where.held:
            return
    if where.renames:
        yield from rename(desired, observed, domain, where)
    elif domain.spec.state is State.ABSENT:
        yield from removal(desired, observed, domain, where)
    elif where.home is None or where.seen is None:
        yield from _new(desired, observed, domain, placement, history)
    else:
        yield from _existing(desired, observed, domain, placement, history)


# --- new ---------------------------------------------------------------------------


def _new(
    desired: Desired, observed: Observed, domain: Domain, placement: Placement, history: History
) -> Iterator[Change | Held]:
    if placement.target is None:
        return
    host, uuid = placement.target, placement.where.uuid
    ref = Ref("domain", domain.name, host)
    blocked = _may_live_elsewhere(desired, observed, domain)
    if blocked:
        yield Held(ref, *blocked)
        if blocked[0] is HeldReason.VOLUME_WITHOUT_DOMAIN:
            yield from _doubtful(desired, observed, domain, history)
        return
    if unread := _unread(desired, observed, domain, host, history):
        yield Held(ref, HeldReason.HOST_UNKNOWN, unread)
        yield from new_contents(desired, observed, domain, host)
        return
    nowhere = nowhere_else(desired, observed, domain, host, uuid, seen=None)
    verdict = nowhere.check(observed)
    if verdict.holds is False:
        yield Held(ref, HeldReason.IN_USE, verdict.seen)
        return
    is_safe = vouched_for(desired, observed, domain) and not _silent(desired, observed)
    absent = tuple(missing_media(desired, observed, domain, ref, None, history))
    yield from absent
    if any(isinstance(item, Held) for item in absent):
        return
    volumes = () if is_safe else volumes_of(desired, domain)
    claimed_by = host if claim(domain, desired.pools) else ""
    seed = new_seeding(desired, domain).given
    mark = Mark(desired.cluster_name, domain.name, claimed_by=claimed_by, protected=domain.spec.protected, seed=seed)
    try:
        xml = _new_xml(desired, observed, domain, host, mark)
    except EditError as error:
        yield Held(ref, HeldReason.CANNOT_CHANGE, str(error))
        return
    yield DomainUndefined(ref, "it is not defined anywhere", uuid, xml, volumes, nowhere)
    yield from new_disks(desired, observed, domain, host, uuid, mark)
    yield from new_password(desired, domain, ref, uuid)
    yield from new_seed(desired, observed, domain, ref, uuid)
    if domain.spec.power is Power.RUNNING:
        uploaded = images(desired, domain)
        yield DomainOff(ref, "power is running", uuid, nowhere, *needs(domain), placement.after, uploaded)


def _may_live_elsewhere(desired: Desired, observed: Observed, domain: Domain) -> tuple[HeldReason, str] | None:
    """Why a domain that no host defines may still run where we cannot look (law 2); None where it cannot."""
    silent = _silent(desired, observed)
    if silent and not any(desired.pools[disk.pool].is_shared for disk in domain.spec.disks):
        message = f"it has no shared disk that would show whether it lives on host/{silent[0]}, which is unknown"
        return HeldReason.HOST_UNKNOWN, message
    volume = existing_volume(desired, observed, domain)
    if volume and silent:
        return HeldReason.HOST_UNKNOWN, f"its {volume} exists: it may live on host/{silent[0]}, which is unknown"
    if volume and not vouched_for(desired, observed, domain):
        made = maker(desired, observed, domain)
        first = f"it was made through {made}, and" if made else "it"
        where = "there" if made == NO_DOCUMENT else "on a machine that has no document"
        message = f"its {volume} exists while no host defines it: {first} may run {where}"
        way_out = f"{VOUCH}, or delete the claim" if volume.startswith("claim ") else VOUCH
        return HeldReason.VOLUME_WITHOUT_DOMAIN, f"{message}; {way_out}"
    return None


def _doubtful(desired: Desired, observed: Observed, domain: Domain, history: History) -> Iterator[Change]:
    """Another look where some hosts list a volume that others do not: it may have been deleted through those."""
    for pool, volume in volumes_of(desired, domain):
        listings = {host: observed.pool(host, pool) for host in desired.selected(desired.pools[pool].spec.hosts)}
        known = {host: volume in seen.volumes for host, seen in listings.items() if seen and seen.volumes is not None}
        for host, lists in known.items() if not all(known.values()) else ():
            if lists and not history.is_recent(f"refresh-pool:pool/{pool}@{host}", observed_at(observed, host)):
                yield from stale(desired, observed, pool, host, f"volume {volume} is listed here, and not everywhere")


def _unread(desired: Desired, observed: Observed, domain: Domain, host: str, history: History) -> str:
    """Beside a silent host: which pool must be read anew first, for a volume that only that host lists; else empty."""
    silent, at = _silent(desired, observed), observed_at(observed, host)
    for pool in sorted({disk.pool for disk in domain.spec.disks}) if silent else ():
        looks = (f"{verb}:pool/{pool}@{h}" for verb in ("refresh-pool", "start-pool") for h in desired.hypervisors)
        if not any(history.is_recent(look, at) for look in looks):
            lives = f"it may live on host/{silent[0]}, which is unknown"
            return f"pool/{pool} is read anew first: its volume may be there, and {lives}"
    return ""


def _silent(desired: Desired, observed: Observed) -> list[str]:
    """Hypervisors that cannot be asked and that nobody vouches to be off."""
    return [h for h, host in desired.hypervisors.items() if not observed.is_reachable(h) and not host.spec.fenced]


def _new_xml(desired: Desired, observed: Observed, domain: Domain, host: str, mark: Mark) -> str:
    facts = observed.host_facts(host)
    assert facts is not None, "place chooses only hosts whose facts are known"
    cpu = _baseline(desired, observed, domain, facts.cpu)
    return first_definition(domain, mark, facts, cpu, disk_paths(desired, domain), new_media(desired, domain))


def _baseline(desired: Desired, observed: Observed, domain: Domain, own: CpuFacts) -> CpuFacts | None:
    """What all hosts have to which the domain may ever move; computed once, when it is made."""
    candidates = desired.selected(domain.spec.placement.hosts)
    facts = [observed.host_facts(host) for host in candidates]
    return baseline([f.cpu for f in facts if f is not None]) or own


# --- existing -----------------------------------------------------------------------


def _existing(
    desired: Desired, observed: Observed, domain: Domain, placement: Placement, history: History
) -> Iterator[Change | Held]:
    seen, ref = placement.where.seen, placement.where.ref
    assert seen is not None
    if seen.fields is None:
        yield Held(ref, HeldReason.STATE_UNCLEAR, "it has no persistent definition; define it, or let it end")
        return
    if placement.where.adopts:
        placement, adoption = _adopted(desired, observed, domain, placement)
        yield adoption
        yield from _existing(desired, observed, domain, placement, history)
        return
    disks = tuple(existing_disks(desired, observed, domain, placement.where, history))
    if any(isinstance(item, DomainDisowned) for item in disks):
        yield from disks
        return
    if may_start_twice(desired, domain, seen):
        reason = f"host/{ref.host} would start it by itself, wherever it runs by then"
        yield DomainAutostarts(ref, reason, seen.uuid)
    yield from _lost(desired, observed, domain, seen, ref)
    fields = said(desired, observed, domain, seen, seen.fields)
    subject = Subject(desired, observed, domain, seen, ref, disks, placement.crowded)
    lacks = lacking(subject)
    lacks = replace(lacks, staged=(*lacks.staged, *staged_password(desired, domain, seen)))
    definition = tuple(_definition(subject, differing(seen.fields, fields), lacks))
    yield from definition
    if fixed := differing(seen.fields, unchangeable(domain, seen.fields)):
        names = ", ".join(str(field) for field in fixed)
        yield Held(ref, HeldReason.CANNOT_CHANGE, f"{names}: a domain keeps this for life; write what it has")
    media = (
        *missing_media(desired, observed, domain, ref, seen, history),
        *existing_seed(desired, observed, domain, placement.where),
    )
    blocked = any(isinstance(item, Held) and item.reason not in HARMLESS for item in (*disks, *media))
    blocked = blocked or is_open(desired, domain, seen)
    moves = tuple(place_and_power(desired, observed, domain, placement, blocked=blocked))
    yield from disks
    yield from media
    yield from kept_disks(desired, domain, seen, ref)
    if not any(isinstance(item, Held) for item in definition):
        restart = tuple(staged(desired, observed, domain, placement, lacks.staged, blocked=blocked))
        yield from restart
        yield from _live(subject, lacks, moves, restarts=any(isinstance(item, Change) for item in restart))
        if not any(isinstance(item, Change) and not isinstance(item, DomainOff) for item in moves):
            yield from password_differs(desired, domain, seen, ref)
    yield from moves


def _adopted(
    desired: Desired, observed: Observed, domain: Domain, placement: Placement
) -> tuple[Placement, DomainForeign]:
    """The domain as it is once it carries our mark, and the change that gives it the mark."""
    where, cluster = placement.where, desired.cluster_name
    assert where.seen is not None
    made = disks_there(desired, observed, domain, where.seen)
    mark = replace(domain_mark(cluster, domain.name, where.uuid), made=made, protected=domain.spec.protected)
    change = DomainForeign(where.ref, ADOPTS, where.uuid, mark)
    seen = replace(where.seen, mark=mark)
    return placement._replace(where=where._replace(seen=seen, adopts=False)), change


def _lost(desired: Desired, observed: Observed, domain: Domain, seen: SeenDomain, ref: Ref) -> Iterator[Held]:
    """Disks of an adopted domain that cannot be told among its devices."""
    for name in sorted(lost_disks(desired, observed, domain, seen, seen.fields or {})):
        files = ", ".join(sorted({f"{disk.name} ({disk.source})" for disk in seen.disks if disk.source}))
        message = f"disk {name} lies on none of its files: {files}; write the volume that it lies on, or name it so"
        yield Held(ref, HeldReason.CANNOT_CHANGE, message)


def _live(
    subject: Subject, lacks: Lacking, moves: tuple[Change | Held, ...], *, restarts: bool
) -> Iterator[Change | Held]:
    """What is done to it while it runs. What stops or moves in this pass is changed where it is after that.

    One that is restarted in this pass is not asked to let go of anything: it starts without.
    """
    if any(isinstance(item, Change) for item in moves) or subject.seen.standing not in (Standing.RUNNING, Standing.OFF):
        return
    yield from lacks.stopped
    yield from (change for change in lacks.now if not (restarts and isinstance(change, DeviceUnwanted)))
    yield from () if restarts else taken_out_disks(subject, lacks.now)


def _definition(subject: Subject, different: tuple[Field, ...], lacks: Lacking) -> Iterator[Change | Held]:
    """One that differs; held as a whole where an edit of its XML cannot be made."""
    if not different:
        return
    seen, ref = subject.seen, subject.ref
    try:
        xml = merged(subject.desired, subject.observed, subject.domain, seen)
    except EditError as error:
        yield Held(ref, HeldReason.CANNOT_CHANGE, str(error))
        return
    needs_start = seen.is_active and not {field.path for field in different} <= lacks.paths
    yield DomainDiffers(ref, ", ".join(str(field) for field in different), seen.uuid, xml, different, needs_start)


# --- foreign ---------------------------------------------------------------------------------


def _foreign_guests(desired: Desired, observed: Observed) -> Iterator[Held]:
    for host, seen in observed.all_domains():
        cordoned = host in desired.hosts and desired.hosts[host].spec.cordoned
        if cordoned and seen.is_active and seen.name not in {*desired.domains, *desired.renames}:
            message = (
                f"it runs on host/{host}, which is cordoned, and no document speaks of it; move or stop it by hand"
            )
            yield Held(Ref("domain", seen.name, host), HeldReason.FOREIGN_GUEST, message)
