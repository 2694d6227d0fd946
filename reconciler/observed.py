"""A snapshot of libvirt and NFS, possibly partial: what could not be read is Unknown, never absent (law 1)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, Generic, TypeVar

from reconciler.hostfacts import Cell, CpuFacts, HostFacts, Offer
from reconciler.mark import Mark
from reconciler.moving import MemoryUse, SeenJob
from reconciler.presence import SeenGuest
from reconciler.screen import SeenPassword
from reconciler.standing import STANDINGS, DomainState, Standing, standing_of


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that could not be read; `message` is for people."""

    message: str


class Part(StrEnum):
    """What is read apart from the rest of a host, because it can hang or be needed alone."""

    FACTS = "facts"
    DOMAINS = "domains"
    NETWORKS = "networks"
    POOLS = "pools"
    EXPORTS = "exports"
    MEMORY = "memory"
    """What named guests do to their memory; measured, so it takes a second, and only before they move."""
    GUESTS = "guests"
    """What named guests show of themselves: asked where somebody wants to know, never in a pass."""


EVERY_VOLUME = "*"


@dataclass(frozen=True, slots=True)
class Look:
    """A wish to read one part of one host: all of it, or the object named (a domain: by name and by UUID)."""

    host: str
    part: Part
    name: str = ""
    uuid: str = ""
    volume: str = ""
    """Of a pool that is named: the volume whose details are wanted too, or EVERY_VOLUME."""
    max_age_s: float = 0.0
    """How old what is known already may be."""


# --- hypervisors -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SeenDisk:
    """A disk of a domain, by its libvirt user alias (`name`), else by its target."""

    name: str
    target: str
    source: str
    """A path, or protocol:name for a network disk; empty for an empty drive."""
    writable: bool = True
    shareable: bool = False


@dataclass(frozen=True, slots=True)
class SeenDomain:
    """A domain at one host.

    `fields` and `live` are what the XML table reads of the persistent and the live definition, keyed as the document
    is, with disks and interfaces by name; `live` is None when it is not active, `fields` when it is transient.
    """

    name: str
    uuid: str
    state: DomainState
    reason: str = ""
    mark: Mark | None = None
    fields: Mapping[str, Any] | None = None
    live: Mapping[str, Any] | None = None
    disks: tuple[SeenDisk, ...] = ()
    """Of both definitions."""
    xml: str = ""
    """The persistent definition as it stands, for merging."""
    autostart: bool = False
    job: SeenJob | None = None
    """What libvirt is at work on; asked only of the two ends of what looks like a migration."""
    obstacles: tuple[str, ...] = ()
    """What is known to stand against a migration (snapshots, block jobs, hostdevs, ...)."""
    agent_connected: bool = False
    """Whether a guest agent has opened its end of the channel, as libvirt tells of what runs."""
    bound: tuple[str, ...] = ()
    """What libvirt keeps by its name alone (snapshots, a saved state); asked only of what shall go or be renamed."""
    backing: frozenset[str] = frozenset()
    """Files that its disks stand on, as its live definition says."""
    password: SeenPassword | None = None
    """Of its screen; None where no document of ours names one."""
    spare_ports: int | None = None
    """PCIe ports of what runs, into which a device could still be plugged; None where that is not known."""
    unknown: str = ""
    """Why this one domain could not be read, its neighbours could."""

    @property
    def standing(self) -> Standing:
        return Standing.UNCLEAR if self.unknown else standing_of(self.state, self.reason)

    @property
    def is_active(self) -> bool:
        """Whether a QEMU process may stand behind it."""
        return self.state is not DomainState.SHUTOFF

    @property
    def writable_sources(self) -> frozenset[str]:
        return frozenset(d.source for d in self.disks if d.source and d.writable and not d.shareable)


@dataclass(frozen=True, slots=True)
class SeenNetwork:
    name: str
    uuid: str
    active: bool
    mark: Mark | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    xml: str = ""
    persistent: bool = True
    """False: it is active, but has no definition that would outlive it."""


@dataclass(frozen=True, slots=True)
class SeenVolume:
    """Details of a volume, read only where they matter. Capacity in bytes."""

    capacity: int
    format: str
    backing: str = ""
    """The backing file's path."""


