"""What happens inside guests: they end, hang, listen or do not, write to their memory."""

from collections.abc import Callable, Mapping

from reconciler.desired.quantity import parse_size
from reconciler.observed import DomainState
from reconciler.simulate import devices, domains
from reconciler.simulate.machines import Agent, Domain, Hypervisor
from reconciler.simulate.world import World


def guest(world: World, words: list[str]) -> None:
    """guest NAME WORD, as ON_DOMAIN and ON_GUEST have them"""
    name, verb, *rest = words
    hypervisor, found = next((h, d) for h, d in world.all_domains() if d.name == name and d.guest)
    assert found.guest is not None
    if verb in ON_DOMAIN:
        ON_DOMAIN[verb](world, hypervisor, found)
    else:
        ON_GUEST[verb](found.guest, *rest)


def _pause(world: World, hypervisor: Hypervisor, found: Domain) -> None:
    found.state, found.reason = DomainState.PAUSED, "ioerror"
    world.tell(hypervisor.name, f"domain/{found.name}", "paused (ioerror)")


def _let_go(world: World, hypervisor: Hypervisor, found: Domain) -> None:
    """It gives back the devices that it was asked for."""
    assert found.guest is not None
    found.guest.clings = False
    for owner in found.guest.asked_for:
        devices.unplug(world, hypervisor, found, owner)


ON_DOMAIN: Mapping[str, Callable[[World, Hypervisor, Domain], object]] = {
    "poweroff": lambda world, hypervisor, found: domains.end(world, hypervisor, found, "shutdown"),
    "crash": domains.crash,
    "ioerror": _pause,
    "lets-go": _let_go,
    "wedge": lambda _, __, found: setattr(found, "wedged", True),
    "unwedge": lambda _, __, found: setattr(found, "wedged", False),
}
ON_GUEST: Mapping[str, Callable[..., None]] = {
    "deaf": lambda guest: setattr(guest, "deaf", True),
    "hears": lambda guest: setattr(guest, "deaf", False),
    "clings": lambda guest: setattr(guest, "clings", True),
    "slow": lambda guest, seconds: setattr(guest, "poweroff_s", float(seconds)),
    "dirty": lambda guest, size: setattr(guest, "dirty_rate", parse_size(size)),
    "agent": lambda guest, state: setattr(guest, "agent", Agent(state)),
    "up-at": lambda guest, moment: setattr(guest, "ready_at", float(moment)),
    "quiet": lambda guest: setattr(guest, "quiet", True),
    "listens": lambda guest, *ports: setattr(guest, "ports", frozenset(map(int, ports))),
}
"""deaf, hears: its power button; clings, lets-go: devices that it is asked for; slow SECONDS to power off; dirty SIZE:
what it writes to its memory in a second; agent absent|mute|well; up-at MOMENT: when its system has come up; quiet on
the network; listens PORT...
"""
