"""The parts of a domain's document that say what the machine itself is: CPUs, memory, NUMA."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictStr

from reconciler.desired import rules
from reconciler.desired.model import Flag, Model, Name, Positive, Size

Cpuset = Annotated[
    StrictStr, AfterValidator(rules.cpuset), Field(json_schema_extra={"examples": ["0-3,8"], "pattern": rules.CPUSET})
]
Architecture = Literal["x86_64", "i686", "aarch64", "armv7l", "ppc64le", "ppc64", "s390x", "riscv64", "loongarch64"]
PlainPath = Annotated[StrictStr, AfterValidator(rules.plain_path)]
PageSize = Annotated[Size, AfterValidator(rules.page_size)]
CpuFeatures = Mapping[Name, Literal["force", "require", "optional", "disable", "forbid"]]
Timer = Literal["platform", "hpet", "kvmclock", "pit", "rtc", "tsc", "hypervclock", "armvtimer"]
Timers = Mapping[Timer, Literal["present", "absent", "delay", "catchup", "merge", "discard"]]


class Topology(Model):
    """How the virtual CPUs are arranged; the product of all is the number of CPUs that the guest can have."""

    sockets: Positive = 1
    """CPU sockets."""
    dies: Positive = 1
    """Dies in each socket."""
    cores: Positive = 1
    """Cores in each die."""
    threads: Positive = 1
    """Threads of each core."""


class Numatune(Model):
    """Which of the host's NUMA nodes the memory comes from."""

    nodeset: Cpuset
    """The nodes, for example 0 or 0-1."""
    mode: Literal["strict", "preferred", "interleave", "restrictive"] = "strict"
    """What happens where these nodes have no memory left, in libvirt's words."""


class Clock(Model):
    """The guest's clock."""

    offset: Literal["utc", "localtime"] = "utc"
    """What the machine's clock shows: utc, or the host's local time, which Windows expects."""
    timers: Timers = {}  # noqa: RUF012
    """Timers by name: present, absent, or how ticks that were missed come (delay, catchup, merge, discard)."""


class Hyperv(Model):
    """What makes Windows run well: the guest is told that it runs on Hyper-V."""

    relaxed: Flag | None = None
    """No crash when a timer is late."""
    vapic: Flag | None = None
    """Interrupts with fewer exits."""
    spinlocks: Flag | None = None
    """A processor that waits for a lock lets others run, after 8191 tries unless the definition says another number."""
    vpindex: Flag | None = None
    """Processors know their number; others need it."""
    runtime: Flag | None = None
    """A processor knows how long it really ran."""
    synic: Flag | None = None
    """A controller for synthetic interrupts; needs vpindex."""
    stimer: Flag | None = None
    """Synthetic timers; need synic, and the timer hypervclock."""
    reset: Flag | None = None
    """The guest can reset itself the Hyper-V way."""
    frequencies: Flag | None = None
    """The guest can read the frequencies of its clocks."""
    reenlightenment: Flag | None = None
    """Told when a migration changes the frequency."""
    tlbflush: Flag | None = None
    """Address caches of other processors are flushed by the host; needs vpindex."""
    ipi: Flag | None = None
    """Interrupts between processors are sent by the host; needs vpindex."""
    evmcs: Flag | None = None
    """Faster nested virtualisation on Intel."""