@dataclass(frozen=True, slots=True)
class SeenPool:
    """A pool at one host. `volumes` is None where its contents are unknown: inactive, not mounted, or hung."""

    name: str
    uuid: str
    active: bool
    fields: Mapping[str, Any] = field(default_factory=dict)
    """type, source_host, source_dir, target"""
    volumes: Mapping[str, SeenVolume | None] | None = None
    mounted_from: str | None = None
    """What the host's /proc/mounts has on the target: `server:/dir`, "" for nothing, None where it cannot be asked."""
    trouble: str = ""
    """Why an active pool cannot be used: its server does not answer, another source is mounted."""
    capacity: int = 0
    available: int = 0


@dataclass(frozen=True, slots=True)
class SeenTarget:
    """A directory on which a pool shall be mounted, where no active pool of ours is yet."""

    path: str
    holds_files: bool
    mounted_from: str = ""


# --- NFS servers ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SeenExport:
    """A directory that an NFS server exports to one client. `ours` is the pool whose file of ours names it."""

    dir: str
    client: str
    options: frozenset[str]
    ours: str = ""
    served: bool = True
    """In force now (exportfs -s), not only written in a file."""


# --- the snapshot ---------------------------------------------------------------

T = TypeVar("T")
Finder = dict[str, list[tuple[str, SeenDomain]]]


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """The objects of one part of one host, by name. `only` names the part of the part that was looked at."""

    items: Mapping[str, T]
    at: float
    """When it was read, by the clock's now()."""
    only: frozenset[str] | None = None

    def updated(self, newer: "Listing[T]") -> "Listing[T]":
        """What is known after `newer` was read too."""
        if newer.only is None:
            return newer
        kept = {name: item for name, item in self.items.items() if name not in newer.only}
        return replace(self, items=dict(sorted({**kept, **newer.items}.items())))


