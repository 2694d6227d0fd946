"""Pools: where they come from, where they lie, and that none lies over another."""

import ipaddress
from collections.abc import Iterator

from reconciler.desired.documents import Host, Pool, State
from reconciler.load.checks.selectors import check_hosts
from reconciler.load.checks.world import At, Entry, World
from reconciler.load.words import Hint


def check(world: World) -> None:
    """Complain about pools that cannot be mounted, or would hide something."""
    for entry, pool in world.of(Pool):
        check_hosts(world, (entry, ("spec", "hosts")), pool.spec.hosts)
        _source(world, entry, pool)
        _export(world, entry, pool)
    present = [(entry, pool) for entry, pool in world.of(Pool) if pool.spec.state is State.PRESENT]
    _targets_apart(world, present)
    _sources_apart(world, present)


def _source(world: World, entry: Entry, pool: Pool) -> None:
    """A netfs pool has a source that exists, a dir pool has none."""
    source = pool.spec.source
    if pool.spec.type == "netfs" and source is None:
        world.complain((entry, ("spec", "source")), "is missing; a netfs pool is mounted from somewhere")
    if source is None:
        return
    if pool.spec.type == "dir":
        world.complain((entry, ("spec", "source")), "does not belong to a pool of type dir", of_key=True)
        return
    where = (entry, ("spec", "source", "host"))
    address = _address(source.host)
    if address:
        _foreign_server(world, where, address)
    else:
        server = world.refer(where, "Host", source.host)
        if isinstance(server, Host):
            _own_server(world, where, server, entry, pool)


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def _foreign_server(world: World, where: At, address: str) -> None:
    for host in world.desired.hosts.values():
        if host.spec.address == address:
            world.complain(where, f"is the address of a Host of ours; write its name, {host.name}")


def _own_server(world: World, where: At, server: Host, entry: Entry, pool: Pool) -> None:
    if server.spec.nfs_server is None:
        hint = Hint(server.name, tuple(world.desired.servers))
        world.complain(where, "names a Host without nfsServer", hint=hint)
        return
    assert pool.spec.source is not None
    if server.name in world.selected(pool.spec.hosts) and _overlap(pool.spec.source.dir, pool.spec.target):
        message = f"would be mounted over what {server.name} itself exports"
        world.complain((entry, ("spec", "target")), message, first=(entry, ("spec", "source", "dir")))


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(other + "/") or other.startswith(one + "/")


def _export(world: World, entry: Entry, pool: Pool) -> None:
    """Only what we can write has an export."""
    spec = pool.spec
    if spec.export is None:
        return
    where = (entry, ("spec", "export"))
    if spec.type == "dir":
        world.complain(where, "does not belong to a pool of type dir", of_key=True)
    elif spec.source and _address(spec.source.host):
        message = "belongs to a server that is not ours; name a Host with nfsServer in source.host"
        world.complain(where, message, of_key=True)
    seen: dict[str, At] = {}
    for index, client in enumerate(spec.export.clients):
        here = (entry, ("spec", "export", "clients", index))
        first = seen.setdefault(client.lower(), here)
        if first is not here:
            world.complain(here, "is a client twice", first=first)


def _targets_apart(world: World, pools: list[tuple[Entry, Pool]]) -> None:
    """On one host, no target is another's, or lies in it."""
    by_target: dict[str, list[tuple[Entry, Pool]]] = {}
    for entry, pool in pools:
        by_target.setdefault(pool.spec.target, []).append((entry, pool))
    for entry, pool in pools:
        for above in _upwards(pool.spec.target):
            for other, other_pool in by_target.get(above, ()):
                if other is entry or (above == pool.spec.target and other.name > entry.name):
                    continue
                shared = world.selected(pool.spec.hosts) & world.selected(other_pool.spec.hosts)
                if shared:
                    relation = "is also the target" if above == pool.spec.target else "lies in the target"
                    message = f"{relation} of the pool {other.name} on {min(shared)}"
                    world.complain((entry, ("spec", "target")), message, first=(other, ("spec", "target")))


def _upwards(path: str) -> Iterator[str]:
    """The path and everything it lies in, but the root."""
    while path:
        yield path
        path = path.rpartition("/")[0]


def _sources_apart(world: World, pools: list[tuple[Entry, Pool]]) -> None:
    """One directory is one pool: two would not know of each other's volumes."""
    known: dict[tuple[str, str], Entry] = {}
    for entry, pool in pools:
        source = pool.spec.source
        if source is None:
            continue
        first = known.setdefault((source.host, source.dir), entry)
        if first is not entry:
            message = f"is also the source of the pool {first.name}"
            world.complain((entry, ("spec", "source", "dir")), message, first=(first, ("spec", "source", "dir")))
