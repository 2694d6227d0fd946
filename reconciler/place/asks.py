"""What each document asks of placement by itself: worked out once for the same documents, not on each pass. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from reconciler.desired import Desired
from reconciler.desired.company import components
from reconciler.desired.documents import Domain, Power, State
from reconciler.place.demand import Demand, demand_of
from reconciler.place.ledger import Rules
from reconciler.place.neighbours import Neighbours


class Ask(NamedTuple):
    """What a domain's document says: what it asks of a host, of its neighbours, and how much it matters.

    `starts`: it shall be there, and run.
    """

    demand: Demand
    rules: Rules
    memory: int
    vcpus: int
    priority: int
    starts: bool


@dataclass(frozen=True)
class Asks:
    """`of`: by domain. `sets`: domains that must be together; `joined`: all of these."""

    of: Mapping[str, Ask]
    neighbours: Neighbours
    sets: tuple[tuple[str, ...], ...]
    joined: frozenset[str]


def asks(desired: Desired) -> Asks:
    """What the documents ask, found again where they are the same."""
    known = desired.derived.get("place")
    if known is None:
        known = desired.derived["place"] = _ask(desired.domains)
    assert isinstance(known, Asks)
    return known


def _ask(domains: Mapping[str, Domain]) -> Asks:
    neighbours = Neighbours(domains.values())
    sets = tuple(components(neighbours.joined, domains)) if neighbours.joined else ()
    of = {name: _one(domain, neighbours) for name, domain in domains.items()}
    return Asks(of, neighbours, sets, frozenset(name for names in sets for name in names))


def _one(domain: Domain, neighbours: Neighbours) -> Ask:
    spec, rules = domain.spec, neighbours.rules_of(domain)
    starts = spec.state is State.PRESENT and spec.power is Power.RUNNING
    return Ask(demand_of(domain), rules, spec.memory, spec.vcpus, spec.placement.priority, starts)
