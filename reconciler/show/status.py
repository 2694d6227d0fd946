"""Conditions for people and for scripts."""

from collections.abc import Sequence
from typing import Any

from reconciler.desired.quantity import SIZE_UNITS, format_size
from reconciler.desired.ref import Ref
from reconciler.show.safe import safe
from reconciler.show.style import columns, paint
from reconciler.status import ObjectStatus, Truth

HEADER = ("NAME", "KIND", "STATE", "WHERE", "VCPUS", "MEMORY", "NOTE")
GOOD = frozenset({"Ready", "Running", "Off", "Drained", "Absent"})
BAD = frozenset({"Unreachable", "RunsTwice", "PostCopyFailed", "PausedByIoError", "NotOurs", "Missing"})
TRUTH_COLOURS = {Truth.TRUE: "green", Truth.FALSE: "red", Truth.UNKNOWN: "yellow"}
_LONGEST_NOTE = 100


def status_text(statuses: Sequence[ObjectStatus], orphans: Sequence[Ref] = (), *, color: bool = False) -> str:
    """A table of all objects; what is not as it shall be says why. Order: as given."""
    lines = columns([HEADER, *(_row(one) for one in statuses)])
    shown = [lines[0], *(_painted(line, one, color=color) for line, one in zip(lines[1:], statuses, strict=True))]
    left = [f"{safe(ref)} carries our mark and has no document; left alone, since prune is off" for ref in orphans]
    return "\n".join([*shown, *([""] if left else []), *left])


def _row(one: ObjectStatus) -> tuple[str, ...]:
    name = f"{one.object.name}@{one.object.host}" if one.object.host else one.object.name
    vcpus = "-" if one.vcpus is None else str(one.vcpus)
    memory = "-" if one.memory is None else human_size(one.memory)
    return safe(name), one.object.kind, one.state, safe(one.where) or "-", vcpus, memory, safe(one.note, _LONGEST_NOTE)


def _painted(line: str, one: ObjectStatus, *, color: bool) -> str:
    colour = "green" if one.state in GOOD else "red" if one.state in BAD else "yellow"
    return paint(line, colour, color=color and colour != "green")


def human_size(size: int) -> str:
    """`1GiB` where that is exact, else two digits after the point: `62.79GiB`."""
    exact = format_size(size)
    if len(exact) <= len("1023GiB"):
        return exact
    unit = next(unit for unit in ("PiB", "TiB", "GiB", "MiB", "KiB") if size >= SIZE_UNITS[unit])
    return f"{size / SIZE_UNITS[unit]:.2f}{unit}"


def conditions_text(statuses: Sequence[ObjectStatus], *, color: bool = False) -> str:
    """Every condition of the objects, in detail."""
    return "\n\n".join(_detail(one, color=color) for one in statuses)


def _detail(one: ObjectStatus, *, color: bool) -> str:
    cells = [("CONDITION", "STATUS", "REASON", "MESSAGE")]
    cells += [(c.type, c.status.value, c.reason, safe(c.message)) for c in one.conditions]
    where = f" at {safe(one.where)}" if one.where and one.object.kind == "domain" else ""
    lines = columns(cells)
    colours = [TRUTH_COLOURS[c.status] if c.status is Truth.UNKNOWN else "" for c in one.conditions]
    painted = (paint(line, colour, color=color) for line, colour in zip(lines[1:], colours, strict=True))
    return "\n".join([f"{safe(one.object)}: {one.state}{where}", lines[0], *painted])


def status_json(statuses: Sequence[ObjectStatus], orphans: Sequence[Ref] = ()) -> dict[str, Any]:
    """Every object as scripts read it; every key is always there. Memory in bytes."""
    return {
        "schemaVersion": 1,
        "objects": [_object_json(one) for one in statuses],
        "orphans": [str(ref) for ref in orphans],
    }


def _object_json(one: ObjectStatus) -> dict[str, Any]:
    return {
        "object": str(one.object),
        "kind": one.object.kind,
        "name": one.object.name,
        "state": one.state,
        "where": one.where,
        "vcpus": one.vcpus,
        "memory": one.memory,
        "conditions": [
            {"type": c.type, "status": c.status.value, "reason": c.reason, "message": c.message} for c in one.conditions
        ],
    }
