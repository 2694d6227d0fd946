"""What people and the world do, in the words that a person would type: `virsh destroy web-1@hv1`, `nfs stall nas`.

One command a line; `act` runs one. Nothing here is done by us.
"""

import shlex
from collections.abc import Callable, Mapping

from reconciler.desired.quantity import parse_size
from reconciler.errors import UsageError
from reconciler.simulate import definition, domains, networks, storage
from reconciler.simulate.inside import guest
from reconciler.simulate.machines import Daemon, Directory, Domain, ExportLine, File, Hand, Hypervisor, NfsServer
from reconciler.simulate.migration import Phase, migrate
from reconciler.simulate.refusal import Refusal, Stuck, failed
from reconciler.simulate.world import SEAT, World

MIB = 1024**2


def act(world: World, line: str) -> None:
    """Do what one line says. What libvirt refuses a person is written into the journal. Raises: UsageError."""
    words = shlex.split(line)
    command = COMMANDS.get(words[0]) if words else None
    if command is None:
        raise UsageError(f"cannot do {line!r}: the first word is one of {', '.join(sorted(COMMANDS))}")
    try:
        with world.acting(Hand.PERSON):
            command(world, words[1:])
    except Refusal as refusal:
        world.tell("person", line, f"refused: {refusal}")
    except Stuck as hang:
        world.tell("person", line, f"hangs: {hang}")
    except (KeyError, IndexError, ValueError, StopIteration) as error:
        raise UsageError(f"cannot do {line!r}: {error!r}") from error


def _at(world: World, text: str) -> tuple[Hypervisor, str]:
    name, _, host = text.rpartition("@")
    return world.hypervisors[host], name


def _domain_at(world: World, text: str) -> tuple[Hypervisor, Domain]:
    hypervisor, name = _at(world, text)
    found = hypervisor.named(name)
    if found is None:
        raise KeyError(text)
    return hypervisor, found


def _options(words: list[str]) -> dict[str, str]:
    return dict(word.split("=", 1) for word in words)


# --- virsh -------------------------------------------------------------------------------


def _virsh(world: World, words: list[str]) -> None:
    verb, subject, *rest = words
    if verb in ON_DOMAIN:
        hypervisor, found = _domain_at(world, subject)
        ON_DOMAIN[verb](world, hypervisor, found, rest)
    else:
        hypervisor, name = _at(world, subject)
        ON_NAME[verb](world, hypervisor, name, _options(rest))


def _setvcpus(world: World, hypervisor: Hypervisor, found: Domain, rest: list[str]) -> None:
    if found.xml is not None:
        domains.define(world, hypervisor, definition.with_vcpus(found.xml, int(rest[0])))


def _detach_disk(world: World, hypervisor: Hypervisor, found: Domain, rest: list[str]) -> None:
    if found.xml is not None:
        domains.define(world, hypervisor, definition.without_disk(found.xml, rest[0]))


def _attach_device(world: World, hypervisor: Hypervisor, found: Domain, rest: list[str]) -> None:
    """attach-device NAME@HOST XML, in the persistent definition"""
    if found.xml is not None:
        domains.define(world, hypervisor, found.xml.replace("</devices>", f"  {rest[0]}\n  </devices>", 1))


def _migrate(world: World, hypervisor: Hypervisor, found: Domain, rest: list[str]) -> None:
    migrate(world, hypervisor, found.uuid, world.hypervisors[rest[0]], None)


def _dumpxml_define(world: World, hypervisor: Hypervisor, found: Domain, rest: list[str]) -> None:
    """`virsh dumpxml` here, `virsh define` there"""
    domains.define(world, world.hypervisors[rest[0]], found.xml or found.live or "")


def _abort(world: World, _: Hypervisor, found: Domain, __: list[str]) -> None:
    for migration in [m for m in world.migrations if m.domain is found]:
        migration.abort()


def _snapshot(world: World, hypervisor: Hypervisor, found: Domain, rest: list[str]) -> None:
    found.snapshots = int(rest[0]) if rest else 1
    world.tell(hypervisor.name, f"domain/{found.name}", f"has {found.snapshots} snapshots")


