"""What happens inside guests: they end, hang, listen or do not, write to their memory."""

from reconciler.desired.quantity import parse_size
from reconciler.observed import DomainState
from reconciler.simulate import devices, domains
from reconciler.simulate.machines import Agent
from reconciler.simulate.world import World


def guest(world: World, words: list[str]) -> None:
    """guest NAME poweroff|crash|ioerror|deaf|wedge|unwedge, guest NAME dirty SIZE (a second), guest NAME clings|lets-go
    (devices), guest NAME hears (its power button), guest NAME slow SECONDS (to power off),
    guest NAME agent absent|mute|well"""
    name, verb = words[:2]
    hypervisor, found = next((h, d) for h, d in world.all_domains() if d.name == name and d.guest)
    process = found.guest
    if verb == "poweroff":
        domains.end(world, hypervisor, found, "shutdown")
    elif verb == "crash":
        domains.crash(world, hypervisor, found)
    elif verb == "ioerror":
        found.state, found.reason = DomainState.PAUSED, "ioerror"
        world.tell(hypervisor.name, f"domain/{name}", "paused (ioerror)")
    elif verb in ("wedge", "unwedge"):
        found.wedged = verb == "wedge"
    elif process and verb == "deaf":
        process.deaf = True
    elif process and verb == "hears":
        process.deaf = False
    elif process and verb == "slow":
        process.poweroff_s = float(words[2])
    elif process and verb == "clings":
        process.clings = True
    elif process and verb == "lets-go":
        process.clings, wanted = False, process.asked_for
        for owner in wanted:
            devices.unplug(world, hypervisor, found, owner)
    elif process and verb == "agent":
        process.agent = Agent(words[2])
    elif process and verb == "dirty":
        process.dirty_rate = parse_size(words[2])
    else:
        raise ValueError(verb)
