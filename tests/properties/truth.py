"""What is so in the world, whatever any stage says of it: is it as the documents want, is a healthy core well?"""

from collections.abc import Iterable

from reconciler.desired import Desired
from reconciler.desired.documents import OnDrain, Power
from reconciler.observed import DomainState
from reconciler.simulate import definition
from reconciler.simulate.machines import Daemon, Domain, Hand, Hypervisor
from reconciler.simulate.world import SEAT, Change, World

TRIED = ("migration to", "receives a migration", "asked to shut down", "refreshed")
"""How a change begins that may be made again and again while something else is broken."""


def differences(world: World, desired: Desired) -> list[str]:
    """Where the world is not as it is written; sentences."""
    found = [sentence for host in desired.hypervisors for sentence in _rooms(world, desired, world.hypervisors[host])]
    for name in desired.domains:
        found += _guest(world, desired, name)
    return found


def _rooms(world: World, desired: Desired, host: Hypervisor) -> list[str]:
    found = []
    for name, pool in desired.pools.items():
        there = host.pools.get(name)
        mount = host.mounts.get(pool.spec.target)
        if (
            there is None
            or not there.active
            or (pool.spec.source and (mount is None or not _serves(world, host, name)))
        ):
            found.append(f"pool/{name}@{host.name} is not there")
    for name in desired.networks:
        network = host.networks.get(name)
        if network is None or not network.active:
            found.append(f"network/{name}@{host.name} is not there")
    return found


def _serves(world: World, host: Hypervisor, pool: str) -> bool:
    there = host.pools[pool]
    server = world.server_named(there.source_host)
    return server is not None and world.is_exported(server, there.source_dir, host.address)


def _guest(world: World, desired: Desired, name: str) -> list[str]:
    spec = desired.domains[name].spec
    places = [host for host, domain in world.all_domains() if domain.name == name]
    running = world.where(name)
    if spec.power is Power.STOPPED:
        return [f"domain/{name} runs at {', '.join(running)}"] if running else []
    cordoned = {host.name for host in places if desired.hosts[host.name].spec.cordoned}
    if not running and cordoned and spec.on_drain is OnDrain.STOP:
        return []
    if len(running) != 1:
        return [f"domain/{name} runs at {', '.join(running) or 'no host'}"]
    if len(places) != 1:
        return [f"domain/{name} is at {', '.join(host.name for host in places)}"]
    leaves = cordoned and spec.on_drain is not OnDrain.STAY
    return [f"domain/{name} runs at {running[0]}, which is cordoned"] if leaves else []


def still_changing(journal: Iterable[Change]) -> list[str]:
    """What we changed that is more than an attempt."""
    return [str(change) for change in journal if change.by is Hand.US and not change.text.startswith(TRIED)]


def remedies(host: Hypervisor, found: Domain) -> list[str]:
    """What a person does about a guest that nobody else may mend."""
    lines = []
    if found.wedged:
        lines.append(f"guest {found.name} unwedge")
    if found.snapshots:
        lines.append(f"virsh snapshot-delete {found.name}@{host.name}")
    if (found.state, found.reason) == (DomainState.PAUSED, "user"):
        lines.append(f"virsh resume {found.name}@{host.name}")
    if found.guest and found.guest.dirty_rate:
        lines.append(f"guest {found.name} dirty 0MiB")
    if found.guest and found.guest.deaf:
        lines.append(f"virsh destroy {found.name}@{host.name}")
    if found.xml is None:
        lines.append(f"virsh dumpxml-define {found.name}@{host.name} {host.name}")
    elif found.live and definition.needs(found.xml) != definition.needs(found.live):
        lines.append(f"virsh destroy {found.name}@{host.name}")
    return lines


def unwell(world: World, desired: Desired, core: list[str]) -> list[str]:
    """What is wrong with a core that nothing disturbs, and can be said although other hosts may be silent."""
    found = [sentence for name in core for sentence in _rooms(world, desired, world.hypervisors[name])]
    silent = [name for name in desired.hypervisors if name not in core and not _answers(world, name)]
    free = [name for name in core if not desired.hosts[name].spec.cordoned]
    for name, document in desired.domains.items():
        places = {host.name for host, domain in world.all_domains() if domain.name == name}
        if not places or not places <= set(core):
            continue
        if not silent:
            found += _guest(world, desired, name)
        elif free and document.spec.on_drain is OnDrain.MIGRATE:
            found += [s for s in _guest(world, desired, name) if s.endswith("cordoned")]
    return found


def _answers(world: World, host: str) -> bool:
    return world.reaches(SEAT, host) and world.hypervisors[host].daemon is Daemon.ALIVE
