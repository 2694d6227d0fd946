"""What differs in a domain's volumes. One that was made and is gone is never made again (law 5)."""

from collections.abc import Iterator

from reconciler.change import Change, DiskMissing, DisksUnrecorded
from reconciler.desired import Desired, Ref
from reconciler.desired.derive import image_volume, volume_name
from reconciler.desired.documents import Disk, Domain, Image
from reconciler.desired.quantity import format_size
from reconciler.diff.pools import stale
from reconciler.history import History
from reconciler.observed import Observed, SeenDomain, SeenVolume, Standing
from reconciler.readiness import pool_trouble
from reconciler.step import Held, HeldReason
from reconciler.whereabouts import Whereabouts
from reconciler.xml.domain import device_names

REFRESHED_FOR_S = 60.0
"""How long a refresh that found nothing counts, so that a lost disk ends in `held` and not in refresh after refresh."""


def volumes_of(domain: Domain) -> tuple[tuple[str, str], ...]:
    """(pool, volume) of every disk."""
    return tuple((disk.pool, volume_name(domain.name, disk)) for disk in domain.spec.disks)


def disk_paths(desired: Desired, domain: Domain) -> dict[str, str]:
    """disk -> path of its volume, the same on every host."""
    paths = {}
    for disk in domain.spec.disks:
        paths[disk.name] = f"{desired.pools[disk.pool].spec.target}/{volume_name(domain.name, disk)}"
    return paths


def disks_there(desired: Desired, domain: Domain, seen: SeenDomain) -> tuple[str, ...]:
    """The document's disks that a domain has, whoever made them: by name, by target, or by what they lie on."""
    there = {disk.name for disk in seen.disks}
    names = device_names(domain, seen.fields or {}, seen.disks, disk_paths(desired, domain))
    return tuple(sorted(disk.name for disk in domain.spec.disks if names.disks.get(disk.name, disk.name) in there))


def new_disks(desired: Desired, observed: Observed, domain: Domain, host: str, uuid: str) -> Iterator[Change]:
    """The volumes of a domain that this pass defines; first one look at what its pools really hold."""
    ref = Ref("domain", domain.name, host)
    for pool in sorted({disk.pool for disk in domain.spec.disks}):
        yield from stale(desired, observed, pool, host, f"domain/{domain.name} is new")
    for disk in domain.spec.disks:
        yield _missing(desired, domain, disk, ref, uuid)
    if domain.spec.disks:
        names = tuple(sorted(disk.name for disk in domain.spec.disks))
        yield DisksUnrecorded(ref, "they are made now", uuid, desired.cluster_name, names)


def existing_disks(
    desired: Desired, observed: Observed, domain: Domain, where: Whereabouts, history: History
) -> Iterator[Change | Held]:
    """Volumes that were never made, made but not recorded, or recorded and gone."""
    assert where.seen is not None
    assert where.home is not None
    recorded = where.seen.mark.disks if where.seen.mark else frozenset()
    to_record = set(recorded)
    for disk in domain.spec.disks:
        if disk.name in recorded:
            yield from _gone(desired, observed, domain, disk, where, history)
            continue
        found = tuple(_unrecorded(desired, observed, domain, disk, where))
        yield from found
        if not any(isinstance(item, Held) for item in found):
            to_record.add(disk.name)
    if to_record != recorded:
        reason = f"{', '.join(sorted(to_record - recorded))} not recorded as made"
        yield DisksUnrecorded(where.ref, reason, where.uuid, desired.cluster_name, tuple(sorted(to_record)))
    yield from _unnamed(domain, where, recorded)


def _unnamed(domain: Domain, where: Whereabouts, recorded: frozenset[str]) -> Iterator[Held]:
    for name in sorted(recorded - {disk.name for disk in domain.spec.disks}):
        message = f"disk {name} was made for it and is not in its document any more; detach it by hand, or name it"
        yield Held(where.ref, HeldReason.CANNOT_CHANGE, message)


