"""Facts about what a volume is. No I/O."""

from dataclasses import dataclass

from reconciler.fact import YES, Verdict, VolumesPresent
from reconciler.observed import Look, Observed, Part, SeenVolume


def volume_details(observed: Observed, host: str, pool: str, volume: str) -> SeenVolume | Verdict:
    """What was read of the volume in the pool at `host`; a verdict where it is not there, or cannot be known."""
    present = VolumesPresent(host, pool, frozenset({volume})).check(observed)
    if present.holds is not True:
        return present
    there = observed.pool(host, pool)
    seen = there.volumes[volume] if there and there.volumes else None
    return seen or Verdict(None, f"volume {volume} cannot be read")


@dataclass(frozen=True, slots=True)
class VolumeIs:
    """The volume is in the pool at `host`, of this format, capacity (bytes) and backing path."""

    host: str
    pool: str
    volume: str
    format: str
    capacity: int
    backing: str

    def looks(self) -> tuple[Look, ...]:
        return (Look(self.host, Part.POOLS, self.pool, volume=self.volume),)

    def check(self, observed: Observed) -> Verdict:
        seen = volume_details(observed, self.host, self.pool, self.volume)
        if isinstance(seen, Verdict):
            return seen
        if (seen.format, seen.capacity, seen.backing) == (self.format, self.capacity, self.backing):
            return YES
        return Verdict(
            False, f"volume {self.volume} is {seen.format}, {seen.capacity} bytes, on {seen.backing or 'no image'}"
        )


@dataclass(frozen=True, slots=True)
class CapacityWithin:
    """The volume is in the pool at `host` and has at least `least` and at most `most` bytes (None: any number)."""

    host: str
    pool: str
    volume: str
    least: int = 0
    most: int | None = None

    def looks(self) -> tuple[Look, ...]:
        return (Look(self.host, Part.POOLS, self.pool, volume=self.volume),)

    def check(self, observed: Observed) -> Verdict:
        seen = volume_details(observed, self.host, self.pool, self.volume)
        if isinstance(seen, Verdict):
            return seen
        is_within = self.least <= seen.capacity and (self.most is None or seen.capacity <= self.most)
        return Verdict(is_within, "" if is_within else f"volume {self.volume} has {seen.capacity} bytes")
