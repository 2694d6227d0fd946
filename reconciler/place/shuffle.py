"""Room for one more guest where greedy left none: others are pushed on, in chains and by swaps.

Those that were only just placed go wherever they can. Those that run already are moved for it, one step after the
other: each counts on both ends until its move is over, so that a chain can be walked in its order.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations

from reconciler.place.ledger import Guest, Ledger

PAIRS = 24
"""So many pairs of guests are thought of to make room at one host."""
DEPTH = 2
"""A guest pushes another on, and that one a third; no further."""


@dataclass
class Budget:
    """How many tries are left: a count, never a clock, so that the same question has the same answer."""

    tries: int

    def spend(self) -> bool:
        """Whether another try may be made."""
        self.tries -= 1
        return self.tries >= 0


@dataclass(frozen=True, slots=True)
class Booking:
    """A guest comes to `host`, as number `order` of all that come anywhere."""

    guest: Guest
    host: int
    order: int


def nobody(host: int) -> Iterable[Guest]:
    """No guest that runs may be moved to make room."""
    return ()


@dataclass
class Shuffle:
    """Guests placed so far, by name; the ledger knows them all.

    `movable`: who runs at a host and may be moved from there to make room. `departed`: from where such were moved.
    """

    ledger: Ledger
    budget: Budget
    movable: Callable[[int], Iterable[Guest]] = nobody
    placed: dict[str, Booking] = field(default_factory=dict)
    departed: dict[str, int] = field(default_factory=dict)
    _at: dict[int, dict[str, Guest]] = field(default_factory=dict)
    _trail: list[Callable[[], None]] = field(default_factory=list)
    _order: int = 0

    @property
    def targets(self) -> Mapping[str, int]:
        return {name: booking.host for name, booking in self.placed.items()}

    def put(self, guest: Guest, host: int) -> None:
        """Place `guest`, wherever it was placed before."""
        self._order += 1
        self._trail.append(partial(self._change, guest, self.placed.get(guest.name)))
        self._change(guest, Booking(guest, host, self._order))

    def insert(self, guest: Guest, moves: int = 0) -> bool:
        """Place `guest`, moving at most so many that run already. All or nothing."""
        mark = len(self._trail)
        if self._insert(guest, moves, DEPTH, frozenset({guest.name})) is not None:
            return True
        self.undo(mark)
        return False

    def undo(self, mark: int = 0) -> None:
        """Take back all that was done since there were `mark` things to take back."""
        while len(self._trail) > mark:
            self._trail.pop()()

    # --- the search -------------------------------------------------------------

    def _insert(self, guest: Guest, moves: int, depth: int, locked: frozenset[str]) -> int | None:
        """How many moves it took; None where it cannot be done, and what was tried is still to be undone."""
        host = self.ledger.pick(guest, tight=True)
        if host is not None:
            self.put(guest, host)
            return 0
        for host in sorted(guest.hosts, key=partial(self._shortage, guest)) if depth else ():
            for victims in self._victims(guest, host, moves, locked):
                if not self.budget.spend():
                    return None
                mark = len(self._trail)
                took = self._instead_of(guest, host, victims, moves, depth - 1, locked)
                if took is not None:
                    return took
                self.undo(mark)
        return None

    def _instead_of(
        self, guest: Guest, host: int, victims: tuple[Guest, ...], moves: int, depth: int, locked: frozenset[str]
    ) -> int | None:
        """Put `guest` at `host`, and `victims` elsewhere; what runs there goes before it comes."""
        running = [victim for victim in victims if victim.name not in self.placed]
        for victim in victims:
            if victim.name in self.placed:
                self._lift(victim)
        locked |= {victim.name for victim in victims}
        self.ledger.book(guest, host)
        took: int | None = len(running)
        for victim in sorted(victims, key=lambda one: (-one.memory, one.name)):
            more = self._insert(victim, moves - took, depth, locked) if took is not None else None
            took = took + more if took is not None and more is not None else None
        self.ledger.release(guest, host)
        if took is None:
            return None
        for victim in running:
            self._depart(victim, host)
        if not self.ledger.fits(guest, host):
            return None
        self.put(guest, host)
        return took

    # --- whom to push on ----------------------------------------------------------

    def _shortage(self, guest: Guest, host: int) -> tuple[int, int]:
        return max(0, guest.memory - self.ledger.memory[host]), host

    def _victims(self, guest: Guest, host: int, moves: int, locked: frozenset[str]) -> Iterator[tuple[Guest, ...]]:
        """Guests of `host` without which `guest` fits there: single ones first, the least that suffices first."""
        fresh = [one for name, one in self._at.get(host, {}).items() if name not in self.departed]
        running = [one for one in self.movable(host) if one.name not in self.placed] if moves > 0 else []
        ordered = [one for one in (*fresh, *running) if one.name not in locked]
        ordered.sort(key=lambda one: (one.memory, one.name))
        memory = guest.memory - self.ledger.memory[host]
        vcpus = guest.vcpus - self.ledger.vcpus[host]
        for one in ordered:
            if one.memory >= memory and one.vcpus >= vcpus and self._may_join(guest, host, (one,)):
                yield (one,)
        pairs = [
            pair
            for pair in combinations(ordered, 2)
            if pair[0].memory + pair[1].memory >= memory and pair[0].vcpus + pair[1].vcpus >= vcpus
        ]
        for pair in sorted(pairs, key=lambda pair: pair[0].memory + pair[1].memory)[:PAIRS]:
            if sum(one.name not in self.placed for one in pair) <= moves and self._may_join(guest, host, pair):
                yield pair

    def _may_join(self, guest: Guest, host: int, without: tuple[Guest, ...]) -> bool:
        """Whether no hard rule would keep `guest` from `host` if some guests were gone."""
        if not self.ledger.is_broken(guest.rules, host):
            return True
        for one in without:
            self.ledger.release(one, host)
        joins = not self.ledger.is_broken(guest.rules, host)
        for one in without:
            self.ledger.book(one, host)
        return joins

    # --- what can be undone --------------------------------------------------------

    def _lift(self, guest: Guest) -> None:
        self._trail.append(partial(self._change, guest, self.placed[guest.name]))
        self._change(guest, None)

    def _depart(self, guest: Guest, host: int) -> None:
        self.ledger.release(guest, host)
        self.departed[guest.name] = host
        self._trail.append(partial(self._return, guest, host))

    def _return(self, guest: Guest, host: int) -> None:
        self.ledger.book(guest, host)
        del self.departed[guest.name]

    def _change(self, guest: Guest, booking: Booking | None) -> None:
        before = self.placed.pop(guest.name, None)
        if before is not None:
            self.ledger.release(guest, before.host)
            del self._at[before.host][guest.name]
        if booking is not None:
            self.ledger.book(guest, booking.host)
            self.placed[guest.name] = booking
            self._at.setdefault(booking.host, {})[guest.name] = guest
