"""What differs in a domain's volumes. One that was made and is gone is never made again (law 5)."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from reconciler.change import Change, DiskMissing, DisksUnrecorded, DiskTooSmall
from reconciler.desired import Desired, Ref
from reconciler.desired.derive import copying_note, image_volume, pools_of, volume_name
from reconciler.desired.documents import Disk, Domain
from reconciler.desired.quantity import format_size
from reconciler.diff.claims import details, existing_claim, new_claim
from reconciler.diff.made import made_disk
from reconciler.diff.pools import stale
from reconciler.diff.power import lost_disks
from reconciler.diff.volumes import backing_path, base_image, disk_paths, is_half_copied
from reconciler.history import History
from reconciler.mark import MadeDisk, Mark
from reconciler.observed import Observed, SeenDomain, Standing
from reconciler.readiness import pool_trouble
from reconciler.step import Held, HeldReason
from reconciler.whereabouts import Whereabouts
from reconciler.xml.domain import device_names


def disks_there(desired: Desired, observed: Observed, domain: Domain, seen: SeenDomain) -> tuple[MadeDisk, ...]:
    """The document's disks that a domain has, whoever made them: by name, by target, or by what they lie on."""
    there = {disk.name for disk in seen.disks}
    names = device_names(domain, seen.fields or {}, seen.disks, disk_paths(desired, domain))
    found = (disk for disk in domain.spec.disks if names.disks.get(disk.name, disk.name) in there)
    return tuple(sorted(_as_found(desired, observed, domain, disk, seen) or MadeDisk(disk.name) for disk in found))


def _as_found(
    desired: Desired, observed: Observed, domain: Domain, disk: Disk, seen: SeenDomain | None
) -> MadeDisk | None:
    """The disk as its volume is now; None where the domain lies on another file, or the volume cannot be read."""
    sources = {one.source for one in seen.disks} if seen is not None else set()
    volume = details(desired, observed, disk.pool, volume_name(domain.name, disk))
    if volume is None or disk_paths(desired, domain)[disk.name] not in sources:
        return None
    return replace(_as_made(desired, domain, disk), capacity=volume.capacity)


def new_disks(
    desired: Desired, observed: Observed, domain: Domain, host: str, uuid: str, mark: Mark
) -> Iterator[Change]:
    """The claim and the volumes of a domain that this pass defines; first one look at what its pools really hold."""
    ref = Ref("domain", domain.name, host)
    yield from new_contents(desired, observed, domain, host)
    yield from new_claim(desired, observed, domain, ref, uuid)
    for disk in domain.spec.disks:
        yield _missing(desired, domain, disk, ref, uuid)
    if domain.spec.disks:
        yield DisksUnrecorded(ref, "they are made now", uuid, _with(desired, domain, mark, domain.spec.disks))


def new_contents(desired: Desired, observed: Observed, domain: Domain, host: str) -> Iterator[Change]:
    """One look at what the pools of a new domain really hold."""
    for pool in pools_of(domain):
        yield from stale(desired, observed, pool, host, f"domain/{domain.name} is new")


def existing_disks(
    desired: Desired, observed: Observed, domain: Domain, where: Whereabouts, history: History
) -> Iterator[Change | Held]:
    """Volumes that were never made, made but not recorded, or recorded and gone."""
    assert where.seen is not None
    assert where.home is not None
    mark = where.seen.mark or Mark(desired.cluster_name, domain.name)
    to_record: list[Disk] = []
    grown: list[MadeDisk] = []
    lost = lost_disks(desired, observed, domain, where.seen, where.seen.fields or {})
    disks = [disk for disk in domain.spec.disks if disk.name not in lost]
    has_unmade = any(disk.name not in mark.disks for disk in disks)
    proof = tuple(existing_claim(desired, observed, domain, where)) if has_unmade else ()
    yield from proof
    unproven = any(isinstance(item, Held) for item in proof)
    for disk in disks:
        listed = mark.record(disk.name, disk.pool, volume_name(domain.name, disk))
        if listed is not None and listed.name != disk.name and not listed.detached:
            yield _renamed(where.ref, disk, listed)
            continue
        made = _followed(desired, domain, disk, listed, where.seen) if listed else None
        if made is not None:
            found = tuple(_existing_disk(desired, observed, domain, disk, made, where, history))
            yield from found
            grown += [item.grown for item in found if isinstance(item, DiskTooSmall)]
            named = replace(made, name=disk.name, detached=False)
            grown += [named] if named != listed and not found else []
            yield from () if found else _back(desired, observed, made, where)
        if made is not None or unproven:
            continue
        found = tuple(_unrecorded(desired, observed, domain, disk, where))
        yield from found
        if not any(isinstance(item, Held) for item in found):
            to_record.append(disk)
    yield from _to_record(desired, domain, where, mark, to_record, grown)


