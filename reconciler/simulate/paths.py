"""Whether guests can get from one simulated hypervisor to another: login, ports, and files that both see."""

from reconciler import proof
from reconciler.action import ProvePath, SharedPool
from reconciler.simulate.machines import Daemon, Hypervisor
from reconciler.simulate.refusal import Code, Refusal
from reconciler.simulate.world import World

UNREACHABLE_S = 5.0
"""How long ssh tries to connect."""


def prove(world: World, source: Hypervisor, action: ProvePath) -> None:
    """Raises: Refusal for what does not work; Stuck where a mount hangs."""
    target = world.hypervisors.get(action.target)
    if target is None or not world.reaches(source.name, target.name):
        world.clock.sleep(UNREACHABLE_S)
        raise _no(proof.no_login(action, "ssh: connect to host: Connection timed out"))
    if target.daemon is not Daemon.ALIVE:
        raise _no(proof.no_login(action, "libvirt does not answer"))
    if action.address and target.name in world.dropped:
        world.clock.sleep(UNREACHABLE_S)
        raise _no(proof.no_ports(action, 49215, "Connection timed out"))
    for pool in action.pools:
        _prove_shared(world, source, target, action, pool)


def _prove_shared(world: World, source: Hypervisor, target: Hypervisor, action: ProvePath, pool: SharedPool) -> None:
    here, there = world.directory(source, pool.target), world.directory(target, pool.target)
    if here is None or here is not there:
        mounts = [str(host.mounts.get(pool.target, "")) for host in (source, target)]
        raise _no(proof.not_shared(action, pool, *mounts))


def _no(cause: str) -> Refusal:
    return Refusal(Code.OPERATION_FAILED, cause)
