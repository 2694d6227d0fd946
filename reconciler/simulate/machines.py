"""What stands in the simulated world: hypervisors with their libvirt objects, NFS servers with their directories."""

from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.observed import CpuFacts, DomainState

GIB = 1024**3

CPU_MODELS = ("qemu64", "Nehalem", "Westmere", "SandyBridge", "Haswell", "Broadwell", "Skylake-Server")
"""From the oldest to the newest; a machine offers its own and all before it."""


class Daemon(StrEnum):
    """How libvirtd, or an NFS server's daemon, is."""

    ALIVE = "alive"
    HUNG = "hung"
    DEAD = "dead"


class Hand(StrEnum):
    """Who changes the world."""

    US = "us"
    PERSON = "person"
    WORLD = "world"


# --- storage -----------------------------------------------------------------------


@dataclass(eq=False)
class File:
    """A disk image, or a part of one (`complete` False) while it is uploaded."""

    number: int
    capacity: int
    format: str = "qcow2"
    backing: str = ""
    content: str = ""
    complete: bool = True
    locked: bool = False
    """Somebody else holds QEMU's image lock on it."""
    made_through: str = ""
    """The host whose client made it, and when: other clients may list the directory without it for a while."""
    made_at: float = 0.0


@dataclass(eq=False)
class Directory:
    files: dict[str, File] = field(default_factory=dict)


@dataclass(frozen=True, order=True)
class ExportLine:
    """One directory for one client, as a file of the server's writes it."""

    dir: str
    client: str
    options: frozenset[str] = field(compare=False)


@dataclass(eq=False)
class NfsServer:
    """`files`: what is written (file name -> lines; ours are named by cluster and pool); `served`: what is in force."""

    name: str
    address: str
    daemon: Daemon = Daemon.ALIVE
    full: bool = False
    """No room is left in its exports."""
    dirs: dict[str, Directory] = field(default_factory=dict)
    files: dict[str, tuple[ExportLine, ...]] = field(default_factory=dict)
    served: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    others: dict[tuple[str, str], Directory] = field(default_factory=dict)
    """(hypervisor, dir) -> what that one gets under the same name: its name for the server leads elsewhere."""


@dataclass(eq=False)
class Pool:
    name: str
    uuid: str
    xml: str
    type: str
    source_host: str
    source_dir: str
    target: str
    active: bool = False
    listed: set[str] = field(default_factory=set)
    """Volumes that this libvirtd knows of: its own, and those that were there when it last looked."""


@dataclass(frozen=True)
class Mount:
    server: str
    """As it was named when mounting."""
    dir: str

    def __str__(self) -> str:
        return f"{self.server}:{self.dir}"


# --- hypervisors ----------------------------------------------------------------------


@dataclass(eq=False)
class Network:
    name: str
    uuid: str
    bridge: str
    xml: str | None
    """The persistent definition; None when it is transient."""
    live: str | None = None

    @property
    def active(self) -> bool:
        return self.live is not None


class Agent(StrEnum):
    """The guest agent: not there, in its channel and silent, or well."""

    ABSENT = "absent"
    MUTE = "mute"
    WELL = "well"


@dataclass(eq=False)
class Guest:
    """A QEMU process line: a guest's life from its start to its end, over any number of migrations."""

    lineage: int
    name: str
    uuid: str
    started_by: Hand
    dirty_rate: int = 0
    """Bytes a second that it writes to its memory."""
    deaf: bool = False
    """Ignores its power button."""
    poweroff_s: float = 3.0
    """How long it takes from a request to its end."""
    clings: bool = False
    """Does not let go of devices that it is asked for: those, until it does."""
    asked_for: tuple[tuple[str, str], ...] = ()
    agent: Agent = Agent.ABSENT
    forced_by: Hand | None = None
    """Who pulled its plug."""
    ready_at: float = 0.0
    """When its system has come up: it has an address then, and listens."""
    quiet: bool = False
    """It never says a word on the network, so that nobody hears of its address."""
    ports: frozenset[int] = frozenset({22})
    """On which it listens."""

    @property
    def address(self) -> str:
        """From the LAN's DHCP server."""
        return f"10.77.{1 + self.lineage // 250}.{self.lineage % 250 + 1}"


@dataclass(eq=False)
class Domain:
    """A domain at one hypervisor. `guest` is set while a process stands behind it."""

    name: str
    uuid: str
    xml: str | None
    live: str | None = None
    state: DomainState = DomainState.SHUTOFF
    reason: str = ""
    guest: Guest | None = None
    opened: tuple[File, ...] = ()
    """Writable disks that the process holds open."""
    autostart: bool = False
    snapshots: int = 0
    wedged: bool = False
    """Its monitor does not answer: calls about it block."""

    @property
    def is_active(self) -> bool:
        return self.state is not DomainState.SHUTOFF

    @property
    def runs(self) -> bool:
        """Whether its vCPUs execute."""
        return self.state is DomainState.RUNNING and self.guest is not None


@dataclass(eq=False)
class Hypervisor:
    name: str
    address: str
    uuid: str
    memory: int = 8 * GIB
    cpus: int = 8
    cpu: str = "Broadwell"
    qemu: int = 7_002_000
    """Its version, as libvirt writes it in one number."""
    machines: frozenset[str] = frozenset({"pc", "pc-i440fx-7.2", "q35", "pc-q35-7.2"})
    """Machine types that it offers."""
    bridges: set[str] = field(default_factory=lambda: {"br0"})
    daemon: Daemon = Daemon.ALIVE
    boots: int = 1
    domains: dict[str, Domain] = field(default_factory=dict)
    """By UUID."""
    networks: dict[str, Network] = field(default_factory=dict)
    pools: dict[str, Pool] = field(default_factory=dict)
    dirs: dict[str, Directory] = field(default_factory=lambda: {"/var/lib/libvirt/images": Directory()})
    mounts: dict[str, Mount] = field(default_factory=dict)

    @property
    def models(self) -> tuple[str, ...]:
        """CPU models that a guest can have here."""
        return CPU_MODELS[: CPU_MODELS.index(self.cpu) + 1]

    @property
    def cpu_facts(self) -> CpuFacts:
        return CpuFacts(self.cpu, (("vmx", "disable"),), frozenset(self.models))

    def named(self, name: str) -> Domain | None:
        return next((domain for domain in self.domains.values() if domain.name == name), None)
