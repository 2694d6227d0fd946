"""The document of a virtual machine."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictInt, StrictStr

from reconciler.desired import rules
from reconciler.desired.devices import Cdrom, Disk, Graphics, Interface, Memballoon, Port, Tpm, Watchdog
from reconciler.desired.machine import (
    Architecture,
    Clock,
    CpuFeatures,
    Cpuset,
    Hyperv,
    Numatune,
    PageSize,
    PlainPath,
    Topology,
)
from reconciler.desired.model import Duration, Flag, Model, Name, Positive, RestartWindow, Size, Text
from reconciler.desired.parts import Document, DomainMetadata, HostSelector, Labels, MigrationPolicy, State

Line = Annotated[StrictStr, AfterValidator(rules.line)]


SEED_DRIVE = "seed"
"""The drive that a domain with cloud-init has beside those that its document lists."""


class Power(StrEnum):
    """What a domain shall be doing."""

    RUNNING = "running"
    STOPPED = "stopped"
    UNMANAGED = "unmanaged"


class OnDrain(StrEnum):
    """What happens to a running domain when its host is cordoned."""

    MIGRATE = "migrate"
    RESTART = "restart"
    STOP = "stop"
    STAY = "stay"


class OnChange(StrEnum):
    """What happens when a change cannot be made while the domain runs."""

    HOLD = "hold"
    RESTART = "restart"


class OnShutdownTimeout(StrEnum):
    """What happens when a guest that shall stop does not power off in its time."""

    HOLD = "hold"
    FORCE = "force"


class ApartFrom(Model):
    """Domains that should run on other hosts than this one."""

    match_labels: Labels
    """Labels that those domains all carry."""
    required: Flag = False
    """true: rather hold this domain than run it beside one of them."""


class TogetherWith(Model):
    """Domains that should run on the same host as this one."""

    match_labels: Labels
    """Labels that those domains all carry."""
    required: Flag = False
    """true: rather hold this domain than run it away from one of them."""


class DomainPlacement(Model):
    """Where a domain may run."""

    hosts: HostSelector = "all"
    """The hypervisors it may run on: all, a list of names, or matchLabels."""
    apart_from: ApartFrom | None = None
    """Domains that it should not share a host with."""
    together_with: TogetherWith | None = None
    """Domains that it should share a host with."""
    priority: Annotated[StrictInt, Field(ge=-1000, le=1000)] = 0
    """Where there is not room for all: the greater goes first."""
    allow_older_qemu: Flag = False
    """true: while it runs it may also move to a host whose QEMU is older than where it is."""


class DomainMigration(MigrationPolicy):
    """Overrides the cluster's policy, field by field."""


class FileSource(Model):
    """A file below the documents' directory."""

    file: Text
    """Its path, relative to this document."""


class CloudInit(Model):
    """What the guest's cloud-init reads when it sets the guest up, from a drive named seed (NoCloud)."""

    user_data: Text | None = None
    """User data, written here: #cloud-config, a script, or another form that begins with its own header."""
    user_data_from: FileSource | None = None
    """User data, in a file; this or userData."""
    meta_data: Text | None = None
    """Meta data, a YAML mapping; where it says no instance-id and local-hostname, they are the domain's own."""
    meta_data_from: FileSource | None = None
    """Meta data, in a file."""
    network_config: Text | None = None
    """The network's configuration, of version 1 or 2; null: cloud-init's own, DHCP on the first interface."""
    network_config_from: FileSource | None = None
    """The network's configuration, in a file."""
    instance: Positive = 1
    """Part of the instance-id: another number has a guest set itself up anew, and only then it gets changed data."""
    pool: Name | None = None
    """The Pool document that the seed lies in; null: that of the first shared disk, else of the first."""
    bus: Literal["scsi", "sata"] = "scsi"
    """How the guest sees the seed's drive: scsi is virtio's, which every cloud image knows."""
    eject_after_boot: Flag = False
    """true: the seed is taken out once the guest has come up, which its guest agent tells."""

    @property
    def drive(self) -> Cdrom:
        """The drive for the seed; its bus is compared only where the document says one."""
        return Cdrom.model_construct({"name"} | ({"bus"} & self.model_fields_set), name=SEED_DRIVE, bus=self.bus)


class Ready(Model):
    """When the guest counts as ready: all that is named here must be so."""

    agent: Flag = False
    """true: its guest agent answers."""
    address: Flag = False
    """true: an address of it is known, from its agent, a DHCP lease, or what its host has heard of on the network."""
    tcp: Port | None = None
    """This TCP port answers at one of its addresses, from where the reconciler runs."""


class XmlEdit(Model):
    """One change of the domain's XML, in virt-install's words; one of set, create and delete."""

    set: Text | None = None
    """The path of an attribute, or of an element whose text is meant; all that it means get the value `to`."""
    create: Text | None = None
    """The path of an element that shall be there, with attributes as ./devices/panic[@model='isa']."""
    delete: Text | None = None
    """The path of elements, or of an attribute, that shall not be there."""
    to: Text | None = None
    """The value that `set` gives."""


