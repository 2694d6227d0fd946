"""Room made by moving guests that nothing forces to move: the fewest such moves that let the others in."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.place.ledger import Guest, Ledger
from reconciler.place.search import Solution, importance
from reconciler.place.shuffle import Budget, Shuffle

MOST_MOVES = 3
"""So many extra moves for one guest are thought of."""


@dataclass(frozen=True, slots=True)
class Room:
    """`solution`: with the extra moves among its targets; `departed`: who is moved to make room, and from where.

    `after`: guest -> guests that must have left its target before it may come.
    """

    solution: Solution
    departed: Mapping[str, tuple[Guest, int]] = field(default_factory=dict)
    after: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def needed_for(self, name: str) -> tuple[str, ...]:
        """Who must move first, and who before those, so that `name` may come; in the order of their moves."""
        found: dict[str, None] = {}
        for other in self.after.get(name, ()):
            found |= dict.fromkeys((*self.needed_for(other), other))
        return tuple(found)


def make_room(
    ledger: Ledger,
    guests: Sequence[Guest],
    found: Solution,
    movable: Callable[[int], Iterable[Guest]],
    budget: Budget,
) -> Room:
    """Let in those of `guests` that `found` left out; the ledger, which has `found` booked, then has all.

    `movable`: guests that run at a host and may be moved, with the hosts that they may move to.
    """
    shuffle = Shuffle(ledger, budget, movable)
    for guest in guests:
        if guest.name in found.targets:
            ledger.release(guest, found.targets[guest.name])
            shuffle.put(guest, found.targets[guest.name])
    for guest in sorted(found.left, key=importance):
        any(shuffle.insert(guest, moves) for moves in range(1, MOST_MOVES + 1))
    left = tuple(guest for guest in found.left if guest.name not in shuffle.placed)
    departed = {name: (shuffle.placed[name].guest, host) for name, host in shuffle.departed.items()}
    return Room(Solution(shuffle.targets, left), departed, _order(shuffle))


def take_back(ledger: Ledger, guests: Sequence[Guest], found: Solution, room: Room) -> None:
    """Leave in the ledger what `found` has, as if room had never been made."""
    known = {guest.name: guest for guest in guests} | {name: guest for name, (guest, _) in room.departed.items()}
    for name, host in room.solution.targets.items():
        ledger.release(known[name], host)
    for guest, home in room.departed.values():
        ledger.book(guest, home)
    for name, host in found.targets.items():
        ledger.book(known[name], host)


def _order(shuffle: Shuffle) -> dict[str, tuple[str, ...]]:
    """Who comes to a host after somebody left it to make room waits for that."""
    after = {}
    for name, booking in shuffle.placed.items():
        left = [other for other, host in shuffle.departed.items() if host == booking.host]
        before = tuple(sorted(other for other in left if shuffle.placed[other].order < booking.order))
        if before:
            after[name] = before
    return after