def _to_record(
    desired: Desired, domain: Domain, where: Whereabouts, mark: Mark, new: list[Disk], changed: list[MadeDisk]
) -> Iterator[DisksUnrecorded]:
    """The mark with disks that are `new`, and those that are otherwise now, by name or by volume."""
    if not new and not changed and mark.protected is domain.spec.protected:
        return
    names = {*(disk.name for disk in new), *(disk.name for disk in changed)}
    volumes = {(disk.pool, disk.volume) for disk in changed}
    kept = [made for made in mark.made if made.name not in names and (made.pool, made.volume) not in volumes]
    whole = replace(mark, made=tuple(sorted((*kept, *changed))), protected=domain.spec.protected)
    protection = f"protected: {mark.protected} -> {domain.spec.protected}".lower()
    reason = f"{', '.join(sorted(names))} not recorded as made" if names else protection
    back = tuple(volume for volume in sorted(volumes) if (known := mark.record("", *volume)) and known.detached)
    yield DisksUnrecorded(where.ref, reason, where.uuid, _with(desired, domain, whole, new), back)


def _renamed(ref: Ref, disk: Disk, made: MadeDisk) -> Held:
    message = f"disk {disk.name} lies on volume {made.volume}, which is disk {made.name} of this domain"
    return Held(ref, HeldReason.CANNOT_CHANGE, f"{message}; a disk keeps its name: write name: {made.name}")


def _existing_disk(
    desired: Desired,
    observed: Observed,
    domain: Domain,
    disk: Disk,
    made: MadeDisk,
    where: Whereabouts,
    history: History,
) -> Iterator[Change | Held]:
    """A disk that was made: gone, or wanted otherwise."""
    lies = made if made.pool else replace(_as_made(desired, domain, disk), detached=made.detached)
    yield from _gone(desired, observed, domain, lies, where, history)
    yield from made_disk(desired, observed, domain, disk, made, where)


def _back(desired: Desired, observed: Observed, made: MadeDisk, where: Whereabouts) -> Iterator[Change]:
    """One that was taken out and is named again: a look at whether its volume is still there."""
    if made.detached and made.pool and where.home is not None:
        yield from stale(desired, observed, made.pool, where.home, f"disk {made.name} shall be attached again")


def _followed(desired: Desired, domain: Domain, disk: Disk, made: MadeDisk, seen: SeenDomain) -> MadeDisk:
    """What was made, or the volume that the document names now, where another hand put the domain on that one.

    So it is when a snapshot was made or committed by hand, and the document was written after it.
    """
    named = _as_made(desired, domain, disk)
    path = disk_paths(desired, domain)[disk.name]
    if not made.pool or (made.pool, made.volume) == (named.pool, named.volume):
        return made
    lies_there = path in {one.source for one in seen.disks}
    return replace(named, capacity=made.capacity) if lies_there else made


def _with(desired: Desired, domain: Domain, mark: Mark, disks: Iterable[Disk]) -> Mark:
    """The mark that lists these disks too, as the document describes them."""
    added = (_as_made(desired, domain, disk) for disk in disks)
    return replace(mark, made=tuple(sorted((*mark.made, *added))))


def _as_made(desired: Desired, domain: Domain, disk: Disk) -> MadeDisk:
    image, volume = base_image(desired, disk), volume_name(domain.name, disk)
    base = image_volume(image) if image else ""
    return MadeDisk(disk.name, disk.pool, volume, disk.format, disk.size, base, copied=disk.copy_)


