"""The escape hatch: each entry one edit, by a relative path that stays away from what the reconciler owns."""

import re

from reconciler.desired.documents import Domain, XmlEdit
from reconciler.load.checks.world import At, World

_NAME = r"[A-Za-z_][A-Za-z0-9_.-]*(?::[A-Za-z_][A-Za-z0-9_.-]*)?"
_VALUE = r"(?:'[^'\[\]]*'|\"[^\"\[\]]*\")"
_PREDICATE = rf"\[(?:[1-9][0-9]{{0,3}}|(?:{_NAME}/)*(?:@?{_NAME})(?:={_VALUE})?)\]"
_PATH = rf"\./{_NAME}(?:{_PREDICATE})*(?:/{_NAME}(?:{_PREDICATE})*)*(?:/@{_NAME})?|\./@{_NAME}"
OWNED = frozenset(("uuid", "name", "metadata"))
"""By these the reconciler knows a domain."""
DEVICES_OWNED = frozenset(("source", "alias", "backingStore"))
"""On what a disk lies, and by which name a device is known: who runs on which disk hangs on it."""
SECRET = re.compile("@passwd")
PREFIXES = frozenset(("qemu",))


def check(world: World) -> None:
    """Complain about edits that are none, that contradict each other, or that would touch what is ours."""
    for entry, domain in world.of(Domain):
        first: dict[str, At] = {}
        for index, edit in enumerate(domain.spec.xml):
            _edit(world, (entry, ("spec", "xml", index)), edit, first)


def _edit(world: World, where: At, edit: XmlEdit, first: dict[str, At]) -> None:
    paths = {name: path for name in ("set", "create", "delete") if (path := getattr(edit, name)) is not None}
    if len(paths) != 1:
        world.complain(where, "needs one of set, create and delete")
        return
    ((word, path),) = paths.items()
    here = (where[0], (*where[1], word))
    if (edit.to is None) == (word == "set"):
        world.complain(where, "needs `to` with set, and only there")
    if SECRET.search(path):
        message = "speaks of a secret, which no document holds; write graphics.password: {valueFrom: {file: PATH}}"
        world.complain(here, message, quote=False)
    elif wrong := _wrong(word, path):
        world.complain(here, wrong)
    kind = "create" if word == "create" else "value"  # one path may be created, and its text set
    other = first.setdefault(f"{kind} {path}", here)
    if other is not here:
        world.complain(here, "is the path of another entry too", first=other)


def _wrong(word: str, path: str) -> str:
    """What is wrong with a path; empty where nothing is."""
    if len(path) > 1000 or not re.fullmatch(_PATH, path):
        return "is not a plain relative path; write for example ./devices/disk[target/@dev='vda']/driver/@cache"
    steps = re.findall(r"/@?([A-Za-z0-9_.:-]+)", _bare(path))
    if steps[0] in OWNED:
        return "belongs to the reconciler; it cannot be edited"
    if steps[0] == "devices" and not DEVICES_OWNED.isdisjoint(steps):
        return "belongs to the reconciler, as disks, their files and names do; it cannot be edited"
    prefixes = {name.partition(":")[0] for name in re.findall(r"[A-Za-z_][A-Za-z0-9_.-]*:[A-Za-z_]", path)}
    if not prefixes <= PREFIXES:
        return "uses an unknown prefix; only qemu: is known"
    return (
        "names an attribute; create makes elements, set gives attributes"
        if word == "create" and "/@" in _bare(path)
        else ""
    )


def _bare(path: str) -> str:
    return re.sub(r"\[[^\]]*\]", "", path)
