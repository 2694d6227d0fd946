"""What only all documents together can tell: references, clashes, things that cannot work."""

from reconciler.errors import Problem
from reconciler.load.checks import (
    derived,
    domains,
    hosts,
    images,
    machines,
    migration,
    networks,
    objects,
    placement,
    pools,
    secrets,
    xml,
)
from reconciler.load.checks.world import World
from reconciler.load.words import Hint

__all__ = ["World", "check", "look_through"]


def check(world: World) -> list[tuple[Problem, Hint | None]]:
    """Every problem between documents, with its place."""
    look_through(world)
    return world.problems()


def look_through(world: World) -> None:
    """Complain about everything that is wrong between documents."""
    if objects.check(world):
        for room in (hosts, pools, images, networks, domains, machines, migration, placement, derived, secrets, xml):
            room.check(world)
