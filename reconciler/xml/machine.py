"""The fields that say what the machine is: its type, processors and memory, and what of the host they are bound to."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from reconciler.xml.field import TEXT, Field, Kind, part, read_text, write_text
from reconciler.xml.kinds import CPUSET, NUMBER, scale, size_of
from reconciler.xml.tree import Element, child, element, empty, insert, reach, set_text, text_of

# --- memory ----------------------------------------------------------------

_MIB = 1024**2


def _whole_mib(size: int) -> int:
    """QEMU gets memory in whole MiB: libvirt rounds up when it starts the domain, so the live XML says that."""
    return -(-size // _MIB) * _MIB


def _read_memory(memory: Element, field: Field) -> int | None:
    size = size_of(memory, "KiB")
    return None if size is None else _whole_mib(size)


def _write_memory(domain: Element, field: Field, value: int) -> None:
    """Maximum and current alike: what a balloon took is given back."""
    for memory in (field.reach(domain), reach(domain, "currentMemory")):
        _write_size(memory, value)
    _fit_memory(domain)


def _write_size(sized: Element, value: int) -> None:
    sized.set("unit", "KiB")
    set_text(sized, str(value // 1024))


MEMORY = Kind(_read_memory, _write_memory, _whole_mib)

SLOTS = "16"
"""Memory modules that can be added; each takes one."""


def _write_max_memory(domain: Element, field: Field, value: int) -> None:
    """Only a guest with NUMA cells can get memory modules."""
    maximum = field.reach(domain)
    if not maximum.get("slots"):
        maximum.set("slots", SLOTS)
    _write_size(maximum, value)
    if domain.find("cpu/numa/cell") is None:
        reach(domain, "cpu", "numa", "cell").set("id", "0")
        _fit_memory(domain)
        _fit_cpus(domain)


MAX_MEMORY = Kind(lambda maximum, field: size_of(maximum, "KiB"), _write_max_memory)


def _only_cell(domain: Element) -> Element | None:
    """The NUMA cell that has all memory and all CPUs; several are the work of whoever made them."""
    cells = domain.findall("cpu/numa/cell")
    return cells[0] if len(cells) == 1 else None


def _fit_memory(domain: Element) -> None:
    """The cell has all but the modules': libvirt makes the sum the domain's memory, whatever <memory> says."""
    cell, whole = _only_cell(domain), size_of(domain.find("memory"), "KiB")
    if cell is not None and whole is not None:
        modules = sum(size_of(size, "KiB") or 0 for size in domain.iterfind("devices/memory/target/size"))
        cell.set("memory", str((whole - modules) // 1024))
        cell.set("unit", "KiB")


def _fit_cpus(domain: Element) -> None:
    cell, count = _only_cell(domain), int(domain.findtext("vcpu") or 1)
    if cell is not None:
        cell.set("cpus", f"0-{count - 1}" if count > 1 else "0")


# --- vcpus -----------------------------------------------------------------


def _read_vcpus(vcpu: Element, field: Field) -> int | None:
    """Those that the guest has, which may be fewer than it could have."""
    text = vcpu.get("current") or text_of(vcpu)
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
    _fit_cpus(domain)


VCPUS = Kind(_read_vcpus, _write_vcpus)


def _read_max_vcpus(vcpu: Element, field: Field) -> int | None:
    text = text_of(vcpu)
    return int(text) if text.isdecimal() else None


def _write_max_vcpus(domain: Element, field: Field, value: int) -> None:
    vcpu = field.reach(domain)
    current = VCPUS.read(vcpu, field)
    set_text(vcpu, str(value))
    vcpu.attrib.pop("current", None)
    if current is not None and current < value:
        vcpu.set("current", str(current))
    empty(domain, "vcpus")
    _fit_cpus(domain)


MAX_VCPUS = Kind(_read_max_vcpus, _write_max_vcpus)

# --- cpu -------------------------------------------------------------------

MODES = {
    "host-model": {"mode": "host-model", "check": "partial"},
    "host-passthrough": {"mode": "host-passthrough", "check": "none", "migratable": "on"},
    "maximum": {"mode": "maximum", "check": "none", "migratable": "on"},
}
_NAMED = {"mode": "custom", "match": "exact", "check": "partial"}


def _read_cpu(cpu: Element, field: Field) -> str | None:
    """The mode, or the model's name.

    A running host-model domain shows the model that it got; what tells it from one whose model was named is the
    vendor, which libvirt (seen with 9.0) adds for host-model only.
    """
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

# --- features of the cpu ---------------------------------------------------


@lru_cache(maxsize=1024)
def _shared(items: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    """Most domains have the same features, of which there may be many: one mapping for all of them."""
    return dict(items)


def _read_features(cpu: Element, field: Field) -> Mapping[str, str]:
    """Feature -> policy."""
    return _shared(tuple((f.get("name", ""), f.get("policy", "require")) for f in cpu.iterchildren("feature")))


def _write_features(domain: Element, field: Field, value: Mapping[str, str]) -> None:
    cpu = field.reach(domain)
    there = {feature.get("name"): feature for feature in cpu.iterchildren("feature")}
    for name, policy in value.items():
        if name in there:
            there[name].set("policy", policy)
        else:
            insert(cpu, element("feature", policy=policy, name=name))


_POLICIES = {"force": ("require",), "optional": ("require", "disable"), "forbid": ("disable",)}
"""What a running guest shows in the place of a policy."""


def _settle_features(seen: Mapping[str, str], said: Mapping[str, str]) -> Mapping[str, str]:
    return {
        name: seen[name] if seen.get(name) in _POLICIES.get(policy, ()) else policy for name, policy in said.items()
    }


CPU_FEATURES = Kind(_read_features, _write_features, lambda said: said or None, _settle_features)

TOPOLOGY = part(
    Field("sockets", "@sockets", NUMBER),
    Field("dies", "@dies", NUMBER, absent=1),
    Field("cores", "@cores", NUMBER),
    Field("threads", "@threads", NUMBER),
)

# --- pins ------------------------------------------------------------------


def _read_pins(tune: Element, field: Field) -> Mapping[str, str]:
    """Number of a virtual CPU -> the host's CPUs."""
    return {pin.get("vcpu", ""): _CPUS.kind.read(pin, _CPUS) for pin in tune.iterchildren("vcpupin")}


