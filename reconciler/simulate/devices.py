"""Devices of domains that run, as libvirt's QEMU driver changes them: in the live definition alone."""

from reconciler import action as actions
from reconciler.simulate import definition, domains
from reconciler.simulate.machines import Domain, Hypervisor
from reconciler.simulate.refusal import Code, Refusal, invalid
from reconciler.simulate.world import World
from reconciler.xml import domain as domain_xml
from reconciler.xml.live import attachable, nested
from reconciler.xml.tree import XmlError

UPDATABLE = {"cdroms": frozenset({"medium"}), "interfaces": frozenset({"network", "bandwidth", "link"})}
"""What virDomainUpdateDeviceFlags can change of a device that is in use."""


def update_device(world: World, hypervisor: Hypervisor, action: actions.UpdateDevice) -> None:
    """virDomainUpdateDeviceFlags"""
    refused = {path[0] for path, _ in action.values} - UPDATABLE.get(action.sort, frozenset())
    if refused:
        raise Refusal(Code.OPERATION_UNSUPPORTED, f"cannot modify {', '.join(sorted(refused))} of {action.device}")
    change_live(world, hypervisor, action)


def change_live(world: World, hypervisor: Hypervisor, action: actions.UpdateDevice) -> None:
    """Write the values into the live definition, as each call does that changes a device."""
    found = running(world, hypervisor, action)
    assert found.live is not None
    if action.device not in domain_xml.read(found.live).fields[action.sort]:
        raise invalid(f"no device {action.device}")
    fields = {action.sort: {action.device: nested(action.values)}}
    found.live = domain_xml.merge(found.live, fields, sources={}, mark=None)
    words = ", ".join(f"{'.'.join(path)}: {value}" for path, value in action.values)
    world.tell(hypervisor.name, f"domain/{found.name}", f"{action.object.kind} {action.device} gets {words}")


def attach_device(world: World, hypervisor: Hypervisor, action: actions.AttachDevice) -> None:
    """virDomainAttachDeviceFlags of what the persistent definition has."""
    found = running(world, hypervisor, action)
    assert found.live is not None
    try:
        devices = attachable(found.xml or "<domain/>", found.live, action.sort, action.device)
    except XmlError as error:
        raise invalid(str(error)) from None
    for device in devices:
        plug(world, hypervisor, found, device)
    world.tell(hypervisor.name, f"domain/{found.name}", f"{action.object.kind} {action.device} attached")


def plug(world: World, hypervisor: Hypervisor, found: Domain, device: str) -> None:
    """Put one device into a running process. Raises: Refusal where its place is taken or what it needs is not there."""
    assert found.live is not None
    taken = definition.places(found.live) & definition.places(definition.alone(device))
    if taken:
        raise Refusal(Code.OPERATION_FAILED, f"operation failed: {sorted(taken)[0]} already exists")
    outfit = domains.find_outfit(world, hypervisor, definition.needs(definition.alone(device)))
    found.opened = (*found.opened, *outfit.opened)
    found.live = definition.with_device(found.live, device)


def detach_device(world: World, hypervisor: Hypervisor, action: actions.DetachDevice) -> None:
    """virDomainDetachDeviceFlags: the guest does it at once, or when it pleases."""
    found = running(world, hypervisor, action)
    assert found.live is not None
    if action.device not in domain_xml.read(found.live).fields[action.sort]:
        return
    world.tell(hypervisor.name, f"domain/{found.name}", f"asked to let go of {action.object.kind} {action.device}")
    owner = (action.sort, action.device)
    if found.guest is not None and found.guest.clings:
        found.guest.asked_for = (*found.guest.asked_for, owner)
    else:
        unplug(world, hypervisor, found, owner)


def unplug(world: World, hypervisor: Hypervisor, found: Domain, owner: tuple[str, str]) -> None:
    """The guest lets go of a device, and QEMU closes what stands behind it."""
    if found.live is None:
        return
    sort, name = owner
    live = domain_xml.merge(found.live, {sort: {name: None}}, sources={}, mark=None)
    if live == found.live:
        return
    found.live = live
    paths = {path for path, _ in definition.needs(live).disks}
    found.opened = tuple(file for file in found.opened if file in {world.file(hypervisor, path) for path in paths})
    world.tell(hypervisor.name, f"domain/{found.name}", f"{owner[0].removesuffix('s')} {owner[1]} detached")


def running(world: World, hypervisor: Hypervisor, action: actions.DomainAction) -> Domain:
    """The domain, with a live definition. Raises: Refusal, Stuck."""
    found = domains.domain(hypervisor, action.uuid, action.name)
    if not found.is_active or found.live is None:
        raise invalid("domain is not running")
    if any(found in (migration.domain, migration.incoming) for migration in world.migrations):
        raise Refusal(Code.OPERATION_TIMEOUT, "Timed out during operation: cannot acquire state change lock")
    return found
