"""What several conditions of a domain say alike of where it is. Pure."""

from reconciler.observed import SeenDomain, Standing
from reconciler.status.condition import Condition, Truth, View
from reconciler.step import HeldReason
from reconciler.whereabouts import Whereabouts

STATED = {
    Standing.RUNNING: "Running",
    Standing.OFF: "Off",
    Standing.PAUSED: "Paused",
    Standing.IO_ERROR: "PausedByIoError",
    Standing.MIGRATING: "Migrating",
    Standing.BUSY: "Busy",
    Standing.POSTCOPY_FAILED: "PostCopyFailed",
    Standing.UNCLEAR: "Unclear",
}


def is_foreign(where: Whereabouts) -> bool:
    return where.held is not None and where.held.reason is HeldReason.NOT_OURS


def blind_spots(view: View) -> list[str]:
    """Hosts that might hold it and cannot be asked; a fenced one is vouched to be off."""
    hosts = view.desired.hypervisors.items()
    return [name for name, host in sorted(hosts) if not host.spec.fenced and not view.observed.is_reachable(name)]


def nowhere(view: View, kind: str, where: Whereabouts) -> Condition:
    """It was seen nowhere: is it not there, or could we not look?"""
    if where.held:
        return Condition(kind, Truth.UNKNOWN, where.held.reason.value, where.held.message)
    silent = blind_spots(view)
    if silent:
        names = ", ".join(f"host/{name}" for name in silent)
        return Condition(
            kind, Truth.UNKNOWN, HeldReason.HOST_UNKNOWN.value, f"it may be at {names}, which cannot be asked"
        )
    return Condition(kind, Truth.FALSE, "NotDefined", "no host has a definition of it")


def words(seen: SeenDomain) -> str:
    return f"{seen.state.value}: {seen.reason}" if seen.reason else seen.state.value
