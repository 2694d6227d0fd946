"""Conditions for people and for scripts."""

from collections.abc import Sequence
from math import ceil, isinf
from typing import Any

from reconciler.desired.quantity import SIZE_UNITS, format_duration, format_size
from reconciler.desired.ref import Ref
from reconciler.presence import SeenAddress
from reconciler.show.safe import safe
from reconciler.show.style import columns, paint, plural
from reconciler.status import Move, ObjectStatus, Truth

HEADER = ("NAME", "KIND", "STATE", "WHERE", "VCPUS", "MEMORY", "ADDRESS", "NOTE")
GOOD = frozenset({"Converged", "Ready", "Running", "Off", "Drained", "Absent"})
BAD = frozenset({"Unreachable", "RunsTwice", "PostCopyFailed", "PausedByIoError", "NotOurs", "Missing"})
TRUTH_COLOURS = {Truth.TRUE: "green", Truth.FALSE: "red", Truth.UNKNOWN: "yellow"}
_LONGEST_NOTE = 100


def status_text(statuses: Sequence[ObjectStatus], orphans: Sequence[Ref] = (), *, color: bool = False) -> str:
    """A table of all objects; what is not as it shall be says why. Order: as given."""
    lines = columns([HEADER, *(_row(one) for one in statuses)])
    shown = [lines[0], *(_painted(line, one, color=color) for line, one in zip(lines[1:], statuses, strict=True))]
    left = [f"{safe(ref)} is ours and has no document; left alone, since prune is off" for ref in orphans]
    return "\n".join([*shown, *([""] if left else []), *left])


def _row(one: ObjectStatus) -> tuple[str, ...]:
    name = f"{one.object.name}@{one.object.host}" if one.object.host else one.object.name
    vcpus = "-" if one.vcpus is None else str(one.vcpus)
    memory = "-" if one.memory is None else human_size(one.memory)
    note = move_text(one.move) if one.move else safe(one.note, _LONGEST_NOTE)
    address = _first_address(one) or "-"
    return safe(name), one.object.kind, one.state, safe(one.where) or "-", vcpus, memory, address, note


def _first_address(one: ObjectStatus) -> str:
    """`10.77.0.100 (arp) +2`: the best, by whom it was told, and how many more there are."""
    if not one.addresses:
        return ""
    more = f" +{len(one.addresses) - 1}" if len(one.addresses) > 1 else ""
    return f"{_address_text(one.addresses[0])}{more}"


def _address_text(seen: SeenAddress) -> str:
    return f"{safe(seen.address)} ({seen.source.value})"


def _painted(line: str, one: ObjectStatus, *, color: bool) -> str:
    colour = "green" if one.state in GOOD else "red" if one.state in BAD else "yellow"
    return paint(line, colour, color=color and colour != "green")


def move_text(move: Move) -> str:
    """`hv1 to hv2: 43 %, 1.20GiB left at 110.00MiB/s, about 11s to go`: what is known of it."""
    job = move.job
    told = f"{safe(move.source) or '?'} to {safe(move.target) or '?'}"
    if not job.is_measured:
        return told
    left = f", {human_size(job.remaining)} left" if job.remaining else ""
    rate = f" at {human_size(job.rate)}/s" if job.rate else ""
    ends = "" if job.left_s is None else f", {remaining_time(job.left_s)}"
    return f"{told}: {job.percent:.0f} %{left}{rate}{ends}"


def remaining_time(seconds: float) -> str:
    """`about 11s to go`, or that it would not end."""
    if isinf(seconds):
        return "may not end: memory is written faster than it is sent"
    return f"about {format_duration(ceil(seconds))} to go"


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
    move = [f"migrates from {move_text(one.move)}"] if one.move else []
    addresses = [f"addresses: {', '.join(map(_address_text, one.addresses))}"] if one.addresses else []
    return "\n".join([f"{safe(one.object)}: {one.state}{where}", *move, *addresses, lines[0], *painted, *_storage(one)])


def _storage(one: ObjectStatus) -> list[str]:
    """A domain's disks with what each stands on; a pool's images with how many disks stand on each."""
    disks = [("DISK", "VOLUME", "IMAGE", "NOTE")]
    for disk in one.disks:
        note = f"new disks {'copy' if disk.copied else 'stand on'} {safe(disk.newer)}" if disk.newer else ""
        note = "; ".join(filter(None, ("a full copy" if disk.copied else "", note)))
        disks.append((safe(disk.name), f"{safe(disk.pool)}/{safe(disk.volume)}", safe(disk.image) or "-", note))
    images = [("IMAGE", "VOLUME", "COMPLETE", "DISKS")]
    for image in one.images:
        complete = {True: "yes", False: "no", None: "unknown"}[image.complete]
        images.append((safe(image.name) or "-", safe(image.volume), complete, str(image.disks)))
    return [line for table in (disks, images) if table[1:] for line in ("", *columns(table))]


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
        "migration": _move_json(one.move) if one.move else None,
        "addresses": [{"address": a.address, "source": a.source.value, "mac": a.mac} for a in one.addresses],
        "disks": [
            {
                "name": d.name,
                "pool": d.pool,
                "volume": d.volume,
                "image": d.image or None,
                "copied": d.copied,
                "newer": d.newer or None,
            }
            for d in one.disks
        ],
        "images": [
            {"name": i.name or None, "volume": i.volume, "complete": i.complete, "disks": i.disks} for i in one.images
        ],
        "conditions": [
            {"type": c.type, "status": c.status.value, "reason": c.reason, "message": c.message} for c in one.conditions
        ],
    }


def _move_json(move: Move) -> dict[str, Any]:
    """A migration under way; figures are null where only one end could be asked, `left` also where it does not end."""
    job, known = move.job, move.job.is_measured
    left = job.left_s
    return {
        "source": move.source,
        "target": move.target,
        "percent": round(job.percent, 1) if known else None,
        "remaining": job.remaining if known else None,
        "rate": job.rate if known else None,
        "dirtyRate": job.dirty_rate if known else None,
        "iteration": job.iteration if known else None,
        "elapsedSeconds": round(job.elapsed_s, 1) if known else None,
        "leftSeconds": None if left is None or isinf(left) else round(left, 1),
    }


# --- after a wait --------------------------------------------------------------


def lacking_text(
    kind: str, chosen: Sequence[ObjectStatus], lacking: Sequence[ObjectStatus], *, color: bool = False
) -> str:
    """Who has not reached a condition that was waited for, and why; else that all have."""
    if not lacking:
        return f"{kind}: {plural(len(chosen), 'domain')}."
    found = [(one.object, one.condition(kind)) for one in lacking]
    cells = [(safe(ref), f"{kind} is {c.status.value}", safe(c.message or c.reason)) for ref, c in found]
    sign = paint("!", "magenta", color=color)
    return "\n".join(f"  {sign} {line}" for line in columns(cells, gap="   "))


def lacking_json(kind: str, chosen: Sequence[ObjectStatus], lacking: Sequence[ObjectStatus]) -> dict[str, Any]:
    """The same as scripts read it."""
    found = [(one.object, one.condition(kind)) for one in lacking]
    return {
        "condition": kind,
        "domains": [str(one.object) for one in chosen],
        "lacking": [
            {"object": str(ref), "status": c.status.value, "reason": c.reason, "message": c.message} for ref, c in found
        ],
    }
