"""What a look at the simulated world shows: the same data that the real edge reads from libvirt and the servers.

What cannot be read raises Stuck (nobody answers until the deadline) or Refusal; edge.py makes it Unknown.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from reconciler.desired import Desired
from reconciler.desired.derive import claim, doomed_disks, image_marker, image_volume, object_uuid, volume_name
from reconciler.desired.documents import Pool as PoolDocument
from reconciler.observed import (
    EVERY_VOLUME,
    Cell,
    DomainState,
    HostFacts,
    Listing,
    Look,
    MemoryUse,
    Offer,
    Part,
    SeenDomain,
    SeenExport,
    SeenJob,
    SeenNetwork,
    SeenPool,
    SeenTarget,
    SeenVolume,
)
from reconciler.presence import AddressSource, SeenGuest, sorted_out
from reconciler.simulate import definition, passwords
from reconciler.simulate.machines import Agent, Domain, Guest, Hypervisor, Mount, Network, NfsServer, Pool
from reconciler.simulate.refusal import Stuck
from reconciler.simulate.world import SEAT, World
from reconciler.xml import domain as domain_xml
from reconciler.xml.network import read_network
from reconciler.xml.pool import read_pool

EXPORT_FILE = "reconciler.{cluster}.{pool}.exports"
TERABYTE = 1000**4

_read_domain = lru_cache(maxsize=1024)(domain_xml.read)
_read_network = lru_cache(maxsize=1024)(read_network)
_read_pool = lru_cache(maxsize=1024)(read_pool)


def read(world: World, desired: Desired, look: Look) -> Listing[Any]:
    """One part of one host, or the object that `look` names. Raises: Stuck, Refusal."""
    if look.part is Part.EXPORTS:
        return _listing(world, _exports(world, desired, look.host), "", "")
    hypervisor = world.hypervisors.get(look.host)
    if hypervisor is None:
        raise Stuck("no such machine")
    world.answers(hypervisor)
    if look.part is Part.FACTS:
        return Listing({hypervisor.name: _facts(world, hypervisor)}, world.clock.now())
    if look.part is Part.MEMORY:
        found = hypervisor.domains.get(look.uuid)
        uses = {look.name: _memory_use(found)} if found and found.guest else {}
        return Listing(uses, world.clock.now(), frozenset({look.name}))
    if look.part is Part.GUESTS:
        found = hypervisor.domains.get(look.uuid)
        shows = found is not None and found.guest is not None and not found.wedged
        seen = _guest(world, desired, found.guest) if shows and found and found.guest else SeenGuest(look.name)
        return Listing({look.name: seen}, world.clock.now(), frozenset({look.name}))
    return _listing(world, _items(world, desired, hypervisor, look), look.name, look.uuid)


def _items(world: World, desired: Desired, hypervisor: Hypervisor, look: Look) -> dict[str, Any]:
    if look.part is Part.DOMAINS:
        return {found.name: _domain(world, desired, found) for found in hypervisor.domains.values()}
    if look.part is Part.NETWORKS:
        return {found.name: _network(found) for found in hypervisor.networks.values()}
    return {found.name: _pool(world, desired, hypervisor, found, look.volume) for found in hypervisor.pools.values()}


def _listing(world: World, items: Mapping[str, Any], name: str, uuid: str) -> Listing[Any]:
    """Sorted; only what is named, by name or by UUID, where something is."""
    if not name:
        return Listing(dict(sorted(items.items())), world.clock.now())
    chosen = {key: item for key, item in sorted(items.items()) if key == name or (uuid and item.uuid == uuid)}
    return Listing(chosen, world.clock.now(), frozenset({name, *chosen}))


def _memory_use(found: Domain) -> MemoryUse:
    """A simulated guest holds all that it was given."""
    assert found.guest is not None
    memory = definition.needs(found.live or "<domain/>").memory
    return MemoryUse(found.name, memory, found.guest.dirty_rate)


def _guest(world: World, desired: Desired, guest: Guest) -> SeenGuest:
    """What it shows once it has come up."""
    is_up = world.clock.now() >= guest.ready_at
    agent = {Agent.ABSENT: None, Agent.MUTE: False, Agent.WELL: is_up}[guest.agent]
    told = [(AddressSource.AGENT, "", guest.address)] if agent else []
    told += [(AddressSource.ARP, "", guest.address)] if is_up and not guest.quiet else []
    ready = desired.domains[guest.name].spec.ready if guest.name in desired.domains else None
    addresses, port = sorted_out(told), ready.tcp if ready else None
    return SeenGuest(guest.name, agent, addresses, None if port is None else bool(addresses) and port in guest.ports)


def _facts(world: World, hypervisor: Hypervisor) -> HostFacts:
    return HostFacts(
        uuid=hypervisor.uuid,
        arch="x86_64",
        virt_type="kvm",
        memory=hypervisor.memory,
        cpus=hypervisor.cpus,
        cpu=hypervisor.cpu_facts,
        libvirt_version=9_000_000,
        qemu_version=hypervisor.qemu,
        offers=(("x86_64", Offer(hypervisor.machines)),),
        cells=(Cell(0, frozenset(range(hypervisor.cpus))),),
        boot_id=f"{hypervisor.name}-{hypervisor.boots}",
        link=world.link_rate,
    )


def _domain(world: World, desired: Desired, found: Domain) -> SeenDomain:
    if found.wedged:
        unknown = "its monitor did not answer within 5 s"
        return SeenDomain(found.name, found.uuid, DomainState.NOSTATE, unknown=unknown)
    edits = desired.domains[found.name].spec.xml if found.name in desired.domains else ()
    persistent = _read_domain(found.xml, edits) if found.xml else None
    live = _read_domain(found.live, edits) if found.live and found.is_active else None
    disks = dict.fromkeys(disk for reading in (persistent, live) if reading for disk in reading.disks)
    mark = persistent.mark if persistent else live.mark if live else None
    snapshots = (f"it has {found.snapshots} snapshots",) if found.snapshots else ()
    return SeenDomain(
        name=found.name,
        uuid=found.uuid,
        state=found.state,
        reason=found.reason,
        mark=mark,
        fields=persistent.fields if persistent else None,
        live=live.fields if live else None,
        disks=tuple(disks),
        xml=passwords.hidden(found.xml or ""),
        autostart=found.autostart,
        job=_job(world, found),
        agent_connected=found.guest is not None and found.guest.agent is not Agent.ABSENT,
        password=passwords.seen(world, desired, found),
        spare_ports=live.spare_ports if live else None,
        obstacles=(*snapshots, *(live.hindrances if live else ())),
        bound=snapshots,
        backing=frozenset(file.backing for file in found.opened if file.backing),
    )


def _job(world: World, found: Domain) -> SeenJob | None:
    """As libvirt tells it: figures at the source alone."""
    for migration in world.migrations:
        if found in (migration.domain, migration.incoming):
            return migration.job if found is migration.domain else SeenJob()
    return None


def _network(found: Network) -> SeenNetwork:
    xml = found.xml or found.live or ""
    reading = _read_network(xml)
    persistent = found.xml is not None
    return SeenNetwork(reading.name, reading.uuid, found.active, reading.mark, reading.fields, xml, persistent)


# --- pools --------------------------------------------------------------------------------


def _pool(world: World, desired: Desired, hypervisor: Hypervisor, found: Pool, named: str) -> SeenPool:
    reading = _read_pool(found.xml)
    trouble = _trouble(world, hypervisor, found) if found.active else ""
    mount = hypervisor.mounts.get(found.target)
    volumes = _volumes(world, desired, hypervisor, found, named) if found.active and not trouble else None
    return SeenPool(
        name=found.name,
        uuid=found.uuid,
        active=found.active,
        fields=reading.fields,
        volumes=volumes,
        mounted_from=str(mount) if mount else "",
        trouble=trouble,
        capacity=TERABYTE if found.active else 0,
        available=TERABYTE // 2 if found.active and not _is_full(world, mount) else 0,
    )


def _is_full(world: World, mount: Mount | None) -> bool:
    server = world.server_named(mount.server) if mount else None
    return server is not None and server.full


def _trouble(world: World, hypervisor: Hypervisor, found: Pool) -> str:
    """Why an active netfs pool is of no use. Raises: Stuck where its mount hangs at this host alone."""
    if found.type != "netfs":
        return ""
    mount = hypervisor.mounts.get(found.target)
    if mount is None:
        return f"nothing is mounted on {found.target}"
    if (mount.server, mount.dir) != (found.source_host, found.source_dir):
        return f"{mount} is mounted on {found.target}"
    server = world.server_named(mount.server)
    if server is None or not world.serves(server, SEAT):
        return f"its server {mount.server} does not answer"
    if not world.serves(server, hypervisor.name):
        raise Stuck(f"pool {found.name} hangs")
    if not world.is_exported(server, mount.dir, hypervisor.address):
        return f"{mount} gives stale file handles"
    return ""


def _volumes(
    world: World, desired: Desired, hypervisor: Hypervisor, found: Pool, also: str
) -> dict[str, SeenVolume | None]:
    """What libvirtd lists; details of what the documents name, and of the one that is looked at."""
    named = {also, *_named_volumes(desired, found.name)}
    every = also == EVERY_VOLUME or any(map(doomed_disks, desired.domains.values()))
    directory = world.directory(hypervisor, found.target)
    files = directory.files if directory else {}
    details: dict[str, SeenVolume | None] = {}
    for name in sorted(found.listed):
        file = files.get(name)
        if file is None and every:
            continue  # libvirt, asked for details of a file that is gone, says that there is no such volume
        wanted = file is not None and (name in named or every)
        details[name] = SeenVolume(file.capacity, file.format, file.backing) if file and wanted else None
    return details


def _named_volumes(desired: Desired, pool: str) -> Iterator[str]:
    for name, domain in desired.domains.items():
        yield from (volume_name(name, disk) for disk in domain.spec.disks if disk.pool == pool)
        own = claim(domain, desired.pools)
        if own and own[0] == pool:
            yield own[1]
    if pool in desired.pools:
        for image in desired.pools[pool].spec.images:
            yield from (image_volume(image), image_marker(image))


def targets(world: World, desired: Desired, host: str) -> dict[str, SeenTarget]:
    """The directories on which pools of the documents shall be mounted and are not, by path."""
    hypervisor = world.hypervisors.get(host)
    if hypervisor is None:
        return {}
    wanted = (pool for pool in desired.pools.values() if host in desired.selected(pool.spec.hosts))
    return {p.spec.target: _target(hypervisor, p.spec.target) for p in wanted if not _is_active(desired, hypervisor, p)}


def _is_active(desired: Desired, hypervisor: Hypervisor, pool: PoolDocument) -> bool:
    found = hypervisor.pools.get(pool.name)
    ours = object_uuid(desired.cluster_name, "pool", pool.name)
    return found is not None and found.active and (pool.adopted or found.uuid == ours)


def _target(hypervisor: Hypervisor, path: str) -> SeenTarget:
    mount, directory = hypervisor.mounts.get(path), hypervisor.dirs.get(path)
    return SeenTarget(path, holds_files=bool(directory and directory.files), mounted_from=str(mount) if mount else "")


# --- servers --------------------------------------------------------------------------------


def _exports(world: World, desired: Desired, host: str) -> dict[str, SeenExport]:
    """Every line written or in force, by directory and client. Raises: Stuck."""
    server = world.servers.get(host)
    if server is None or not world.reaches(SEAT, server.name):
        raise Stuck("no answer")
    seen = {f"{dir_} {client}": SeenExport(dir_, client, options) for (dir_, client), options in server.served.items()}
    ours = {EXPORT_FILE.format(cluster=desired.cluster_name, pool=pool): pool for pool in _pool_names(server, desired)}
    for file, lines in server.files.items():
        for line in lines:
            served = server.served.get((line.dir, line.client)) == line.options
            key = f"{line.dir} {line.client}"
            seen[key] = SeenExport(line.dir, line.client, line.options, ours.get(file, ""), served)
    return seen


def _pool_names(server: NfsServer, desired: Desired) -> Iterator[str]:
    prefix, suffix = EXPORT_FILE.format(cluster=desired.cluster_name, pool="\0").split("\0")
    for file in server.files:
        if file.startswith(prefix) and file.endswith(suffix):
            yield file[len(prefix) : -len(suffix)]


def answering(world: World, desired: Desired) -> dict[str, bool]:
    """Which of the pools' servers answer an RPC NULL call of ours, by address."""
    answers = {}
    for pool in desired.pools.values():
        if pool.spec.source:
            host = desired.hosts.get(pool.spec.source.host)
            address = host.spec.address if host else pool.spec.source.host
            server = world.server_named(address)
            answers[address] = server is not None and world.serves(server, SEAT)
    return answers


def waits_s(world: World, look: Look) -> float:
    """How long it takes until a read gives up: a connection that cannot be made costs less than one that hangs."""
    return 10.0 if world.reaches(SEAT, look.host) else 5.0
