"""A domain on shared disks never starts by itself: a host that returns would start a guest that runs elsewhere (law 2).

Pure. libvirt's autostart is no part of a definition, and does not travel with a migration.
"""

from dataclasses import dataclass

from reconciler.desired import Desired
from reconciler.desired.documents import Domain
from reconciler.fact import YES, DomainFact, Verdict
from reconciler.observed import SeenDomain


def may_start_twice(desired: Desired, domain: Domain, seen: SeenDomain) -> bool:
    """Whether its host starts it by itself, with disks that other hosts can start it with too."""
    return seen.autostart and any(desired.pools[disk.pool].is_shared for disk in domain.spec.disks)


@dataclass(frozen=True, slots=True)
class NoAutostart(DomainFact):
    """The domain is at `host`, which does not start it by itself."""

    def judge(self, domain: SeenDomain) -> Verdict:
        return Verdict(False, "its autostart is set") if domain.autostart else YES
