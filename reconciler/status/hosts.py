"""Conditions of hosts: can they be asked, can they take guests, can they be switched off. Pure."""

from collections.abc import Mapping

from reconciler.desired import Desired, Ref
from reconciler.desired.documents import Domain, Host, OnDrain
from reconciler.observed import Listing, Standing, Unknown
from reconciler.readiness import is_exported, server_of, wanted_pools
from reconciler.status.condition import Condition, ObjectStatus, Truth, View, all_of, named, unknown
from reconciler.status.shared import network_at, pool_at
from reconciler.step import HeldReason
from reconciler.whereabouts import Whereabouts, twins


def host_status(view: View, host: Host) -> ObjectStatus:
    """A host in all its roles."""
    conditions = [_reachable(view, host)]
    if host.spec.hypervisor:
        conditions += [
            schedulable(view, host),
            _storage_ready(view, host),
            _network_ready(view, host),
            _drainable(view, host),
            _drained(view, host),
        ]
    if host.spec.nfs_server:
        conditions.append(_exporting(view, host))
    conditions.append(_safe_to_power_off(view, host))
    facts = view.observed.host_facts(host.name)
    vcpus, memory = (facts.cpus, facts.memory) if facts else (None, None)
    state = _state(host, {c.type: c.status for c in conditions})
    return ObjectStatus(Ref("host", host.name), state, tuple(conditions), host.spec.address, vcpus, memory)


def _state(host: Host, by_type: Mapping[str, Truth]) -> str:
    if by_type["Reachable"] is not Truth.TRUE:
        return "Fenced" if host.spec.fenced else "Unreachable"
    if host.spec.cordoned and host.spec.hypervisor:
        return "Drained" if by_type["Drained"] is Truth.TRUE else "Draining"
    should = ("Schedulable", "StorageReady", "NetworkReady", "Exporting")
    return "Ready" if all(by_type.get(kind, Truth.TRUE) is Truth.TRUE for kind in should) else "NotReady"


# --- reachable ------------------------------------------------------------------


def silences(view: View, host: Host) -> tuple[str, ...]:
    """Why what it should tell in its roles is not known; empty where it answers."""
    told: list[object] = []
    if host.spec.hypervisor:
        told.append(view.observed.domains.get(host.name))
    if host.spec.nfs_server:
        told.append(view.observed.exports.get(host.name))
    messages = (t.message if isinstance(t, Unknown) else "it was not asked" for t in told if not isinstance(t, Listing))
    return tuple(dict.fromkeys(messages))


def _reachable(view: View, host: Host) -> Condition:
    messages = silences(view, host)
    if messages:
        return Condition("Reachable", Truth.FALSE, "Silent", "; ".join(messages))
    if host.spec.fenced:
        message = (
            "ALARM: it is declared off (fenced) and answers; take `fenced` out of its document once that is settled"
        )
        return Condition("Reachable", Truth.TRUE, HeldReason.FENCED_HOST_ANSWERS.value, message)
    return Condition("Reachable", Truth.TRUE, "Answers")


# --- can it take guests -----------------------------------------------------------


def schedulable(view: View, host: Host) -> Condition:
    """Whether new domains may be placed there, as far as the host itself goes."""
    kind = "Schedulable"
    if host.spec.cordoned:
        return Condition(kind, Truth.FALSE, "Cordoned", "it is cordoned")
    if host.spec.fenced:
        return Condition(kind, Truth.FALSE, "Fenced", "it is declared off (fenced)")
    if other := twins(view.observed).get(host.name):
        return Condition(kind, Truth.FALSE, HeldReason.SAME_MACHINE.value, f"it is the same machine as host/{other}")
    if not view.observed.is_reachable(host.name):
        return unknown(kind, host.name)
    return Condition(kind, Truth.TRUE, "TakesGuests")


def _storage_ready(view: View, host: Host) -> Condition:
    pools = [p for p in wanted_pools(view.desired) if host.name in view.desired.selected(p.spec.hosts)]
    parts = [named(f"pool/{p.name}", pool_at(view, p, host.name)) for p in pools]
    return all_of("StorageReady", parts, "PoolsReady" if pools else "NoPools")


def _network_ready(view: View, host: Host) -> Condition:
    networks = [n for _, n in sorted(view.desired.networks.items()) if host.name in view.desired.selected(n.spec.hosts)]
    parts = [named(f"network/{n.name}", network_at(view, n, host.name)) for n in networks]
    return all_of("NetworkReady", parts, "NetworksReady" if networks else "NoNetworks")


# --- can it be switched off ---------------------------------------------------------


