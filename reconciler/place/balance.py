"""Moves that would even out memory and restore broken soft rules: pure advice, nothing moves by itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import sqrt

from reconciler.desired import Desired, matches
from reconciler.desired.documents import Domain
from reconciler.history import History
from reconciler.observed import Observed
from reconciler.place.decision import decide, movable
from reconciler.place.ledger import Guest, Ledger
from reconciler.place.scene import Scene, runs
from reconciler.place.settle import Placement, counts

LEAST_GAIN = 1.0
"""A move that only evens memory is worth so many points of standard deviation at least (Ganeti's hbal has the like)."""
MOST_MOVES = 20
"""No longer list is advised at once; a person makes these and asks again."""
ENDS = 3
"""Memory is evened between so many of the fullest and of the emptiest hosts."""


@dataclass(frozen=True, slots=True)
class Advice:
    """A move that would do good.

    `evens`: by how many points the standard deviation of the hosts' memory use, in percent, would fall; `restores`:
    the soft rules that would hold again, as sentences; `reason`: both, for people.
    """

    domain: str
    source: str
    target: str
    evens: float
    restores: tuple[str, ...] = ()
    reason: str = ""


def rebalance(desired: Desired, observed: Observed, history: History) -> tuple[Advice, ...]:
    """Moves worth making, one after the other, each with its gain given those before it; the best first.

    So the first ones alone bring most of the good. Judged after what this pass does anyhow. A broken soft rule counts
    more than evenness. Raises: nothing.
    """
    scene = Scene(desired, observed, history)
    placed = decide(scene).placed
    for placement in placed.values():
        if placement.moves and runs(placement.where):  # it will have left
            scene.ledger.release(scene.guest(placement.where), scene.number[str(placement.where.home)])
    return tuple(_Balance(scene, placed).advise())


@dataclass
class _Balance:
    """The hosts as they would be after the moves advised so far.

    `at`: host -> guests there that may move. `home`: host of all that run. `size`: bytes for guests.
    """

    scene: Scene
    placed: Mapping[str, Placement]
    at: dict[int, dict[str, Guest]] = field(default_factory=dict)
    home: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        may_move = movable(self.scene, self.placed)
        self.open = [n for n, host in enumerate(self.scene.hosts) if not self.scene.judge.is_closed(host)]
        self.size = {host: max(1, self.scene.capacity(host)) for host in self.open}
        for host in self.open:
            self.at[host] = {one.name: one for one in may_move(host) if not self.placed[one.name].moves}
        for name, placement in self.placed.items():
            target = placement.target
            if target in self.scene.number and target and (placement.moves or counts(self.scene, placement)):
                self.home[name] = self.scene.number[target]

    @property
    def ledger(self) -> Ledger:
        return self.scene.ledger

    def advise(self) -> Iterator[Advice]:
        for _ in range(MOST_MOVES):
            best = min(self._moves(), key=lambda move: move[0], default=None)
            if best is None:
                return
            _, guest, source, target = best
            yield self._advice(guest, source, target)
            self._make(guest, source, target)

    def _moves(self) -> Iterator[tuple[tuple[int, float, str, int], Guest, int, int]]:
        """(how good, guest, source, target) of moves worth making; the least is the best."""
        spread = self._deviation()
        for guest, source, targets in self._thinkable():
            self.ledger.release(guest, source)
            before = self.ledger.broken_softly(guest.rules, source)
            for target in targets:
                if target == source or not self.ledger.fits(guest, target):
                    continue
                restored = before - self.ledger.broken_softly(guest.rules, target)
                self.ledger.book(guest, target)
                evens = spread - self._deviation()
                self.ledger.release(guest, target)
                if restored > 0 or (restored == 0 and evens >= LEAST_GAIN):
                    yield (-restored, -round(evens, 6), guest.name, target), guest, source, target
            self.ledger.book(guest, source)

    def _thinkable(self) -> Iterator[tuple[Guest, int, list[int]]]:
        """Guests of the fullest hosts to the emptiest; those whose soft rules are broken to any of these as well."""
        by_use = sorted(self.open, key=lambda host: (self._use(host), host))
        for host in by_use:
            for guest in sorted(self.at[host].values(), key=lambda one: one.name):
                if self._is_broken(guest, host):
                    yield guest, host, by_use
                elif host in by_use[-ENDS:]:
                    yield guest, host, by_use[:ENDS]

    def _is_broken(self, guest: Guest, host: int) -> bool:
        if not (guest.rules.rather_not or guest.rules.rather):
            return False
        self.ledger.count(guest.rules, host, -1)
        broken = self.ledger.broken_softly(guest.rules, host) > 0
        self.ledger.count(guest.rules, host, 1)
        return broken

    def _make(self, guest: Guest, source: int, target: int) -> None:
        self.ledger.release(guest, source)
        self.ledger.book(guest, target)
        del self.at[source][guest.name]
        self.home[guest.name] = target

    # --- how even it is ------------------------------------------------------------

    def _use(self, host: int) -> float:
        return 100.0 * (1 - self.ledger.memory[host] / self.size[host])

    def _deviation(self) -> float:
        used = [self._use(host) for host in self.open]
        mean = sum(used) / len(used)
        return sqrt(sum((one - mean) ** 2 for one in used) / len(used))

    # --- in words ----------------------------------------------------------------------

    def _advice(self, guest: Guest, source: int, target: int) -> Advice:
        spread = self._deviation()
        self.ledger.release(guest, source)
        self.ledger.book(guest, target)
        evens = round(spread - self._deviation(), 1)
        self.ledger.release(guest, target)
        self.ledger.book(guest, source)
        restores = tuple(self._restored(guest.name, source, target))
        told = (*restores, f"memory use is {'evened' if evens >= 0 else 'less even'} by {abs(evens):.1f} points")
        names = self.scene.hosts[source].name, self.scene.hosts[target].name
        return Advice(guest.name, *names, evens, restores, "; ".join(told))

    def _restored(self, name: str, source: int, target: int) -> Iterator[str]:
        documents = self.scene.desired.domains
        for other, host in sorted(self.home.items()):
            if other != name and host == source and _rather_apart(documents[name], documents[other]):
                yield f"domain/{name} is apart from domain/{other}"
            if other != name and host == target and _rather_with(documents[name], documents[other]):
                yield f"domain/{name} is with domain/{other}"


def _rather_apart(one: Domain, other: Domain) -> bool:
    return _avoids(one, other) or _avoids(other, one)


def _avoids(one: Domain, other: Domain) -> bool:
    apart = one.spec.placement.apart_from
    return apart is not None and matches(apart.match_labels, other.labels)


def _rather_with(one: Domain, other: Domain) -> bool:
    together = one.spec.placement.together_with
    return together is not None and matches(together.match_labels, other.labels)
