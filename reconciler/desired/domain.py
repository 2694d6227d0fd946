"""The document of a virtual machine."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictInt, StrictStr

from reconciler.desired import rules
from reconciler.desired.model import Flag, Later, Model, Name, Size, Text
from reconciler.desired.parts import Document, HostSelector, InterfaceName, Labels, MigrationPolicy, State

Mac = Annotated[StrictStr, AfterValidator(rules.mac), Field(json_schema_extra={"pattern": f"^{rules.MAC}$"})]


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


class Disk(Model):
    """A disk of a domain; it grows online, and never shrinks."""

    name: Name
    """The disk's name, unique within its domain."""
    pool: Name
    """The Pool document that it lies in."""
    size: Size
    """Its size, for example 20GiB."""
    image: Name | None = None
    """A base image of the pool that the disk is an overlay on; null: an empty disk."""
    volume: Name | None = None
    """The volume's name; null: <domain>.<disk>.<format>."""
    format: Literal["qcow2", "raw"] = "qcow2"
    """The volume's format."""
    bus: Literal["virtio", "scsi", "sata"] = "virtio"
    """How the guest sees it."""
    cache: Literal["none", "writeback", "writethrough", "directsync", "unsafe", "default"] = "none"
    """QEMU's cache mode."""
    on_delete: Annotated[Literal["keep", "delete"], Later(("delete",))] = "keep"
    """What becomes of it when the domain is deleted."""


class Interface(Model):
    """A network interface of a domain."""

    name: InterfaceName
    """The interface's name, unique within its domain."""
    network: Name
    """The Network document that it is plugged into."""
    mac: Mac | None = None
    """Its MAC address; null: a stable one, derived from cluster, domain and interface."""
    model: Name = "virtio"
    """The card that the guest sees, in libvirt's words."""


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
    """What cloud-init does at the guest's first boot; one of the two."""

    user_data: Text | None = None
    """cloud-config, written here."""
    user_data_from: FileSource | None = None
    """cloud-config, in a file."""


class XmlEdit(Model):
    """One change of the domain's XML, in virt-install's words; one of set, create and delete."""

    set: Text | None = None
    """The path of an attribute or element that gets the value `to`."""
    create: Text | None = None
    """The path of an element that shall be there."""
    delete: Text | None = None
    """The path of what shall not be there."""
    to: Text | None = None
    """The value that `set` gives."""


def _whole_kib(size: int) -> int:
    if size % 1024:
        raise ValueError("is not a whole number of KiB, which libvirt counts memory in")
    return size


class DomainSpec(Model):
    """A virtual machine."""

    state: State = State.PRESENT
    """absent: delete it, as far as limits and `protected` allow; its disks stay."""
    power: Power = Power.RUNNING
    """What it shall be doing; unmanaged: whatever it does."""
    vcpus: Annotated[StrictInt, Field(gt=0, le=4096)]
    """Virtual CPUs."""
    memory: Annotated[Size, AfterValidator(_whole_kib)]
    """Memory, for example 2GiB."""
    cpu: Name = "baseline"
    """baseline (what all candidate hosts have), host-model, host-passthrough, or a model that libvirt knows."""
    disks: tuple[Disk, ...] = ()
    """Its disks, in the guest's order."""
    interfaces: tuple[Interface, ...] = ()
    """Its network interfaces, in the guest's order."""
    cloud_init: Annotated[CloudInit | None, Later()] = None
    """What the guest sets up at its first boot."""
    placement: DomainPlacement = DomainPlacement()
    """Where it may run."""
    on_drain: OnDrain = OnDrain.MIGRATE
    """What happens when its host is cordoned: migrate, restart (stop, start elsewhere), stop, or stay."""
    migration: DomainMigration = DomainMigration()
    """Overrides the cluster's migration policy, field by field."""
    on_change: Annotated[OnChange, Later((OnChange.RESTART,))] = OnChange.HOLD
    """What happens when a change cannot be made while it runs: hold it for a person, or restart the guest."""
    protected: Flag = False
    """true: never deleted, whatever else says so."""
    xml: Annotated[tuple[XmlEdit, ...], Later()] = ()
    """Changes of the domain's XML that no other field makes."""


class Domain(Document):
    """A virtual machine."""

    kind: Literal["Domain"]
    """The kind of this document."""
    spec: DomainSpec
    """What the machine shall be."""
