"""Conditions of domains that run: could it leave its host, is the guest ready. Pure."""

from collections.abc import Iterator

from reconciler.desired.documents import Domain, Ready
from reconciler.guest import has_come_up
from reconciler.observed import Standing, Unknown
from reconciler.presence import SeenAddress, SeenGuest
from reconciler.status.condition import Condition, Truth, View
from reconciler.status.located import STATED, is_foreign, nowhere, words
from reconciler.step import HeldReason
from reconciler.whereabouts import Whereabouts

HAS_NO_ADDRESS = "no address of it is known"
"""From its agent, a lease, or the neighbours of its host, which knows a guest on a bridge only if it spoke to it."""


def migratable(view: View, where: Whereabouts) -> Condition:
    """Whether it could move to another host now, with all that stands against it.

    Snapshots, saved states and the like are asked of libvirt only for guests of cordoned hosts, and for one domain
    that somebody looks at.
    """
    kind = "Migratable"
    way = view.ways.get(where.name)
    if is_foreign(where):
        return Condition(kind, Truth.FALSE, HeldReason.NOT_OURS.value, where.held.message if where.held else "")
    if way is None or where.seen is None:
        return nowhere(view, kind, where)
    if where.seen.unknown:
        return Condition(kind, Truth.UNKNOWN, HeldReason.STATE_UNCLEAR.value, where.seen.unknown)
    if way.against:
        against = (*way.against, *([way.no_host] if way.no_host else []))
        return Condition(kind, Truth.FALSE, HeldReason.CANNOT_MIGRATE.value, "; ".join(against))
    if way.no_host:
        silent = [name for name in view.desired.hypervisors if not view.observed.is_reachable(name)]
        reason = HeldReason.HOST_UNKNOWN if silent else HeldReason.NO_HOST_FITS
        return Condition(kind, Truth.UNKNOWN if silent else Truth.FALSE, reason.value, way.no_host)
    return Condition(kind, Truth.TRUE, "HostFits", "to " + ", ".join(f"host/{name}" for name in way.targets))


# --- ready ------------------------------------------------------------------------------


def guest_ready(view: View, domain: Domain, where: Whereabouts) -> Condition:
    """Whether the guest does what its document calls ready; without a word there: shows any sign of life."""
    kind, seen = "GuestReady", where.seen
    if is_foreign(where):
        return Condition(kind, Truth.FALSE, HeldReason.NOT_OURS.value)
    if seen is None or where.home is None:
        return nowhere(view, kind, where)
    if seen.unknown:
        return Condition(kind, Truth.UNKNOWN, HeldReason.STATE_UNCLEAR.value, seen.unknown)
    if seen.standing is not Standing.RUNNING:
        is_changing = seen.standing in (Standing.BUSY, Standing.MIGRATING)
        status = Truth.UNKNOWN if is_changing else Truth.FALSE
        return Condition(kind, status, STATED[seen.standing], f"it is {words(seen)}")
    told = view.observed.guests.get(where.home)
    if isinstance(told, Unknown):
        return Condition(kind, Truth.UNKNOWN, HeldReason.HOST_UNKNOWN.value, told.message)
    shown = view.observed.guest(where.home, where.name)
    if shown is None:
        return _unasked(domain, came_up=has_come_up(seen))
    return _as_written(domain.spec.ready, shown) if domain.spec.ready else _alive(shown)


def _unasked(domain: Domain, *, came_up: bool) -> Condition:
    """What a pass sees by itself."""
    if came_up and domain.spec.ready is None:
        return Condition("GuestReady", Truth.TRUE, "AgentConnected", "a guest agent has opened its channel")
    return Condition("GuestReady", Truth.UNKNOWN, "NotAsked")


def _alive(shown: SeenGuest) -> Condition:
    kind = "GuestReady"
    if shown.agent:
        return Condition(kind, Truth.TRUE, "AgentAnswers", f"its agent answers{_at(shown.addresses)}")
    if shown.addresses:
        return Condition(kind, Truth.TRUE, "HasAddress", f"it is up{_at(shown.addresses)}")
    agent = "no guest agent has opened its channel" if shown.agent is None else "its agent does not answer"
    hint = "spec.ready can say what ready means"
    return Condition(kind, Truth.UNKNOWN, "NoSignOfLife", f"{agent}, and {HAS_NO_ADDRESS}; {hint}")


def _at(addresses: tuple[SeenAddress, ...]) -> str:
    return f"; it has {addresses[0].address} ({addresses[0].source.value})" if addresses else ""


def _as_written(ready: Ready, shown: SeenGuest) -> Condition:
    lacking = "; ".join(_lacking(ready, shown))
    if lacking:
        return Condition("GuestReady", Truth.FALSE, "NotReady", lacking)
    return Condition(
        "GuestReady", Truth.TRUE, "AsWritten", f"all that its document asks for is so{_at(shown.addresses)}"
    )


def _lacking(ready: Ready, shown: SeenGuest) -> Iterator[str]:
    if ready.agent and not shown.agent:
        yield "its agent does not answer" if shown.agent is False else "no guest agent has opened its channel"
    if (ready.address or ready.tcp) and not shown.addresses:
        yield HAS_NO_ADDRESS
    elif ready.tcp and not shown.port_open:
        at = " or ".join(seen.address for seen in shown.addresses[:2])
        yield f"TCP port {ready.tcp} does not answer at {at}"
