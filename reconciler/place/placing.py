"""Which host each domain shall be at, or why none. Pure and deterministic: filters, then scores, then a ledger."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from reconciler.desired import Desired, is_selected, matches
from reconciler.desired.documents import Domain, Host, OnDrain, Power, State
from reconciler.history import History
from reconciler.observed import HostFacts, Observed, Standing
from reconciler.ours import is_or_becomes_ours
from reconciler.readiness import pool_trouble
from reconciler.step import Held, HeldReason
from reconciler.whereabouts import Whereabouts, twins, whereabouts

MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a domain is and where it shall be. `target` None: it stays where and as it is, or `held` says why."""

    where: Whereabouts
    target: str | None = None
    held: Held | None = None

    @property
    def moves(self) -> bool:
        return self.where.home is not None and self.target is not None and self.target != self.where.home


@dataclass(frozen=True)
class Placements:
    """All placements of a pass, decided jointly. `rejections`: domain -> host -> why not there."""

    of: Mapping[str, Placement] = field(default_factory=dict)
    rejections: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass
class _Ledger:
    """Memory (bytes) and vCPUs that each host still has to give, and who will run there; moves count on both ends."""

    memory: dict[str, int]
    vcpus: dict[str, float]
    guests: dict[str, set[str]]

    def book(self, host: str, domain: Domain) -> None:
        self.memory[host] -= domain.spec.memory
        self.vcpus[host] -= domain.spec.vcpus
        self.guests[host].add(domain.name)


HALTED = frozenset({Standing.IO_ERROR, Standing.MIGRATING})
"""Paused by something that passes: such a guest is resumed where it is before it goes anywhere."""


def place(desired: Desired, observed: Observed, history: History) -> Placements:
    """Decide for every domain document at once.

    Most constrained first, then the biggest: what is hard to place gets the choice. Where a domain runs is status:
    it stays unless its host is cordoned. Order: by name. Raises: nothing. Source: design, laws 1 and 2.
    """
    located = whereabouts(desired, observed)
    ledger = _open_ledger(desired, observed, located)
    placed = {name: fixed for name, where in located.items() if (fixed := _settled(desired, where)) is not None}
    open_ = [name for name in located if name not in placed]
    same = twins(observed)
    rejections = {name: _rejections(desired, observed, same, desired.domains[name]) for name in open_}
    for name in sorted(open_, key=lambda n: _urgency(desired, rejections[n], n)):
        domain, where = desired.domains[name], located[name]
        placed[name] = _choose(desired, observed, ledger, domain, where, rejections, history)
    return Placements(dict(sorted(placed.items())), rejections)


def _settled(desired: Desired, where: Whereabouts) -> Placement | None:
    """The placement of a domain that needs no choice; None where one must be chosen."""
    domain = desired.domains[where.name]
    if where.held:
        return Placement(where, held=where.held)
    if domain.spec.state is State.ABSENT:
        return Placement(where)
    if where.home is None or where.seen is None:
        return None
    host = desired.hosts.get(where.home)
    if host is None or not host.spec.cordoned or where.seen.standing in HALTED:
        return Placement(where, where.home)
    return _drained(domain, where)


def _drained(domain: Domain, where: Whereabouts) -> Placement | None:
    """What `onDrain` makes of a domain on a cordoned host; None where it must go elsewhere."""
    running = where.seen is not None and where.seen.standing is not Standing.OFF
    if running and domain.spec.on_drain is OnDrain.STAY:
        message = f"host/{where.home} is cordoned, and onDrain says that it stays"
        return Placement(where, held=Held(where.ref, HeldReason.ON_DRAIN_STAY, message))
    if domain.spec.on_drain is OnDrain.STOP and domain.spec.power is Power.RUNNING:
        return Placement(where, where.home)
    return None


def _urgency(desired: Desired, rejected: Mapping[str, str], name: str) -> tuple[int, int, str]:
    candidates = len(desired.hypervisors) - len(rejected)
    return candidates, -desired.domains[name].spec.memory, name


# --- the ledger -----------------------------------------------------------------


