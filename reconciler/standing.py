"""libvirt's states of a domain, and what each means to us: a total table, what it does not list means hands off."""

from collections.abc import Mapping
from enum import StrEnum


class DomainState(StrEnum):
    """libvirt's virDomainState."""

    NOSTATE = "nostate"
    RUNNING = "running"
    BLOCKED = "blocked"
    PAUSED = "paused"
    SHUTDOWN = "shutdown"
    SHUTOFF = "shutoff"
    CRASHED = "crashed"
    PMSUSPENDED = "pmsuspended"


class Standing(StrEnum):
    """What a libvirt state and reason mean to us; see STANDINGS."""

    RUNNING = "running"
    OFF = "off"
    PAUSED = "paused"
    """By a person or a tool: reported, left alone."""
    IO_ERROR = "io-error"
    MIGRATING = "migrating"
    """Paused by a migration: a target that still receives, or a source after a cut."""
    BUSY = "busy"
    """On its way to another state; look again."""
    POSTCOPY_FAILED = "postcopy-failed"
    UNCLEAR = "unclear"
    """Not in the table: hands off."""


STANDINGS: Mapping[tuple[DomainState, str], Standing] = {
    (DomainState.RUNNING, "postcopy"): Standing.BUSY,
    (DomainState.RUNNING, "postcopy-failed"): Standing.POSTCOPY_FAILED,
    (DomainState.PAUSED, "user"): Standing.PAUSED,
    (DomainState.PAUSED, "snapshot"): Standing.PAUSED,
    (DomainState.PAUSED, "from-snapshot"): Standing.PAUSED,
    (DomainState.PAUSED, "save"): Standing.BUSY,
    (DomainState.PAUSED, "dump"): Standing.BUSY,
    (DomainState.PAUSED, "starting-up"): Standing.BUSY,
    (DomainState.PAUSED, "shutting-down"): Standing.BUSY,
    (DomainState.PAUSED, "ioerror"): Standing.IO_ERROR,
    (DomainState.PAUSED, "migration"): Standing.MIGRATING,
    (DomainState.PAUSED, "postcopy"): Standing.BUSY,
    (DomainState.PAUSED, "postcopy-failed"): Standing.POSTCOPY_FAILED,
}
"""By state and reason (`virDomainPausedReason` and its like, in lower case with dashes)."""

STANDINGS_BY_STATE: Mapping[DomainState, Standing] = {
    DomainState.RUNNING: Standing.RUNNING,
    DomainState.BLOCKED: Standing.RUNNING,
    DomainState.PMSUSPENDED: Standing.PAUSED,
    DomainState.SHUTDOWN: Standing.BUSY,
    DomainState.SHUTOFF: Standing.OFF,
}
"""Where the reason decides nothing."""


def standing_of(state: DomainState, reason: str) -> Standing:
    """What the two mean."""
    return STANDINGS.get((state, reason), STANDINGS_BY_STATE.get(state, Standing.UNCLEAR))
