"""What we can do: frozen data, one class per verb, each one call (or one short, repeatable sequence) at the edge."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from reconciler.desired.parts import Transport
from reconciler.desired.ref import Ref
from reconciler.desired.secrets import SecretRef
from reconciler.desired.seed import Seed
from reconciler.mark import Mark
from reconciler.stopping import Stop


@dataclass(frozen=True, slots=True)
class Action:
    """One thing done at one host. `kind` names the object's kind for people; nothing decides by it."""

    host: str
    kind: ClassVar[str] = ""
    retriable: ClassVar[bool] = True
    """Whether a transient error may be tried again within the step (never a migration, law 14)."""
    blind: ClassVar[bool] = False
    """Done even where the goal holds already, because its effect cannot be seen beforehand."""
    deadline_s: ClassVar[float] = 60.0
    """How long the goal may take to be seen once the call returned."""

    @property
    def verb(self) -> str:
        """`define-pool` for DefinePool."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", type(self).__name__).lower()

    @property
    def object(self) -> Ref:
        return Ref(self.kind, getattr(self, "name"), self.host)  # noqa: B009 - every subclass has it


# --- NFS server ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WriteExport(Action):
    """Write our export file whole and put it in force; makes the directory where it is missing. `name`: the pool's."""

    name: str
    cluster: str
    dir: str
    clients: tuple[str, ...]
    options: tuple[str, ...]
    kind = "export"


@dataclass(frozen=True, slots=True)
class RemoveExport(Action):
    """Take our export out of force and remove our file."""

    name: str
    cluster: str
    dir: str
    clients: tuple[str, ...]
    kind = "export"


# --- pools and volumes ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DefinePool(Action):
    name: str
    xml: str
    kind = "pool"


@dataclass(frozen=True, slots=True)
class BuildPool(Action):
    """Make the target directory (virStoragePoolBuild); harmless when it is there."""

    name: str
    kind = "pool"
    blind = True


@dataclass(frozen=True, slots=True)
class StartPool(Action):
    name: str
    kind = "pool"


@dataclass(frozen=True, slots=True)
class RefreshPool(Action):
    """Read the pool's directory again: volumes made through another host show up (virStoragePoolRefresh)."""

    name: str
    kind = "pool"
    blind = True


@dataclass(frozen=True, slots=True)
class StopPool(Action):
    name: str
    kind = "pool"


@dataclass(frozen=True, slots=True)
class UndefinePool(Action):
    name: str
    kind = "pool"


@dataclass(frozen=True, slots=True)
class Volume(Action):
    """An action on the volume `volume` of `pool`."""

    pool: str
    volume: str
    kind = "volume"

    @property
    def object(self) -> Ref:
        return Ref("volume", f"{self.pool}/{self.volume}", self.host)


@dataclass(frozen=True, slots=True)
class Upload(Volume):
    """Stream content into a new volume, and make the empty volume `marker` last: then it is complete."""

    marker: str


@dataclass(frozen=True, slots=True)
class UploadSeed(Upload):
    """Make the medium from which cloud-init sets a guest up (virStorageVolUpload)."""

    seed: Seed


@dataclass(frozen=True, slots=True)
class UploadImage(Upload):
    """Stream an image into the pool, check its sha256, write the marker last (virStorageVolUpload)."""

    path: str
    """A file of ours, or an http(s) URL."""
    sha256: str
    format: str


@dataclass(frozen=True, slots=True)
class CreateVolume(Volume):
    """Make a volume (virStorageVolCreateXML). Capacity in bytes.

    A raw one is refused where the file exists, whatever this host's client has cached: open(O_EXCL). Any other is
    refused where this host sees the file: libvirt looks, then runs qemu-img, which would overwrite one it did not see.
    """

    format: str
    capacity: int
    backing: str = ""
    """Path of the base image."""
    backing_format: str = ""


@dataclass(frozen=True, slots=True)
class MakeClaim(CreateVolume):
    """Make a volume that says by its capacity whose the domain's volumes are (law 2); exclusive, for it is raw."""


@dataclass(frozen=True, slots=True)
class DeleteVolume(Volume):
    """Remove a volume, and all that is in it, for good (virStorageVolDelete)."""


@dataclass(frozen=True, slots=True)
class GrowVolume(Volume):
    """Give a volume that nobody uses more room; never less (virStorageVolResize). Capacity in bytes."""

    capacity: int


@dataclass(frozen=True, slots=True)
class GrowDisk(GrowVolume):
    """Give the disk of a running domain more room, which the guest sees at once (virDomainBlockResize)."""

    domain: str
    uuid: str
    path: str


# --- networks ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DefineNetwork(Action):
    name: str
    xml: str
    kind = "network"


@dataclass(frozen=True, slots=True)
class StartNetwork(Action):
    name: str
    kind = "network"


@dataclass(frozen=True, slots=True)
class StopNetwork(Action):
    name: str
    kind = "network"


@dataclass(frozen=True, slots=True)
class UndefineNetwork(Action):
    name: str
    kind = "network"


