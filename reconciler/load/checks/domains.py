"""Domains: that what they need exists, and that some host has all of it."""

from reconciler.desired.documents import Domain, Network, Pool, State
from reconciler.load.checks.cloud_init import check_cloud_init
from reconciler.load.checks.selectors import check_hosts
from reconciler.load.checks.world import Entry, World
from reconciler.load.words import Hint

SECTOR = 512


def check(world: World) -> None:
    """Complain about domains that no host could run."""
    for entry, domain in world.of(Domain):
        _names(world, entry, domain)
        _sizes(world, entry, domain)
        check_cloud_init(world, entry, domain)
        hosts_are_right = check_hosts(world, (entry, ("spec", "placement", "hosts")), domain.spec.placement.hosts)
        if domain.spec.state is State.PRESENT:
            needs = dict([*_pools(world, entry, domain), *_networks(world, entry, domain)])
            if hosts_are_right:
                _candidates(world, entry, domain, needs)


def _names(world: World, entry: Entry, domain: Domain) -> None:
    """No two disks, and no two interfaces, of one domain have one name."""
    for field, names in (
        ("disks", [disk.name for disk in domain.spec.disks]),
        ("interfaces", [interface.name for interface in domain.spec.interfaces]),
    ):
        if len(set(names)) == len(names):
            continue
        seen: dict[str, int] = {}
        for index, name in enumerate(names):
            first = seen.setdefault(name, index)
            if first != index:
                where = (entry, ("spec", field, index, "name"))
                world.complain(where, f"is a name twice among {field}", first=(entry, ("spec", field, first, "name")))


def _sizes(world: World, entry: Entry, domain: Domain) -> None:
    for index, disk in enumerate(domain.spec.disks):
        if disk.size % SECTOR:
            world.complain((entry, ("spec", "disks", index, "size")), "is not a whole number of sectors of 512 bytes")
        if disk.image and disk.format != "qcow2":
            where = (entry, ("spec", "disks", index, "format"))
            world.complain(where, "cannot be an overlay on an image; leave the format out, or the image")


def _pools(world: World, entry: Entry, domain: Domain) -> list[tuple[str, frozenset[str]]]:
    """What the disks need of a host: the pool, and the hypervisors that have it."""
    needs = []
    for index, disk in enumerate(domain.spec.disks):
        pool = world.refer((entry, ("spec", "disks", index, "pool")), "Pool", disk.pool)
        if not isinstance(pool, Pool):
            continue
        needs.append((f"pool {pool.name}", world.selected(pool.spec.hosts)))
        names = tuple(image.name for image in pool.spec.images)
        if disk.image and disk.image not in names:
            where = (entry, ("spec", "disks", index, "image"))
            world.complain(where, f"names no image of the pool {pool.name}", hint=Hint(disk.image, names))
    return needs


def _networks(world: World, entry: Entry, domain: Domain) -> list[tuple[str, frozenset[str]]]:
    """What the interfaces need of a host."""
    needs = []
    for index, interface in enumerate(domain.spec.interfaces):
        where = (entry, ("spec", "interfaces", index, "network"))
        network = world.refer(where, "Network", interface.network)
        if isinstance(network, Network):
            needs.append((f"network {network.name}", world.selected(network.spec.hosts)))
    return needs


def _candidates(world: World, entry: Entry, domain: Domain, needs: dict[str, frozenset[str]]) -> None:
    """Complain when no host has everything, naming what is rarest."""
    allowed = world.selected(domain.spec.placement.hosts)
    if allowed.intersection(*needs.values()) or not world.knows_hosts or not all(needs.values()):
        return
    lacking = [need for need, hosts in needs.items() if not allowed <= hosts]
    message = f"leaves no host for the domain: none has {' and '.join(sorted(lacking))}"
    world.complain((entry, ("spec", "placement", "hosts")), message, quote=False)
