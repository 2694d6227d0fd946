"""One look at one hypervisor: its parts side by side, each behind a deadline of its own."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from reconciler.clock import Pending
from reconciler.desired import Desired
from reconciler.desired.derive import claim, doomed_disks, volume_name
from reconciler.desired.documents import Domain
from reconciler.errors import HostUnreachable
from reconciler.observed import (
    EVERY_VOLUME,
    HostFacts,
    Listing,
    MemoryUse,
    Part,
    SeenDomain,
    SeenNetwork,
    SeenPool,
    SeenTarget,
    SeenVolume,
    Unknown,
)
from reconciler.presence import SeenGuest
from reconciler.virt import parts
from reconciler.virt.connect import Link, Session
from reconciler.virt.domains import read_domains
from reconciler.virt.mounts import ASK_HOST, HostSide, read_host_side
from reconciler.virt.read import ReadingRules
from reconciler.virt.storage import StorageRules, StorageSeen, ask_storage, read_storage, read_volumes

T = TypeVar("T")

Wanted = Mapping[str, frozenset[str]]
"""Pool -> volumes whose details are wanted, or EVERY_VOLUME."""

HOST_SIDE_S = 8.0
WHOLE_S = 300.0
"""No part takes so long; a bound in case one does."""


@dataclass(frozen=True, slots=True)
class HostSeen:
    """What one hypervisor told; None for a part that was not asked for."""

    facts: Listing[HostFacts] | Unknown | None = None
    domains: Listing[SeenDomain] | Unknown | None = None
    networks: Listing[SeenNetwork] | Unknown | None = None
    pools: Listing[SeenPool] | Unknown | None = None
    targets: Mapping[str, SeenTarget] | None = None
    memory: Listing[MemoryUse] | Unknown | None = None
    guests: Listing[SeenGuest] | Unknown | None = None

    def beside(self, other: "HostSeen") -> "HostSeen":
        """What two looks, begun together, saw of one host."""
        return HostSeen(
            facts=_both(self.facts, other.facts),
            domains=_both(self.domains, other.domains),
            networks=_both(self.networks, other.networks),
            pools=_both(self.pools, other.pools),
            targets=self.targets if other.targets is None else other.targets,
            memory=_both(self.memory, other.memory),
            guests=_both(self.guests, other.guests),
        )


def _both(one: Listing[T] | Unknown | None, other: Listing[T] | Unknown | None) -> Listing[T] | Unknown | None:
    if one is None or other is None:
        return one or other
    if isinstance(one, Unknown) or isinstance(other, Unknown):
        return one if isinstance(one, Unknown) else other
    only = None if one.only is None or other.only is None else one.only | other.only
    return Listing({**one.items, **other.items}, min(one.at, other.at), only)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the documents say that matters for reading one host."""

    domains: ReadingRules
    storage: StorageRules
    address: str = ""
    """Where migrations to it go."""

    @classmethod
    def of(cls, desired: Desired, host: str, answers: Callable[[str], bool]) -> "Rules":
        reading = ReadingRules(
            cluster=desired.cluster_name,
            keeps_xml=desired.domains.__contains__,
            edits=lambda name: desired.domains[name].spec.xml if name in desired.domains else (),
            asks_obstacles=desired.hosts[host].spec.cordoned,
            asks_bound=desired.may_go,
        )
        return cls(reading, StorageRules.of(desired, host, answers), desired.hosts[host].migration_address)


def observe_host(link: Link, rules: Rules, now: Callable[[], float], wanted: Iterable[Part]) -> HostSeen:
    """Read the wanted parts of a hypervisor. Raises: nothing; what cannot be read is Unknown."""
    side = Pending(lambda: ask_host(link), f"{link.host}-shell")
    asked = frozenset(wanted)
    storage: Pending[StorageSeen | Unknown] | None = None
    if Part.POOLS in asked:
        storage = Pending(lambda: _storage(link, side, rules.storage, now), f"{link.host}-storage")
    seen = _over_one_session(link, side, rules, now, asked)
    if storage is None:
        return seen
    told = finish(storage, f"host/{link.host}")
    if isinstance(told, StorageSeen):
        return replace(seen, pools=told.pools, targets=told.targets)
    return replace(seen, pools=told)


def _over_one_session(
    link: Link,
    side: Pending[HostSide | Unknown | None],
    rules: Rules,
    now: Callable[[], float],
    asked: frozenset[Part],
) -> HostSeen:
    """What is read over one connection, one after the other: the facts last, for they may take a minute once."""
    seen = HostSeen()
    if Part.DOMAINS in asked:
        seen = replace(seen, domains=read_domains(link, rules.domains, now()))
    if Part.NETWORKS in asked:
        networks = parts.attempt(link, lambda session: parts.read_networks(session, link, now()))
        seen = replace(seen, networks=networks)
    if Part.FACTS in asked:
        seen = replace(seen, facts=_facts(link, side, rules.address, now))
    return seen