def _define(world: World, hypervisor: Hypervisor, name: str, options: Mapping[str, str]) -> None:
    xml = definition.foreign_domain(
        name,
        options.get("uuid") or world.new_uuid(),
        memory_mib=parse_size(options.get("memory", "64MiB")) // MIB,
        vcpus=int(options.get("vcpus", "1")),
        disks=tuple(filter(None, options.get("disks", "").split(","))),
    )
    domains.define(world, hypervisor, xml)


def _net_define(world: World, hypervisor: Hypervisor, name: str, options: Mapping[str, str]) -> None:
    uuid = options.get("uuid") or world.new_uuid()
    networks.define_network(world, hypervisor, definition.foreign_network(name, uuid, options.get("bridge", "br0")))


def _pool_define(world: World, hypervisor: Hypervisor, name: str, options: Mapping[str, str]) -> None:
    uuid = options.get("uuid") or world.new_uuid()
    storage.define_pool(world, hypervisor, definition.foreign_pool(name, uuid, options["target"]))


OnDomain = Callable[[World, Hypervisor, Domain, list[str]], object]
OnName = Callable[[World, Hypervisor, str, Mapping[str, str]], object]

ON_DOMAIN: Mapping[str, OnDomain] = {
    "start": lambda w, h, d, _: domains.start(w, h, d.uuid),
    "destroy": lambda w, h, d, _: domains.destroy(w, h, d.uuid),
    "shutdown": lambda w, h, d, _: domains.shutdown(w, h, d.uuid),
    "suspend": lambda w, h, d, _: domains.suspend(w, h, d.uuid),
    "resume": lambda w, h, d, _: domains.resume(w, h, d.uuid),
    "autostart": lambda w, h, d, _: domains.set_autostart(w, h, d.uuid, starts=True),
    "undefine": lambda w, h, d, _: domains.undefine(w, h, d.uuid),
    "setvcpus": _setvcpus,
    "attach-device": _attach_device,
    "detach-disk": _detach_disk,
    "migrate": _migrate,
    "dumpxml-define": _dumpxml_define,
    "domjobabort": _abort,
    "snapshot-create": _snapshot,
    "snapshot-delete": lambda w, h, d, _: _snapshot(w, h, d, ["0"]),
}
ON_NAME: Mapping[str, OnName] = {
    "define": _define,
    "net-define": _net_define,
    "net-start": lambda w, h, n, _: networks.start_network(w, h, n),
    "net-destroy": lambda w, h, n, _: networks.stop_network(w, h, n),
    "net-undefine": lambda w, h, n, _: networks.undefine_network(w, h, n),
    "pool-define": _pool_define,
    "pool-start": lambda w, h, n, _: storage.start_pool(w, h, n),
    "pool-build": lambda w, h, n, _: storage.build_pool(w, h, n),
    "pool-refresh": lambda w, h, n, _: storage.refresh_pool(w, h, n),
    "pool-destroy": lambda w, h, n, _: storage.stop_pool(w, h, n),
    "pool-undefine": lambda w, h, n, _: storage.undefine_pool(w, h, n),
}

# --- storage -------------------------------------------------------------------------------


def _nfs(world: World, words: list[str]) -> None:
    """nfs stall|resume|full|roomy SERVER; nfs export SERVER DIR CLIENT OPTIONS [FILE]; nfs withdraw SERVER DIR;
    nfs mislead|unmislead SERVER DIR HOST (its name for the server leads to another one)"""
    verb, server = words[0], world.servers[words[1]]
    if verb in ("stall", "resume"):
        server.daemon = Daemon.HUNG if verb == "stall" else Daemon.ALIVE
        world.tell(server.name, "nfs", "stalls" if verb == "stall" else "serves again")
        world.disturb()
    elif verb in ("full", "roomy"):
        server.full = verb == "full"
        world.tell(server.name, "nfs", "has no room left" if server.full else "has room again")
    elif verb == "export":
        dir_, client, options = words[2:5]
        line = ExportLine(dir_, client, frozenset(options.split(",")))
        file = words[5] if len(words) > 5 else "/etc/exports"
        storage.write_export(world, server, file, (*server.files.get(file, ()), line))
    elif verb == "withdraw":
        _withdraw(world, server, words[2])
    elif verb == "mislead":
        server.others[words[3], words[2]] = Directory()
        world.tell(words[3], f"dir{words[2]}", "comes from another server of the same name")
    elif verb == "unmislead":
        del server.others[words[3], words[2]]
        world.tell(words[3], f"dir{words[2]}", f"comes from {server.name} again")
    else:
        raise ValueError(verb)


