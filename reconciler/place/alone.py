"""Where a domain could go by itself, or all that stands against it. Pure; advice, nothing moves by it."""

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.desired import Desired
from reconciler.history import History
from reconciler.observed import Observed
from reconciler.place.reasons import Reasons
from reconciler.place.scene import Scene
from reconciler.place.settle import Placement, hindrances


@dataclass(frozen=True, slots=True)
class Way:
    """`targets`: hosts that would take it now. `against`: all that ties it to its host. `no_host`: why none would."""

    targets: tuple[str, ...]
    against: tuple[str, ...] = ()
    no_host: str = ""


def ways(desired: Desired, observed: Observed) -> Mapping[str, Way]:
    """Domain -> its way, of those that are somewhere and ours. Others stay where they are. Order: by name.

    Snapshots and saved states count where they were asked for: on cordoned hosts, and in a look at one domain.
    """
    scene = Scene(desired, observed, History())
    placed = {name: Placement(where, where.home) for name, where in scene.located.items()}
    names = [name for name, where in scene.located.items() if where.home is not None and not where.held]
    guests = scene.guests(names)
    reasons = Reasons(scene, placed, guests, causes=dict.fromkeys(names, "it is there now"))
    return {name: _way(scene, reasons, name) for name in sorted(names)}


def _way(scene: Scene, reasons: Reasons, name: str) -> Way:
    guest = reasons.guests[name]
    targets = tuple(scene.hosts[host].name for host in sorted(guest.hosts) if scene.ledger.fits(guest, host))
    against = hindrances(scene, scene.located[name])
    return Way(targets, against, "" if targets else reasons.no_host(name))
