"""The fields whose XML is more than one attribute or text."""

from reconciler.xml.field import Field, Kind, read_text, write_text
from reconciler.xml.tree import Element, child, element, empty, insert, reach, set_text, text_of

# --- sizes -----------------------------------------------------------------

_POWERS = {prefix: power for power, prefix in enumerate("kmgtpe", 1)}


def scale(unit: str) -> int:
    """Bytes in one of libvirt's units: `KiB` and `k` are 1024, `KB` is 1000 (virScaleInteger)."""
    unit = unit.lower()
    if unit in ("b", "byte", "bytes"):
        return 1
    base = 1000 if unit[1:] == "b" else 1024
    return int(base ** _POWERS.get(unit[:1], 0))


def size_of(sized: Element | None, default_unit: str = "bytes") -> int | None:
    """Bytes that an element with a `unit` says."""
    text = text_of(sized) if sized is not None else ""
    return int(text) * scale(sized.get("unit", default_unit)) if sized is not None and text.isdecimal() else None


# --- memory ----------------------------------------------------------------

_MIB = 1024**2


def _whole_mib(size: int) -> int:
    """QEMU gets memory in whole MiB: libvirt rounds up when it starts the domain, so the live XML says that."""
    return -(-size // _MIB) * _MIB


def _read_memory(domain: Element, field: Field) -> int | None:
    size = size_of(field.find(domain), "KiB")
    return None if size is None else _whole_mib(size)


def _write_memory(domain: Element, field: Field, value: int) -> None:
    """Maximum and current alike: what a balloon took is given back."""
    for memory in (field.reach(domain), reach(domain, "currentMemory")):
        memory.set("unit", "KiB")
        set_text(memory, str(value // 1024))


MEMORY = Kind(_read_memory, _write_memory, _whole_mib)

# --- vcpus -----------------------------------------------------------------


def _read_vcpus(domain: Element, field: Field) -> int | None:
    """Those that the guest has, which may be fewer than it could have."""
    vcpu = field.find(domain)
    text = (vcpu.get("current") or text_of(vcpu)) if vcpu is not None else ""
    return int(text) if text.isdecimal() else None


def _write_vcpus(domain: Element, field: Field, value: int) -> None:
    """Keep a maximum that somebody set apart from the current number, as long as it suffices."""
    vcpu = field.reach(domain)
    maximum = text_of(vcpu)
    if vcpu.get("current") and maximum.isdecimal() and value < int(maximum):
        vcpu.set("current", str(value))
    else:
        vcpu.attrib.pop("current", None)
        set_text(vcpu, str(value))
    empty(domain, "vcpus")  # the state of each single one: it would contradict the number


VCPUS = Kind(_read_vcpus, _write_vcpus)

# --- cpu -------------------------------------------------------------------

MODES = {
    "host-model": {"mode": "host-model", "check": "partial"},
    "host-passthrough": {"mode": "host-passthrough", "check": "none", "migratable": "on"},
    "maximum": {"mode": "maximum", "check": "none", "migratable": "on"},
}
_NAMED = {"mode": "custom", "match": "exact", "check": "partial"}


def _read_cpu(domain: Element, field: Field) -> str | None:
    """The mode, or the model's name.

    A running host-model domain shows the model that it got; what tells it from one whose model was named is the
    vendor, which libvirt (seen with 9.0) adds for host-model only.
    """
    cpu = field.find(domain)
    if cpu is None:
        return None
    mode = cpu.get("mode", "custom")
    if mode == "custom" and cpu.get("check") == "full" and child(cpu, "vendor") is not None:
        return "host-model"
    return mode if mode != "custom" else cpu.findtext("model") or None


def _write_cpu(domain: Element, field: Field, value: str) -> None:
    """Topology, NUMA and caches stay; features go, for they said how the guest differs from the model before."""
    cpu = field.reach(domain)
    empty(cpu, "model", "vendor", "feature")
    for attribute in ("mode", "match", "check", "migratable"):
        cpu.attrib.pop(attribute, None)
    for attribute, text in MODES.get(value, _NAMED).items():
        cpu.set(attribute, text)
    if value not in MODES:
        insert(cpu, element("model", fallback="forbid")).text = value


def _documents_cpu(value: str) -> str | None:
    """`baseline` is computed when the domain is made, and stands in the skeleton."""
    return None if value == "baseline" else value


CPU = Kind(_read_cpu, _write_cpu, _documents_cpu)

# --- disks -----------------------------------------------------------------


def _prefix(bus: str) -> str:
    """Of target names on that bus."""
    return {"virtio": "vd", "ide": "hd", "fdc": "fd"}.get(bus, "sd")


def free_target(devices: Element, bus: str) -> str:
    """The first target name of `bus` that no disk has: vda, ..., vdz, vdaa."""
    taken = {target.get("dev") for target in devices.iterfind("disk/target")}
    prefix, number = _prefix(bus), 0
    while (name := prefix + _letters(number)) in taken:
        number += 1
    return name


def _letters(number: int) -> str:
    tail = chr(ord("a") + number % 26)
    return tail if number < 26 else _letters(number // 26 - 1) + tail


def _write_bus(disk: Element, field: Field, value: str) -> None:
    """Another bus is another address, and may be another sort of target name. Needs the disk in its place."""
    devices, target = disk.getparent(), field.reach(disk)
    assert devices is not None
    if not target.get("dev", "").startswith(_prefix(value)):
        target.set("dev", free_target(devices, value))
    target.set("bus", value)
    empty(disk, "address")
    if value == "scsi" and all(c.get("type") != "scsi" for c in devices.iterchildren("controller")):
        insert(devices, element("controller", type="scsi", model="virtio-scsi"))


BUS = Kind(read_text, _write_bus)

# --- interfaces ------------------------------------------------------------


def _read_mac(interface: Element, field: Field) -> str | None:
    mac = read_text(interface, field)
    return mac.lower() if mac else None


MAC = Kind(_read_mac, write_text, str.lower)


def _write_network(interface: Element, field: Field, value: str) -> None:
    """An interface that was on a bridge of its own comes to the network; else only the network's name changes."""
    source = reach(interface, "source")
    if interface.get("type") != "network":
        interface.set("type", "network")
        source.attrib.clear()
        empty(source)
    source.set("network", value)


NETWORK = Kind(read_text, _write_network)

# --- networks --------------------------------------------------------------


def _read_forward(network: Element, field: Field) -> str | None:
    forward = field.find(network)
    return None if forward is None else forward.get("mode", "nat")


FORWARD = Kind(_read_forward, write_text)
