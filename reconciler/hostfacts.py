"""What a hypervisor is, as its libvirt tells it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CpuFacts:
    """What the hypervisor's domain capabilities say of its CPU for `HostFacts.virt_type`."""

    model: str
    features: tuple[tuple[str, str], ...] = ()
    """(name, policy) beside the model, as host-model expands."""
    usable: frozenset[str] = frozenset()
    """Named models that a guest can have here."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a hypervisor offers to guests of one architecture; empty where it does not tell."""

    machines: frozenset[str] = frozenset()
    """Machine types, versions and their short names."""
    emulators: frozenset[str] = frozenset()
    """Paths. One that is not among them may be there all the same."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A NUMA node of a hypervisor. `pages`: bytes of a huge page -> how many there are."""

    number: int
    cpus: frozenset[int]
    pages: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What a hypervisor is. Memory in bytes."""

    uuid: str
    arch: str
    virt_type: str
    memory: int
    cpus: int
    cpu: CpuFacts
    libvirt_version: int = 0
    qemu_version: int = 0
    boot_id: str = ""
    link: int | None = None
    """Bytes a second that the link for its migrations can carry; None where the host cannot tell."""
    offers: tuple[tuple[str, Offer], ...] = ()
    """By architecture; empty where it does not tell."""
    cells: tuple[Cell, ...] = ()
    """Its NUMA nodes; empty where it does not tell."""
