"""A disk that is a full copy of an image. No I/O."""

from dataclasses import dataclass

from reconciler.action import CreateVolume


@dataclass(frozen=True, slots=True)
class CopyImage(CreateVolume):
    """Make a volume that is a full copy of an image (virStorageVolCreateXMLFrom), then as large as it shall be.

    `note` is made before (exclusively, for it is raw) and deleted after: a volume beside its note may be half a copy.
    """

    image: str = ""
    image_format: str = ""
    note: str = ""