def finish(pending: Pending[T], name: str) -> T | Unknown:
    """What a part's thread returned, however long its own deadlines let it take."""
    try:
        return pending.result(WHOLE_S)
    except TimeoutError:
        return Unknown(f"{name} gave no answer in {WHOLE_S:g} s")


def ask_host(link: Link) -> HostSide | Unknown | None:
    """What the shell of the host tells; None where there is no shell."""
    if link.shell is None:
        return None
    try:
        link.session("read")  # not before the host is known to answer: its breaker speaks for the shell too
        return read_host_side(link.shell.run(ASK_HOST, HOST_SIDE_S).text)
    except HostUnreachable as error:
        return Unknown(str(error))


def _facts(
    link: Link, side: Pending[HostSide | Unknown | None], address: str, now: Callable[[], float]
) -> Listing[HostFacts] | Unknown:
    told = finish(side, f"the shell of host/{link.host}")
    known = told if isinstance(told, HostSide) else HostSide("", {})

    def read(session: Session) -> Listing[HostFacts]:
        return parts.read_facts(session, link, now(), known.boot_id, known.speeds.get(address))

    return parts.attempt(link, read, quiet_s=parts.FACTS_S)


def _storage(
    link: Link, side: Pending[HostSide | Unknown | None], rules: StorageRules, now: Callable[[], float]
) -> StorageSeen | Unknown:
    told = finish(side, f"the shell of host/{link.host}")
    if isinstance(told, Unknown):
        return told
    return read_storage(link, told, rules, now())


# --- the second phase: volumes that documents want and nobody has marked as made -------------


def unmade_volumes(desired: Desired, seen: Mapping[str, HostSeen]) -> Mapping[str, frozenset[str]]:
    """Pool -> volumes of documents' disks that no mark lists as made: only their details decide anything."""
    made, there = set(), set()
    for told in seen.values():
        if isinstance(told.domains, Listing):
            there |= set(told.domains.items)
            marks = (domain.mark for domain in told.domains.items.values() if domain.mark)
            made |= {(m.name, disk) for m in marks if m.cluster == desired.cluster_name for disk in m.disks}
    wanted: dict[str, set[str]] = {}
    for name, domain in desired.domains.items():
        for disk in domain.spec.disks:
            if (name, disk.name) not in made:
                wanted.setdefault(disk.pool, set()).add(volume_name(name, disk))
                _want_claim(desired, domain, wanted)
        if name in there and doomed_disks(domain):  # what stands on them matters
            for pool in desired.pools:
                wanted.setdefault(pool, set()).add(EVERY_VOLUME)
    return {pool: frozenset(names) for pool, names in wanted.items()}


def _want_claim(desired: Desired, domain: Domain, wanted: dict[str, set[str]]) -> None:
    """Beside a volume that nobody has marked as made, it matters whose it is."""
    own = claim(domain, desired.pools)
    if own:
        wanted.setdefault(own[0], set()).add(own[1])


def with_details(link: Link, seen: HostSeen, wanted: Wanted, *, anew: Wanted | None = None) -> HostSeen:
    """The pools with details of the wanted volumes that they list. Raises: nothing.

    `anew`: those that are read again (None: all); of the others what was read since the last whole look counts, so that
    the steps of a plan do not read it all again.
    """
    if not isinstance(seen.pools, Listing):
        return seen
    if anew is None:
        link.volumes.clear()
    known = {key: volume for key, volume in tuple(link.volumes.items()) if not _is_meant(anew or {}, *key)}
    pools = seen.pools.items
    asked = {
        name: sorted(volume for volume in pool.volumes if _is_meant(wanted, name, volume))
        for name, pool in pools.items()
        if pool.volumes
    }
    missing = {name: [v for v in volumes if (name, v) not in known] for name, volumes in asked.items()}
    if any(missing.values()):
        found = ask_storage(link, lambda session: _read_details(session, missing))
        if isinstance(found, Unknown):
            return replace(seen, pools=found)
        link.volumes.update(found)
        known.update(found)
    detailed = {name: _detailed(pool, asked.get(name, []), known) for name, pool in pools.items()}
    return replace(seen, pools=replace(seen.pools, items=detailed))


def _is_meant(wanted: Wanted, pool: str, volume: str) -> bool:
    return not {volume, EVERY_VOLUME}.isdisjoint(wanted.get(pool, ()))


def _read_details(session: Session, missing: Mapping[str, list[str]]) -> Mapping[tuple[str, str], SeenVolume | None]:
    volumes = {pool: read_volumes(session.connection, pool, names) for pool, names in missing.items() if names}
    return {(pool, name): volume for pool, found in volumes.items() for name, volume in found.items()}


def _detailed(pool: SeenPool, names: list[str], known: Mapping[tuple[str, str], SeenVolume | None]) -> SeenPool:
    """A volume that went between the list and now is listed no more."""
    if not names or pool.volumes is None:
        return pool
    gone = {name for name in names if (pool.name, name) not in known}
    volumes = {name: known.get((pool.name, name), seen) for name, seen in pool.volumes.items() if name not in gone}
    return replace(pool, volumes=volumes)
