"""What we derive from names (volumes, MACs, UUIDs): nothing twice in the whole cloud."""

from collections.abc import Iterator

from reconciler.desired import derive
from reconciler.desired.documents import Domain, Network, Pool, State
from reconciler.load.checks.world import At, World


def check(world: World) -> None:
    """Complain about every clash, at the later of the two places."""
    _apart(world, _volumes(world), "would use the same volume as another disk or image: {}")
    _apart(world, _macs(world), "would have the MAC address of another interface: {}")
    _apart(world, _uuids(world), "would have the UUID of another object: {}; rename one")


def _apart(world: World, claims: Iterator[tuple[str, At]], message: str) -> None:
    known: dict[str, At] = {}
    last: At | None = None
    for key, where in claims:
        first = known.setdefault(key, where)
        if first is not where and where is not last:  # an image has two volumes, and is complained about once
            last = where
            world.complain(where, message.format(key), first=first, quote=False)


def _volumes(world: World) -> Iterator[tuple[str, At]]:
    """Every volume that documents name: images, then disks. A claim's name begins as none of theirs can."""
    for entry, pool in world.of(Pool):
        seen: set[str] = set()
        for index, image in enumerate(pool.spec.images):
            if image.name in seen:
                continue  # said already: a name twice
            seen.add(image.name)
            where = (entry, ("spec", "images", index))
            yield f"{pool.name}/{derive.image_volume(image)}", where
            yield f"{pool.name}/{derive.image_marker(image)}", where
    for entry, domain in world.of(Domain):
        if domain.spec.state is State.PRESENT:
            for index, disk in enumerate(domain.spec.disks):
                yield f"{disk.pool}/{derive.volume_name(domain.name, disk)}", (entry, ("spec", "disks", index))


def _macs(world: World) -> Iterator[tuple[str, At]]:
    cluster = world.desired.cluster_name
    for entry, domain in world.of(Domain):
        if domain.spec.state is State.PRESENT:
            for index, interface in enumerate(domain.spec.interfaces):
                yield derive.mac(cluster, domain.name, interface), (entry, ("spec", "interfaces", index))


def _uuids(world: World) -> Iterator[tuple[str, At]]:
    cluster = world.desired.cluster_name
    for model in (Domain, Network, Pool):
        for entry, document in world.of(model):
            yield derive.object_uuid(cluster, entry.kind.lower(), document.name), (entry, ("metadata", "name"))
