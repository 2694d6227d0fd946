"""Networks: what each is, and on which hosts."""

from reconciler.desired.documents import Network
from reconciler.load.checks.selectors import check_hosts
from reconciler.load.checks.world import Entry, World

FORMS = ("bridge", "nat", "isolated", "route")


def check(world: World) -> None:
    """Complain about networks that are nothing, or two things."""
    for entry, network in world.of(Network):
        check_hosts(world, (entry, ("spec", "hosts")), network.spec.hosts)
        _one_form(world, entry, network)
        _bridges(world, entry, network)


def _one_form(world: World, entry: Entry, network: Network) -> None:
    forms = [form for form in FORMS if getattr(network.spec, form) is not None]
    if not forms:
        world.complain((entry, ("spec",)), f"says not what the network is; add one of {', '.join(FORMS)}")
    for form in forms[1:]:
        message = f"cannot stand beside {forms[0]}; a network is one thing"
        world.complain((entry, ("spec", form)), message, first=(entry, ("spec", forms[0])), of_key=True, quote=False)


def _bridges(world: World, entry: Entry, network: Network) -> None:
    """`bridgeOn` speaks of hosts that have the network."""
    if network.spec.bridge_on and network.spec.bridge is None:
        world.complain((entry, ("spec", "bridgeOn")), "needs bridge, the name on the other hosts", of_key=True)
    selected = world.selected(network.spec.hosts)
    for name in network.spec.bridge_on:
        where = (entry, ("spec", "bridgeOn", name))
        if name not in world.by_kind["Host"]:
            world.complain(where, "names no Host document", of_key=True, hint=world.hint(name, "Host"))
        elif name not in selected and world.knows_hosts:
            world.complain(where, "is no hypervisor that has this network", of_key=True, quote=False)
