"""What would be if: one host emptied, one host lost. Pure; the answers are advice, nothing moves by them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from reconciler.desired import Desired
from reconciler.history import History
from reconciler.observed import Observed
from reconciler.place.placing import Placements, place


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether all that would have to leave a host finds room elsewhere. Each tuple is sorted by domain.

    `moves`: (domain, target); `left`: (domain, why it would not find room or may not be moved); `advice`: what would
    help, as whole sentences ("would fit if domain/a moved to host/hv2").
    """

    fits: bool
    moves: tuple[tuple[str, str], ...] = ()
    left: tuple[tuple[str, str], ...] = ()
    advice: tuple[str, ...] = ()


def drainable(desired: Desired, observed: Observed, history: History) -> Mapping[str, Fit]:
    """Hypervisor -> if it were cordoned now: would all that must move fit, and if not, which and why.

    Judged after what this pass places anyhow. A host that cannot be asked is left out: its guests are unknown.
    Order: by host. Raises: nothing.
    """
    hosts = sorted(name for name in desired.hypervisors if observed.is_reachable(name))
    return {host: _fit(place(_cordoned(desired, host), observed, history), observed, host) for host in hosts}


def drainable_as_seen(desired: Desired, observed: Observed) -> Mapping[str, Fit]:
    """The same in the world as it is: without what only documents say (new domains, bigger memory, rules, cordons).

    The baseline for "the documents would make a host undrainable that is drainable now".
    """
    return drainable(desired, observed, History())


def host_loss(desired: Desired, observed: Observed) -> Mapping[str, Fit]:
    """Hypervisor -> if it were lost now: would its running guests of the documents fit on the rest (N+1).

    They would be started there, so what stands against a live migration does not count; local disks do. A host that
    cannot be asked is left out. Order: by host. Raises: nothing.
    """
    return drainable(desired, observed, History())


def _cordoned(desired: Desired, name: str) -> Desired:
    host = desired.hosts[name]
    cordoned = host.model_copy(update={"spec": host.spec.model_copy(update={"cordoned": True})})
    return replace(desired, hosts={**desired.hosts, name: cordoned})


def _fit(placements: Placements, observed: Observed, host: str) -> Fit:
    here = {name: placement for name, placement in placements.of.items() if placement.where.home == host}
    moves = tuple((name, placement.target) for name, placement in here.items() if placement.moves and placement.target)
    left = tuple((name, placement.held.message) for name, placement in here.items() if placement.held)
    return Fit(not left, moves, left)