def _open_ledger(desired: Desired, observed: Observed, located: Mapping[str, Whereabouts]) -> _Ledger:
    ledger = _Ledger({}, {}, {})
    for name, document in desired.hypervisors.items():
        facts = observed.host_facts(name)
        ledger.memory[name] = _memory_to_give(desired, document, facts)
        ledger.vcpus[name] = facts.cpus * desired.policy.placement.cpu_overcommit if facts else 0
        ledger.guests[name] = set()
    for host, seen in observed.all_domains():
        if host in ledger.memory and seen.is_active:
            fields = seen.live or seen.fields or {}
            ledger.memory[host] -= int(fields.get("memory", 0))
            ledger.vcpus[host] -= int(fields.get("vcpus", 0))
            ledger.guests[host].add(seen.name)
    for name, where in located.items():
        if where.home in ledger.guests and _will_start(desired.domains[name], where):
            ledger.book(where.home, desired.domains[name])
    return ledger


def _memory_to_give(desired: Desired, host: Host, facts: HostFacts | None) -> int:
    if facts is None or host.spec.hypervisor is None:
        return 0
    return int(facts.memory * desired.policy.placement.memory_overcommit) - host.spec.hypervisor.reserved.memory


def _will_start(domain: Domain, where: Whereabouts) -> bool:
    off = where.seen is not None and where.seen.standing is Standing.OFF
    return off and not where.held and domain.spec.power is Power.RUNNING


# --- filters ---------------------------------------------------------------------


def _rejections(desired: Desired, observed: Observed, same: Mapping[str, str], domain: Domain) -> dict[str, str]:
    """host -> the first reason against it; hosts without one are candidates. `same`: hosts that are one machine."""
    reasons = {}
    for name, host in sorted(desired.hypervisors.items()):
        reason = next(_reasons_against(desired, observed, same, domain, host), None)
        if reason:
            reasons[name] = reason
    return reasons


def _reasons_against(
    desired: Desired, observed: Observed, same: Mapping[str, str], domain: Domain, host: Host
) -> Iterator[str]:
    if not is_selected(host, domain.spec.placement.hosts):
        yield "its labels or name are not what placement.hosts asks for"
    if host.spec.cordoned:
        yield "it is cordoned"
    if host.spec.fenced:
        yield "it is fenced"
    if host.name in same:
        yield f"it is the same machine as host/{same[host.name]}"
    if not observed.is_reachable(host.name):
        yield f"it is unknown: {observed.silence(host.name)}"
    yield from _storage_reasons(desired, observed, domain, host)
    yield from _network_reasons(desired, observed, domain, host)
    yield from _cpu_reasons(observed, domain, host.name)


def _storage_reasons(desired: Desired, observed: Observed, domain: Domain, host: Host) -> Iterator[str]:
    for name in sorted({disk.pool for disk in domain.spec.disks}):
        pool = desired.pools[name]
        if not is_selected(host, pool.spec.hosts):
            yield f"pool/{name} is not for it"
        trouble = pool_trouble(desired, observed, pool, host.name)
        if trouble:
            yield f"pool/{name}: {trouble[1]}"


def _network_reasons(desired: Desired, observed: Observed, domain: Domain, host: Host) -> Iterator[str]:
    for name in sorted({interface.network for interface in domain.spec.interfaces}):
        if not is_selected(host, desired.networks[name].spec.hosts):
            yield f"network/{name} is not for it"
        seen = observed.network(host.name, name)
        if seen and not is_or_becomes_ours(desired, desired.networks[name], seen):
            yield f"network/{name} there is not ours"


def _cpu_reasons(observed: Observed, domain: Domain, host: str) -> Iterator[str]:
    facts = observed.host_facts(host)
    if facts is None or domain.spec.cpu in ("baseline", "host-model"):
        return
    if domain.spec.cpu == "host-passthrough":
        if facts.virt_type != "kvm":
            yield "host-passthrough needs KVM, which it does not have"
    elif facts.cpu.usable and domain.spec.cpu not in facts.cpu.usable:
        yield f"it cannot offer the CPU model {domain.spec.cpu}"


