"""Which base image each disk stands on, and which images a pool has. Pure."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.desired import Desired
from reconciler.desired.derive import image_volume
from reconciler.desired.documents import Domain, Pool
from reconciler.diff.volumes import base_image
from reconciler.mark import MadeDisk, Mark
from reconciler.observed import Observed, SeenDomain


@dataclass(frozen=True, slots=True)
class DiskStatus:
    """A disk that was made. `image`: the volume that it stands on; its name has the beginning of its checksum.

    `newer`: the volume that its document builds new disks on by now; empty where that is the same.
    """

    name: str
    pool: str
    volume: str
    image: str = ""
    newer: str = ""
    copied: bool = False
    """It is a full copy of the image, and does not stand on it."""


@dataclass(frozen=True, slots=True)
class ImageStatus:
    """An image's volume. `name`: in the document; empty where disks stand on it that no document builds any more.

    `complete`: None where no host tells. `disks`: how many are known to stand on it.
    """

    volume: str
    name: str
    complete: bool | None
    disks: int


def disk_statuses(desired: Desired, domain: Domain, seen: SeenDomain | None) -> tuple[DiskStatus, ...]:
    """What our mark says of the disks; order: by name."""
    made = seen.mark.made if seen is not None and seen.mark is not None else ()
    return tuple(_disk(desired, domain, disk) for disk in made if disk.pool and not disk.detached)


def _disk(desired: Desired, domain: Domain, made: MadeDisk) -> DiskStatus:
    wanted = next((disk for disk in domain.spec.disks if disk.name == made.name), None)
    image = base_image(desired, wanted) if wanted is not None else None
    newer = image_volume(image) if image is not None and made.image else ""
    newer = newer if newer != made.image else ""
    return DiskStatus(made.name, made.pool, made.volume, made.image, newer, made.copied)


def image_statuses(observed: Observed, pool: Pool, cluster: str) -> tuple[ImageStatus, ...]:
    """Those of the document in its order, then those that only disks of ours still stand on."""
    users = _users(observed, pool.name, cluster)
    names = {image_volume(image): image.name for image in pool.spec.images}
    volumes = (*names, *sorted(set(users) - set(names)))
    there = observed.listed(pool.name)
    return tuple(
        ImageStatus(
            volume,
            names.get(volume, ""),
            {volume, f"{volume}.complete"} <= there if there is not None else None,
            users[volume],
        )
        for volume in volumes
    )


def _users(observed: Observed, pool: str, cluster: str) -> Counter[str]:
    """image volume -> disks that stand on it, as the marks of domains that are seen say."""
    marks = {seen.uuid: seen.mark for _, seen in observed.all_domains() if seen.mark and seen.mark.cluster == cluster}
    return Counter(disk.image for mark in marks.values() for disk in _standing(mark, pool))


def _standing(mark: Mark, pool: str) -> Iterator[MadeDisk]:
    return (disk for disk in mark.made if disk.pool == pool and disk.image and not disk.copied)
