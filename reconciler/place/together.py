"""Domains that must be together: placed as one, brought where the others are, or held. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reconciler.place.ledger import Guest
from reconciler.place.neighbours import joint
from reconciler.place.scene import NOWHERE, Scene
from reconciler.place.settle import Settled, counts, may_go, send


@dataclass(frozen=True)
class Ties:
    """`sets`: domains that go to one host as one. `only_at`: domain -> (host or None, why no other)."""

    sets: tuple[tuple[str, ...], ...] = ()
    only_at: Mapping[str, tuple[str | None, str]] = field(default_factory=dict)


def tie(scene: Scene, settled: Settled) -> Ties:
    """What required togetherness means for those that go; it may send others after them, or where the others are.

    Where a domain runs is status: one that holds no such rule itself never moves for it, and the others come to it.
    """
    sets, only_at = [], {}
    for names in scene.asks.sets:
        anchors = _anchors(scene, settled, names)
        if len(anchors) > 1:
            _gather(scene, settled, anchors)
            anchors = _anchors(scene, settled, names)
        going = tuple(name for name in names if name in settled.going and _needs_room(scene, name))
        if not anchors:
            sets.append(going)
        for name in going if anchors else ():
            only_at[name] = _where(anchors)
    return Ties(tuple(sets), only_at)


def _needs_room(scene: Scene, name: str) -> bool:
    return scene.needs_room(scene.located[name])


def _anchors(scene: Scene, settled: Settled, names: Iterable[str]) -> dict[str, list[str]]:
    """host -> those of `names` that run, or will start, where they are and stay there."""
    anchors: dict[str, list[str]] = {}
    for name in names:
        placement = settled.placed.get(name)
        if placement is not None and placement.where.home is not None and counts(scene, placement):
            anchors.setdefault(placement.where.home, []).append(name)
    return anchors


def _where(anchors: Mapping[str, list[str]]) -> tuple[str | None, str]:
    (host, names), *others = sorted(anchors.items())
    if others:
        return (
            None,
            f"it must be with domain/{names[0]} and with domain/{others[0][1][0]}, which are at different hosts",
        )
    return host, f"it must be with domain/{names[0]}, which is at host/{host}"


def _gather(scene: Scene, settled: Settled, anchors: Mapping[str, list[str]]) -> None:
    """They stay at several hosts: those whose own rule that breaks are sent to one of them."""
    held_fast = {
        host: [name for name in names if not _may_follow(scene, settled, name)] for host, names in anchors.items()
    }
    fast = [host for host, names in held_fast.items() if names]
    if len(fast) > 1:
        return
    goal = fast[0] if fast else max(sorted(anchors), key=lambda host: _attraction(scene, anchors, host))
    near = anchors[goal][0]
    for host, names in anchors.items():
        for name in names if host != goal else ():
            send(scene, settled, name, f"it must be with domain/{near}, which is at host/{goal}")


def _may_follow(scene: Scene, settled: Settled, name: str) -> bool:
    placement, domain = settled.placed[name], scene.desired.domains[name]
    together = domain.spec.placement.together_with
    holds = together is not None and together.required
    return holds and placement.target is not None and may_go(domain, placement.where)


def _attraction(scene: Scene, anchors: Mapping[str, list[str]], host: str) -> tuple[bool, int]:
    """Where all find room, and fewest bytes have to move."""
    size = {at: sum(scene.desired.domains[name].spec.memory for name in names) for at, names in anchors.items()}
    document, free = scene.desired.hosts[host], scene.ledger.memory[scene.number[host]]
    return not document.spec.cordoned and sum(size.values()) - size[host] <= free, size[host]


def bundle(scene: Scene, guests: Mapping[str, Guest], ties: Ties) -> list[Guest]:
    """The guests as they go: those that are tied to one host, or to each other, changed so."""
    free = dict(guests)
    for name, (host, _) in ties.only_at.items():
        here = frozenset({scene.number[host]}) if host is not None and host in scene.number else NOWHERE
        free[name] = free[name]._replace(hosts=free[name].hosts & here)
    bundles = []
    for names in ties.sets:
        members = [free.pop(name) for name in names if name in free]
        bundles += [one_of(members)] if members else []
    return [*free.values(), *bundles]


def one_of(members: list[Guest]) -> Guest:
    """The members as one that goes to one host."""
    if len(members) == 1:
        return members[0]
    return Guest(
        members[0].name,
        sum(one.memory for one in members),
        sum(one.vcpus for one in members),
        frozenset.intersection(*(one.hosts for one in members)),
        joint(one.rules for one in members),
        frozenset().union(*(one.failed for one in members)),
        max(one.weight for one in members),
        tuple(one.name for one in members),
    )
