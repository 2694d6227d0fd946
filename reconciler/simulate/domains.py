"""How domains behave: libvirt's QEMU driver without migrations (those are in migration.py)."""

from dataclasses import dataclass

from reconciler.observed import DomainState
from reconciler.simulate import definition, networks
from reconciler.simulate.definition import Needs
from reconciler.simulate.machines import Agent, Domain, File, Guest, Hand, Hypervisor
from reconciler.simulate.refusal import Code, Refusal, Stuck, failed, invalid
from reconciler.simulate.world import World

STUMBLE_S = 0.02
"""How long a guest runs on a full disk before its next write pauses it."""

BOOT_S = 8.0
"""How long a guest takes until it listens."""


@dataclass(frozen=True)
class Outfit:
    """What a process needs at a host, found there."""

    opened: tuple[File, ...]


def domain(hypervisor: Hypervisor, uuid: str, name: str = "") -> Domain:
    """The domain of that UUID. Raises: Refusal; Stuck where its monitor hangs."""
    found = hypervisor.domains.get(uuid)
    if found is None:
        raise Refusal(Code.NO_DOMAIN, f"Domain not found: no domain with matching uuid '{uuid}' ({name})")
    if found.wedged:
        raise Stuck(f"the monitor of domain {found.name} does not answer")
    return found


def define(world: World, hypervisor: Hypervisor, xml: str) -> Domain:
    """Write the persistent definition; a running process keeps what it was started with."""
    needs = definition.needs(xml)
    uuid = needs.uuid or world.new_uuid()
    clash_of_names(hypervisor, needs.name, uuid)
    xml = definition.kept(xml, uuid)
    found = hypervisor.domains.get(uuid)
    if found is None:
        found = hypervisor.domains[uuid] = Domain(needs.name, uuid, xml)
        world.tell(hypervisor.name, f"domain/{needs.name}", "defined")
    elif found.xml != xml:
        found.xml = xml
        world.tell(hypervisor.name, f"domain/{needs.name}", "redefined")
    return found


def clash_of_names(hypervisor: Hypervisor, name: str, uuid: str) -> None:
    """Raises: Refusal where the name or the UUID is another domain's."""
    for other in hypervisor.domains.values():
        if other.name == name and other.uuid != uuid:
            raise failed(f"domain '{name}' already exists with uuid {other.uuid}")
        if other.uuid == uuid and other.name != name:
            raise failed(f"domain '{other.name}' is already defined with uuid {uuid}")


def undefine(world: World, hypervisor: Hypervisor, uuid: str) -> None:
    """Remove the definition; a running domain goes on without one, and is gone when it ends."""
    found = domain(hypervisor, uuid)
    if found.snapshots:
        raise invalid(f"cannot delete inactive domain with {found.snapshots} snapshots")
    if found.xml is None:
        raise invalid("cannot undefine transient domain")
    found.xml = None
    if not found.is_active:
        del hypervisor.domains[uuid]
    world.tell(hypervisor.name, f"domain/{found.name}", "undefined")


def rename(world: World, hypervisor: Hypervisor, uuid: str, name: str) -> None:
    """Give a domain that is off another name; nothing else of its definition changes."""
    found = domain(hypervisor, uuid)
    if found.name == name:
        raise Refusal(Code.INVALID_ARG, "invalid argument: Can't rename domain to itself")
    if found.is_active:
        raise invalid("cannot rename active domain")
    if found.snapshots:
        raise invalid("cannot rename domain with snapshots")
    clash_of_names(hypervisor, name, uuid="")
    assert found.xml is not None, "what is off has a definition"
    former, found.name, found.xml = found.name, name, definition.renamed(found.xml, name)
    world.tell(hypervisor.name, f"domain/{name}", f"renamed from {former}")