_CPUS = Field("cpuset", "@cpuset", CPUSET)


def _write_pins(domain: Element, field: Field, value: Mapping[str, str]) -> None:
    tune = field.reach(domain)
    there = {pin.get("vcpu"): pin for pin in tune.iterchildren("vcpupin")}
    for number, cpus in value.items():
        pin = there[number] if number in there else insert(tune, element("vcpupin", vcpu=number))
        pin.set("cpuset", cpus)


def _numbered(said: Any) -> Mapping[str, str] | None:
    """A document lists them; XML numbers them."""
    return said if isinstance(said, Mapping) else {str(number): cpus for number, cpus in enumerate(said)} or None


PINS = Kind(_read_pins, _write_pins, _numbered)


def _write_own_choice(owner: Element, field: Field, value: str) -> None:
    """libvirt is not asked any more to choose by itself (placement='auto')."""
    write_text(owner, field, value)
    field.reach(owner).attrib.pop("placement", None)


OWN_CHOICE = Kind(CPUSET.read, _write_own_choice)

NUMATUNE = part(Field("nodeset", "@nodeset", OWN_CHOICE), Field("mode", "@mode", TEXT))

# --- huge pages ------------------------------------------------------------


def _read_pages(backing: Element, field: Field) -> int | None:
    """The size, where all memory has the same one and it is said."""
    pages = list(backing.iterchildren("page"))
    size = pages[0].get("size", "") if len(pages) == 1 and not pages[0].get("nodeset") else ""
    return int(size) * scale(pages[0].get("unit", "KiB")) if size.isdecimal() else None


def _write_pages(domain: Element, field: Field, value: int) -> None:
    backing = field.reach(domain)
    empty(backing)
    insert(backing, element("page", size=str(value // 1024), unit="KiB"))


PAGES = Kind(_read_pages, _write_pages)

# --- the machine type ------------------------------------------------------

_ALIASES = {"pc": "pc-i440fx", "q35": "pc-q35"}


def family(machine: str) -> str:
    """The machine without its version: pc-i440fx, pc-q35, virt, s390-ccw-virtio. The PCI bus hangs on it."""
    if machine in _ALIASES:
        return _ALIASES[machine]
    for name in _ALIASES.values():
        if machine.startswith(f"{name}-"):
            return name
    return re.sub(r"-[a-z]*[0-9][A-Za-z0-9._-]*$", "", machine)


def _settle_machine(seen: str, said: str) -> str:
    """A name without a version means any version."""
    return seen if _ALIASES.get(said, said) == family(seen) else said


MACHINE = Kind(read_text, write_text, settle=_settle_machine)


def other_family(seen: str, said: str) -> bool:
    """A guest cannot move between them: all its devices would have other addresses."""
    return family(seen) != family(said)
