"""What differs in a domain while it runs, and can be changed without a restart."""

from dataclasses import dataclass

from reconciler.change import DomainChange, Field
from reconciler.fact import NowhereElse
from reconciler.live import Way
from reconciler.mark import Mark


@dataclass(frozen=True, slots=True)
class DomainLiveDiffers(DomainChange):
    """A running domain has other values than its document says, and libvirt can change them now.

    `owner`: (sort, name) of the device whose fields they are, () for the domain's own. Their paths begin with it.
    """

    way: Way
    owner: tuple[str, ...]
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class DeviceMissing(DomainChange):
    """A running domain lacks a device that its document names; it gets it as its persistent definition has it.

    `fields`: what it shall have, their paths begin with `owner`. `nowhere`: of a disk, nobody else may use it.
    """

    owner: tuple[str, str]
    fields: tuple[Field, ...]
    pools: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    nowhere: NowhereElse | None = None


@dataclass(frozen=True, slots=True)
class DeviceUnwanted(DomainChange):
    """A running domain has a device that its document named before, and names no more. `fields`: `owner`, taken out."""

    owner: tuple[str, str]
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class DisksTakenOut(DomainChange):
    """Disks that are in no definition any more, by what this plan does. `gone`: their names in the persistent one."""

    mark: Mark
    gone: tuple[str, ...]
