"""Facts about a domain that is on its way from one host to another. Pure."""

from dataclasses import dataclass

from reconciler.fact import DomainIs, Verdict
from reconciler.observed import Look, Observed, Part, Standing

LEFT_BEHIND = frozenset({Standing.RUNNING, Standing.MIGRATING, Standing.POSTCOPY_FAILED})
"""How a migration that failed may leave its source: running on, paused by a cut, frozen between two hosts."""


@dataclass(frozen=True, slots=True)
class StillHere:
    """The domain is at `host` as a failed migration may leave it, and runs not at `target`, as far as that answers.

    Where this is not so, another hand was quicker: it ended, was paused or moved, or the migration went through.
    """

    host: str
    target: str
    name: str
    uuid: str

    def looks(self) -> tuple[Look, ...]:
        return tuple(Look(host, Part.DOMAINS, self.name, self.uuid) for host in (self.host, self.target))

    def check(self, observed: Observed) -> Verdict:
        there = DomainIs(self.target, self.name, self.uuid, frozenset({Standing.RUNNING})).check(observed)
        if there.holds:
            return Verdict(False, f"it runs at host/{self.target}")
        return DomainIs(self.host, self.name, self.uuid, LEFT_BEHIND).check(observed)
