"""How many of the drains that are possible are found: random clusters against an exact solver, the same each time.

Where a placement is found, a checker that knows no search proves it; only where none is, the solver is asked.
"""

from collections.abc import Mapping
from graphlib import TopologicalSorter

from reconciler.place.ledger import Guest
from reconciler.place.room import make_room
from reconciler.place.search import TRIES, solve
from reconciler.place.shuffle import Budget
from tests.properties.exact import Cluster, cluster, is_allowed, is_possible

DRAINS, ROOMY = 600, 250
"""So many clusters, and so many of them where others may move too."""


def leaving(cloud: Cluster) -> list[Guest]:
    return [_but(guest, cloud.drained) for guest in cloud.here(cloud.drained)]


def _but(guest: Guest, *hosts: int) -> Guest:
    return guest._replace(hosts=guest.hosts - set(hosts))


def test_drains_that_move_only_what_must_move() -> None:
    possible = found = greedy_alone = 0
    for seed in range(DRAINS):
        cloud = cluster(seed)
        guests = leaving(cloud)
        solution = solve(cloud.ledger(), guests)
        if not solution.left:
            at = {name: [solution.targets.get(name, host)] for name, host in cloud.at.items()}
            assert is_allowed(cloud, at), f"seed {seed}: more is promised than there is"
            found += 1
        possible += not solution.left or is_possible(cloud, frozenset(guest.name for guest in guests))
        greedy_alone += _fits_greedily(cloud, guests)
    assert possible > DRAINS // 2, "most of these questions have no answer: they prove little"
    assert greedy_alone < 0.95 * possible, "greedy finds nearly all of these: they prove little"
    assert found >= 0.97 * possible


def _fits_greedily(cloud: Cluster, guests: list[Guest]) -> bool:
    ledger = cloud.ledger()
    for guest in sorted(guests, key=lambda one: (len(one.hosts), -one.memory, one.name)):
        host = ledger.pick(guest, tight=True)
        if host is None:
            return False
        ledger.book(guest, host)
    return True


def test_drains_for_which_others_move_too() -> None:
    possible = found = 0
    for seed in range(ROOMY):
        cloud = cluster(seed)
        guests, ledger, drained = leaving(cloud), cloud.ledger(), cloud.drained
        solution = solve(ledger, guests)

        def movable(host: int, cloud: Cluster = cloud, drained: int = drained) -> list[Guest]:
            return [_but(guest, host, drained) for guest in cloud.here(host)] if host != drained else []

        room = make_room(ledger, guests, solution, movable, Budget(TRIES))
        _walk(cloud, room.solution.targets, room.after, seed)
        found += not room.solution.left
        possible += not room.solution.left or is_possible(cloud, frozenset(cloud.guests))
    assert found >= 0.92 * possible


def _walk(cloud: Cluster, targets: Mapping[str, int], after: Mapping[str, tuple[str, ...]], seed: int) -> None:
    """Make the moves that are promised one after the other, each counted on both ends; what has no need comes first."""
    order = TopologicalSorter({name: after.get(name, ()) for name in sorted(targets)}).static_order()
    at = {name: [host] for name, host in cloud.at.items()}
    for name in order:
        at[name].append(targets[name])
        assert is_allowed(cloud, at), f"seed {seed}: {name} comes too early"
        at[name] = [targets[name]]
