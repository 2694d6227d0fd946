"""`hosts:` fields: that they name hypervisors, and mean at least one."""

from reconciler.desired.documents import HostSelector
from reconciler.load.checks.world import At, World
from reconciler.load.words import Hint


def check_hosts(world: World, where: At, selector: HostSelector) -> bool:
    """Complain about a selector that names what is no hypervisor, or means none. True where nothing is wrong."""
    if isinstance(selector, tuple) and selector:
        return _names(world, where, selector)
    if world.selected(selector) or not world.knows_hosts:
        return bool(world.selected(selector))
    world.complain(where, "means no hypervisor; no Host document fits", quote=False)
    return False


def _names(world: World, where: At, names: tuple[str, ...]) -> bool:
    right = True
    seen: dict[str, int] = {}
    for index, name in enumerate(names):
        here = (where[0], (*where[1], index))
        first = seen.setdefault(name, index)
        if first != index:
            world.complain(here, "is a host twice", first=(where[0], (*where[1], first)))
        elif not _is_hypervisor(world, here, name):
            right = False
    return right


def _is_hypervisor(world: World, where: At, name: str) -> bool:
    """Complain about a name that is no Host with a hypervisor."""
    if world.refer(where, "Host", name) is None:
        return False
    if name in world.hypervisors:
        return True
    world.complain(where, "names a Host without hypervisor", hint=Hint(name, tuple(world.hypervisors)))
    return False
