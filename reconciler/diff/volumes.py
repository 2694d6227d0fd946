"""Where a domain's disks lie, and what they stand on."""

from reconciler.desired import Desired
from reconciler.desired.derive import copying_note, image_volume, medium, volume_name
from reconciler.desired.documents import Disk, Domain, Image
from reconciler.observed import Observed


def disk_paths(desired: Desired, domain: Domain) -> dict[str, str]:
    """disk -> path of its volume, the same on every host."""
    paths = {}
    for disk in domain.spec.disks:
        paths[disk.name] = f"{desired.pools[disk.pool].spec.target}/{volume_name(domain.name, disk)}"
    return paths


def media_paths(desired: Desired, domain: Domain) -> dict[str, str]:
    """drive -> path of what its document puts into it, the same on every host; empty for an empty tray."""
    volumes = {drive.name: (drive.pool or "", medium(drive, desired.pools)) for drive in domain.spec.cdroms}
    return {
        name: f"{desired.pools[pool].spec.target}/{volume}" if volume else ""
        for name, (pool, volume) in volumes.items()
    }


def all_paths(desired: Desired, domain: Domain) -> dict[str, str]:
    """disk or drive -> path of what lies in it."""
    return {
        **disk_paths(desired, domain),
        **{name: path for name, path in media_paths(desired, domain).items() if path},
    }


def backing_path(desired: Desired, disk: Disk) -> str:
    """The path of the base image's volume; empty for a disk that stands on none."""
    image = base_image(desired, disk) if not disk.copy_ else None
    return f"{desired.pools[disk.pool].spec.target}/{image_volume(image)}" if image else ""


def base_image(desired: Desired, disk: Disk) -> Image | None:
    """The image that the document builds the disk on."""
    return next((image for image in desired.pools[disk.pool].spec.images if image.name == disk.image), None)


def is_half_copied(observed: Observed, host: str, pool: str, volume: str) -> bool:
    """Whether the volume's note is there, as `host` lists it: another host may list what is gone."""
    seen = observed.pool(host, pool)
    return seen is not None and seen.volumes is not None and copying_note(volume) in seen.volumes
