"""What differs between what was written and what was seen: one frozen class for each way to differ."""

from dataclasses import dataclass
from typing import Any

from reconciler.action import SharedPool
from reconciler.desired import Ref
from reconciler.desired.documents import Transport
from reconciler.desired.secrets import SecretRef
from reconciler.desired.seed import Seed
from reconciler.desired.window import Window
from reconciler.fact import NowhereElse
from reconciler.mark import MadeDisk, Mark
from reconciler.step import Held
from reconciler.stopping import Stop
from reconciler.volume import NothingStandsOn, UsedByNoOther


@dataclass(frozen=True, slots=True)
class Field:
    """A field that differs. `path` as in the document: spec.disks[root].bus is (disks, root, bus)."""

    path: tuple[str, ...]
    old: Any
    new: Any

    def __str__(self) -> str:
        way = ".".join(self.path)
        return f"{way}: {self.old!r} -> {self.new!r}" if self.new is not None else f"{way}: taken out"


@dataclass(frozen=True, slots=True)
class Change:
    """An object's difference, and why it is one."""

    ref: Ref
    reason: str


@dataclass(frozen=True)
class Changes:
    """All differences of a pass, and what is wanted but stands in its own way."""

    changes: tuple[Change, ...] = ()
    held: tuple[Held, ...] = ()
    orphans: tuple[Ref, ...] = ()


# --- exports ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ExportMissing(Change):
    cluster: str
    dir: str
    clients: tuple[str, ...]
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExportUnwanted(Change):
    cluster: str
    dir: str
    clients: tuple[str, ...]


# --- pools and images ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PoolChange(Change):
    uuid: str
    target: str
    sources: frozenset[str]
    """Spellings of the right mount source; empty for a local pool."""


@dataclass(frozen=True, slots=True)
class PoolUndefined(PoolChange):
    xml: str


@dataclass(frozen=True, slots=True)
class PoolInactive(PoolChange):
    pass


@dataclass(frozen=True, slots=True)
class PoolUnmounted(PoolChange):
    """Active, but nothing is mounted on its target: it must be stopped and started."""


@dataclass(frozen=True, slots=True)
class PoolStale(PoolChange):
    """A volume is wanted that no host lists: one host reads the directory again before anything is decided."""


@dataclass(frozen=True, slots=True)
class PoolUnwanted(PoolChange):
    active: bool
    users: tuple[str, ...] = ()
    """Domains that still have a disk in it there, and that this plan takes away."""


@dataclass(frozen=True, slots=True)
class ImageMissing(Change):
    """`ref` is the volume at the host that shall receive it."""

    pool: str
    volume: str
    marker: str
    path: str
    sha256: str
    format: str


# --- networks --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NetworkUndefined(Change):
    xml: str
    fields: tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class NetworkDiffers(NetworkUndefined):
    active: bool


@dataclass(frozen=True, slots=True)
class NetworkForeign(NetworkUndefined):
    """It does not carry our mark, and its document says that we take it over."""

    cluster: str


@dataclass(frozen=True, slots=True)
class NetworkInactive(Change):
    pass


@dataclass(frozen=True, slots=True)
class NetworkUnwanted(Change):
    active: bool
    users: tuple[str, ...] = ()
    """Domains that are still plugged into it there, and that this plan takes away."""


# --- domains ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DomainChange(Change):
    """`ref` is the domain at the host where it is, or shall be made."""

    uuid: str


@dataclass(frozen=True, slots=True)
class DomainUndefined(DomainChange):
    xml: str
    volumes: tuple[tuple[str, str], ...]
    """(pool, volume) that must not be there yet (law 2)."""
    nowhere: NowhereElse


@dataclass(frozen=True, slots=True)
class DomainForeign(DomainChange):
    """It does not carry our mark, and its document says that we take it over: `mark` lists the disks that it has."""

    mark: Mark


@dataclass(frozen=True, slots=True)
class DomainDiffers(DomainChange):
    """`staged`: it runs, and some of it takes effect only when it is started again."""

    xml: str
    fields: tuple[Field, ...]
    staged: bool


@dataclass(frozen=True, slots=True)
class PasswordDiffers(DomainChange):
    """The screen has not the password that comes from `source`. `screen`: vnc or spice.

    `can_change_live`: what runs has one, in whose place another can be put.
    """

    source: SecretRef
    screen: str
    active: bool
    can_change_live: bool


@dataclass(frozen=True, slots=True)
class DiskMissing(DomainChange):
    """Its volume was never made. Capacity in bytes."""

    disk: str
    pool: str
    volume: str
    format: str
    capacity: int
    backing: str
    """The image's path; empty also for a copy of it."""
    backing_format: str
    """The image's, also for a copy."""
    image: str
    copied: bool = False


