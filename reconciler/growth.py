"""The fact about a volume's size. No I/O."""

from dataclasses import dataclass

from reconciler.fact import Verdict, VolumesPresent
from reconciler.observed import Look, Observed, Part


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
        present = VolumesPresent(self.host, self.pool, frozenset({self.volume})).check(observed)
        if present.holds is not True:
            return present
        pool = observed.pool(self.host, self.pool)
        seen = pool.volumes[self.volume] if pool and pool.volumes else None
        if seen is None:
            return Verdict(None, f"volume {self.volume} cannot be read")
        is_within = self.least <= seen.capacity and (self.most is None or seen.capacity <= self.most)
        return Verdict(is_within, "" if is_within else f"volume {self.volume} has {seen.capacity} bytes")
