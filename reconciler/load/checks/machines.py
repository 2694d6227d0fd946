"""Machines: that what a domain says of its processors, memory and devices fits together."""

from collections.abc import Iterator
from math import prod

from reconciler.desired.documents import Domain
from reconciler.desired.quantity import format_size
from reconciler.load.checks.world import At, Entry, World
from reconciler.load.words import Path

DIRECT = ("none", "directsync")
"""Cache modes that go past the host's cache, as native I/O must."""


def check(world: World) -> None:
    """Complain about machines that libvirt would refuse."""
    for entry, domain in world.of(Domain):
        for path, message, quote in (*_processors(domain), *_memory(domain), *_firmware(domain), *_disks(domain)):
            world.complain((entry, path), message, quote=quote)
        _boot_orders(world, entry, domain)


Wrong = tuple[Path, str, bool]
"""Where, what, and whether the value is quoted."""


def _processors(domain: Domain) -> Iterator[Wrong]:
    spec = domain.spec
    most, name = (spec.max_vcpus, "maxVcpus") if spec.max_vcpus else (spec.vcpus, "vcpus")
    if most < spec.vcpus:
        yield ("spec", "maxVcpus"), f"is less than vcpus: {spec.vcpus}", True
    if spec.topology:
        count = prod((spec.topology.sockets, spec.topology.dies, spec.topology.cores, spec.topology.threads))
        if count != most:
            yield ("spec", "topology"), f"makes {count} CPUs of {name}: {most}; the product must be that number", False
    if len(spec.vcpu_pins) > most:
        yield ("spec", "vcpuPins"), f"pins {len(spec.vcpu_pins)} CPUs of {name}: {most}", False


def _memory(domain: Domain) -> Iterator[Wrong]:
    spec = domain.spec
    if spec.max_memory and spec.max_memory < spec.memory:
        yield ("spec", "maxMemory"), f"is less than memory: {format_size(spec.memory)}", True
    if spec.hugepages and spec.memory % spec.hugepages:
        message = f"is not a whole number of huge pages of {format_size(spec.hugepages)}"
        yield ("spec", "memory"), message, True


def _firmware(domain: Domain) -> Iterator[Wrong]:
    spec = domain.spec
    if spec.secure_boot and spec.firmware != "uefi":
        yield ("spec", "secureBoot"), "needs firmware: uefi", False


def _disks(domain: Domain) -> Iterator[Wrong]:
    for index, disk in enumerate(domain.spec.disks):
        here = ("spec", "disks", index)
        if disk.io == "native" and disk.cache not in DIRECT:
            yield (*here, "io"), f"needs cache: none or directsync, not {disk.cache}", True
        if disk.read_only and disk.bus == "sata":
            yield (*here, "readOnly"), "needs bus: virtio or scsi; a SATA disk can always be written", False
        said = disk.iotune.model_fields_set if disk.iotune else frozenset()
        for what in ("bytes_sec", "iops_sec"):
            if f"total_{what}" in said and {f"read_{what}", f"write_{what}"} & said:
                yield (*here, "iotune"), "limits the total and reads or writes of one thing; choose one", False


def _boot_orders(world: World, entry: Entry, domain: Domain) -> None:
    """No two devices come at the same place."""
    first: dict[int, At] = {}
    spec = domain.spec
    disks = [("disks", index, disk.boot_order) for index, disk in enumerate(spec.disks)]
    drives = [("cdroms", index, drive.boot_order) for index, drive in enumerate(spec.cdroms)]
    cards = [("interfaces", index, card.boot_order) for index, card in enumerate(spec.interfaces)]
    for sort, index, order in (*disks, *drives, *cards):
        where = (entry, ("spec", sort, index, "bootOrder"))
        if order and first.setdefault(order, where) is not where:
            world.complain(where, "is another device's place too", first=first[order])