@dataclass(frozen=True)
class Observed:
    """One look at everything. Each mapping is by host name; a host that is missing was not asked."""

    facts: Mapping[str, Listing[HostFacts] | Unknown] = field(default_factory=dict)
    domains: Mapping[str, Listing[SeenDomain] | Unknown] = field(default_factory=dict)
    networks: Mapping[str, Listing[SeenNetwork] | Unknown] = field(default_factory=dict)
    pools: Mapping[str, Listing[SeenPool] | Unknown] = field(default_factory=dict)
    exports: Mapping[str, Listing[SeenExport] | Unknown] = field(default_factory=dict)
    targets: Mapping[str, Mapping[str, SeenTarget]] = field(default_factory=dict)
    """host -> path -> what is there, where it could be asked."""
    answering: Mapping[str, bool] = field(default_factory=dict)
    """NFS server's address -> whether it answers an RPC NULL call (RFC 5531)."""
    memory: Mapping[str, Listing[MemoryUse] | Unknown] = field(default_factory=dict)
    """Of guests about to move, by name."""
    guests: Mapping[str, Listing[SeenGuest] | Unknown] = field(default_factory=dict)
    """Of running guests that were asked, by name."""
    unsettled: frozenset[str] = frozenset()
    """Domains whose whereabouts two looks did not agree on (law 2)."""

    def host_facts(self, host: str) -> HostFacts | None:
        listing = self.facts.get(host)
        return listing.items.get(host) if isinstance(listing, Listing) else None

    def is_reachable(self, host: str) -> bool:
        """Whether a hypervisor told us its domains."""
        return isinstance(self.domains.get(host), Listing)

    def silence(self, host: str) -> str:
        """Why `host` is unknown; empty where it answers."""
        for part in (self.facts, self.domains, self.exports):
            seen = part.get(host)
            if isinstance(seen, Unknown):
                return seen.message
        return ""

    def domain(self, host: str, name: str) -> SeenDomain | None:
        return _item(self.domains.get(host), name)

    def network(self, host: str, name: str) -> SeenNetwork | None:
        return _item(self.networks.get(host), name)

    def pool(self, host: str, name: str) -> SeenPool | None:
        return _item(self.pools.get(host), name)

    def memory_use(self, host: str, name: str) -> MemoryUse | None:
        return _item(self.memory.get(host), name)

    def guest(self, host: str, name: str) -> SeenGuest | None:
        return _item(self.guests.get(host), name)

    def all_domains(self) -> Iterator[tuple[str, SeenDomain]]:
        """Every domain seen, with its host; by host, then name."""
        for host, listing in sorted(self.domains.items()):
            if isinstance(listing, Listing):
                yield from ((host, domain) for _, domain in sorted(listing.items.items()))

    def listing(self, look: Look) -> "Listing[Any] | Unknown | None":
        """What is known of the part that `look` names."""
        parts: dict[Part, Mapping[str, Any]] = {
            Part.FACTS: self.facts,
            Part.DOMAINS: self.domains,
            Part.NETWORKS: self.networks,
            Part.POOLS: self.pools,
            Part.EXPORTS: self.exports,
            Part.MEMORY: self.memory,
            Part.GUESTS: self.guests,
        }
        return parts[look.part].get(look.host)

    def whereabouts(self, name: str, uuid: str) -> tuple[tuple[str, SeenDomain], ...]:
        """Where a domain of that name or UUID is defined or running."""
        by_name, by_uuid = self._domains_by
        named, same = by_name.get(name, []), by_uuid.get(uuid, [])
        if named == same:  # nowhere, or where it should be
            return tuple(named)
        found = {(h, d.name): d for h, d in (*named, *same)}
        return tuple((host, domain) for (host, _), domain in sorted(found.items(), key=lambda item: item[0]))

    @cached_property
    def _domains_by(
        self,
    ) -> tuple[Mapping[str, list[tuple[str, SeenDomain]]], Mapping[str, list[tuple[str, SeenDomain]]]]:
        """Domains with their hosts, by name and by UUID."""
        by_name: dict[str, list[tuple[str, SeenDomain]]] = {}
        by_uuid: dict[str, list[tuple[str, SeenDomain]]] = {}
        for host, domain in self.all_domains():
            by_name.setdefault(domain.name, []).append((host, domain))
            by_uuid.setdefault(domain.uuid, []).append((host, domain))
        return by_name, by_uuid

    def listed(self, pool: str) -> frozenset[str] | None:
        """Volumes that any host lists in its pool of ours of that name; None where no host can tell (law 1)."""
        return self._volumes.get(pool)

    @cached_property
    def _volumes(self) -> Mapping[str, frozenset[str]]:
        index: dict[str, frozenset[str]] = {}
        for listing in self.pools.values():
            for name, pool in listing.items.items() if isinstance(listing, Listing) else ():
                if pool.volumes is not None:
                    index[name] = index.get(name, frozenset()) | pool.volumes.keys()
        return index

    def merged(self, newer: "Observed", asked_at: float = 0.0) -> "Observed":
        """This snapshot with what was read since; an answer from before the question is none."""
        return Observed(
            facts=_merged(self.facts, newer.facts, asked_at),
            domains=_merged(self.domains, newer.domains, asked_at),
            networks=_merged(self.networks, newer.networks, asked_at),
            pools=_merged(self.pools, newer.pools, asked_at),
            exports=_merged(self.exports, newer.exports, asked_at),
            targets={**self.targets, **newer.targets},
            answering={**self.answering, **newer.answering},
            memory=_merged(self.memory, newer.memory, asked_at),
            guests=_merged(self.guests, newer.guests, asked_at),
            unsettled=self.unsettled,
        )


def _item(listing: Listing[T] | Unknown | None, name: str) -> T | None:
    return listing.items.get(name) if isinstance(listing, Listing) else None


def _merged(
    old: Mapping[str, Listing[T] | Unknown], new: Mapping[str, Listing[T] | Unknown], asked_at: float
) -> Mapping[str, Listing[T] | Unknown]:
    merged = dict(old)
    for host, listing in new.items():
        if isinstance(listing, Listing) and listing.at < asked_at:
            listing = Unknown(f"its answer is {asked_at - listing.at:.0f} s older than the question")
        before = merged.get(host)
        known = isinstance(before, Listing) and isinstance(listing, Listing)
        merged[host] = before.updated(listing) if known else listing  # type: ignore[union-attr,arg-type]
    return merged


__all__ = [
    "STANDINGS",
    "Cell",
    "CpuFacts",
    "DomainState",
    "HostFacts",
    "Listing",
    "Look",
    "Mark",
    "MemoryUse",
    "Observed",
    "Offer",
    "Part",
    "SeenDisk",
    "SeenDomain",
    "SeenExport",
    "SeenJob",
    "SeenNetwork",
    "SeenPool",
    "SeenTarget",
    "SeenVolume",
    "Standing",
    "Unknown",
]
