"""Facts that a step requires or has as its goal: data that can be checked against a snapshot. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from reconciler.mark import MadeDisk
from reconciler.observed import Listing, Look, Observed, Part, SeenDomain, Standing

FRESH_S = 30.0
"""How long the whole list of a host's domains may be used: it shows who else has a disk open, which changes rarely."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a fact holds (None: it cannot be known now), and what was seen instead, for people."""

    holds: bool | None
    seen: str = ""


YES = Verdict(True)


class Fact(Protocol):
    """Something that is so, or not, in the world."""

    def looks(self) -> tuple[Look, ...]:
        """What must be read anew to check it."""
        ...

    def check(self, observed: Observed) -> Verdict:
        """Compare with a snapshot. Pure."""
        ...


def _no(seen: str) -> Verdict:
    return Verdict(False, seen)


def _presence(*, there: bool, wanted: bool) -> Verdict:
    if there is wanted:
        return YES
    return _no("it is defined" if there else "it is not defined")


def _unless_silent(observed: Observed, host: str, verdict: Verdict) -> Verdict:
    silence = observed.silence(host)
    return Verdict(None, f"host/{host} is unknown: {silence}") if silence else verdict


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one of `facts`; the first that does not hold speaks."""

    facts: tuple[Fact, ...]

    def looks(self) -> tuple[Look, ...]:
        return tuple(dict.fromkeys(look for fact in self.facts for look in fact.looks()))

    def check(self, observed: Observed) -> Verdict:
        verdicts = [fact.check(observed) for fact in self.facts]
        return next((verdict for verdict in verdicts if verdict.holds is not True), YES)


# --- exports ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ExportServed:
    """`server` exports `dir` to every one of `clients` with at least `options`."""

    server: str
    dir: str
    clients: tuple[str, ...]
    options: frozenset[str]

    def looks(self) -> tuple[Look, ...]:
        return (Look(self.server, Part.EXPORTS),)

    def check(self, observed: Observed) -> Verdict:
        listing = observed.exports.get(self.server)
        if not isinstance(listing, Listing):
            return _unless_silent(
                observed, self.server, Verdict(None, f"the exports of host/{self.server} are unknown")
            )
        of_dir = [e for e in listing.items.values() if e.served and e.dir == self.dir]
        served = {e.client for e in of_dir if self.options <= e.options}
        missing = sorted(set(self.clients) - served)
        return _no(f"{self.dir} is not exported to {', '.join(missing)}") if missing else YES


@dataclass(frozen=True, slots=True)
class ExportGone:
    """No file of ours exports `pool`'s directory any more."""

    server: str
    pool: str

    def looks(self) -> tuple[Look, ...]:
        return (Look(self.server, Part.EXPORTS),)

    def check(self, observed: Observed) -> Verdict:
        listing = observed.exports.get(self.server)
        if not isinstance(listing, Listing):
            return Verdict(None, f"the exports of host/{self.server} are unknown")
        ours = [e for e in listing.items.values() if e.ours == self.pool]
        return _no(f"{ours[0].dir} is still exported") if ours else YES


# --- pools and volumes -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PoolIs:
    """The pool is defined at `host` under our UUID (and active, where `active` says so), or gone."""

    host: str
    name: str
    uuid: str
    defined: bool = True
    active: bool | None = None

    def looks(self) -> tuple[Look, ...]:
        return (Look(self.host, Part.POOLS, self.name),)

    def check(self, observed: Observed) -> Verdict:
        listing = observed.pools.get(self.host)
        if not isinstance(listing, Listing):
            return Verdict(None, f"the pools of host/{self.host} are unknown")
        pool = listing.items.get(self.name)
        if pool is None or not self.defined:
            return _presence(there=pool is not None, wanted=self.defined)
        if pool.uuid != self.uuid:
            return _no(f"another pool has its name, with UUID {pool.uuid}")
        if self.active is not None and pool.active is not self.active:
            return _no("it is active" if pool.active else "it is not active")
        return _no(pool.trouble) if self.active and pool.trouble else YES


