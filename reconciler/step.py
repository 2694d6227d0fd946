"""Steps, plans, outcomes and reports: what stages hand to each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from reconciler.action import Action
from reconciler.desired.ref import Ref
from reconciler.desired.window import Window
from reconciler.fact import Fact


class Impact(StrEnum):
    """What a step does to what runs; from the least to the worst."""

    LIVE = "live"
    NEXT_BOOT = "next-boot"
    MIGRATE = "migrate"
    RESTART = "restart"
    DELETE = "delete"


class Sign(StrEnum):
    """How a plan shows a step."""

    CREATE = "+"
    UPDATE = "~"
    DELETE = "-"
    MIGRATE = ">"
    HELD = "!"


@dataclass(frozen=True, slots=True)
class Recovery:
    """What is done at once, when a step has failed and left `requires` to be so; `goal` must be seen after.

    `failed`: what tells a failure from being overtaken by another hand, in place of what the step requires.
    """

    action: Action
    requires: tuple[Fact, ...]
    goal: Fact
    failed: Fact


@dataclass(frozen=True, slots=True)
class Step:
    """An action in a plan: when it may begin, what must hold, what must be seen after.

    `needs`: ids of steps before it. `slots`: what it occupies while it runs; Plan.capacities says how many fit.
    """

    id: str
    action: Action
    requires: tuple[Fact, ...]
    goal: Fact
    impact: Impact
    reason: str
    sign: Sign = Sign.CREATE
    needs: tuple[str, ...] = ()
    slots: tuple[str, ...] = ()
    limit: str = ""
    """Which of the cluster's limits counts it: deletes, restarts, or none."""
    recovery: "Recovery | None" = None
    part_of: Ref | None = None
    """The object that it is done for, where that is not its own: held, it is not done either."""
    window: Window | None = None
    """The only time at which it may begin; None: any."""
    instead: "Held | None" = None
    """What is held beside the reason, where it is not done now."""

    @property
    def object(self) -> Ref:
        return self.action.object

    @property
    def subject(self) -> tuple[str, str]:
        """Kind and name of what it is done for."""
        ref = self.part_of or self.object
        return ref.kind, ref.name


