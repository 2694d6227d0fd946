"""Which of what is there a person wants documents for. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.desired import Desired, Ref
from reconciler.errors import UsageError
from reconciler.status.names import is_meant, nearest

KINDS = ("pool", "network", "domain")


@dataclass(frozen=True, slots=True)
class Selection:
    """`refs` (all, where there is none) at `host` (anywhere, where it is empty)."""

    refs: tuple[str, ...] = ()
    host: str = ""

    def check_host(self, desired: Desired) -> None:
        """Raises: UsageError where `host` is no hypervisor of the documents."""
        if self.host and self.host not in desired.hypervisors:
            names = ", ".join(sorted(desired.hypervisors)) or "none"
            raise UsageError(f"no document describes a hypervisor {self.host!r}; there is {names}")

    def check_refs(self, desired: Desired, there: Iterable[Ref], *, is_whole: bool) -> None:
        """Raises: UsageError where one names nothing, or what has a document. Not `is_whole`: a host was silent."""
        known = sorted(set(there))
        for text in self.refs:
            if any(is_meant(ref, text) for ref in known):
                continue
            described = next((ref for ref in desired.places if ref.kind in KINDS and is_meant(ref, text)), None)
            if described:
                raise UsageError(f"{described} has a document already: {desired.places[described]}")
            if is_whole:
                raise UsageError(f"no host has {text!r}{nearest(known, text, 'reconcile import')}")

    def means(self, ref: Ref, hosts: Iterable[str]) -> bool:
        """Whether the object, which is at `hosts`, is wanted."""
        at = [ref.at(host) for host in hosts]
        if self.host and self.host not in {one.host for one in at}:
            return False
        return not self.refs or any(is_meant(one, text) for text in self.refs for one in at)
