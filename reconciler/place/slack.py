"""Minimum slack: the smallest gap first, each filled with the waiting guests that leave least of it.

Source: Gupta and Ho, "A new heuristic algorithm for the one-dimensional bin-packing problem" (1999).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from reconciler.place.ledger import Guest, Ledger
from reconciler.place.shuffle import Budget, Shuffle

LOOKS = 400
"""So many sets of guests are thought of for one host."""


def fill_gaps(shuffle: Shuffle, guests: Sequence[Guest]) -> None:
    """Place what can be, host by host."""
    ledger, waiting = shuffle.ledger, sorted(guests, key=lambda one: (-one.memory, len(one.hosts), one.name))
    for host in reversed(ledger.emptiest_first()):
        search = _Search(ledger, host, Budget(LOOKS), ledger.memory[host])
        search.extend([one for one in waiting if ledger.fits(one, host)], 0)
        chosen = {one.name for one in search.best}
        for one in search.best:
            shuffle.put(one, host)
        waiting = [one for one in waiting if one.name not in chosen]


@dataclass
class _Search:
    """The best filling of one host found so far; `gap`: bytes that it leaves."""

    ledger: Ledger
    host: int
    budget: Budget
    gap: int
    best: tuple[Guest, ...] = ()
    _chosen: list[Guest] = field(default_factory=list)

    def extend(self, waiting: Sequence[Guest], first: int) -> None:
        """Try each further guest, bigger ones first; equal ones only once at each place."""
        last = -1
        for number in range(first, len(waiting)):
            one = waiting[number]
            if self.gap == 0 or not self.budget.spend():
                return
            if one.memory == last or not self.ledger.fits(one, self.host):
                continue
            self._take(one)
            self.extend(waiting, number + 1)
            self._chosen.pop()
            self.ledger.release(one, self.host)
            last = one.memory if not one.rules.never else -1

    def _take(self, one: Guest) -> None:
        self.ledger.book(one, self.host)
        self._chosen.append(one)
        gap = self.ledger.memory[self.host]
        if gap < self.gap:
            self.gap, self.best = gap, tuple(self._chosen)
