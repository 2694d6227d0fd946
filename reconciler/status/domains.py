"""Conditions of domains: is it there, does it run, is it where and what it shall be. Pure."""

from reconciler.desired import Ref
from reconciler.desired.derive import volume_name
from reconciler.desired.documents import Domain, Power, State
from reconciler.observed import SeenDomain, SeenJob, Standing
from reconciler.status.condition import Condition, Move, ObjectStatus, Truth, View
from reconciler.status.guests import guest_ready, migratable
from reconciler.status.hosts import must_leave
from reconciler.status.images import disk_statuses
from reconciler.status.located import STATED, blind_spots, is_foreign, nowhere, words
from reconciler.step import Held, HeldReason
from reconciler.whereabouts import Whereabouts

CONDITIONS = ("Defined", "Running", "Placed", "Migratable", "InSync", "RestartRequired", "GuestReady", "Stalled")
"""Of every domain, in this order."""


def is_meant_to(domain: Domain, kind: str) -> bool:
    """Whether its document wants the condition to become True one day: what shall not run is never ready."""
    runs = domain.spec.power is Power.RUNNING or kind not in ("Running", "GuestReady")
    return domain.spec.state is State.PRESENT and runs


def domain_status(view: View, domain: Domain) -> ObjectStatus:
    """A domain, wherever it is; what it has been given is shown as it runs, else as its document says."""
    where = view.located[domain.name]
    seen = None if is_foreign(where) else where.seen
    shown = view.observed.guest(where.home, where.name) if seen and where.home else None
    conditions = (
        _defined(view, domain, where),
        _running(view, domain, where),
        _placed(view, domain, where),
        migratable(view, where),
        _in_sync(view, domain),
        _restart_required(view, domain),
        guest_ready(view, domain, where),
        _stalled(view, domain),
    )
    return ObjectStatus(
        Ref("domain", domain.name),
        _state(view, domain, where, seen),
        conditions,
        where.home if seen and where.home else "",
        _given(seen, "vcpus", domain.spec.vcpus),
        _given(seen, "memory", domain.spec.memory),
        _move(view, where),
        shown.addresses if shown else (),
        disk_statuses(view.desired, domain, seen),
    )


def _move(view: View, where: Whereabouts) -> Move | None:
    """The migration that it is waited for; the source is the end that can tell how it gets on, or has a definition."""
    if where.held is None or where.held.reason is not HeldReason.MIGRATION_RUNNING:
        return None
    ends = [(host, seen) for host, seen in view.observed.whereabouts(where.name, where.uuid) if seen.is_active]
    ends.sort(key=lambda end: (not (end[1].job and end[1].job.is_measured), end[1].fields is None))
    hosts = [host for host, _ in ends]
    source, target = hosts if len(hosts) == 2 else ("", *hosts) if ends[0][1].fields is None else (*hosts, "")
    return Move(source, target, ends[0][1].job or SeenJob())


def _given(seen: SeenDomain | None, name: str, otherwise: int) -> int:
    value = ((seen.live or seen.fields or {}) if seen else {}).get(name)
    return value if isinstance(value, int) else otherwise


def _state(view: View, domain: Domain, where: Whereabouts, seen: SeenDomain | None) -> str:
    if where.held and where.held.reason in (HeldReason.RUNS_TWICE, HeldReason.NOT_OURS):
        return where.held.reason.value
    if where.held and where.held.reason is HeldReason.MIGRATION_RUNNING:
        return "Migrating"
    if seen:
        return STATED[seen.standing]
    if blind_spots(view) or where.held:
        return "Unknown"
    return "Absent" if domain.spec.state is State.ABSENT else "Missing"


def _defined(view: View, domain: Domain, where: Whereabouts) -> Condition:
    kind = "Defined"
    if is_foreign(where) and where.held:
        return Condition(kind, Truth.FALSE, where.held.reason.value, where.held.message)
    if where.seen is None:
        return nowhere(view, kind, where)
    if where.seen.fields is None and not where.seen.unknown:
        return Condition(kind, Truth.FALSE, "Transient", "it runs without a persistent definition")
    return Condition(kind, Truth.TRUE, "Defined", f"at host/{where.home}")