def set_autostart(world: World, hypervisor: Hypervisor, uuid: str, *, starts: bool) -> None:
    found = domain(hypervisor, uuid)
    found.autostart = starts
    text = "starts by itself with its host" if starts else "does not start by itself"
    world.tell(hypervisor.name, f"domain/{found.name}", text)


def start(world: World, hypervisor: Hypervisor, uuid: str) -> None:
    found = domain(hypervisor, uuid)
    if found.is_active:
        raise invalid("domain is already running")
    assert found.xml is not None, "what is off has a definition"
    needs = definition.needs(found.xml)
    outfit = find_outfit(world, hypervisor, needs)
    ready_at = world.clock.now() + BOOT_S
    found.guest = Guest(world.next_number(), found.name, uuid, world.hand, ready_at=ready_at)
    found.live, found.opened = found.xml, outfit.opened
    found.state, found.reason = DomainState.RUNNING, "booted"
    world.tell(hypervisor.name, f"domain/{found.name}", "started")


def find_outfit(world: World, hypervisor: Hypervisor, needs: Needs) -> Outfit:
    """What a new process needs here. Raises: Refusal that names the first thing missing; Stuck."""
    opened = tuple(file for path, writable in needs.disks if (file := _disk(world, hypervisor, path)) and writable)
    for file in opened:
        if file.locked:
            cause = 'process exited while connecting to monitor: qemu-system-x86_64: Failed to get "write" lock'
            raise Refusal(Code.INTERNAL_ERROR, f"internal error: {cause}")
    for bridge in (*needs.bridges, *(networks.bridge_of(hypervisor, name) for name in needs.networks)):
        if bridge and bridge not in hypervisor.bridges:
            raise Refusal(Code.SYSTEM_ERROR, f"Cannot get interface MTU on '{bridge}': No such device")
    if needs.cpu_model and needs.cpu_model not in hypervisor.models:
        cause = f"the CPU is incompatible with host CPU: Host CPU does not provide {needs.cpu_model}"
        raise Refusal(Code.CPU_INCOMPATIBLE, cause)
    if used_memory(hypervisor) + needs.memory > hypervisor.memory:
        cause = "qemu unexpectedly closed the monitor: cannot set up guest memory 'pc.ram': Cannot allocate memory"
        raise Refusal(Code.INTERNAL_ERROR, f"internal error: {cause}")
    return Outfit(opened)


def _disk(world: World, hypervisor: Hypervisor, path: str) -> File:
    file = world.file(hypervisor, path)
    if file is None:
        raise Refusal(Code.SYSTEM_ERROR, f"Cannot access storage file '{path}': No such file or directory")
    if file.backing:
        _disk(world, hypervisor, file.backing)
    return file


def used_memory(hypervisor: Hypervisor) -> int:
    """Bytes that the guests of this host have."""
    return sum(definition.needs(d.live).memory for d in hypervisor.domains.values() if d.is_active and d.live)


def shutdown(world: World, hypervisor: Hypervisor, uuid: str, *, by_agent: bool = False) -> None:
    """Ask the guest to power off, by its power button or its agent; it takes its time, or does not listen."""
    found = domain(hypervisor, uuid)
    if not found.runs:
        raise invalid("domain is not running")
    guest = found.guest
    world.tell(hypervisor.name, f"domain/{found.name}", f"asked to shut down{' by its agent' if by_agent else ''}")
    if guest and (guest.agent is Agent.WELL if by_agent else not guest.deaf):
        world.after(guest.poweroff_s, lambda: _power_off(world, guest))


def has_agent(hypervisor: Hypervisor, uuid: str) -> bool:
    """Whether a guest agent has opened its channel, answering or not."""
    guest = domain(hypervisor, uuid).guest
    return guest is not None and guest.agent is not Agent.ABSENT


def force_off(world: World, hypervisor: Hypervisor, uuid: str) -> None:
    """virDomainDestroyFlags as we use it: of what runs, and is not on its way elsewhere."""
    found = domain(hypervisor, uuid)
    if not found.runs or any(migration.domain is found for migration in world.migrations):
        raise invalid("it does not run, or a job of it is under way")
    assert found.guest is not None
    found.guest.forced_by = world.hand
    end(world, hypervisor, found, "destroyed")


