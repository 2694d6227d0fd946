"""Devices of a domain that runs: how a field of one changes, and the XML that libvirt's calls want for it."""

from collections.abc import Mapping
from typing import Any

from reconciler.fact import value_at
from reconciler.live import Values, Way
from reconciler.xml.devices import named
from reconciler.xml.field import Field, Fields, read_fields, write_fields
from reconciler.xml.table import CDROM, DISK, DOMAIN, INTERFACE
from reconciler.xml.tree import Element, XmlError, fragment, parse

SORTS: Mapping[str, tuple[str, tuple[Field, ...]]] = {
    "disks": ("disk", DISK),
    "cdroms": ("disk", CDROM),
    "interfaces": ("interface", INTERFACE),
}
"""Devices by the name of their list in a document: their element, and their table."""


def owner_of(path: tuple[str, ...]) -> tuple[str, ...]:
    """(sort, name) of the device to which a field at `path` belongs; () for the domain's own."""
    return path[:2] if path[0] in SORTS else ()


def way_of(path: tuple[str, ...], live: Fields, said: Fields) -> Way | None:
    """By which call a running domain gets what is said at `path`; None: not before it is started again."""
    owner = owner_of(path)
    table = SORTS[owner[0]][1] if owner else DOMAIN
    line = next((field for field in table if field.name == path[len(owner)]), None)
    there = value_at(live, owner)
    if line is None or line.live is None or there is None:
        return None
    return line.live.way if line.live.can(there, value_at(said, (*owner, line.name))) else None


def nested(values: Values) -> dict[str, Any]:
    """Values by path as the fields of one owner."""
    fields: dict[str, Any] = {}
    for (*way, last), value in values:
        inner = fields
        for key in way:
            inner = inner.setdefault(key, {})
        inner[last] = value
    return fields


def changed_device(live_xml: str, sort: str, name: str, values: Values) -> str:
    """One device of a live definition as it shall be, all of it. Raises: XmlError where it is not there."""
    return fragment(_changed(live_xml, sort, name, values))


def disk_limits(live_xml: str, name: str, values: Values) -> tuple[str, dict[str, int]]:
    """A disk's target, and every limit that it shall have; 0: none. libvirt clears what is not said beside another.

    Raises: XmlError where it is not there.
    """
    disk = _changed(live_xml, "disks", name, values)
    line = next(field for field in DISK if field.name == "iotune")
    there = read_fields(disk, (line,)).get("iotune", {})
    target = disk.find("target")
    assert target is not None
    return target.get("dev", ""), {limit.name: there.get(limit.name, 0) for limit in line.kind.table}


def _changed(live_xml: str, sort: str, name: str, values: Values) -> Element:
    tag, table = SORTS[sort]
    device = named(parse(live_xml).find("devices"), tag).get(name)
    if device is None:
        raise XmlError(f"no {tag} {name} is there")
    write_fields(device, table, nested(values))
    return device