def _running(view: View, domain: Domain, where: Whereabouts) -> Condition:
    kind = "Running"
    if is_foreign(where) or where.seen is None:
        return Condition(kind, Truth.FALSE, "NotOurs") if is_foreign(where) else nowhere(view, kind, where)
    seen = where.seen
    if seen.unknown:
        return Condition(kind, Truth.UNKNOWN, HeldReason.STATE_UNCLEAR.value, seen.unknown)
    if seen.standing is Standing.RUNNING:
        return Condition(kind, Truth.TRUE, STATED[seen.standing], f"at host/{where.home}")
    if seen.standing in (Standing.BUSY, Standing.MIGRATING):
        return Condition(kind, Truth.UNKNOWN, STATED[seen.standing], f"libvirt is changing its state ({words(seen)})")
    wanted = "" if domain.spec.power is Power.RUNNING else f"; its power is {domain.spec.power.value}"
    return Condition(kind, Truth.FALSE, STATED[seen.standing], f"it is {words(seen)}{wanted}")


def _placed(view: View, domain: Domain, where: Whereabouts) -> Condition:
    kind = "Placed"
    if where.held and where.held.reason is HeldReason.RUNS_TWICE:
        return Condition(kind, Truth.FALSE, where.held.reason.value, where.held.message)
    if where.home is None or where.seen is None or is_foreign(where):
        held = next((h for h in _held(view, domain) if h.reason is HeldReason.NO_HOST_FITS), None)
        return Condition(kind, Truth.FALSE, held.reason.value, held.message) if held else nowhere(view, kind, where)
    host = view.desired.hosts.get(where.home)
    cordoned = host is not None and host.spec.cordoned
    if cordoned and domain.name in must_leave(view.desired, view.located, where.home):
        return Condition(kind, Truth.FALSE, "HostCordoned", f"host/{where.home} is cordoned, and it must leave")
    return Condition(kind, Truth.TRUE, "Placed", f"at host/{where.home}")


# --- what is still to be done ---------------------------------------------------------


def is_own(domain: Domain, ref: Ref) -> bool:
    """Whether it is the domain, one of its devices, or one of its volumes: steps on them are its steps."""
    volumes = (f"{disk.pool}/{volume_name(domain.name, disk)}" for disk in domain.spec.disks)
    return ref.domain == domain.name or (ref.kind == "volume" and ref.name in volumes)


def _held(view: View, domain: Domain) -> list[Held]:
    return [h for h in view.plan.held if is_own(domain, h.object)]


def _in_sync(view: View, domain: Domain) -> Condition:
    kind = "InSync"
    held = _held(view, domain)
    if held:
        status = Truth.UNKNOWN if all(h.reason is HeldReason.HOST_UNKNOWN for h in held) else Truth.FALSE
        return Condition(kind, status, held[0].reason.value, held[0].message)
    steps = [s for s in view.plan.steps if is_own(domain, s.object)]
    if steps:
        verbs = ", ".join(dict.fromkeys(step.action.verb for step in steps))
        return Condition(kind, Truth.FALSE, "Pending", f"pending: {verbs}")
    where = view.located[domain.name]
    if where.seen is None and domain.spec.state is State.PRESENT:
        return nowhere(view, kind, where)
    return Condition(kind, Truth.TRUE, "AsWritten")


def _restart_required(view: View, domain: Domain) -> Condition:
    coming = (s.instead for s in view.plan.steps if s.instead and is_own(domain, s.object))
    held = next((h for h in (*_held(view, domain), *coming) if h.reason is HeldReason.RESTART_REQUIRED), None)
    if held:
        return Condition("RestartRequired", Truth.TRUE, "Staged", held.message)
    return Condition("RestartRequired", Truth.FALSE, "NothingStaged")


def _stalled(view: View, domain: Domain) -> Condition:
    """Whether what it needs failed five times in a row; only who kept a history can tell."""
    kind = "Stalled"
    held = next((h for h in _held(view, domain) if h.reason is HeldReason.STALLED), None)
    if held:
        return Condition(kind, Truth.TRUE, held.reason.value, held.message)
    if view.history is None:
        return Condition(kind, Truth.UNKNOWN, "NoHistory")
    return Condition(kind, Truth.FALSE, "NoFailures")