def must_leave(desired: Desired, located: Mapping[str, Whereabouts], host: str) -> tuple[str, ...]:
    """Domains of the documents that are at `host` and may not stay there while it is cordoned, by name."""
    here = (name for name, where in sorted(located.items()) if where.home == host)
    return tuple(name for name in here if not _may_stay(desired.domains[name], located[name]))


def _may_stay(domain: Domain, where: Whereabouts) -> bool:
    if where.held and where.held.reason is HeldReason.NOT_OURS:
        return True
    is_off = where.seen is not None and where.seen.standing is Standing.OFF
    return domain.spec.on_drain is OnDrain.STAY or (domain.spec.on_drain is OnDrain.STOP and is_off)


def _drainable(view: View, host: Host) -> Condition:
    """Whether all that would have to leave finds room elsewhere, were it cordoned now."""
    kind, fit = "Drainable", view.fits.get(host.name)
    if fit is None:
        return unknown(kind, host.name)
    if not fit.fits:
        left = [f"domain/{name}: {reason}" for name, reason in fit.left]
        return Condition(kind, Truth.FALSE, "GuestsCannotLeave", "; ".join([*left, *fit.advice]))
    if not fit.moves:
        return Condition(kind, Truth.TRUE, "NothingToMove")
    moves = ", ".join(f"domain/{name} to host/{target}" for name, target in fit.moves)
    return Condition(kind, Truth.TRUE, "RoomForAll", moves)


def _drained(view: View, host: Host) -> Condition:
    if not view.observed.is_reachable(host.name):
        return unknown("Drained", host.name)
    if not host.spec.cordoned:
        return Condition("Drained", Truth.FALSE, "NotCordoned", "it is not cordoned")
    remaining = must_leave(view.desired, view.located, host.name)
    if remaining:
        return Condition("Drained", Truth.FALSE, "GuestsRemain", f"still there: {_domains(remaining)}")
    return Condition("Drained", Truth.TRUE, "Empty", "nothing is left that must move")


def _domains(names: tuple[str, ...]) -> str:
    return ", ".join(f"domain/{name}" for name in names)


def _safe_to_power_off(view: View, host: Host) -> Condition:
    """No running domain of anybody, and no storage that another host uses."""
    kind = "SafeToPowerOff"
    if silences(view, host):
        return unknown(kind, host.name)
    active = tuple(d.name for h, d in view.observed.all_domains() if h == host.name and d.is_active)
    if active:
        return Condition(kind, Truth.FALSE, "GuestsRun", f"running there: {_domains(active)}")
    users, silent = _storage_users(view, host)
    if users:
        return Condition(kind, Truth.FALSE, "StorageInUse", f"it serves {', '.join(users)}")
    if silent:
        return Condition(kind, Truth.UNKNOWN, "HostUnknown", f"it may serve {', '.join(silent)}, which cannot be asked")
    unfenced = "" if host.spec.cordoned or not host.spec.hypervisor else "; it is not cordoned, so guests may come"
    return Condition(kind, Truth.TRUE, "NothingRuns", f"nothing runs there{unfenced}")


def _storage_users(view: View, host: Host) -> tuple[list[str], list[str]]:
    """Active pools at other hosts that this server feeds, and the hosts that cannot say."""
    users: list[str] = []
    silent: list[str] = []
    if not host.spec.nfs_server:
        return users, silent
    for other in sorted(set(view.desired.hypervisors) - {host.name}):
        listing = view.observed.pools.get(other)
        if not isinstance(listing, Listing):
            silent.append(f"host/{other}")
            continue
        fed = [p for p in listing.items.values() if p.fields.get("source_host") in (host.name, host.spec.address)]
        users += sorted(f"pool/{pool.name}@{other}" for pool in fed if pool.active)
    return users, silent


# --- NFS servers --------------------------------------------------------------------


def _exporting(view: View, host: Host) -> Condition:
    kind = "Exporting"
    if view.observed.answering.get(host.spec.address) is False:
        return Condition(kind, Truth.FALSE, "NoAnswer", f"its NFS server at {host.spec.address} does not answer")
    if not isinstance(view.observed.exports.get(host.name), Listing):
        return unknown(kind, host.name)
    pools = [p for p in wanted_pools(view.desired) if p.spec.export and server_of(view.desired, p) is host]
    missing = [f"pool/{p.name}" for p in pools if not is_exported(view.observed, host.name, p)]
    if missing:
        return Condition(kind, Truth.FALSE, "NotExported", f"not exported as written: {', '.join(missing)}")
    return Condition(kind, Truth.TRUE, "Exported" if pools else "NothingToExport")
