"""One look at one hypervisor: its parts side by side, each behind a deadline of its own."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from reconciler.clock import Pending
from reconciler.desired import Desired
from reconciler.desired.derive import volume_name
from reconciler.errors import HostUnreachable
from reconciler.observed import HostFacts, Listing, Part, SeenDomain, SeenNetwork, SeenPool, SeenTarget, Unknown
from reconciler.virt import parts
from reconciler.virt.connect import Link, Session
from reconciler.virt.mounts import ASK_HOST, HostSide, read_host_side
from reconciler.virt.read import ReadingRules
from reconciler.virt.storage import StorageRules, StorageSeen, behind_deadline, read_storage, read_volumes

T = TypeVar("T")

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

    def beside(self, other: "HostSeen") -> "HostSeen":
        """What two looks, begun together, saw of one host."""
        return HostSeen(
            facts=_both(self.facts, other.facts),
            domains=_both(self.domains, other.domains),
            networks=_both(self.networks, other.networks),
            pools=_both(self.pools, other.pools),
            targets=self.targets if other.targets is None else other.targets,
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

    @classmethod
    def of(cls, desired: Desired, host: str, answers: Callable[[str], bool]) -> "Rules":
        reading = ReadingRules(
            cluster=desired.cluster_name,
            keeps_xml=desired.domains.__contains__,
            asks_obstacles=desired.hosts[host].spec.cordoned,
        )
        return cls(reading, StorageRules.of(desired, host, answers))


def observe_host(link: Link, rules: Rules, now: Callable[[], float], wanted: Iterable[Part]) -> HostSeen:
    """Read the wanted parts of a hypervisor. Raises: nothing; what cannot be read is Unknown."""
    side = Pending(lambda: ask_host(link), f"{link.host}-shell")
    readers: dict[Part, Callable[[], Any]] = {
        Part.FACTS: lambda: _facts(link, side, now),
        Part.DOMAINS: lambda: parts.attempt(link, lambda s: parts.read_domains(s, link.memo, rules.domains, now())),
        Part.NETWORKS: lambda: parts.attempt(link, lambda s: parts.read_networks(s, link.memo, now())),
        Part.POOLS: lambda: _storage(link, side, rules.storage, now),
    }
    begun = {part: Pending(readers[part], f"{link.host}-{part}") for part in wanted if part in readers}
    ended = {part: finish(pending, f"host/{link.host}") for part, pending in begun.items()}
    storage = ended.get(Part.POOLS)
    return HostSeen(
        facts=ended.get(Part.FACTS),
        domains=ended.get(Part.DOMAINS),
        networks=ended.get(Part.NETWORKS),
        pools=storage.pools if isinstance(storage, StorageSeen) else storage,
        targets=storage.targets if isinstance(storage, StorageSeen) else None,
    )


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
        link.session()  # not before the host is known to answer: its breaker speaks for the shell too
        return read_host_side(link.shell.run(ASK_HOST, HOST_SIDE_S).text)
    except HostUnreachable as error:
        return Unknown(str(error))


def _facts(link: Link, side: Pending[HostSide | Unknown | None], now: Callable[[], float]) -> Any:
    told = finish(side, f"the shell of host/{link.host}")
    boot_id = told.boot_id if isinstance(told, HostSide) else ""
    return parts.attempt(link, lambda session: parts.read_facts(session, link.host, boot_id, now()))


def _storage(
    link: Link, side: Pending[HostSide | Unknown | None], rules: StorageRules, now: Callable[[], float]
) -> StorageSeen | Unknown:
    told = finish(side, f"the shell of host/{link.host}")
    if isinstance(told, Unknown):
        return told
    return parts.attempt(link, lambda session: read_storage(link, session, told, rules, now()))


# --- the second phase: volumes that documents want and nobody has marked as made -------------


def unmade_volumes(desired: Desired, seen: Mapping[str, HostSeen]) -> Mapping[str, frozenset[str]]:
    """Pool -> volumes of documents' disks that no mark lists as made: only their details decide anything."""
    made = set()
    for told in seen.values():
        if isinstance(told.domains, Listing):
            marks = (domain.mark for domain in told.domains.items.values() if domain.mark)
            made |= {(m.name, disk) for m in marks if m.cluster == desired.cluster_name for disk in m.disks}
    wanted: dict[str, set[str]] = {}
    for name, domain in desired.domains.items():
        for disk in domain.spec.disks:
            if (name, disk.name) not in made:
                wanted.setdefault(disk.pool, set()).add(volume_name(name, disk))
    return {pool: frozenset(names) for pool, names in wanted.items()}


def with_details(link: Link, seen: HostSeen, wanted: Mapping[str, frozenset[str]]) -> HostSeen:
    """The pools with details of the wanted volumes that they list. Raises: nothing."""
    if not isinstance(seen.pools, Listing):
        return seen
    asked = {
        name: sorted(wanted[name] & set(pool.volumes))
        for name, pool in seen.pools.items.items()
        if pool.volumes and wanted.get(name, frozenset()) & set(pool.volumes)
    }
    if not asked:
        return seen

    def read(session: Session) -> Any:
        volumes = {name: read_volumes(session.connection, name, names) for name, names in asked.items()}
        return {name: {**(seen_pool(name).volumes or {}), **found} for name, found in volumes.items()}

    def seen_pool(name: str) -> SeenPool:
        assert isinstance(seen.pools, Listing)
        return seen.pools.items[name]

    found = parts.attempt(link, lambda session: behind_deadline(link, lambda: read(session)))
    if isinstance(found, Unknown):
        return replace(seen, pools=found)
    pools = {name: replace(pool, volumes=found.get(name, pool.volumes)) for name, pool in seen.pools.items.items()}
    return replace(seen, pools=replace(seen.pools, items=pools))