def _withdraw(world: World, server: NfsServer, dir_: str) -> None:
    """`exportfs -u`: out of force, while the files still say it."""
    for key in [key for key in server.served if key[0] == dir_]:
        del server.served[key]
        world.tell(server.name, f"dir{dir_}", f"withdrawn for {key[1]}")


def _umount(world: World, words: list[str]) -> None:
    """umount TARGET HOST"""
    hypervisor = world.hypervisors[words[1]]
    if storage.holds_open(world, hypervisor, words[0]):
        raise failed(f"umount: {words[0]}: target is busy.")
    hypervisor.mounts.pop(words[0])
    world.tell(hypervisor.name, f"dir{words[0]}", "unmounted")


def _file(world: World, words: list[str]) -> None:
    """file MACHINE:DIR/NAME [SIZE [FORMAT [BACKING]]]: a file appears behind libvirt's back, standing on another"""
    machine, _, path = words[0].partition(":")
    parent, _, name = path.rpartition("/")
    holder = world.servers.get(machine) or world.hypervisors[machine]
    size, shape, backing = (*words[1:], *("", "", "")[len(words) - 1 :])
    made = File(world.next_number(), parse_size(size) if size else MIB, shape or "qcow2", backing)
    holder.dirs.setdefault(parent, Directory()).files[name] = made
    world.tell(machine, f"file{path}", "made")


def _lock(world: World, words: list[str]) -> None:
    """lock MACHINE:DIR/NAME, unlock ...: a process that no libvirt knows of holds QEMU's lock on an image"""
    machine, _, path = words[1].partition(":")
    parent, _, name = path.rpartition("/")
    holder = world.servers.get(machine) or world.hypervisors[machine]
    holder.dirs[parent].files[name].locked = words[0] == "lock"
    world.tell(machine, f"file{path}", f"{words[0]}ed")


def _resize_volume(world: World, words: list[str]) -> None:
    """volume-resize MACHINE:DIR/NAME SIZE: what `virsh vol-resize` or `blockresize` does, whoever has it open"""
    machine, _, path = words[0].partition(":")
    parent, _, name = path.rpartition("/")
    holder = world.servers.get(machine) or world.hypervisors[machine]
    holder.dirs[parent].files[name].capacity = parse_size(words[1])
    world.tell(machine, f"file{path}", f"has {words[1]}")


def _remove_file(world: World, words: list[str]) -> None:
    """rm MACHINE:DIR/NAME"""
    machine, _, path = words[0].partition(":")
    parent, _, name = path.rpartition("/")
    holder = world.servers.get(machine) or world.hypervisors[machine]
    del holder.dirs[parent].files[name]
    world.tell(machine, f"file{path}", "removed")


# --- machines, daemons, links ----------------------------------------------------------------


def _host(world: World, words: list[str]) -> None:
    """host NAME down|up (its link) | off|on (its power)"""
    name, verb = words
    if name not in world.nodes():
        raise KeyError(name)
    pairs = {frozenset({name, node}) for node in world.nodes() if node != name}
    if verb == "down":
        world.cuts |= pairs
    elif verb == "up":
        world.cuts -= pairs
    elif verb == "off":
        _power_off(world, name)
    elif verb == "on":
        _power_on(world, name)
    else:
        raise ValueError(verb)
    world.tell(name, f"host/{name}", {"down": "link down", "up": "link up"}.get(verb, f"power {verb}"))
    world.disturb()


def _power_off(world: World, name: str) -> None:
    """Its guests die with it; its disks and definitions stay."""
    world.off.add(name)
    hypervisor = world.hypervisors.get(name)
    if hypervisor is None:
        return
    with world.acting(Hand.WORLD):
        for found in sorted(hypervisor.domains.values(), key=lambda d: d.name):
            if found.is_active:
                domains.end(world, hypervisor, found, "crashed")
    for pool in hypervisor.pools.values():
        pool.active, pool.listed = False, set()
    hypervisor.networks = {name: network for name, network in hypervisor.networks.items() if network.xml}
    for network in hypervisor.networks.values():
        network.live = None
    hypervisor.mounts.clear()