class HeldReason(StrEnum):
    """Why something wanted is not done now; the value is what people and scripts read."""

    HOST_UNKNOWN = "HostUnknown"
    """A host that matters for it cannot be asked."""
    NOT_OURS = "NotOurs"
    """Something of that name or UUID is there without our mark."""
    NO_HOST_FITS = "NoHostFits"
    """Placement found no host; the message names each host's reason."""
    CANNOT_MIGRATE = "CannotMigrate"
    """The domain must move and cannot."""
    ON_DRAIN_STAY = "OnDrainStay"
    """Its document says that it stays on a cordoned host."""
    FOREIGN_GUEST = "ForeignGuest"
    """A running domain that is not ours keeps a cordoned host from being empty."""
    RESTART_REQUIRED = "RestartRequired"
    """Changes are staged and take effect when the domain is started again."""
    RUNS_TWICE = "RunsTwice"
    """The same domain was seen at two hosts: hands off."""
    UNSETTLED = "Unsettled"
    """Two looks did not agree on where it is."""
    VOLUME_WITHOUT_DOMAIN = "VolumeWithoutDomain"
    """Its disk exists while no host has a definition: it may live where we cannot look."""
    VOLUME_DIFFERS = "VolumeDiffers"
    """A volume of its name is there that is not what the document describes."""
    DISK_LOST = "DiskLost"
    """A disk that was made is gone; it is never made again empty."""
    MEDIUM_MISSING = "MediumMissing"
    """The volume that shall lie in a drive is not in its pool."""
    SEED_DIFFERS = "SeedDiffers"
    """What its document says to cloud-init is not what its guest was set up from; a new instance must be asked for."""
    PAUSED = "Paused"
    """Paused by a person, a snapshot, or an error that is not ours to clear."""
    POSTCOPY_FAILED = "PostCopyFailed"
    """A failed post-copy: frozen."""
    STATE_UNCLEAR = "StateUnclear"
    """libvirt tells a state that we have no rule for: hands off."""
    POOL_NOT_READY = "PoolNotReady"
    """The pool or its server is not usable."""
    TARGET_OCCUPIED = "TargetOccupied"
    """The pool's directory holds files, or another source is mounted there."""
    EXPORT_CONFLICT = "ExportConflict"
    """Somebody else's line exports the directory differently, or the server is only observed."""
    CANNOT_CHANGE = "CannotChange"
    """libvirt cannot change this in place."""
    DISK_KEPT = "DiskKept"
    """A disk that its document wants deleted is another's too, stands below another, or is not known as its own."""
    CANNOT_RENAME = "CannotRename"
    """Its document gives it another name, which it cannot get now."""
    NO_DOCUMENTS = "NoDocuments"
    """No document of its kind is left: the directory may not be whole, so nothing is pruned."""
    SECRET_UNKNOWN = "SecretUnknown"
    """A secret that its document names cannot be fetched."""
    PROTECTED = "Protected"
    """Its document says that it is never deleted."""
    IN_USE = "InUse"
    """Something else still needs it."""
    OVER_LIMIT = "OverLimit"
    """More steps of that sort than the cluster's limits allow."""
    OUTSIDE_WINDOW = "OutsideWindow"
    """Restarts are made at other times only; the message says when next."""
    NEEDS_HELD = "NeedsHeld"
    """A step before it is held."""
    SUSPENDED = "Suspended"
    """The cluster's document says: observe, change nothing."""
    FENCED_HOST_ANSWERS = "FencedHostAnswers"
    """A host that is declared off answers."""
    SAME_MACHINE = "SameMachine"
    """Two Host documents lead to one machine."""
    BACKING_OFF = "BackingOff"
    """It failed before; tried again later."""
    STALLED = "Stalled"
    """It failed five times in a row; tried again at the longest delay, or when its document or its hosts change."""
    DOES_NOT_STOP = "DoesNotStop"
    """The guest was asked to power off, did not in its time, and runs on; asked again later."""
    MIGRATION_RUNNING = "MigrationRunning"
    """A migration that is under way is waited for."""


WAITING = frozenset({HeldReason.HOST_UNKNOWN})
"""Reasons that end in exit code 4 rather than 3: they clear when the host answers."""


@dataclass(frozen=True, slots=True, order=True)
class Held:
    """Something wanted that is not done now."""

    object: Ref
    reason: HeldReason
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Ordered steps and what is held. `silent`: hosts that could not be reached, with the cause."""

    steps: tuple[Step, ...] = ()
    held: tuple[Held, ...] = ()
    capacities: Mapping[str, int] = field(default_factory=dict)
    silent: Mapping[str, str] = field(default_factory=dict)
    orphans: tuple[Ref, ...] = ()
    """What carries our mark and has no document, while `prune` is off."""
    opens_in_s: float | None = None
    """Seconds until the first window opens for which a step is held; None where none is."""

    @property
    def actions(self) -> frozenset[Action]:
        """All that carrying it out may do (law 13)."""
        recoveries = (step.recovery.action for step in self.steps if step.recovery)
        return frozenset((*(step.action for step in self.steps), *recoveries))


class Outcome(StrEnum):
    """How a step ended."""

    DONE = "done"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    """Overtaken: the facts it required changed by another hand."""
    NOT_BEGUN = "not-begun"


@dataclass(frozen=True, slots=True)
class StepReport:
    """How one step went."""

    step: Step
    outcome: Outcome
    message: str = ""
    seconds: float = 0.0
    values: Mapping[str, Any] = field(default_factory=dict)
    """What it told last about itself, by hypervisor.Progress's names: total and downtime of a migration, in seconds."""
    declined: bool = False
    """It failed only because what was asked did not do it."""


@dataclass(frozen=True, slots=True)
class Report:
    """How one plan went, in the plan's order."""

    plan: Plan
    steps: tuple[StepReport, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """Something worth telling while it happens: kind is begun, progress, ended, or a word of the pass."""

    kind: str
    step: Step | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
