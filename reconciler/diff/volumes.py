"""Where a domain's disks lie, and what they stand on."""

from reconciler.desired import Desired
from reconciler.desired.derive import image_volume, volume_name
from reconciler.desired.documents import Disk, Domain, Image


def disk_paths(desired: Desired, domain: Domain) -> dict[str, str]:
    """disk -> path of its volume, the same on every host."""
    paths = {}
    for disk in domain.spec.disks:
        paths[disk.name] = f"{desired.pools[disk.pool].spec.target}/{volume_name(domain.name, disk)}"
    return paths


def backing_path(desired: Desired, disk: Disk) -> str:
    """The path of the base image's volume; empty for a disk without one."""
    image = base_image(desired, disk)
    return f"{desired.pools[disk.pool].spec.target}/{image_volume(image)}" if image else ""


def base_image(desired: Desired, disk: Disk) -> Image | None:
    """The image that the document builds the disk on."""
    return next((image for image in desired.pools[disk.pool].spec.images if image.name == disk.image), None)
