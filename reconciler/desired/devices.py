"""The parts of a domain's document that say which devices it has."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, StrictStr

from reconciler.desired import rules
from reconciler.desired.model import Duration, Flag, Model, Name, Positive, Size
from reconciler.desired.parts import InterfaceName
from reconciler.desired.secrets import SecretValue, by_reference

Mac = Annotated[StrictStr, AfterValidator(rules.mac), Field(json_schema_extra={"pattern": f"^{rules.MAC}$"})]
Serial = Annotated[StrictStr, AfterValidator(rules.serial), Field(json_schema_extra={"pattern": rules.SERIAL})]
ListenAddress = Annotated[StrictStr, AfterValidator(rules.listen_address)]
Port = Annotated[StrictInt, Field(ge=1, le=65535)]
Mtu = Annotated[StrictInt, Field(ge=68, le=65535)]
Rate = Annotated[Size, AfterValidator(rules.whole_kib)]
Seconds = Annotated[Duration, AfterValidator(rules.whole_seconds)]


class Iotune(Model):
    """How much a disk may do in a second; `total` excludes `read` and `write`."""

    total_bytes_sec: Size | None = None
    """Bytes read and written in a second, for example 100MiB."""
    read_bytes_sec: Size | None = None
    """Bytes read in a second."""
    write_bytes_sec: Size | None = None
    """Bytes written in a second."""
    total_iops_sec: Positive | None = None
    """Operations in a second."""
    read_iops_sec: Positive | None = None
    """Reads in a second."""
    write_iops_sec: Positive | None = None
    """Writes in a second."""


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
    copy_: Annotated[Flag, Field(alias="copy")] = False
    """true: a full copy of the image, which needs it no more; it takes longer to make, and more room."""
    volume: Name | None = None
    """The volume's name; null: <domain>.<disk>.<format>."""
    format: Literal["qcow2", "raw"] = "qcow2"
    """The volume's format."""
    bus: Literal["virtio", "scsi", "sata"] = "virtio"
    """How the guest sees it."""
    cache: Literal["none", "writeback", "writethrough", "directsync", "unsafe", "default"] = "none"
    """QEMU's cache mode."""
    io: Literal["native", "threads", "io_uring"] | None = None
    """How QEMU reads and writes it; native needs cache none or directsync; null: QEMU's choice."""
    discard: Literal["unmap", "ignore"] | None = None
    """unmap: what the guest trims is given back to the pool; null: QEMU's choice, ignore."""
    detect_zeroes: Literal["off", "on", "unmap"] | None = None
    """What becomes of zeroes that the guest writes; null: QEMU's choice, off."""
    serial: Serial | None = None
    """The serial number that the guest sees, for example in /dev/disk/by-id."""
    boot_order: Positive | None = None
    """Its place among the devices that the guest boots from, from 1; null: after those that have one."""
    read_only: Flag = False
    """true: the guest cannot write to it."""
    shareable: Flag = False
    """true: other domains may use it at the same time; their guests must know how."""
    iotune: Iotune | None = None
    """How much it may do in a second; null: no bound."""
    on_delete: Literal["keep", "delete"] = "keep"
    """What becomes of it when the domain's state is absent; never deleted: what others use or stand on."""


class Cdrom(Model):
    """A drive for a read-only medium, and what lies in it; without a medium its tray is empty."""

    name: Name
    """The drive's name, unique among the domain's disks and drives."""
    pool: Name | None = None
    """The Pool document that the medium lies in."""
    image: Name | None = None
    """The medium: an image of the pool, of format raw."""
    volume: Name | None = None
    """The medium: a volume that lies in the pool already; this or an image."""
    bus: Literal["sata", "scsi"] = "sata"
    """How the guest sees it."""
    boot_order: Positive | None = None
    """Its place among the devices that the guest boots from, from 1; null: after those that have one."""


class Bandwidth(Model):
    """How much an interface may carry in a second, on average."""

    inbound: Rate | None = None
    """What the guest receives, for example 10MiB."""
    outbound: Rate | None = None
    """What the guest sends."""


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
    mtu: Mtu | None = None
    """The largest packet in bytes; null: the network's own."""
    boot_order: Positive | None = None
    """Its place among the devices that the guest boots from, from 1; null: after those that have one."""
    bandwidth: Bandwidth | None = None
    """How much it may carry in a second; null: no bound."""
    link: Literal["up", "down"] = "up"
    """down: as if its cable were pulled."""


class Graphics(Model):
    """The screen, for a viewer."""

    type: Literal["vnc", "spice"]
    """The viewer's protocol."""
    listen: ListenAddress | None = None
    """The host's address that viewers come to, 0.0.0.0 for all; null: the host's default, 127.0.0.1."""
    port: Port | None = None
    """The port that viewers come to; null: a free one, chosen at each start."""
    password: Annotated[SecretValue | None, BeforeValidator(by_reference)] = None
    """What viewers must know, as {valueFrom: {env: NAME}}, with vnc at most 8 characters; null: left as it is."""


class Watchdog(Model):
    """A device that acts when the guest hangs."""

    model: Literal["i6300esb", "ib700", "diag288", "itco"] = "i6300esb"
    """The device that the guest sees, in libvirt's words."""
    action: Literal["reset", "shutdown", "poweroff", "pause", "none", "dump", "inject-nmi"] = "reset"
    """What is done to a guest that hangs."""


class Memballoon(Model):
    """The device by which a guest gives memory back."""

    model: Literal["virtio", "virtio-transitional", "virtio-non-transitional", "none"] = "virtio"
    """The device that the guest sees; none: there is no balloon."""
    stats_period: Seconds | None = None
    """How often the guest tells of its memory, for example 10s; null: never."""
    autodeflate: Flag | None = None
    """true: the guest takes memory back before it kills a process for want of it."""
    free_page_reporting: Flag | None = None
    """true: memory that the guest does not use goes back to the host by itself."""


class Tpm(Model):
    """An emulated TPM; what is stored in it stays through edits and migrations."""

    model: Literal["tpm-crb", "tpm-tis", "tpm-spapr"] = "tpm-crb"
    """The device that the guest sees."""
    version: Literal["2.0", "1.2"] = "2.0"
    """The version of the specification, for example "2.0"."""