def _unrecorded(
    desired: Desired, observed: Observed, domain: Domain, disk: Disk, where: Whereabouts
) -> Iterator[Change | Held]:
    assert where.home is not None
    volume, there = volume_name(domain.name, disk), observed.listed(disk.pool)
    if trouble := pool_trouble(desired, observed, desired.pools[disk.pool], where.home):
        message = f"pool/{disk.pool}@{where.home}, where disk {disk.name} shall be made: {trouble[1]}"
        yield Held(where.ref, HeldReason.POOL_NOT_READY, message)
    elif there is None or volume not in there:
        yield from stale(desired, observed, disk.pool, where.home, f"no host lists volume {volume}")
        yield _missing(desired, domain, disk, where.ref, where.uuid)
    elif mismatch := _mismatch(desired, observed, domain, disk):
        yield Held(
            where.ref, HeldReason.VOLUME_DIFFERS, f"volume {volume} in pool/{disk.pool} {mismatch}; move it away"
        )


def _mismatch(desired: Desired, observed: Observed, domain: Domain, disk: Disk) -> str:
    seen = _details(desired, observed, disk, volume_name(domain.name, disk))
    if seen is None:
        return "cannot be read"
    if seen.format != disk.format:
        return f"is {seen.format}, not {disk.format}"
    if seen.capacity != disk.size:
        return f"has {format_size(seen.capacity)}, not {format_size(disk.size)}"
    backing = backing_path(desired, disk)
    return f"stands on {seen.backing or 'no image'}, not on {backing or 'none'}" if seen.backing != backing else ""


def _details(desired: Desired, observed: Observed, disk: Disk, volume: str) -> SeenVolume | None:
    for host in desired.selected(desired.pools[disk.pool].spec.hosts):
        pool = observed.pool(host, disk.pool)
        if pool and pool.volumes and pool.volumes.get(volume):
            return pool.volumes[volume]
    return None


def _gone(
    desired: Desired, observed: Observed, domain: Domain, disk: Disk, where: Whereabouts, history: History
) -> Iterator[Change | Held]:
    there = observed.listed(disk.pool)
    volume = volume_name(domain.name, disk)
    off = where.seen is not None and where.seen.standing is Standing.OFF
    if there is None or volume in there or not off or where.home is None:
        return
    refreshed = history.done.get(f"refresh-pool:pool/{disk.pool}@{where.home}")
    if refreshed is None or observed_at(observed, where.home) - refreshed > REFRESHED_FOR_S:
        yield from stale(desired, observed, disk.pool, where.home, f"no host lists volume {volume}")
    else:
        message = f"volume {volume} of disk {disk.name} was made and is gone from pool/{disk.pool}; restore it"
        yield Held(where.ref, HeldReason.DISK_LOST, f"{message}; it is never made again empty")


def observed_at(observed: Observed, host: str) -> float:
    """When the host's domains were read, by the clock's now()."""
    listing = observed.domains.get(host)
    return getattr(listing, "at", 0.0)


def backing_path(desired: Desired, disk: Disk) -> str:
    """The path of the base image's volume; empty for a disk without one."""
    image = base_image(desired, disk)
    return f"{desired.pools[disk.pool].spec.target}/{image_volume(image)}" if image else ""


def base_image(desired: Desired, disk: Disk) -> Image | None:
    """The image that the document builds the disk on."""
    return next((image for image in desired.pools[disk.pool].spec.images if image.name == disk.image), None)


def _missing(desired: Desired, domain: Domain, disk: Disk, ref: Ref, uuid: str) -> DiskMissing:
    volume, image = volume_name(domain.name, disk), base_image(desired, disk)
    base = (backing_path(desired, disk), image.format, image_volume(image)) if image else ("", "", "")
    reason = f"volume {volume} is not there"
    return DiskMissing(ref, reason, uuid, disk.name, disk.pool, volume, disk.format, disk.size, *base)
