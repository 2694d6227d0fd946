"""What would be if: one host emptied, one host lost. Pure; the answers are advice, nothing moves by them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from reconciler.desired import Desired
from reconciler.desired.documents import State
from reconciler.history import History
from reconciler.observed import Observed
from reconciler.place.decision import advice, decide, movable
from reconciler.place.ledger import Guest
from reconciler.place.reasons import Company, Reasons
from reconciler.place.room import Room, make_room, take_back
from reconciler.place.scene import Scene, runs, will_start
from reconciler.place.search import TRIES, solve
from reconciler.place.settle import Placement, drained, tie_of, why_it_cannot_move
from reconciler.place.shuffle import Budget
from reconciler.place.together import one_of
from reconciler.place.unwritten import as_seen
from reconciler.step import HeldReason

LEAST_TRIES = 200
"""The questions of a pass share the tries of one placement; each host has at least so many."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether all that would have to leave a host finds room elsewhere. Each tuple is sorted by domain.

    `moves`: (domain, target); `left`: (domain, why it would not find room or may not be moved); `advice`: what would
    help, as whole sentences ("domain/b would fit if domain/a moved to host/hv2").
    """

    fits: bool
    moves: tuple[tuple[str, str], ...] = ()
    left: tuple[tuple[str, str], ...] = ()
    advice: tuple[str, ...] = ()


def drainable(desired: Desired, observed: Observed, history: History) -> Mapping[str, Fit]:
    """Hypervisor -> if it were cordoned now: would all that must move fit, and if not, which and why.

    Judged after what this pass places anyhow. Running domains of others count as left: nobody moves them. What libvirt
    tells only about guests of cordoned hosts (snapshots, saved states) is not known of the others, so not counted. A
    host that cannot be asked is left out: its guests are unknown. Order: by host. Raises: nothing.
    """
    scene = Scene(desired, observed, history)
    question = _Question(scene, decide(scene).placed, _must_leave, "it would be cordoned")
    return question.answers(_of_others(scene), _leaving_anyhow(question.placed))


def drainable_as_seen(desired: Desired, observed: Observed) -> Mapping[str, Fit]:
    """The same in the world as it is: without what only documents say (new domains, bigger memory, rules, cordons).

    The baseline for "the documents would make a host undrainable that is drainable now". A running domain with our
    mark whose document is gone counts as movable: taking the document away is what makes it stay.
    """
    return drainable(as_seen(desired, observed), observed, History())


def host_loss(desired: Desired, observed: Observed) -> Mapping[str, Fit]:
    """Hypervisor -> if it were lost now: would its running guests of the documents fit on the rest (N+1).

    They would be started there, so what stands against a live migration does not count; local disks do. Guests of
    others are not ours to start. A host that cannot be asked is left out. Order: by host. Raises: nothing.
    """
    scene = Scene(desired, observed, History())
    return _Question(scene, decide(scene).placed, _would_die, "it would be lost").answers({}, {})


# --- who would have to go ------------------------------------------------------------


Leave = Callable[[Scene, Placement, int], Guest | str | None]
"""What becomes of a domain that is, or will be, at a host: it goes, it cannot for that reason, or it stays."""


def _must_leave(scene: Scene, placement: Placement, host: int) -> Guest | str | None:
    where, domain = placement.where, scene.desired.domains[placement.where.name]
    if where.held:
        return where.held.message if where.home is not None else None
    if domain.spec.state is State.ABSENT:
        return None
    if where.home != scene.hosts[host].name:  # it is only on its way here, and would be sent elsewhere at once
        return _elsewhere(scene.guest(where), host)
    if scene.hosts[host].spec.cordoned and placement.held:
        return None if placement.held.reason is HeldReason.ON_DRAIN_STAY else placement.held.message
    if isinstance(drained(domain, where), Placement):
        return None
    return why_it_cannot_move(scene, where) or scene.guest(where)


def _would_die(scene: Scene, placement: Placement, host: int) -> Guest | str | None:
    where, domain = placement.where, scene.desired.domains[placement.where.name]
    not_ours = where.held is not None and where.held.reason is HeldReason.NOT_OURS
    starts = where.home is None and scene.asks.of[where.name].starts
    if not_ours or not (starts or runs(where) or will_start(domain, where)):
        return None
    tie = tie_of(scene, where, "the lost host") if where.home is not None else ""
    return tie or _elsewhere(scene.guest_anew(where), host)


def _elsewhere(guest: Guest, host: int) -> Guest:
    return guest._replace(hosts=guest.hosts - {host})


def _of_others(scene: Scene) -> dict[str, dict[str, str]]:
    """host -> running domain that no document speaks of -> that nobody moves it."""
    found: dict[str, dict[str, str]] = {}
    for host, seen in scene.observed.all_domains():
        if seen.is_active and seen.name not in scene.desired.domains:
            found.setdefault(host, {})[seen.name] = "no document speaks of it; move or stop it by hand"
    return found


def _leaving_anyhow(placed: Mapping[str, Placement]) -> dict[str, dict[str, str]]:
    """host -> domain that this pass moves away -> its target."""
    found: dict[str, dict[str, str]] = {}
    for name, placement in placed.items():
        if placement.where.home is not None and placement.target is not None and placement.moves:
            found.setdefault(placement.where.home, {})[name] = placement.target
    return found


# --- where they would go -----------------------------------------------------------------


@dataclass
class _Question:
    """The same question about every host, each over the same ledger, which is as before when it is answered."""

    scene: Scene
    placed: Mapping[str, Placement]
    leave: Leave
    cause: str
    _freed: dict[tuple[int, int], tuple[Guest, ...]] = field(default_factory=dict)

    def answers(self, left: Mapping[str, Mapping[str, str]], moves: Mapping[str, Mapping[str, str]]) -> dict[str, Fit]:
        """By host; `left`, `moves`: host -> what is known beforehand of some of its domains."""
        hosts = [n for n, host in enumerate(self.scene.hosts) if self.scene.observed.is_reachable(host.name)]
        tries = max(LEAST_TRIES, TRIES // max(1, len(hosts)))
        found = {}
        for number in hosts:
            name = self.scene.hosts[number].name
            found[name] = self._answer(number, dict(left.get(name, {})), dict(moves.get(name, {})), tries)
        return found

    def _answer(self, host: int, left: dict[str, str], moves: dict[str, str], tries: int) -> Fit:
        guests: dict[str, Guest] = {}
        stays: set[str] = set()
        for placement in self._at.get(self.scene.hosts[host].name, ()):
            leaves, name = self.leave(self.scene, placement, host), placement.where.name
            if isinstance(leaves, Guest):
                guests[name] = leaves
            elif leaves is not None:
                left[name] = leaves
            if not isinstance(leaves, Guest):
                stays.add(name)
        going = self._together(guests, stays, left) if self.scene.asks.sets else list(guests.values())
        helps = self._find_room(host, going, moves, left, tries)
        return Fit(not left, tuple(sorted(moves.items())), tuple(sorted(left.items())), helps)

    def _together(self, guests: dict[str, Guest], stays: set[str], left: dict[str, str]) -> list[Guest]:
        """Those that must be together go as one, or none of them."""
        bundles = []
        for names in self.scene.asks.sets:
            members = [guests.pop(name) for name in names if name in guests]
            fast = next((name for name in names if name in stays), None)
            if fast is not None:
                left |= {one.name: f"it must be with domain/{fast}, which would stay" for one in members}
            elif members:
                bundles.append(one_of(members))
        return [*guests.values(), *bundles]

    def _find_room(
        self, host: int, guests: list[Guest], moves: dict[str, str], left: dict[str, str], tries: int
    ) -> tuple[str, ...]:
        """Add where each goes to `moves`, or why it does not to `left`; the advice that there is."""
        scene, policy = self.scene, self.scene.desired.policy.placement
        found = solve(scene.ledger, guests, pack=policy.strategy == "pack", budget=Budget(tries))
        room, helps = self._with_room(host, guests, Room(found), left, tries) if found.left else (Room(found), ())
        for guest in guests:
            if guest.name in room.solution.targets:
                scene.ledger.release(guest, room.solution.targets[guest.name])
                target = scene.hosts[room.solution.targets[guest.name]].name
                moves |= dict.fromkeys(guest.domains, target)
        for name, (guest, home) in room.departed.items():
            scene.ledger.release(guest, room.solution.targets[name])
            scene.ledger.book(guest, home)
            moves[name] = scene.hosts[room.solution.targets[name]].name
        return helps

    def _with_room(
        self, host: int, guests: list[Guest], found: Room, left: dict[str, str], tries: int
    ) -> tuple[Room, tuple[str, ...]]:
        """Let others move too where policy says so; else say what that would bring."""
        scene = self.scene
        room = make_room(scene.ledger, guests, found.solution, lambda other: self._movable(other, host), Budget(tries))
        chosen = room
        if not scene.desired.policy.placement.make_room:
            take_back(scene.ledger, guests, found.solution, room)
            chosen = found
        known = {name: guest for guest in guests for name in guest.domains}
        reasons = Reasons(scene, self.placed, known, causes=dict.fromkeys(known, self.cause), company=self._company)
        for guest in chosen.solution.left:
            left |= {name: reasons.no_host(name) for name in guest.domains}
        advised = ((guest, advice(scene, guest, room)) for guest in chosen.solution.left)
        return chosen, tuple(f"domain/{guest.name} {said}" for guest, said in advised if said)

    def _movable(self, other: int, host: int) -> tuple[Guest, ...]:
        """Guests of another host that could make room, but not here."""
        key = (other, host)
        if key not in self._freed:
            self._freed[key] = tuple(_elsewhere(one, host) for one in self._may_move(other)) if other != host else ()
        return self._freed[key]

    @cached_property
    def _may_move(self) -> Callable[[int], Iterable[Guest]]:
        return movable(self.scene, self.placed)

    @cached_property
    def _company(self) -> Company:
        return Company(self.scene, self.placed, frozenset())

    @cached_property
    def _at(self) -> Mapping[str, list[Placement]]:
        """host -> those that are there after this pass."""
        at: dict[str, list[Placement]] = {}
        for placement in self.placed.values():
            host = placement.target or placement.where.home
            if host is not None:
                at.setdefault(host, []).append(placement)
        return at
