"""Where everybody goes, decided at once, with what stands against it where somebody cannot. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from reconciler.desired.documents import OnDrain
from reconciler.observed import Standing
from reconciler.place.ledger import Guest
from reconciler.place.reasons import Reasons, Rejections
from reconciler.place.room import Room, make_room, take_back
from reconciler.place.scene import Scene
from reconciler.place.search import TRIES, solve
from reconciler.place.settle import Placement, may_go, settle, why_it_cannot_move
from reconciler.place.shuffle import Budget
from reconciler.place.together import bundle, tie


@dataclass(frozen=True)
class Decision:
    """All placements, by name; the scene's ledger has them booked."""

    placed: Mapping[str, Placement]
    rejections: Rejections


def decide(scene: Scene) -> Decision:
    """Place what must be placed, beside what stays."""
    settled = settle(scene)
    ties = tie(scene, settled)
    alone = scene.guests(settled.going)
    guests = bundle(scene, alone, ties) if ties.sets or ties.only_at else list(alone.values())
    room, thinkable = _solve(scene, guests, settled.placed)
    going = {name: guest for guest in guests for name in guest.domains}
    placed = {**settled.placed, **_arrivals(scene, going, room, settled.going), **_departures(scene, room)}
    tied = {name: why for name, (_, why) in ties.only_at.items()}
    reasons = Reasons(scene, placed, going, tied, settled.going)
    for guest in room.solution.left:
        helps = advice(scene, guest, thinkable)
        placed |= {name: Placement(scene.located[name], held=reasons.held(name, helps)) for name in guest.domains}
    return Decision(dict(sorted(placed.items())), Rejections(frozenset(going), reasons.against))


def _solve(scene: Scene, guests: Sequence[Guest], placed: Mapping[str, Placement]) -> tuple[Room, Room]:
    """What is done, and what could be done if others might move too."""
    policy, ledger = scene.desired.policy.placement, scene.ledger
    found = solve(ledger, guests, pack=policy.strategy == "pack")
    if not found.left:
        return Room(found), Room(found)
    room = make_room(ledger, guests, found, movable(scene, placed), Budget(TRIES))
    if policy.make_room:
        return room, room
    take_back(ledger, guests, found, room)
    return Room(found), room


def movable(scene: Scene, placed: Mapping[str, Placement]) -> Callable[[int], Iterable[Guest]]:
    """host -> guests that run there, need not move, and could be migrated live to make room for others."""
    at: dict[str, list[Placement]] = {}
    for placement in placed.values():
        if placement.target is not None:
            at.setdefault(placement.target, []).append(placement)
    known: dict[int, tuple[Guest, ...]] = {}

    def of(host: int) -> tuple[Guest, ...]:
        if host not in known:
            here = at.get(scene.hosts[host].name, ())
            known[host] = tuple(scene.guest(one.where) for one in here if _may_make_room(scene, one))
        return known[host]

    return of


def _may_make_room(scene: Scene, placement: Placement) -> bool:
    where, domain = placement.where, scene.desired.domains[placement.where.name]
    runs = where.seen is not None and where.seen.standing is Standing.RUNNING
    alone = where.name not in scene.asks.joined
    may = runs and alone and domain.spec.on_drain is OnDrain.MIGRATE and may_go(domain, where)
    return may and not scene.desired.hosts[str(where.home)].spec.cordoned and not why_it_cannot_move(scene, where)


def _arrivals(scene: Scene, going: Mapping[str, Guest], room: Room, causes: Mapping[str, str]) -> dict[str, Placement]:
    """Those that found a place."""
    arrivals = {}
    for name, guest in going.items():
        target = room.solution.targets.get(guest.name)
        if target is not None:
            after = _after(scene, room, guest.name) if room.after else ()
            arrivals[name] = Placement(scene.located[name], scene.hosts[target].name, None, causes[name], after)
    return arrivals


def _after(scene: Scene, room: Room, name: str) -> tuple[tuple[str, str], ...]:
    return tuple((other, scene.hosts[room.departed[other][1]].name) for other in room.after.get(name, ()))


def _departures(scene: Scene, room: Room) -> dict[str, Placement]:
    """Those that are moved for others."""
    return {
        name: Placement(
            scene.located[name],
            scene.hosts[room.solution.targets[name]].name,
            cause=f"it makes room for domain/{_beneficiary(room, name)}",
            after=_after(scene, room, name),
        )
        for name in room.departed
    }


def _beneficiary(room: Room, name: str) -> str:
    """Who can come at last because `name` leaves."""
    return min(
        (other for other in room.after if name in room.needed_for(other) and other not in room.departed), default=""
    )


def advice(scene: Scene, guest: Guest, room: Room) -> str:
    """What would let `guest` in, as a sentence; empty where nothing would that was thought of."""
    if guest.name not in room.solution.targets:
        return ""
    first = room.needed_for(guest.name) or tuple(room.departed)
    moves = (f"domain/{name} moved to host/{scene.hosts[room.solution.targets[name]].name}" for name in first)
    return f"would fit if {', '.join(moves)} (placement.makeRoom would do that)" if first else ""
