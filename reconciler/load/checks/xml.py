"""The escape hatch: each entry one edit, by a relative path that stays away from what the reconciler owns."""

import re

from reconciler.desired.documents import Domain, XmlEdit
from reconciler.load.checks.world import At, World

_NAME = r"[A-Za-z_][A-Za-z0-9_.-]*(?::[A-Za-z_][A-Za-z0-9_.-]*)?"
_VALUE = r"(?:'[^']*'|\"[^\"]*\")"
_PREDICATE = rf"\[(?:[1-9][0-9]{{0,3}}|(?:{_NAME}/)*(?:@?{_NAME})(?:={_VALUE})?)\]"
_PATH = rf"\./{_NAME}(?:{_PREDICATE})*(?:/{_NAME}(?:{_PREDICATE})*)*(?:/@{_NAME})?|\./@{_NAME}"
OWNED = frozenset(("uuid", "name", "metadata"))
"""By these the reconciler knows a domain."""


def check(world: World) -> None:
    """Complain about edits that are none, or that would touch what is ours."""
    for entry, domain in world.of(Domain):
        for index, edit in enumerate(domain.spec.xml):
            _edit(world, (entry, ("spec", "xml", index)), edit)


def _edit(world: World, where: At, edit: XmlEdit) -> None:
    paths = {name: path for name in ("set", "create", "delete") if (path := getattr(edit, name)) is not None}
    if len(paths) != 1:
        world.complain(where, "needs one of set, create and delete")
        return
    ((word, path),) = paths.items()
    here = (where[0], (*where[1], word))
    if (edit.to is None) == (word == "set"):
        world.complain(where, "needs `to` with set, and only there")
    if len(path) > 1000 or not re.fullmatch(_PATH, path):
        message = "is not a plain relative path; write for example ./devices/disk[target/@dev='vda']/driver/@cache"
        world.complain(here, message)
    elif re.match(r"\./@?([A-Za-z0-9_.:-]+)", path)[1] in OWNED:  # type: ignore[index]
        world.complain(here, "belongs to the reconciler; it cannot be edited")