def _power_off(world: World, guest: Guest) -> None:
    """The guest ends, wherever it is by now."""
    for hypervisor, found in world.all_domains():
        if found.guest is guest and found.runs:
            end(world, hypervisor, found, "shutdown")


def end(world: World, hypervisor: Hypervisor, found: Domain, reason: str) -> None:
    """The process is gone; a domain without a definition goes with it."""
    guest, found.guest, found.live, found.opened = found.guest, None, None, ()
    found.state, found.reason, found.wedged = DomainState.SHUTOFF, reason, False
    if found.xml is None:
        hypervisor.domains.pop(found.uuid, None)
    if guest:
        lives = any(other.guest is guest for _, other in world.all_domains())
        if not lives:
            world.ended.append((guest, world.hand))
    world.tell(hypervisor.name, f"domain/{found.name}", f"ended ({reason})")
    world.disturb()


def destroy(world: World, hypervisor: Hypervisor, uuid: str) -> None:
    """Pull the guest's plug (only people do)."""
    found = domain(hypervisor, uuid)
    if not found.is_active:
        raise invalid("domain is not running")
    end(world, hypervisor, found, "destroyed")


def destroy_husk(world: World, hypervisor: Hypervisor, uuid: str) -> None:
    """End what a migration left paused: no guest lives in it any more."""
    found = domain(hypervisor, uuid)
    if (found.state, found.reason) != (DomainState.PAUSED, "migration"):
        raise invalid("it is not what a migration left behind")
    end(world, hypervisor, found, "destroyed")


def suspend(world: World, hypervisor: Hypervisor, uuid: str, reason: str = "user") -> None:
    found = domain(hypervisor, uuid)
    if not found.runs:
        raise invalid("domain is not running")
    found.state, found.reason = DomainState.PAUSED, reason
    world.tell(hypervisor.name, f"domain/{found.name}", f"paused ({reason})")


def resume(world: World, hypervisor: Hypervisor, uuid: str) -> None:
    """Let the vCPUs of a paused domain run again; libvirt does not ask why it was paused."""
    found = domain(hypervisor, uuid)
    if found.runs:
        raise invalid("domain is already running")
    if not found.is_active:
        raise invalid("domain is not running")
    if found.guest is None:
        raise Refusal(Code.OPERATION_TIMEOUT, "Timed out during operation: cannot acquire state change lock")
    found.state, found.reason = DomainState.RUNNING, "unpaused"
    world.tell(hypervisor.name, f"domain/{found.name}", "resumed")
    guest = found.guest
    if _on_a_full_disk(world, hypervisor, found):
        with world.acting(Hand.WORLD):
            world.after(STUMBLE_S, lambda: _stumble(world, guest))


def _on_a_full_disk(world: World, hypervisor: Hypervisor, found: Domain) -> bool:
    paths = [path for path, _ in definition.needs(found.live or "<domain/>").disks]
    mounts = [mount for target, mount in hypervisor.mounts.items() if any(p.startswith(f"{target}/") for p in paths)]
    return any((server := world.server_named(mount.server)) is not None and server.full for mount in mounts)


def _stumble(world: World, guest: Guest) -> None:
    """It writes; where there still is no room, it is paused again."""
    for hypervisor, found in world.all_domains():
        if found.guest is guest and found.runs and _on_a_full_disk(world, hypervisor, found):
            found.state, found.reason = DomainState.PAUSED, "ioerror"
            world.tell(hypervisor.name, f"domain/{found.name}", "paused (ioerror)")


def crash(world: World, hypervisor: Hypervisor, found: Domain) -> None:
    """Its QEMU dies."""
    with world.acting(Hand.WORLD):
        end(world, hypervisor, found, "crashed")