@dataclass(frozen=True, slots=True)
class PoolReady:
    """The pool is active at `host` and can be used: guests find their disks there."""

    host: str
    name: str

    def looks(self) -> tuple[Look, ...]:
        return (Look(self.host, Part.POOLS, self.name),)

    def check(self, observed: Observed) -> Verdict:
        listing = observed.pools.get(self.host)
        if not isinstance(listing, Listing):
            return Verdict(None, f"the pools of host/{self.host} are unknown")
        pool = listing.items.get(self.name)
        if pool is None or not pool.active:
            return _no(f"pool/{self.name}@{self.host} is not active")
        return _no(f"pool/{self.name}@{self.host}: {pool.trouble}") if pool.trouble else YES


@dataclass(frozen=True, slots=True)
class TargetFree:
    """Nothing is mounted on `path`, or the right source is; and it holds no files (law 4)."""

    host: str
    path: str
    sources: frozenset[str]

    def looks(self) -> tuple[Look, ...]:
        return (Look(self.host, Part.POOLS),)

    def check(self, observed: Observed) -> Verdict:
        target = observed.targets.get(self.host, {}).get(self.path)
        if target is None or target.mounted_from in self.sources:
            return YES
        if target.mounted_from:
            return _no(f"{target.mounted_from} is mounted on {self.path}")
        return _no(f"{self.path} holds files") if target.holds_files else YES


@dataclass(frozen=True, slots=True)
class VolumesAbsent:
    """None of these volumes is in the pool at `host` (which must be readable)."""

    host: str
    pool: str
    volumes: frozenset[str]

    def looks(self) -> tuple[Look, ...]:
        return (Look(self.host, Part.POOLS, self.pool),)

    def check(self, observed: Observed) -> Verdict:
        pool = observed.pool(self.host, self.pool)
        if pool is None or pool.volumes is None:
            return Verdict(None, f"the contents of pool/{self.pool}@{self.host} are unknown")
        there = sorted(self.volumes & set(pool.volumes))
        return _no(f"volume {there[0]} exists already in pool/{self.pool}") if there else YES


@dataclass(frozen=True, slots=True)
class VolumesPresent:
    """All of these volumes are in the pool at `host`."""

    host: str
    pool: str
    volumes: frozenset[str]

    def looks(self) -> tuple[Look, ...]:
        return (Look(self.host, Part.POOLS, self.pool),)

    def check(self, observed: Observed) -> Verdict:
        pool = observed.pool(self.host, self.pool)
        if pool is None or pool.volumes is None:
            return Verdict(None, f"the contents of pool/{self.pool}@{self.host} are unknown")
        missing = sorted(self.volumes - set(pool.volumes))
        return _no(f"volume {missing[0]} is not in pool/{self.pool}") if missing else YES


# --- networks -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NetworkIs:
    """The network is there under our mark with `fields`: active, or not, or defined whether active or not; or gone."""

    host: str
    name: str
    defined: bool = True
    active: bool | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)

    def looks(self) -> tuple[Look, ...]:
        return (Look(self.host, Part.NETWORKS, self.name),)

    def check(self, observed: Observed) -> Verdict:
        listing = observed.networks.get(self.host)
        if not isinstance(listing, Listing):
            return Verdict(None, f"the networks of host/{self.host} are unknown")
        network = listing.items.get(self.name)
        if network is None or not self.defined:
            return _presence(there=network is not None, wanted=self.defined)
        if self.active is not None and network.active is not self.active:
            return _no("it is active" if network.active else "it is not active")
        if self.active is None and not network.persistent:
            return _no("it is active without a definition")
        other = sorted(key for key, value in self.fields.items() if network.fields.get(key) != value)
        return _no(f"its {other[0]} is {network.fields.get(other[0])!r}") if other else YES


# --- domains --------------------------------------------------------------------------------


def domain_here(observed: Observed, host: str, name: str, uuid: str) -> SeenDomain | Verdict | None:
    """The domain at `host`; None where it is not there, a Verdict where that cannot be known."""
    listing = observed.domains.get(host)
    if not isinstance(listing, Listing):
        return Verdict(None, f"the domains of host/{host} are unknown: {observed.silence(host)}")
    here = [d for d in listing.items.values() if d.uuid == uuid]
    return here[0] if here else None


