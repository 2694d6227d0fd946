"""Restarts for changes: what a guest was last restarted for, so that none is restarted in vain again. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from reconciler.fact import YES, DomainFact, Verdict
from reconciler.observed import SeenDomain


def cause_of(values: Iterable[tuple[tuple[str, ...], Any]]) -> str:
    """Fields and the values that they shall get, as one short word for the mark."""
    return sha256(repr(sorted(values, key=lambda field: field[0])).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class RestartRecorded(DomainFact):
    """The domain is at `host`, and our mark says that it was last restarted for `cause`."""

    cause: str

    def judge(self, domain: SeenDomain) -> Verdict:
        says = domain.mark.restarted_for if domain.mark else ""
        return YES if says == self.cause else Verdict(False, "its mark does not say what it was restarted for")