class DomainSpec(Model):
    """A virtual machine."""

    state: State = State.PRESENT
    """absent: delete it, as far as limits and `protected` allow; its disks stay."""
    title: Line | None = None
    """A short description of the domain, one line."""
    description: Text | None = None
    """What people should know of the domain."""
    power: Power = Power.RUNNING
    """What it shall be doing; unmanaged: whatever it does."""
    vcpus: Annotated[StrictInt, Field(gt=0, le=4096)]
    """Virtual CPUs."""
    max_vcpus: Annotated[StrictInt, Field(gt=0, le=4096)] | None = None
    """The most that vcpus can become while the guest runs; null: as many as vcpus."""
    memory: Annotated[Size, AfterValidator(rules.whole_kib)]
    """Memory, for example 2GiB."""
    max_memory: Annotated[Size, AfterValidator(rules.whole_kib)] | None = None
    """The most that memory can become while the guest runs, as memory modules; null: as much as memory."""
    memballoon: Memballoon | None = None
    """The device by which the guest gives memory back; null: a virtio balloon."""
    cpu: Name = "baseline"
    """baseline (what all candidate hosts have), host-model, host-passthrough, or a model that libvirt knows."""
    cpu_features: CpuFeatures = {}  # noqa: RUF012
    """CPU features on top of the model, for example {vmx: disable}: force, require, optional, disable or forbid."""
    topology: Topology | None = None
    """Sockets, dies, cores and threads; null: each CPU a socket."""
    machine: Name | None = None
    """The machine type: q35, pc, virt, or a version of one as pc-q35-7.2; null: the newest q35 or virt."""
    firmware: Literal["bios", "uefi"] | None = None
    """What starts the guest's system; null: the machine's own, bios on x86. A domain keeps it for life."""
    secure_boot: Flag | None = None
    """true: UEFI starts only what is signed, with the usual keys enrolled; needs firmware uefi and machine q35."""
    tpm: Tpm | None = None
    """An emulated TPM; null: none."""
    clock: Clock | None = None
    """The guest's clock; null: utc."""
    hyperv: Hyperv | None = None
    """What makes Windows run well; null: nothing of it."""
    arch: Architecture | None = None
    """The CPU architecture, for example x86_64; null: the host's own."""
    emulator: PlainPath | None = None
    """The emulator's path on every host; null: libvirt's choice."""
    hugepages: PageSize | None = None
    """Memory comes from the host's huge pages of this size, for example 2MiB; null: from plain pages."""
    cpuset: Cpuset | None = None
    """The host CPUs that its virtual CPUs may run on, for example 0-3,8; null: all."""
    vcpu_pins: tuple[Cpuset, ...] = ()
    """The host CPUs of each single virtual CPU, in their order, for example ["2", "3"]."""
    emulator_pin: Cpuset | None = None
    """The host CPUs of the emulator's own threads."""
    numatune: Numatune | None = None
    """The host's NUMA nodes that its memory comes from; null: any."""
    disks: tuple[Disk, ...] = ()
    """Its disks, in the guest's order."""
    cdroms: tuple[Cdrom, ...] = ()
    """Its drives for read-only media, in the guest's order."""
    interfaces: tuple[Interface, ...] = ()
    """Its network interfaces, in the guest's order."""
    graphics: Graphics | None = None
    """The screen, for a viewer; null: none."""
    video: Literal["virtio", "qxl", "vga", "cirrus", "bochs", "ramfb", "none"] | None = None
    """The graphics card; null: libvirt's choice where there are graphics, else none."""
    tablet: Flag = False
    """true: a pointer that needs no catching, for viewers."""
    serial_console: Flag = True
    """A serial line, which `virsh console` shows."""
    guest_agent: Flag = True
    """A channel for the QEMU guest agent."""
    rng: Flag = True
    """A source of random numbers, from the host's /dev/urandom."""
    watchdog: Watchdog | None = None
    """A device that acts when the guest hangs; null: none."""
    cloud_init: CloudInit | None = None
    """What the guest sets up at its first boot."""
    placement: DomainPlacement = DomainPlacement()
    """Where it may run."""
    on_drain: OnDrain = OnDrain.MIGRATE
    """What happens when its host is cordoned: migrate, restart (stop, start elsewhere), stop, or stay."""
    migration: DomainMigration = DomainMigration()
    """Overrides the cluster's migration policy, field by field."""
    on_change: OnChange = OnChange.HOLD
    """What happens when a change cannot be made while it runs: hold it for a person, or restart the guest."""
    restart_window: RestartWindow | None = None
    """When onChange may restart it, in UTC, instead of the cluster's restartWindow; "00:00-24:00": at any time."""
    shutdown_timeout: Duration = 120.0
    """How long a guest that shall stop is asked to power off, by its agent and by its power button."""
    on_shutdown_timeout: OnShutdownTimeout = OnShutdownTimeout.HOLD
    """What happens when it has not by then: hold (it runs on), or force (its plug is pulled; data may be lost)."""
    ready: Ready | None = None
    """When the guest counts as ready (GuestReady); null: its agent answers, or an address of it is known."""
    protected: Flag = False
    """true: never deleted, whatever else says so."""
    xml: tuple[XmlEdit, ...] = ()
    """Changes of the domain's XML that no other field makes; made after all else, in this order."""

    @property
    def drives(self) -> tuple[Cdrom, ...]:
        """Its drives for read-only media, with that of cloud-init's seed."""
        return (*self.cdroms, self.cloud_init.drive) if self.cloud_init else self.cdroms


class Domain(Document):
    """A virtual machine."""

    kind: Literal["Domain"]
    """The kind of this document."""
    metadata: DomainMetadata
    """What the domain is called, and was."""
    spec: DomainSpec
    """What the machine shall be."""