@dataclass(frozen=True, slots=True)
class SeedMissing(DomainChange):
    """The volume from which cloud-init sets its guest up; complete once `marker` is there."""

    pool: str
    volume: str
    marker: str
    seed: Seed


@dataclass(frozen=True, slots=True)
class ClaimMissing(DomainChange):
    """The claim that must be ours before the first of the domain's volumes is made. Capacity in bytes."""

    pool: str
    volume: str
    capacity: int


@dataclass(frozen=True, slots=True)
class DomainDisowned(ClaimMissing):
    """A definition that never had a disk, under the claim of another, which has `capacity`."""


@dataclass(frozen=True, slots=True)
class DiskUnwanted(DomainChange):
    """Its document says that it is deleted with its domain. `unused`, `bare`: nobody else has it, nothing is on it."""

    pool: str
    volume: str
    unused: UsedByNoOther
    bare: NothingStandsOn


@dataclass(frozen=True, slots=True)
class ClaimUnwanted(DomainChange):
    """The claim of a domain of whose shared disks none stays. `sizes`: the capacities by which it is its own."""

    pool: str
    volume: str
    sizes: frozenset[int]
    disks: tuple[tuple[str, str], ...]
    """(pool, volume) that must be gone first."""


@dataclass(frozen=True, slots=True)
class DiskTooSmall(DomainChange):
    """A disk that was made shall have the capacity that `grown` says. `path`: what the domain writes to."""

    grown: MadeDisk
    path: str
    active: bool
    nowhere: NowhereElse


@dataclass(frozen=True, slots=True)
class DisksUnrecorded(DomainChange):
    """`back`: (pool, volume) of disks that were taken out and are named again; they must be there."""

    mark: Mark
    """As it shall be."""
    back: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class DomainOff(DomainChange):
    """Off, and shall run. `after_leaving`: (domain, host) that must have left, for its memory is needed there.

    `images`: media in its drives (pool/volume) that may still have to be uploaded.
    """

    nowhere: NowhereElse
    pools: tuple[str, ...]
    networks: tuple[str, ...]
    after_leaving: tuple[tuple[str, str], ...] = ()
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DomainOn(DomainChange):
    """Running, and shall not be. `target`: where it is started again, with what it needs there; empty: nowhere."""

    stop: Stop
    target: str = ""
    pools: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    after_leaving: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class DomainStaged(DomainChange):
    """It runs without what its definition says by now, and is stopped and started where it is for that.

    `cause`: what it is restarted for, as the mark will say. `held`: what is said of it as long as it is not.
    """

    stop: Stop
    start: DomainOff
    window: Window | None
    cause: str
    held: Held


@dataclass(frozen=True, slots=True)
class DomainRenamed(DomainChange):
    """It has its former name still, or our mark has. `mark`: as it shall be."""

    former: str
    mark: Mark
    nowhere: NowhereElse


@dataclass(frozen=True, slots=True)
class DomainHalted(DomainChange):
    """Paused by what is over: an I/O error, or a cut migration (law 3)."""

    nowhere: NowhereElse


@dataclass(frozen=True, slots=True)
class DomainMisplaced(DomainChange):
    """It shall be at `target`. Memory and bandwidth in bytes, times in seconds."""

    target: str
    pools: tuple[str, ...]
    networks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DomainMisplacedRunning(DomainMisplaced):
    peer_uri: str
    address: str
    memory: int
    bandwidth: int | None
    max_downtime_s: float
    progress_timeout_s: float
    timeout_s: float
    transport: Transport
    auto_converge: bool
    post_copy: bool
    expected_s: float | None
    """inf where it does not converge, None where nobody knows."""
    nowhere: NowhereElse
    after_leaving: tuple[tuple[str, str], ...] = ()
    """(domain, host) that must have left first, for its memory is needed there."""


@dataclass(frozen=True, slots=True)
class PathUnproven(Change):
    """Guests shall be moved along it, and nobody has shown yet that they can. `ref`: the target, at the source."""

    peer_uri: str
    address: str
    pools: tuple[SharedPool, ...]


@dataclass(frozen=True, slots=True)
class DomainMisplacedOff(DomainMisplaced):
    xml: str
    nowhere: NowhereElse


@dataclass(frozen=True, slots=True)
class DomainAutostarts(DomainChange):
    """Its host starts it by itself, and it has disks that other hosts share."""


@dataclass(frozen=True, slots=True)
class DomainLeftover(DomainChange):
    """A second, inactive definition; the domain itself is at `home`."""

    home: str


@dataclass(frozen=True, slots=True)
class DomainHusk(DomainChange):
    """The paused source of a migration that went through; the domain itself runs at `home`."""

    home: str


@dataclass(frozen=True, slots=True)
class DomainUnwanted(DomainChange):
    active: bool
    stop: Stop
    data: tuple[DiskUnwanted, ...] = ()
    """What goes with it: it is not even stopped before that is known to be nobody else's."""
