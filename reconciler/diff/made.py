"""What a document says of a disk that was made, against what our mark says of it.

A disk is never made anew (law 11): it can grow, and nothing else. What was made is in the mark, so that a pass in which
nothing changed asks for no volume's details. A mark of an earlier version does not say it: then nothing is compared.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from reconciler.change import Change, DiskTooSmall, Field
from reconciler.desired import Desired
from reconciler.desired.derive import image_volume, volume_name
from reconciler.desired.documents import Disk, Domain
from reconciler.desired.quantity import format_size
from reconciler.diff.pools import stale
from reconciler.diff.power import nowhere_else
from reconciler.diff.volumes import base_image
from reconciler.mark import MadeDisk
from reconciler.observed import Observed, Standing
from reconciler.readiness import pool_trouble
from reconciler.step import Held, HeldReason
from reconciler.whereabouts import Whereabouts


def made_disk(
    desired: Desired, observed: Observed, domain: Domain, disk: Disk, made: MadeDisk, where: Whereabouts
) -> Iterator[Change | Held]:
    """What the document wants of a disk that was made: nothing, more room, or what cannot be."""
    fields = _fixed(desired, domain, disk, made) if made.pool else ()
    if fields:
        text = ", ".join(f"disks.{disk.name}.{field}" for field in fields)
        message = f"a disk is not made anew: {text}; write what it was, or name another disk beside it"
        yield Held(where.ref, HeldReason.CANNOT_CHANGE, message)
    elif made.pool and disk.size < made.capacity:
        was = format_size(made.capacity)
        message = f"disk {disk.name} has {was} and never shrinks to {format_size(disk.size)}; write size: {was}"
        yield Held(where.ref, HeldReason.CANNOT_CHANGE, message)
    elif made.pool and disk.size > made.capacity and not made.detached:
        yield from _too_small(desired, observed, domain, disk, made, where)


def _fixed(desired: Desired, domain: Domain, disk: Disk, made: MadeDisk) -> tuple[Field, ...]:
    """Fields that are not as they were when the disk was made; only what the document sets."""
    format_ = disk.format if "format" in disk.model_fields_set else made.format
    volume = volume_name(domain.name, disk.model_copy(update={"format": made.format}))
    pairs: list[tuple[str, str | None, str | None]] = [
        ("pool", made.pool, disk.pool),
        ("format", made.format, format_),
        ("volume", made.volume, volume),
    ]
    if "image" in disk.model_fields_set and disk.pool == made.pool:
        image = base_image(desired, disk)
        if _without_checksum(image_volume(image) if image else "") != _without_checksum(made.image):
            pairs.append(("image", made.image or None, disk.image))
    return tuple(Field((name,), was, wanted) for name, was, wanted in pairs if was != wanted)


def _without_checksum(image: str) -> str:
    """An image of the same name with another content is for new disks; those that stand on the old one stay there."""
    return re.sub(r"-[0-9a-f]{16}(?=\.[^.]*$|$)", "-", image)


def _too_small(
    desired: Desired, observed: Observed, domain: Domain, disk: Disk, made: MadeDisk, where: Whereabouts
) -> Iterator[Change | Held]:
    assert where.home is not None
    assert where.seen is not None
    path = f"{desired.pools[made.pool].spec.target}/{made.volume}"
    trouble = pool_trouble(desired, observed, desired.pools[made.pool], where.home)
    if trouble:
        message = f"pool/{made.pool}@{where.home}, where disk {disk.name} shall grow: {trouble[1]}"
        yield Held(where.ref, HeldReason.POOL_NOT_READY, message)
    elif path not in {one.source for one in where.seen.disks}:
        message = f"disk {disk.name} cannot grow while the domain does not write to {path}; end its snapshot or backup"
        yield Held(where.ref, HeldReason.CANNOT_CHANGE, message)
    elif where.seen.standing in (Standing.RUNNING, Standing.OFF):
        pool = observed.pool(where.home, made.pool)
        if pool is None or made.volume not in (pool.volumes or ()):
            yield from stale(desired, observed, made.pool, where.home, f"volume {made.volume} is not listed there")
        nowhere = nowhere_else(desired, observed, domain, where.home, where.uuid, seen=where.seen)
        reason = f"disk {disk.name}: {format_size(made.capacity)} -> {format_size(disk.size)}"
        grown = replace(made, capacity=disk.size)
        yield DiskTooSmall(where.ref, reason, where.uuid, grown, path, where.seen.is_active, nowhere)
