"""A domain on shared disks never starts by itself: a host that returns would start a guest that runs elsewhere (law 2).

Pure. libvirt's autostart is no part of a definition, and does not travel with a migration.
"""

from dataclasses import dataclass

from reconciler.desired import Desired
from reconciler.desired.documents import Domain
from reconciler.fact import YES, DomainIs, Verdict
from reconciler.observed import Look, Observed, SeenDomain


def may_start_twice(desired: Desired, domain: Domain, seen: SeenDomain) -> bool:
    """Whether its host starts it by itself, with disks that other hosts can start it with too."""
    return seen.autostart and any(desired.pools[disk.pool].is_shared for disk in domain.spec.disks)


@dataclass(frozen=True, slots=True)
class NoAutostart:
    """The domain is at `host`, which does not start it by itself."""

    host: str
    name: str
    uuid: str

    def looks(self) -> tuple[Look, ...]:
        return self._there.looks()

    def check(self, observed: Observed) -> Verdict:
        there, seen = self._there.check(observed), observed.domain(self.host, self.name)
        if there.holds is not True or seen is None:
            return there
        return Verdict(False, "its autostart is set") if seen.autostart else YES

    @property
    def _there(self) -> DomainIs:
        return DomainIs(self.host, self.name, self.uuid)
