"""Where a set of guests goes, decided for all at once: greedy, then fuller and fuller, then by pushing on. Bounded.

Source: the order of tries was measured against a solver; see tests/properties/test_place_optimal.py.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from reconciler.place.ledger import Guest, Ledger
from reconciler.place.shuffle import Budget, Shuffle
from reconciler.place.slack import fill_gaps

TRIES = 6000
"""So often, in all, somebody may be pushed on to make room."""

Fill = Callable[[Shuffle, Sequence[Guest]], None]


@dataclass(frozen=True, slots=True)
class Solution:
    """`targets`: domain or bundle -> host, booked in the ledger; `left`: those without, in the order of trying."""

    targets: Mapping[str, int]
    left: tuple[Guest, ...] = ()


def solve(ledger: Ledger, guests: Sequence[Guest], *, pack: bool = False, budget: Budget | None = None) -> Solution:
    """Place all guests, else as many as can be: what matters most first, then most of them.

    Most constrained first, then biggest; by score, then to the tightest fit, then gap by gap; after each, whom that
    left out is let in by pushing others on. The first try that places all ends it.
    """
    order = sorted(guests, key=_urgency)
    greedy = _greedy(ledger, order, tight=pack)
    if len(greedy) == len(order):
        return Solution(greedy)
    for guest in order:
        if guest.name in greedy:
            ledger.release(guest, greedy[guest.name])
    return _try_harder(Shuffle(ledger, budget or Budget(TRIES)), order, greedy, pack=pack)


def _urgency(guest: Guest) -> tuple[int, int, str]:
    return len(guest.hosts), -guest.memory, guest.name


def _greedy(ledger: Ledger, order: Sequence[Guest], *, tight: bool) -> dict[str, int]:
    targets = {}
    for guest in order:
        host = ledger.pick(guest, tight=tight)
        if host is not None:
            ledger.book(guest, host)
            targets[guest.name] = host
    return targets


def _fill(shuffle: Shuffle, order: Sequence[Guest], *, tight: bool) -> None:
    for guest in order:
        host = shuffle.ledger.pick(guest, tight=tight)
        if host is not None:
            shuffle.put(guest, host)


def _try_harder(shuffle: Shuffle, order: Sequence[Guest], greedy: Mapping[str, int], *, pack: bool) -> Solution:
    """Greedy left somebody out: who could be anywhere at all gets other tries, and the best of them counts."""
    able = [guest for guest in order if shuffle.ledger.pick(guest, tight=True) is not None]
    best: tuple[tuple[int, ...], Mapping[str, int]] = (_worth(order, greedy), greedy)
    for fill in _fills(pack) if able and shuffle.budget.tries > 0 else ():
        fill(shuffle, able)
        for guest in sorted(able, key=importance):
            if guest.name not in shuffle.placed:
                shuffle.insert(guest)
        found = shuffle.targets
        if len(found) == len(able):
            return Solution(found, tuple(guest for guest in order if guest.name not in found))
        best = max(best, (_worth(order, found), found), key=lambda one: one[0])
        shuffle.undo()
    for guest in order:
        if guest.name in best[1]:
            shuffle.put(guest, best[1][guest.name])
    return Solution(best[1], tuple(guest for guest in order if guest.name not in best[1]))


def _fills(pack: bool) -> tuple[Fill, ...]:
    def by_score(shuffle: Shuffle, able: Sequence[Guest]) -> None:
        _fill(shuffle, able, tight=pack)

    def tight(shuffle: Shuffle, able: Sequence[Guest]) -> None:
        _fill(shuffle, able, tight=True)

    def weighty_and_small_first(shuffle: Shuffle, able: Sequence[Guest]) -> None:
        for guest in sorted(able, key=importance):
            shuffle.insert(guest)

    return (by_score, tight, fill_gaps, weighty_and_small_first)


def importance(guest: Guest) -> tuple[int, int, int, str]:
    return -guest.weight[0], -guest.weight[1], guest.memory, guest.name


def _worth(guests: Sequence[Guest], targets: Mapping[str, int]) -> tuple[int, ...]:
    """How many domains found a place, of each weight, the greatest weight first."""
    found: dict[tuple[int, int], int] = {guest.weight: 0 for guest in guests}
    for guest in guests:
        found[guest.weight] += len(guest.domains) if guest.name in targets else 0
    return tuple(count for _, count in sorted(found.items(), reverse=True))
