"""Domains: that what they need exists, and that some host has all of it."""

from reconciler.desired.derive import doomed_disks
from reconciler.desired.documents import Cdrom, Domain, Network, Pool, State
from reconciler.load.checks.cloud_init import check_cloud_init
from reconciler.load.checks.selectors import check_hosts
from reconciler.load.checks.world import At, Entry, World
from reconciler.load.words import Hint

SECTOR = 512


def check(world: World) -> None:
    """Complain about domains that no host could run."""
    former: dict[str, At] = {}
    for entry, domain in world.of(Domain):
        _former_name(world, entry, domain, former)
        _names(world, entry, domain)
        _sizes(world, entry, domain)
        check_cloud_init(world, entry, domain)
        _ready(world, entry, domain)
        hosts_are_right = check_hosts(world, (entry, ("spec", "placement", "hosts")), domain.spec.placement.hosts)
        if domain.spec.state is State.PRESENT:
            needs = dict([*_pools(world, entry, domain), *_networks(world, entry, domain)])
            if hosts_are_right:
                _candidates(world, entry, domain, needs)
        for disk in doomed_disks(domain):
            where = (entry, ("spec", "disks", domain.spec.disks.index(disk), "pool"))
            world.refer(where, "Pool", disk.pool)


def _former_name(world: World, entry: Entry, domain: Domain, known: dict[str, At]) -> None:
    """A name that was given up is nobody else's: no document has it, and no other one had it."""
    former, where = domain.metadata.renamed_from, (entry, ("metadata", "renamedFrom"))
    if former is None:
        return
    other = world.by_kind["Domain"].get(former)
    if other is not None:
        message = "is its own name" if other is entry else "names a Domain that has a document; one of the two must go"
        world.complain(where, message, first=None if other is entry else (other, ("metadata", "name")))
    elif former in known:
        world.complain(where, "is what another domain was called", first=known[former])
    known.setdefault(former, where)


def _names(world: World, entry: Entry, domain: Domain) -> None:
    """No two disks or drives, and no two interfaces, of one domain have one name."""
    disks = [("disks", index, disk.name) for index, disk in enumerate(domain.spec.disks)]
    drives = [("cdroms", index, drive.name) for index, drive in enumerate(domain.spec.cdroms)]
    cards = [("interfaces", index, card.name) for index, card in enumerate(domain.spec.interfaces)]
    for sort, devices in (("disks", (*disks, *drives)), ("interfaces", (*cards,))):
        seen: dict[str, At] = {}
        for field, index, name in devices:
            where = (entry, ("spec", field, index, "name"))
            if seen.setdefault(name, where) is not where:
                among = f"{sort} and cdroms" if "cdroms" in (field, seen[name][1][1]) else sort
                world.complain(where, f"is a name twice among {among}", first=seen[name])


def _sizes(world: World, entry: Entry, domain: Domain) -> None:
    for index, disk in enumerate(domain.spec.disks):
        if disk.size % SECTOR:
            world.complain((entry, ("spec", "disks", index, "size")), "is not a whole number of sectors of 512 bytes")
        if disk.copy_ and not disk.image:
            where = (entry, ("spec", "disks", index, "copy"))
            world.complain(where, "needs an image to copy; name one, or leave it out", quote=False)
        if disk.image and disk.format != "qcow2" and not disk.copy_:
            where = (entry, ("spec", "disks", index, "format"))
            world.complain(where, "cannot be an overlay on an image; leave the format out, or write copy: true")


def _ready(world: World, entry: Entry, domain: Domain) -> None:
    """It can come true, and says something."""
    ready, where = domain.spec.ready, (entry, ("spec", "ready"))
    if ready is None:
        return
    if not (ready.agent or ready.address or ready.tcp):
        world.complain(where, "names nothing; write agent: true, address: true, or tcp: with a port")
    if ready.agent and not domain.spec.guest_agent:
        world.complain((entry, (*where[1], "agent")), "can never be, since guestAgent is false", quote=False)
    for field in ("address", "tcp"):
        if getattr(ready, field) and not domain.spec.interfaces:
            world.complain((entry, (*where[1], field)), "can never be, since it has no interfaces", quote=False)


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
    for index, drive in enumerate(domain.spec.cdroms):
        needs += _medium(world, (entry, ("spec", "cdroms", index)), drive)
    return needs


def _medium(world: World, where: At, drive: Cdrom) -> list[tuple[str, frozenset[str]]]:
    """What a drive needs of a host. A medium is an image or a volume, and lies in a pool."""
    entry, here = where
    if drive.image and drive.volume:
        world.complain(where, "has two media, an image and a volume; leave one of them out")
    if not drive.pool:
        if drive.image or drive.volume:
            world.complain(where, "names a medium, and no pool that it lies in")
        return []
    if not (drive.image or drive.volume):
        world.complain((entry, (*here, "pool")), "holds no medium that is named; write its image or volume")
    pool = world.refer((entry, (*here, "pool")), "Pool", drive.pool)
    if not isinstance(pool, Pool):
        return []
    images = {image.name: image for image in pool.spec.images}
    if drive.image and drive.image not in images:
        message = f"names no image of the pool {pool.name}"
        world.complain((entry, (*here, "image")), message, hint=Hint(drive.image, tuple(images)))
    elif drive.image and images[drive.image].format != "raw":
        world.complain((entry, (*here, "image")), "is no medium: its format must be raw, as that of an ISO is")
    return [(f"pool {pool.name}", world.selected(pool.spec.hosts))]


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
