"""Who uses a pool or a network at a host, and whether this plan takes all of them away."""

from collections.abc import Callable
from dataclasses import dataclass

from reconciler.desired import Ref
from reconciler.observed import Observed, SeenDomain
from reconciler.step import Held, HeldReason

Leaving = frozenset[tuple[str, str]]
"""(name, host) of what this plan removes there."""


@dataclass(frozen=True, slots=True)
class Users:
    """Domains at `host` that use something there; `how`: what they do with it."""

    host: str
    names: tuple[str, ...]
    how: str

    def stay(self, ref: Ref, leaving: Leaving) -> Held | None:
        """Why `ref` must stay: somebody goes on using it."""
        name = next((name for name in self.names if (name, self.host) not in leaving), None)
        return Held(ref, HeldReason.IN_USE, f"domain/{name}@{self.host} {self.how}") if name else None


def users_of(observed: Observed, target: str, host: str) -> Users:
    """Domains that have a disk below `target`; one that cannot be read may have."""

    def has_a_disk_there(seen: SeenDomain) -> bool:
        return any(disk.source.startswith(f"{target}/") for disk in seen.disks)

    return _users(observed, host, has_a_disk_there, "has a disk in it")


def plugged_in(observed: Observed, network: str, host: str) -> Users:
    """Domains that are plugged into the network; one that cannot be read may be."""

    def is_plugged_in(seen: SeenDomain) -> bool:
        cards = [
            card for fields in (seen.fields, seen.live) if fields for card in fields.get("interfaces", {}).values()
        ]
        return any(card.get("network") == network for card in cards)

    return _users(observed, host, is_plugged_in, "is plugged into it")


def _users(observed: Observed, host: str, uses: Callable[[SeenDomain], bool], how: str) -> Users:
    here = (seen for at, seen in observed.all_domains() if at == host)
    return Users(host, tuple(seen.name for seen in here if seen.unknown or uses(seen)), how)
