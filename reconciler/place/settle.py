"""Which domains stay where they are, which must go elsewhere and why, and which may not be touched. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from reconciler.desired.derive import volume_name
from reconciler.desired.documents import Domain, OnDrain, Power, State
from reconciler.observed import Standing
from reconciler.place.demand import selector_key
from reconciler.place.scene import Scene, runs, will_start
from reconciler.step import Held, HeldReason
from reconciler.whereabouts import Whereabouts


class Placement(NamedTuple):
    """Where a domain is and where it shall be. `target` None: it stays where and as it is, or `held` says why.

    `cause`: why it goes elsewhere. `after`: (domain, host) that must have left before it may come: room is made for it.
    """

    where: Whereabouts
    target: str | None = None
    held: Held | None = None
    cause: str = ""
    after: tuple[tuple[str, str], ...] = ()
    crowded: bool = False
    """Were all at its host as large as their documents say, they would not find room there."""

    @property
    def moves(self) -> bool:
        return self.where.home is not None and self.target is not None and self.target != self.where.home


HALTED = frozenset({Standing.IO_ERROR, Standing.MIGRATING})
"""Paused by something that passes: such a guest is resumed where it is before it goes anywhere."""


@dataclass(frozen=True)
class Settled:
    """`placed`: domains that need no choice; `going`: domain -> why it must leave where it is ("": it is new)."""

    placed: dict[str, Placement]
    going: dict[str, str]


def settle(scene: Scene) -> Settled:
    """Sort all domains into those that need no choice and those that do; what cannot move is held."""
    settled, asks = Settled({}, {}), scene.asks.of
    for name, where in scene.located.items():
        if where.home is None and where.held is None and asks[name].starts:
            settled.going[name] = ""
            continue
        fixed = _fixed(scene, scene.desired.domains[name], where)
        if isinstance(fixed, Placement):
            settled.placed[name] = fixed
        else:
            settled.going[name] = fixed
    for name, cause in _too_near(scene, settled.placed):
        send(scene, settled, name, cause)
    for name, cause in tuple(settled.going.items()):
        if cause and (held := immovable(scene, scene.located[name], cause)):
            del settled.going[name]
            settled.placed[name] = Placement(scene.located[name], held=held)
    return settled


def _fixed(scene: Scene, domain: Domain, where: Whereabouts) -> Placement | str:
    """Its placement, or why it must leave; empty where it is nowhere."""
    if where.held:
        return Placement(where, held=where.held)
    if domain.spec.state is State.ABSENT:
        return Placement(where)
    if where.home is None or where.seen is None:
        return ""
    host = scene.desired.hosts.get(where.home)
    if host is None or where.seen.standing in HALTED:
        return Placement(where, where.home)
    if host.spec.cordoned:
        return drained(domain, where)
    if domain.spec.placement.hosts != "all" and may_go(domain, where):
        selector = selector_key(domain.spec.placement.hosts)
        if not scene.judge.may_be_at(selector, host):
            return _by_rule(domain, where, f"host/{where.home} is not what placement.hosts asks for")
    return Placement(where, where.home)


def drained(domain: Domain, where: Whereabouts) -> Placement | str:
    """What `onDrain` makes of a domain on a cordoned host; why it must go, where it must."""
    cause = f"host/{where.home} is cordoned"
    if runs(where) and domain.spec.on_drain is OnDrain.STAY:
        return Placement(
            where, held=Held(where.ref, HeldReason.ON_DRAIN_STAY, f"{cause}, and onDrain says that it stays")
        )
    if domain.spec.on_drain is OnDrain.STOP and domain.spec.power is Power.RUNNING:
        return Placement(where, where.home)
    return cause


def _by_rule(domain: Domain, where: Whereabouts, cause: str) -> Placement | str:
    """What a broken rule makes of a domain: it goes, unless its document wants it neither moved nor restarted."""
    if runs(where) and domain.spec.on_drain in (OnDrain.STAY, OnDrain.STOP):
        message = f"{cause}, and onDrain ({domain.spec.on_drain.value}) says that it is not moved; move it by hand"
        return Placement(where, held=Held(where.ref, HeldReason.ON_DRAIN_STAY, message))
    return cause


def send(scene: Scene, settled: Settled, name: str, cause: str) -> None:
    """A rule of its document sends a domain away that would have stayed."""
    where = scene.located[name]
    fixed = _by_rule(scene.desired.domains[name], where, cause)
    if isinstance(fixed, Placement):
        settled.placed[name] = fixed
    else:
        del settled.placed[name]
        settled.going[name] = fixed


def may_go(domain: Domain, where: Whereabouts) -> bool:
    """Whether a broken rule may move it now: not while it is paused, nor when it is to be stopped anyway."""
    assert where.seen is not None
    if where.seen.standing is Standing.RUNNING:
        return domain.spec.power is not Power.STOPPED
    return where.seen.standing is Standing.OFF


# --- what keeps a domain where it is ---------------------------------------------------


def immovable(scene: Scene, where: Whereabouts, cause: str) -> Held | None:
    """Why a domain that must go cannot; None where it can."""
    reason = why_it_cannot_move(scene, where)
    cordoned = cause == f"host/{where.home} is cordoned"
    return Held(where.ref, HeldReason.CANNOT_MIGRATE, reason if cordoned else f"{cause}; {reason}") if reason else None


def why_it_cannot_move(scene: Scene, where: Whereabouts) -> str:
    """What stands against a live migration, or ties it to its host; empty where nothing does."""
    return "; ".join(hindrances(scene, where))


def hindrances(scene: Scene, where: Whereabouts) -> tuple[str, ...]:
    """The same, one by one."""
    obstacles = where.seen.obstacles if runs(where) and where.seen is not None else ()
    left_behind = _left_behind(scene.desired.domains[where.name], where)
    return (*obstacles, *left_behind, *_ties(scene, where, f"host/{where.home}"))


def _left_behind(domain: Domain, where: Whereabouts) -> Iterator[str]:
    """NVRAM and TPM state are files of one host: libvirt sends them along with a running guest, and never else."""
    fields = (where.seen.fields if where.seen is not None else None) or {}
    alive = runs(where) and domain.spec.power is not Power.STOPPED and domain.spec.on_drain is OnDrain.MIGRATE
    for state, is_there in (("NVRAM", fields.get("firmware") == "uefi"), ("TPM state", bool(fields.get("tpm")))):
        if is_there and not alive:
            yield f"its {state} lies on host/{where.home}, and goes along only where the guest migrates alive"


def tie_of(scene: Scene, where: Whereabouts, host: str) -> str:
    """The disks that keep a domain at `host`; empty where all its disks are on shared storage."""
    return "; ".join(_ties(scene, where, host))


def _ties(scene: Scene, where: Whereabouts, host: str) -> Iterator[str]:
    domain, pools = scene.desired.domains[where.name], scene.desired.pools
    lying = [(f"disk {disk.name}", disk.pool) for disk in domain.spec.disks]
    lying += [(f"cdrom {drive.name}", drive.pool) for drive in domain.spec.cdroms if drive.pool]
    for what, pool in lying:
        if not pools[pool].is_shared:
            yield f"its {what} is in pool/{pool}, a directory of {host} alone"
    local = {f"{pools[d.pool].spec.target}/{volume_name(domain.name, d)}" for d in domain.spec.disks}
    yield from _stray_disks(scene, where, local)


def _stray_disks(scene: Scene, where: Whereabouts, known: set[str]) -> Iterator[str]:
    """Files that it has open and that lie in no pool which hosts share; only one that we adopted has such disks."""
    targets = tuple(f"{pool.spec.target}/" for pool in scene.desired.pools.values() if pool.is_shared)
    for disk in where.seen.disks if where.seen is not None else ():
        is_stray = disk.source.startswith("/") and not disk.source.startswith((*targets, "/dev/"))
        if is_stray and disk.source not in known:
            yield f"its disk {disk.name} is {disk.source}, in no pool that hosts share"


# --- neighbours that must be apart ---------------------------------------------------------


def _too_near(scene: Scene, placed: Mapping[str, Placement]) -> Iterator[tuple[str, str]]:
    """Domains that a hard rule of theirs sends away from where they would stay, with the reason.

    Of several that could go, what matters least and is smallest goes, until the rest may stay.
    """
    near: dict[str, list[str]] = {}
    for domain in scene.asks.neighbours.apart:
        placement = placed.get(domain.name)
        if placement is not None and placement.target is not None and _has_company(scene, domain, placement):
            near.setdefault(placement.target, [])
    if not near:
        return
    for name, placement in placed.items():
        if placement.where.home in near and counts(scene, placement):
            near[placement.where.home].append(name)
    for names in near.values():
        yield from _apart(scene, placed, names)


def _has_company(scene: Scene, domain: Domain, placement: Placement) -> bool:
    """Whether any from whom it must be apart is counted where it is."""
    apart, host = domain.spec.placement.apart_from, scene.number.get(placement.target or "")
    if apart is None or host is None or not counts(scene, placement):
        return False
    group = scene.asks.neighbours.group(apart.match_labels)
    return scene.ledger.counts[group.members].get(host, 0) > group.has(domain)


def counts(scene: Scene, placement: Placement) -> bool:
    """Whether a domain runs, or will be started, where it is, so that rules speak of it there."""
    where = placement.where
    return runs(where) or will_start(scene.desired.domains[where.name], where)


def _apart(scene: Scene, placed: Mapping[str, Placement], names: list[str]) -> Iterator[tuple[str, str]]:
    documents, here = scene.desired.domains, sorted(names)
    for name in sorted(names, key=lambda name: (_matters(documents[name]), name)):
        apart = documents[name].spec.placement.apart_from
        stays = placed[name].target is None or not may_go(documents[name], placed[name].where)
        if apart is None or not apart.required or stays:
            continue
        group = scene.asks.neighbours.group(apart.match_labels)
        rival = next((other for other in here if other != name and group.has(documents[other])), None)
        if rival is not None:
            here.remove(name)
            yield name, f"domain/{rival} is at host/{placed[name].where.home} too, from which it must be apart"


def _matters(domain: Domain) -> tuple[int, int]:
    return domain.spec.placement.priority, domain.spec.memory
