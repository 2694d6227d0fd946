"""Devices of domains that run, as libvirt's QEMU driver changes them: in the live definition alone."""

from reconciler import action as actions
from reconciler.simulate import domains
from reconciler.simulate.machines import Domain, Hypervisor
from reconciler.simulate.refusal import Code, Refusal, invalid
from reconciler.simulate.world import World
from reconciler.xml import domain as domain_xml
from reconciler.xml.live import nested

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
    found = running(hypervisor, action)
    assert found.live is not None
    if action.device not in domain_xml.read(found.live).fields[action.sort]:
        raise invalid(f"no device {action.device}")
    fields = {action.sort: {action.device: nested(action.values)}}
    found.live = domain_xml.merge(found.live, fields, sources={}, mark=None)
    words = ", ".join(f"{'.'.join(path)}: {value}" for path, value in action.values)
    world.tell(hypervisor.name, f"domain/{found.name}", f"{action.object.kind} {action.device} gets {words}")


def running(hypervisor: Hypervisor, action: actions.DomainAction) -> Domain:
    """The domain, with a live definition. Raises: Refusal, Stuck."""
    found = domains.domain(hypervisor, action.uuid, action.name)
    if not found.is_active or found.live is None:
        raise invalid("domain is not running")
    return found