# --- choice -----------------------------------------------------------------------


def _choose(
    desired: Desired,
    observed: Observed,
    ledger: _Ledger,
    domain: Domain,
    where: Whereabouts,
    rejections: dict[str, dict[str, str]],
    history: History,
) -> Placement:
    rejected = rejections[domain.name]
    moves_running = where.home is not None and where.seen is not None and where.seen.standing is not Standing.OFF
    if moves_running and where.seen and where.seen.obstacles:
        return _cannot_move(where, "; ".join(where.seen.obstacles))
    if where.home is not None and (tie := _tie(desired, domain)):
        return _cannot_move(where, f"{tie}, a directory of host/{where.home} alone")
    needs_room = moves_running or domain.spec.power is Power.RUNNING
    for host in desired.hypervisors:
        if host not in rejected and needs_room and (reason := _no_room(ledger, domain, host)):
            rejected[host] = reason
        if host not in rejected and (reason := _must_be_apart(desired, ledger, domain, host)):
            rejected[host] = reason
    candidates = [host for host in sorted(desired.hypervisors) if host not in rejected]
    if not candidates:
        return _nowhere(observed, where, rejected)
    target = min(candidates, key=lambda host: _score(desired, ledger, domain, host, history))
    if needs_room:
        ledger.book(target, domain)
    return Placement(where, target)


def _tie(desired: Desired, domain: Domain) -> str:
    """The disk that keeps a domain at its host; empty where all its disks are on shared storage."""
    local = (disk for disk in domain.spec.disks if not desired.pools[disk.pool].is_shared)
    return next((f"its disk {disk.name} is in pool/{disk.pool}" for disk in local), "")


def _no_room(ledger: _Ledger, domain: Domain, host: str) -> str:
    if ledger.memory[host] < domain.spec.memory:
        free, wanted = max(0, ledger.memory[host]) // MIB, domain.spec.memory // MIB
        return f"it has {free} MiB of memory left for guests, {wanted} MiB are needed"
    if ledger.vcpus[host] < domain.spec.vcpus:
        return f"it has {max(0, int(ledger.vcpus[host]))} vCPUs left for guests, {domain.spec.vcpus} are needed"
    return ""


def _rivals(desired: Desired, ledger: _Ledger, domain: Domain, host: str) -> list[str]:
    """Guests of `host` that the domain shall be apart from."""
    apart = domain.spec.placement.apart_from
    if apart is None:
        return []
    others = (desired.domains.get(name) for name in ledger.guests[host] if name != domain.name)
    return sorted(other.name for other in others if other and matches(apart.match_labels, other.labels))


def _must_be_apart(desired: Desired, ledger: _Ledger, domain: Domain, host: str) -> str:
    apart = domain.spec.placement.apart_from
    rivals = _rivals(desired, ledger, domain, host)
    return f"domain/{rivals[0]} is there, from which it must be apart" if apart and apart.required and rivals else ""


def _score(desired: Desired, ledger: _Ledger, domain: Domain, host: str, history: History) -> tuple[int, int, int, str]:
    """Least is best: hosts that failed it last, soft rules broken, then the host with most memory left."""
    failed_there = 1 if host in history.failed_targets(domain.name) else 0
    return failed_there, len(_rivals(desired, ledger, domain, host)), -ledger.memory[host], host


def _nowhere(observed: Observed, where: Whereabouts, rejected: Mapping[str, str]) -> Placement:
    reasons = "; ".join(f"host/{host}: {reason}" for host, reason in sorted(rejected.items()))
    waits = any(not observed.is_reachable(host) for host in rejected)
    reason = HeldReason.HOST_UNKNOWN if waits else HeldReason.NO_HOST_FITS
    if where.home is not None:
        reason = HeldReason.CANNOT_MIGRATE
    return Placement(where, held=Held(where.ref, reason, f"no host fits: {reasons}"))


def _cannot_move(where: Whereabouts, message: str) -> Placement:
    return Placement(where, held=Held(where.ref, HeldReason.CANNOT_MIGRATE, message))