# --- domains ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DomainAction(Action):
    name: str
    uuid: str
    kind = "domain"


@dataclass(frozen=True, slots=True)
class DefineDomain(DomainAction):
    """Write the persistent definition; the live one stays (virDomainDefineXMLFlags, VALIDATE).

    The passwords of the definition that is there, which `xml` has not, are kept.
    """

    xml: str
    source: str = ""
    """The host where that definition is; empty: `host` itself."""


@dataclass(frozen=True, slots=True)
class SetPassword(DomainAction):
    """Give the screen the password that comes from `source`, in the definition and, where one is set, in what runs."""

    source: SecretRef
    screen: str
    """vnc or spice."""


@dataclass(frozen=True, slots=True)
class RecordDisks(DomainAction):
    """Write into our mark which disks were made (virDomainSetMetadata; law 5)."""

    mark: Mark


@dataclass(frozen=True, slots=True)
class ReleaseDisks(RecordDisks):
    """Write into our mark which disks were taken out; their volumes stay (virDomainSetMetadata; law 5)."""


@dataclass(frozen=True, slots=True)
class AdoptDomain(RecordDisks):
    """Write our mark into a domain that another hand made, with the disks that it has (virDomainSetMetadata)."""


@dataclass(frozen=True, slots=True)
class RenameDomain(DomainAction):
    """Give a domain that is off the name `name`, and our mark for it (virDomainRename, virDomainSetMetadata)."""

    former: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class StartDomain(DomainAction):
    deadline_s = 90.0


@dataclass(frozen=True, slots=True)
class ResumeDomain(DomainAction):
    pass


@dataclass(frozen=True, slots=True)
class ShutdownDomain(DomainAction):
    """Ask the guest to power off (virDomainShutdownFlags) as long as `stop` says; forced only where that says so."""

    stop: Stop
    retriable = False


@dataclass(frozen=True, slots=True)
class DestroyHusk(DomainAction):
    """End the paused process that a migration left at its source, when the target runs (virDomainDestroy)."""


@dataclass(frozen=True, slots=True)
class ClearAutostart(DomainAction):
    """Let the host not start it by itself (virDomainSetAutostart)."""


@dataclass(frozen=True, slots=True)
class UndefineDomain(DomainAction):
    """Remove the definition of a domain that is off; disks, NVRAM and TPM state stay (virDomainUndefineFlags)."""


@dataclass(frozen=True, slots=True)
class MigrateDomain(DomainAction):
    """Move a running domain, peer to peer (virDomainMigrateToURI3). Sizes in bytes, times in seconds."""

    target: str
    peer_uri: str
    address: str
    """Where the memory traffic goes."""
    memory: int
    bandwidth: int | None
    max_downtime_s: float
    progress_timeout_s: float
    timeout_s: float
    transport: Transport = Transport.NATIVE
    auto_converge: bool = True
    post_copy: bool = False
    expected_s: float | None = None
    """How long it is thought to take; inf where it does not converge, None where nobody knows."""
    retriable = False
    deadline_s = 60.0


# --- devices of a domain that runs ------------------------------------------------


@dataclass(frozen=True, slots=True)
class DeviceAction(DomainAction):
    """Something done to one device while the domain runs. `device`: its name, as a reading has it, among its `sort`."""

    sort: str
    """disks, cdroms, interfaces"""
    device: str

    @property
    def object(self) -> Ref:
        return Ref(self.sort.removesuffix("s"), f"{self.name}/{self.device}", self.host)


@dataclass(frozen=True, slots=True)
class UpdateDevice(DeviceAction):
    """Give a device other values (virDomainUpdateDeviceFlags); all else of it stays as it is then."""

    values: tuple[tuple[tuple[str, ...], Any], ...]
    """By their paths within the device."""


@dataclass(frozen=True, slots=True)
class LimitDisk(UpdateDevice):
    """Let a disk do so much in a second (virDomainSetBlockIoTune)."""


@dataclass(frozen=True, slots=True)
class AttachDevice(DeviceAction):
    """Give the running domain a device that its persistent definition has (virDomainAttachDeviceFlags)."""


@dataclass(frozen=True, slots=True)
class DetachDevice(DeviceAction):
    """Ask the guest to let go of a device (virDomainDetachDeviceFlags); bounded, never forced. A volume stays."""

    deadline_s = 30.0


# --- paths ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class SharedPool:
    """A pool whose files both hosts shall see. `source`: where the documents mount it from."""

    name: str
    target: str
    source: str


@dataclass(frozen=True, slots=True)
class ProvePath(Action):
    """Show that guests of `host` can be moved to `target`: it logs in there, the ports are open, files are shared."""

    target: str
    peer_uri: str
    address: str
    """Where memory would go; empty where all of it is tunnelled."""
    pools: tuple[SharedPool, ...]
    kind = "host"
    retriable = False
    blind = True

    @property
    def object(self) -> Ref:
        return Ref(self.kind, self.target, self.host)
