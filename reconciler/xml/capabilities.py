"""What a hypervisor can do, as libvirt tells it, and the CPU that several have in common."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.observed import Cell, CpuFacts, Offer
from reconciler.xml.kinds import scale
from reconciler.xml.tree import Element, parse, text_of


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the hypervisor is (virConnectGetCapabilities)."""

    uuid: str
    arch: str
    cpus: int
    virt_types: tuple[str, ...] = ()
    """That it offers guests of its own architecture, kvm first. A kvm that is offered need not work."""
    offers: tuple[tuple[str, Offer], ...] = ()
    """By architecture."""
    cells: tuple[Cell, ...] = ()


def read_capabilities(xml: str) -> Capabilities:
    """Read a host's capabilities. Raises: XmlError."""
    root = parse(xml)
    host = root.find("host")
    arch = root.findtext("host/cpu/arch") or ""
    types = {t.get("type", "") for t in root.iterfind(f"guest/arch[@name='{arch}']/domain")} - {""}
    return Capabilities(
        uuid=root.findtext("host/uuid") or "",
        arch=arch,
        cpus=_cpu_count(host) if host is not None else 0,
        virt_types=tuple(sorted(types, key=lambda name: (name != "kvm", name))),
        offers=tuple(sorted((one.get("name", ""), _offer(one)) for one in root.iterfind("guest/arch"))),
        cells=tuple(_cell(cell) for cell in root.iterfind("host/topology/cells/cell")),
    )


def _offer(arch: Element) -> Offer:
    machines = {text_of(one) for one in arch.iterfind(".//machine")}
    return Offer(frozenset(machines - {""}), frozenset(text_of(one) for one in arch.iterfind(".//emulator")))


def _cell(cell: Element) -> Cell:
    cpus = frozenset(int(one.get("id", "0")) for one in cell.iterfind("cpus/cpu"))
    pages = (
        (int(one.get("size", "0")) * scale(one.get("unit", "KiB")), int(text_of(one) or "0"))
        for one in cell.iterfind("pages")
    )
    return Cell(int(cell.get("id", "0")), cpus, tuple(sorted(pages)))


def _cpu_count(host: Element) -> int:
    """Those of all NUMA cells; by the CPU's topology where no cells are told."""
    cells = list(host.iterfind("topology/cells/cell/cpus"))
    if cells:
        return sum(int(cell.get("num", "0")) for cell in cells)
    topology = host.find("cpu/topology")
    counts = ("sockets", "dies", "cores", "threads")
    return math.prod(int(topology.get(count, "1")) for count in counts) if topology is not None else 0


def read_domain_capabilities(xml: str) -> CpuFacts:
    """What CPUs guests can have (virConnectGetDomainCapabilities). Raises: XmlError."""
    root = parse(xml)
    host_model = root.find("cpu/mode[@name='host-model']")
    model, features = None, []
    if host_model is not None and host_model.get("supported") == "yes":
        model = host_model.find("model")
        features = [(f.get("name", ""), f.get("policy", "require")) for f in host_model.iterfind("feature")]
    usable = root.iterfind("cpu/mode[@name='custom']/model[@usable='yes']")
    return CpuFacts(
        model=text_of(model) if model is not None else "",
        features=tuple(sorted(features)),
        usable=frozenset(text_of(named) for named in usable),
    )


# --- what several have in common -------------------------------------------

INTEL = (
    *("GraniteRapids", "SapphireRapids", "Icelake-Server", "Icelake-Server-noTSX", "Cooperlake", "Cascadelake-Server"),
    *("Cascadelake-Server-noTSX", "Skylake-Server-IBRS", "Skylake-Server-noTSX-IBRS", "Skylake-Server"),
    *("Skylake-Client-IBRS", "Skylake-Client-noTSX-IBRS", "Skylake-Client", "Broadwell-IBRS", "Broadwell"),
    *("Broadwell-noTSX-IBRS", "Broadwell-noTSX", "Haswell-IBRS", "Haswell", "Haswell-noTSX-IBRS", "Haswell-noTSX"),
    *("IvyBridge-IBRS", "IvyBridge", "SandyBridge-IBRS", "SandyBridge", "Westmere-IBRS", "Westmere"),
    *("Nehalem-IBRS", "Nehalem", "Penryn", "Conroe"),
)
AMD = (
    *("EPYC-Genoa", "EPYC-Milan", "EPYC-Rome", "EPYC-IBPB", "EPYC"),
    *("Opteron_G5", "Opteron_G4", "Opteron_G3", "Opteron_G2", "Opteron_G1"),
)
ANY = ("kvm64", "qemu64")
"""Named models by generation, newest first; those of one vendor are never given to a host of the other."""

UNMIGRATABLE = frozenset({"invtsc", "xsaves"})
"""Features that tie a guest to the machine it was started on (libvirt's cpu_map: migratable='no')."""


def baseline(cpus: Sequence[CpuFacts]) -> CpuFacts | None:
    """The CPU that a guest can have on all of `cpus`: the host-model where they agree, else the newest named model.

    None where there is none. Pure: the order of `cpus` does not matter.
    """
    if not cpus:
        return None
    usable = frozenset.intersection(*(cpu.usable for cpu in cpus))
    if len({(cpu.model, cpu.features) for cpu in cpus}) == 1 and cpus[0].model:
        kept = tuple(f for f in cpus[0].features if f[0] not in UNMIGRATABLE or f[1] == "disable")
        return CpuFacts(cpus[0].model, kept, usable)
    vendors = {_vendor(cpu.model) for cpu in cpus} - {ANY}
    ranked = (*next(iter(vendors)), *ANY) if len(vendors) == 1 else ANY if vendors else (*INTEL, *AMD, *ANY)
    model = next((name for name in ranked if name in usable), None)
    return CpuFacts(model, (), usable) if model else None


def _vendor(model: str) -> tuple[str, ...]:
    return next((models for models in (INTEL, AMD) if model in models), ANY)