def _power_on(world: World, name: str) -> None:
    """Boots; networks of ours have autostart in libvirt's default sense: none does, so nothing starts by itself."""
    world.off.discard(name)
    hypervisor = world.hypervisors.get(name)
    if hypervisor:
        hypervisor.boots += 1
        hypervisor.daemon = Daemon.ALIVE


def _link(world: World, words: list[str]) -> None:
    """link ONE OTHER cut|mend; `seat` is us"""
    pair = frozenset(words[:2])
    if not pair <= set(world.nodes()):
        raise ValueError(words)
    if words[2] == "cut":
        world.cuts.add(pair)
    else:
        world.cuts.discard(pair)
    world.tell(words[0], f"link/{words[1]}", words[2])
    world.disturb()


def _seat(world: World, words: list[str]) -> None:
    """seat cut|mend: everything is silent, from where we sit"""
    for node in world.nodes()[1:]:
        pair = frozenset({SEAT, node})
        if words[0] == "cut":
            world.cuts.add(pair)
        else:
            world.cuts.discard(pair)
    world.tell(SEAT, "link/all", words[0])
    world.disturb()


def _firewall(world: World, words: list[str]) -> None:
    """firewall HOST drop|accept: what comes to its ports for migrations"""
    name = world.hypervisors[words[0]].name
    (world.dropped.add if words[1] == "drop" else world.dropped.discard)(name)
    world.tell(name, "firewall", f"{words[1]}s migrations")


def _libvirtd(world: World, words: list[str]) -> None:
    """libvirtd HOST stop|cont|kill|start (signals, and a start)"""
    hypervisor, verb = world.hypervisors[words[0]], words[1]
    hypervisor.daemon = {"stop": Daemon.HUNG, "kill": Daemon.DEAD}.get(verb, Daemon.ALIVE)
    world.tell(hypervisor.name, "libvirtd", verb)
    world.disturb()
    if verb == "kill":
        world.backlog.pop(hypervisor.name, None)
    if hypervisor.daemon is Daemon.ALIVE:
        for late in world.backlog.pop(hypervisor.name, []):
            late()


def _secret(world: World, words: list[str]) -> None:
    """secret NAME [VALUE]: the source whose last word is NAME holds that from now on, or nothing"""
    world.secrets[words[0]] = words[1] if words[1:] else ""
    world.tell(SEAT, f"secret/{words[0]}", "changes" if words[1:] else "is gone")


def _copy(world: World, words: list[str]) -> None:
    """copy NAME@HOST OTHER: the mistake that makes a guest run twice"""
    hypervisor, found = _domain_at(world, words[0])
    _dumpxml_define(world, hypervisor, found, words[1:])
    domains.start(world, world.hypervisors[words[1]], found.uuid)


# --- guests ------------------------------------------------------------------------------------


def _migration(world: World, words: list[str]) -> None:
    """migration NAME cut PHASE (the next one, its connection) | migration NAME target-dies (now, its QEMU)"""
    if words[1] == "cut":
        world.doomed[words[0]] = Phase(words[2])
        return
    migration = next(m for m in world.migrations if m.domain.name == words[0] and words[1] == "target-dies")
    if migration.incoming:
        domains.crash(world, migration.target, migration.incoming)


COMMANDS: Mapping[str, Callable[[World, list[str]], None]] = {
    "virsh": _virsh,
    "nfs": _nfs,
    "umount": _umount,
    "file": _file,
    "rm": _remove_file,
    "lock": lambda w, words: _lock(w, ["lock", *words]),
    "unlock": lambda w, words: _lock(w, ["unlock", *words]),
    "volume-resize": _resize_volume,
    "host": _host,
    "link": _link,
    "seat": _seat,
    "firewall": _firewall,
    "libvirtd": _libvirtd,
    "secret": _secret,
    "copy": _copy,
    "guest": guest,
    "migration": _migration,
}