def _unrecorded(
    desired: Desired, observed: Observed, domain: Domain, disk: Disk, where: Whereabouts
) -> Iterator[Change | Held]:
    assert where.home is not None
    volume, there = volume_name(domain.name, disk), observed.listed(disk.pool)
    if trouble := pool_trouble(desired, observed, desired.pools[disk.pool], where.home):
        message = f"pool/{disk.pool}@{where.home}, where disk {disk.name} shall be made: {trouble[1]}"
        yield Held(where.ref, HeldReason.POOL_NOT_READY, message)
    elif is_half_copied(observed, where.home, disk.pool, volume):
        yield from _half_copied(desired, observed, domain, disk, where)
    elif there is None or volume not in there:
        yield from stale(desired, observed, disk.pool, where.home, f"no host lists volume {volume}")
        yield _missing(desired, domain, disk, where.ref, where.uuid)
    elif mismatch := _mismatch(desired, observed, domain, disk):
        yield Held(
            where.ref, HeldReason.VOLUME_DIFFERS, f"volume {volume} in pool/{disk.pool} {mismatch}; move it away"
        )


def _half_copied(
    desired: Desired, observed: Observed, domain: Domain, disk: Disk, where: Whereabouts
) -> Iterator[Change | Held]:
    """A copy that was cut: nobody ever ran on it, and only a copy is made in its place."""
    assert where.home is not None
    volume = volume_name(domain.name, disk)
    reason = f"volume {volume} may be half a copy"
    if disk.copy_:
        yield from stale(desired, observed, disk.pool, where.home, reason)
        yield _missing(desired, domain, disk, where.ref, where.uuid, reason)
        return
    message = f"{reason} of an image; delete it and {copying_note(volume)}, or write copy: true"
    yield Held(where.ref, HeldReason.VOLUME_DIFFERS, message)


def _mismatch(desired: Desired, observed: Observed, domain: Domain, disk: Disk) -> str:
    seen = details(desired, observed, disk.pool, volume_name(domain.name, disk))
    if seen is None:
        return "cannot be read"
    if seen.format != disk.format:
        return f"is {seen.format}, not {disk.format}"
    if seen.capacity != disk.size:
        return f"has {format_size(seen.capacity)}, not {format_size(disk.size)}"
    backing = backing_path(desired, disk)
    return f"stands on {seen.backing or 'no image'}, not on {backing or 'none'}" if seen.backing != backing else ""


def _gone(
    desired: Desired, observed: Observed, domain: Domain, disk: MadeDisk, where: Whereabouts, history: History
) -> Iterator[Change | Held]:
    there = observed.listed(disk.pool)
    unused = where.seen is not None and (where.seen.standing is Standing.OFF or disk.detached)
    if there is None or disk.volume in there or not unused or where.home is None:
        return
    if not history.is_recent(f"refresh-pool:pool/{disk.pool}@{where.home}", observed_at(observed, where.home)):
        yield from stale(desired, observed, disk.pool, where.home, f"no host lists volume {disk.volume}")
    else:
        message = f"volume {disk.volume} of disk {disk.name} was made and is gone from pool/{disk.pool}; restore it"
        yield Held(where.ref, HeldReason.DISK_LOST, f"{message}; it is never made again empty")


def observed_at(observed: Observed, host: str) -> float:
    """When the host's domains were read, by the clock's now()."""
    listing = observed.domains.get(host)
    return getattr(listing, "at", 0.0)


def _missing(desired: Desired, domain: Domain, disk: Disk, ref: Ref, uuid: str, reason: str = "") -> DiskMissing:
    volume, image = volume_name(domain.name, disk), base_image(desired, disk)
    backing = backing_path(desired, disk)
    return DiskMissing(
        ref,
        reason or f"volume {volume} is not there",
        uuid,
        disk.name,
        disk.pool,
        volume,
        disk.format,
        disk.size,
        backing,
        image.format if image else "",
        image_volume(image) if image else "",
        disk.copy_,
    )
