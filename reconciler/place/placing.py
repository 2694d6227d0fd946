"""Which host each domain shall be at, or why none. Pure and deterministic."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.desired import Desired
from reconciler.history import History
from reconciler.observed import Observed
from reconciler.place.decision import decide
from reconciler.place.scene import Scene
from reconciler.place.settle import Placement


@dataclass(frozen=True)
class Placements:
    """All placements of a pass. `rejections`: domain that was to be placed -> host -> why not there."""

    of: Mapping[str, Placement] = field(default_factory=dict)
    rejections: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def place(desired: Desired, observed: Observed, history: History) -> Placements:
    """Decide for every domain document at once.

    Where a domain runs is status: it stays unless its host is cordoned or a hard rule of its document is broken. What
    does not find room is held with each host's reason; what matters most finds room first. Order: by name. Raises:
    nothing. Source: design, laws 1, 2 and 7.
    """
    scene = Scene(desired, observed, history)
    decision = decide(scene)
    return Placements(_with_crowds(scene, decision.placed), decision.rejections)


def _with_crowds(scene: Scene, placed: Mapping[str, Placement]) -> Mapping[str, Placement]:
    crowded = {host.name for number, host in enumerate(scene.hosts) if scene.ledger.memory[number] < 0}
    if not crowded:
        return placed
    return {name: one._replace(crowded=True) if one.target in crowded else one for name, one in placed.items()}
