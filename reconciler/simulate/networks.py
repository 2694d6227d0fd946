"""How networks behave: libvirt's network driver, for networks that lead to a bridge of the host."""

from reconciler.simulate import definition
from reconciler.simulate.machines import Hypervisor, Network
from reconciler.simulate.refusal import Code, Refusal, failed, invalid
from reconciler.simulate.world import World


def network(hypervisor: Hypervisor, name: str) -> Network:
    """The network of that name. Raises: Refusal."""
    found = hypervisor.networks.get(name)
    if found is None:
        raise Refusal(Code.NO_NETWORK, f"Network not found: no network with matching name '{name}'")
    return found


def define_network(world: World, hypervisor: Hypervisor, xml: str) -> None:
    """Write the persistent definition; what is active stays as it is until it is started again."""
    words = definition.network_words(xml)
    uuid = words.uuid or world.new_uuid()
    before = hypervisor.networks.get(words.name)
    if before and before.uuid != uuid:
        raise failed(f"network '{words.name}' already exists with uuid {before.uuid}")
    for other in hypervisor.networks.values():
        if other.uuid == uuid and other.name != words.name:
            raise failed(f"network '{other.name}' is already defined with uuid {uuid}")
    live = before.live if before else None
    hypervisor.networks[words.name] = Network(words.name, uuid, words.bridge, xml, live)
    world.tell(hypervisor.name, f"network/{words.name}", "defined")


def start_network(world: World, hypervisor: Hypervisor, name: str) -> None:
    found = network(hypervisor, name)
    if found.active:
        raise invalid("network is already active")
    found.live = found.xml
    world.tell(hypervisor.name, f"network/{name}", "started")


def stop_network(world: World, hypervisor: Hypervisor, name: str) -> None:
    found = network(hypervisor, name)
    if not found.active:
        raise invalid("network is not active")
    found.live = None
    if found.xml is None:
        del hypervisor.networks[name]
    world.tell(hypervisor.name, f"network/{name}", "stopped")


def undefine_network(world: World, hypervisor: Hypervisor, name: str) -> None:
    """Remove the definition; an active network goes on without one."""
    found = network(hypervisor, name)
    found.xml = None
    if not found.active:
        del hypervisor.networks[name]
    world.tell(hypervisor.name, f"network/{name}", "undefined")


def bridge_of(hypervisor: Hypervisor, name: str) -> str:
    """The bridge that a guest on this network is plugged into. Raises: Refusal where it cannot be."""
    found = network(hypervisor, name)
    if found.live is None:
        raise invalid(f"network '{name}' is not active")
    return definition.network_words(found.live).bridge
