"""What libvirt's QEMU driver changes of a running domain that is no device of its document: in the live definition."""

from reconciler import live_action as actions
from reconciler.simulate.devices import running
from reconciler.simulate.machines import Hypervisor
from reconciler.simulate.refusal import Code, Refusal, invalid
from reconciler.simulate.world import World
from reconciler.xml import domain as domain_xml
from reconciler.xml.live import nested


def change_live(world: World, hypervisor: Hypervisor, action: actions.ChangeLive) -> None:
    """Write the values into the live definition, as each of these calls does."""
    found = running(world, hypervisor, action)
    assert found.live is not None
    found.live = domain_xml.merge(found.live, nested(action.values), sources={}, mark=None)
    words = ", ".join(f"{'.'.join(path)}: {value}" for path, value in action.values)
    world.tell(hypervisor.name, f"domain/{found.name}", f"gets {words}")


def plug_vcpus(world: World, hypervisor: Hypervisor, action: actions.PlugVcpus) -> None:
    """virDomainSetVcpusFlags"""
    most = domain_xml.read(running(world, hypervisor, action).live or "<domain/>").fields["max_vcpus"]
    for _, count in action.values:
        if count > most:
            raise Refusal(
                Code.INVALID_ARG,
                f"invalid argument: requested vcpus is greater than max allowable vcpus for the live domain: "
                f"{count} > {most}",
            )
    change_live(world, hypervisor, action)


def plug_memory(world: World, hypervisor: Hypervisor, action: actions.PlugMemory) -> None:
    """virDomainAttachDeviceFlags"""
    most = domain_xml.read(running(world, hypervisor, action).live or "<domain/>").fields.get("max_memory")
    if most is None:
        raise invalid("cannot use/hotplug a memory device when domain 'maxMemory' is not defined")
    if any(size > most for _, size in action.values):
        raise Refusal(
            Code.OPERATION_FAILED, "operation failed: attaching memory device would exceed domain's maxMemory"
        )
    change_live(world, hypervisor, action)
