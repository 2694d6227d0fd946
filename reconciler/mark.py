"""What our mark in <metadata> says: whose a domain or network is, and which of its disks were made."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class MadeDisk:
    """A disk as it was made: what tells a change of its document. Capacity in bytes.

    A mark of an earlier version says nothing but the name: then `pool` is empty, and nothing else is compared.
    """

    name: str
    pool: str = ""
    volume: str = ""
    format: str = ""
    capacity: int = 0
    image: str = ""
    """The base image's volume; empty for a disk without one."""
    detached: bool = False
    """Taken out of the domain since. Its volume stays, and is what the disk gets when it is named again."""
    copied: bool = False
    """A full copy of the image, which does not stand on it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Our mark in a domain's or network's <metadata>: whose it is, and which disks were made (law 5)."""

    cluster: str
    name: str
    made: tuple[MadeDisk, ...] = ()
    """By name."""
    claimed_by: str = ""
    """The host whose claim the domain's volumes stand under: where it was defined first (law 2)."""
    uuid: str = ""
    """Of a domain that we adopted, or renamed, with a UUID of its own; empty where it has the derived one."""
    protected: bool = False
    """Its document says that it is never deleted: known also once the document is gone."""
    former: str = ""
    """The name that it was made under, where it was renamed since: its claim is called by that."""
    restarted_for: str = ""
    """What we last restarted it for, as restarts.cause_of has it; empty once its definition is written anew."""
    seed: str = ""
    """The seed that it was given last, as pool/volume, also once that was taken out; empty where it has none."""

    @property
    def disks(self) -> frozenset[str]:
        """Names of the disks that were made."""
        return frozenset(disk.name for disk in self.made)

    @property
    def first_name(self) -> str:
        """The name that it was made under."""
        return self.former or self.name

    @property
    def is_whole(self) -> bool:
        """Whether the domain was made by us and not adopted, nor by a version that wrote down less."""
        return bool(self.claimed_by) or any(disk.pool for disk in self.made)

    def disk(self, name: str) -> MadeDisk | None:
        """The disk of that name, where it was made."""
        return next((disk for disk in self.made if disk.name == name), None)

    def record(self, name: str, pool: str, volume: str) -> MadeDisk | None:
        """What it says of a disk: by its name, else by the volume that it lies on."""
        on_it = (disk for disk in self.made if (disk.pool, disk.volume) == (pool, volume))
        return self.disk(name) or next(on_it, None)