@dataclass(frozen=True, slots=True)
class DomainFact:
    """The domain is at `host` and can be read; what else is said of it, `judge` tells."""

    host: str
    name: str
    uuid: str

    def looks(self) -> tuple[Look, ...]:
        return (Look(self.host, Part.DOMAINS, self.name, self.uuid),)

    def check(self, observed: Observed) -> Verdict:
        domain = domain_here(observed, self.host, self.name, self.uuid)
        if domain is None or isinstance(domain, Verdict):
            return domain or _no(f"it is not defined at host/{self.host}")
        return Verdict(None, domain.unknown) if domain.unknown else self.judge(domain)

    def judge(self, domain: SeenDomain) -> Verdict:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class DomainIs(DomainFact):
    """The domain is at `host`, in one of `standings`, with these persistent `fields` (flat paths to values).

    `idle`: and libvirt is at work on no job of it.
    """

    standings: frozenset[Standing] = frozenset()
    fields: tuple[tuple[tuple[str, ...], Any], ...] = ()
    idle: bool = False

    def judge(self, domain: SeenDomain) -> Verdict:
        if self.standings and domain.standing not in self.standings:
            return _no(f"it is {domain.state} ({domain.reason})" if domain.reason else f"it is {domain.state}")
        if self.idle and domain.job:
            return _no("a migration of it is under way")
        other = [path for path, value in self.fields if value_at(domain.fields, path) != value]
        return _no(f"its {'.'.join(other[0])} is {value_at(domain.fields, other[0])!r}") if other else YES


def value_at(fields: Mapping[str, Any] | None, path: tuple[str, ...]) -> Any:
    """The value at a path of nested mappings; None where there is none."""
    found: Any = fields
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


@dataclass(frozen=True, slots=True)
class DomainGone:
    """No domain of that UUID is defined or running at `host`."""

    host: str
    name: str
    uuid: str

    def looks(self) -> tuple[Look, ...]:
        return (Look(self.host, Part.DOMAINS, self.name, self.uuid),)

    def check(self, observed: Observed) -> Verdict:
        domain = domain_here(observed, self.host, self.name, self.uuid)
        if domain is None or isinstance(domain, Verdict):
            return domain or YES
        return _no(f"it is defined at host/{self.host}")


@dataclass(frozen=True, slots=True)
class DisksRecorded:
    """Our mark in the definition at `host` lists `disks` as they were made, and says whether it is protected."""

    host: str
    name: str
    uuid: str
    disks: tuple[MadeDisk, ...]
    protected: bool

    def looks(self) -> tuple[Look, ...]:
        return (Look(self.host, Part.DOMAINS, self.name, self.uuid),)

    def check(self, observed: Observed) -> Verdict:
        domain = domain_here(observed, self.host, self.name, self.uuid)
        if domain is None or isinstance(domain, Verdict):
            return domain or _no(f"it is not defined at host/{self.host}")
        missing = sorted(set(self.disks) - set(domain.mark.made if domain.mark else ()))
        if domain.mark and domain.mark.protected is not self.protected:
            return _no("its mark does not say so of protected")
        return _no(f"disk {missing[0].name} is not recorded as made") if missing else YES


@dataclass(frozen=True, slots=True)
class NowhereElse:
    """Law 2: no other host than `host` has the UUID, the name's twin, or a domain active on one of `disks`.

    `hosts` are all that could; `silent` those that may be silent all the same (they are fenced, or the domain is
    new). `defined`: whether an inactive definition of it elsewhere counts against it too.
    """

    host: str
    name: str
    uuid: str
    disks: frozenset[str]
    hosts: tuple[str, ...]
    silent: frozenset[str] = frozenset()
    defined: bool = True

    def looks(self) -> tuple[Look, ...]:
        named = (Look(host, Part.DOMAINS, self.name, self.uuid) for host in self.hosts)
        return (*named, *(Look(host, Part.DOMAINS, max_age_s=FRESH_S) for host in self.hosts))

    def check(self, observed: Observed) -> Verdict:
        for host in self.hosts:
            if not observed.is_reachable(host) and host not in self.silent:
                return Verdict(None, f"host/{host} might hold it and cannot be asked: {observed.silence(host)}")
        for host, domain in observed.all_domains():
            conflict = self._conflict(host, domain)
            if conflict:
                return _no(conflict)
        return YES

    def _conflict(self, host: str, domain: SeenDomain) -> str:
        is_it = domain.uuid == self.uuid
        if is_it and host != self.host and (domain.is_active or self.defined):
            return f"it is {'running' if domain.is_active else 'defined'} at host/{host}"
        shared = sorted(self.disks & domain.writable_sources)
        if shared and domain.is_active and not (is_it and host == self.host):
            return f"its disk {shared[0]} is in use by domain/{domain.name}@{host}"
        return ""
