"""Documents as such: none twice, one Cluster at most, annotations of ours spelt right."""

from reconciler.desired.documents import KINDS
from reconciler.load.checks.world import Entry, World
from reconciler.load.words import Hint

ANNOTATIONS = {"reconciler/adopt": ("true", "false")}
"""Annotations that mean something to us, and what they may say."""


MOST = {"Host": 2000, "Pool": 1000, "Network": 1000}
"""Many more than a small cloud has; each is compared with the others."""


def check(world: World) -> bool:
    """Complain about documents that say the same thing twice. False where there are too many to compare."""
    _no_duplicates(world)
    _one_cluster(world)
    for entry in world.entries:
        if entry.model is not None:
            _annotations(world, entry)
    return _not_too_many(world)


def _not_too_many(world: World) -> bool:
    right = True
    for kind, most in MOST.items():
        entries = list(world.by_kind[kind].values())
        if len(entries) > most:
            right = False
            where = (entries[most], ("metadata", "name"))
            world.complain(where, f"is the {kind} number {most + 1}; {most} are the most", quote=False)
    return right


def _no_duplicates(world: World) -> None:
    for entry in world.entries:
        first = world.by_kind[entry.kind][entry.name]
        if entry is not first and entry.name and entry.kind in KINDS:
            where = (entry, ("metadata", "name"))
            world.complain(where, f"is the name of another {entry.kind}", first=(first, ("metadata", "name")))


def _one_cluster(world: World) -> None:
    first, *others = world.by_kind["Cluster"].values() or [None]
    for other in others:
        if first is not None and other is not None:
            world.complain((other, ("kind",)), "is a second Cluster; one is the most", first=(first, ("kind",)))


def _annotations(world: World, entry: Entry) -> None:
    assert entry.model is not None
    for key, value in entry.model.metadata.annotations.items():
        if not key.startswith("reconciler/"):
            continue
        where = (entry, ("metadata", "annotations", key))
        if key not in ANNOTATIONS:
            world.complain(where, "unknown annotation", of_key=True, hint=Hint(key, tuple(ANNOTATIONS)))
        elif value not in ANNOTATIONS[key]:
            world.complain(where, f"is not one of {', '.join(ANNOTATIONS[key])}")
