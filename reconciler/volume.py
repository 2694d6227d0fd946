"""Facts about what a volume is. No I/O."""

from dataclasses import dataclass
from posixpath import join, normpath

from reconciler.fact import YES, Verdict, VolumesPresent
from reconciler.observed import EVERY_VOLUME, Look, Observed, Part, SeenDomain, SeenVolume


@dataclass(frozen=True, slots=True)
class VolumeFact:
    """The volume is in the pool at `host` and can be read; what else is said of it, `judge` tells."""

    host: str
    pool: str
    volume: str

    def looks(self) -> tuple[Look, ...]:
        return (Look(self.host, Part.POOLS, self.pool, volume=self.volume),)

    def check(self, observed: Observed) -> Verdict:
        present = VolumesPresent(self.host, self.pool, frozenset({self.volume})).check(observed)
        if present.holds is not True:
            return present
        there = observed.pool(self.host, self.pool)
        seen = there.volumes[self.volume] if there and there.volumes else None
        return self.judge(seen) if seen else Verdict(None, f"volume {self.volume} cannot be read")

    def judge(self, seen: SeenVolume) -> Verdict:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class VolumeIs(VolumeFact):
    """The volume is in the pool at `host`, of this format, capacity (bytes) and backing path."""

    format: str
    capacity: int
    backing: str

    def judge(self, seen: SeenVolume) -> Verdict:
        if (seen.format, seen.capacity, seen.backing) == (self.format, self.capacity, self.backing):
            return YES
        return Verdict(
            False, f"volume {self.volume} is {seen.format}, {seen.capacity} bytes, on {seen.backing or 'no image'}"
        )


@dataclass(frozen=True, slots=True)
class CapacityWithin(VolumeFact):
    """The volume is in the pool at `host` and has at least `least` and at most `most` bytes (None: any number)."""

    least: int = 0
    most: int | None = None

    def judge(self, seen: SeenVolume) -> Verdict:
        is_within = self.least <= seen.capacity and (self.most is None or seen.capacity <= self.most)
        return Verdict(is_within, "" if is_within else f"volume {self.volume} has {seen.capacity} bytes")


@dataclass(frozen=True, slots=True)
class CapacityAmong(VolumeFact):
    """The volume is in the pool at `host`, and has one of these capacities (bytes)."""

    capacities: frozenset[int]

    def judge(self, seen: SeenVolume) -> Verdict:
        return YES if seen.capacity in self.capacities else Verdict(False, f"{self.volume} has {seen.capacity} bytes")


@dataclass(frozen=True, slots=True)
class UsedByNoOther:
    """Law 2 before a volume is deleted: no domain but the one at `host` has it, running or not, at any of `hosts`.

    `path`: the file. A disk that libvirt looks up by pool and volume counts too, and one that stands on the file.
    """

    host: str
    uuid: str
    pool: str
    volume: str
    path: str
    hosts: tuple[str, ...]

    def looks(self) -> tuple[Look, ...]:
        return tuple(Look(host, Part.DOMAINS) for host in self.hosts)

    def check(self, observed: Observed) -> Verdict:
        for host in self.hosts:
            if not observed.is_reachable(host):
                return Verdict(None, f"host/{host} may use {self.volume} and cannot be asked: {observed.silence(host)}")
        for host, domain in observed.all_domains():
            if domain.unknown:
                return Verdict(None, f"domain/{domain.name}@{host} may use {self.volume}: {domain.unknown}")
            if conflict := self._conflict(host, domain):
                return Verdict(False, conflict)
        return YES

    def _conflict(self, host: str, domain: SeenDomain) -> str:
        if domain.uuid == self.uuid:
            return "" if host == self.host else f"the domain is defined at host/{host} too"
        if {self.path, f"volume:{self.pool}/{self.volume}"} & {disk.source for disk in domain.disks}:
            return f"{self.volume} is a disk of domain/{domain.name}@{host} too"
        return f"a disk of domain/{domain.name}@{host} stands on {self.volume}" if self.path in domain.backing else ""


@dataclass(frozen=True, slots=True)
class NothingStandsOn:
    """No volume has the file at `path` as its backing file, in any of `places`: (host, pool), each of which is read."""

    path: str
    places: tuple[tuple[str, str], ...]

    def looks(self) -> tuple[Look, ...]:
        return tuple(Look(host, Part.POOLS, pool, volume=EVERY_VOLUME) for host, pool in self.places)

    def check(self, observed: Observed) -> Verdict:
        for host, name in self.places:
            pool = observed.pool(host, name)
            if pool is None or pool.volumes is None:
                return Verdict(None, f"the contents of pool/{name}@{host} are unknown")
            for volume, seen in pool.volumes.items():
                if seen is None:
                    return Verdict(None, f"volume {volume} in pool/{name}@{host} cannot be read")
                if seen.backing and normpath(join(str(pool.fields.get("target", "")), seen.backing)) == self.path:
                    return Verdict(False, f"volume {volume} in pool/{name} stands on it")
        return YES
