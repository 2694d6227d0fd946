"""Restarts for changes: what a guest was last restarted for, so that none is restarted in vain again. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from reconciler.fact import YES, DomainIs, Verdict
from reconciler.observed import Look, Observed


def cause_of(values: Iterable[tuple[tuple[str, ...], Any]]) -> str:
    """Fields and the values that they shall get, as one short word for the mark."""
    return sha256(repr(sorted(values, key=lambda field: field[0])).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class RestartRecorded:
    """The domain is at `host`, and our mark says that it was last restarted for `cause`."""

    host: str
    name: str
    uuid: str
    cause: str

    def looks(self) -> tuple[Look, ...]:
        return self._there.looks()

    def check(self, observed: Observed) -> Verdict:
        there, seen = self._there.check(observed), observed.domain(self.host, self.name)
        if there.holds is not True or seen is None:
            return there
        says = seen.mark.restarted_for if seen.mark else ""
        return YES if says == self.cause else Verdict(False, "its mark does not say what it was restarted for")

    @property
    def _there(self) -> DomainIs:
        return DomainIs(self.host, self.name, self.uuid)
