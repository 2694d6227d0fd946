"""The words of a status. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.desired import Desired, Ref
from reconciler.history import History
from reconciler.observed import Observed, SeenJob
from reconciler.place import Fit, Way
from reconciler.presence import SeenAddress
from reconciler.status.images import DiskStatus, ImageStatus
from reconciler.step import Plan
from reconciler.whereabouts import Whereabouts


class Truth(StrEnum):
    """Whether a condition holds; Unknown where nobody can tell now (law 1)."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that is so, or not: `reason` is a word for scripts, `message` for people."""

    type: str
    status: Truth
    reason: str
    message: str = ""


NOTED = (
    "Reachable",
    "Drained",
    "Schedulable",
    "StorageReady",
    "NetworkReady",
    "Exporting",
    "Ready",
    "InSync",
    "Converged",
    "Drainable",
    "SurvivesHostLoss",
)
"""Conditions whose failing a person should read, the most telling first. Drained counts only once it is wanted."""
ALARMS = frozenset({"RestartRequired", "Stalled"})
"""Conditions that are bad news where they are True."""


@dataclass(frozen=True, slots=True)
class Move:
    """A migration under way, whoever began it. A host that is not seen is empty."""

    source: str
    target: str
    job: SeenJob


@dataclass(frozen=True, slots=True)
class ObjectStatus:
    """An object's conditions, and what a list shows of it.

    `state`: one word. `where`: a domain's host, a host's address, the hosts of a pool. Memory in bytes. `move`: of a
    domain that is on its way. `addresses`: of a guest that was asked, the best first.
    """

    object: Ref
    state: str
    conditions: tuple[Condition, ...]
    where: str = ""
    vcpus: int | None = None
    memory: int | None = None
    move: Move | None = None
    addresses: tuple[SeenAddress, ...] = ()
    disks: tuple[DiskStatus, ...] = ()
    """Of a domain, by name."""
    images: tuple[ImageStatus, ...] = ()
    """Of a pool."""

    def condition(self, kind: str) -> Condition:
        """The condition of that type. Raises: StopIteration where the object has none."""
        return next(condition for condition in self.conditions if condition.type == kind)

    @property
    def note(self) -> str:
        """What a person should read first; empty where all is well and nobody waits for anything."""
        if self.state == "Drained":  # what somebody drains a host for
            plug = self.condition("SafeToPowerOff")
            return "safe to power off" if plug.status is Truth.TRUE else plug.message
        wrong = {c.type: c.message for c in self.conditions if c.status is not Truth.TRUE and c.reason != "NotCordoned"}
        return next((wrong[kind] for kind in NOTED if wrong.get(kind)), "")


@dataclass(frozen=True)
class View:
    """All that a condition may be read from. `fits` and `losses`: by hypervisor, as place answers them."""

    desired: Desired
    observed: Observed
    plan: Plan
    located: Mapping[str, Whereabouts]
    history: History | None = None
    """None where nobody kept one."""
    fits: Mapping[str, Fit] = field(default_factory=dict)
    losses: Mapping[str, Fit] = field(default_factory=dict)
    ways: Mapping[str, Way] = field(default_factory=dict)
    """By domain."""


def unknown(kind: str, host: str) -> Condition:
    """A condition that only `host` could tell."""
    return Condition(kind, Truth.UNKNOWN, "HostUnknown", f"host/{host} cannot be asked")


def all_of(kind: str, parts: Iterable[Condition], good: str) -> Condition:
    """True where all parts are; else what is wrong with them, False before Unknown."""
    wrong = sorted((p for p in parts if p.status is not Truth.TRUE), key=lambda part: part.status is not Truth.FALSE)
    if not wrong:
        return Condition(kind, Truth.TRUE, good)
    messages = "; ".join(dict.fromkeys(part.message for part in wrong if part.message))
    return Condition(kind, wrong[0].status, wrong[0].reason, messages)


def named(name: str, part: Condition) -> Condition:
    """A part of a greater whole, its message beginning with its name."""
    return Condition(part.type, part.status, part.reason, f"{name}: {part.message}" if part.message else "")
