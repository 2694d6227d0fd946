"""Devices of a domain that runs: how a field of one changes, and the XML that libvirt's calls want for it."""

from collections.abc import Mapping
from typing import Any

from reconciler.fact import value_at
from reconciler.live import Values, Way
from reconciler.xml.devices import named
from reconciler.xml.field import Field, Fields, read_fields, write_fields
from reconciler.xml.table import CDROM, DISK, DOMAIN, INTERFACE
from reconciler.xml.tree import Element, XmlError, child, fragment, parse, remove

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


PLUGGABLE = frozenset({"virtio", "scsi", "usb"})
"""Buses of which QEMU adds and removes disks while the guest runs."""


def can_be_plugged(owner: tuple[str, ...], fields: Fields) -> bool:
    """Whether a device of a definition with these fields can come and go while the domain runs."""
    return owner[0] == "interfaces" or (owner[0] == "disks" and value_at(fields, (*owner, "bus")) in PLUGGABLE)


def needs_port(owner: tuple[str, ...], fields: Fields, live: Fields) -> bool:
    """Whether a device of `fields` takes a PCIe port of what runs: a SCSI disk does not, beside another."""
    if value_at(fields, (*owner, "bus")) != "scsi":
        return True
    return all(disk.get("bus") != "scsi" for disk in live.get("disks", {}).values())


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


def attachable(persistent_xml: str, live_xml: str, sort: str, name: str) -> tuple[str, ...]:
    """What is attached, in this order, so that the domain has a device as its persistent definition has it.

    Its address there is kept where the live definition has room for it, so that the guest sees no other at its next
    start. A disk on a SCSI controller that is not there brings that. Raises: XmlError where it is not there.
    """
    persistent, live = parse(persistent_xml), parse(live_xml)
    device = _named(persistent, sort, name)
    wanted = [*_missing_controllers(device, persistent, live), device]
    for one in wanted:
        address = child(one, "address")
        if address is not None and not _is_free(address, live):
            remove(address)
    return tuple(fragment(one) for one in wanted)


def detachable(live_xml: str, sort: str, name: str) -> str:
    """A device as a live definition has it. Raises: XmlError where it is not there."""
    return fragment(_named(parse(live_xml), sort, name))


def _missing_controllers(device: Element, persistent: Element, live: Element) -> list[Element]:
    target, address = child(device, "target"), child(device, "address")
    if target is None or target.get("bus") != "scsi" or address is None:
        return []
    place = f"devices/controller[@type='scsi'][@index='{address.get('controller', '0')}']"
    found = persistent.find(place)
    return [found] if found is not None and live.find(place) is None else []


_PLACES = {"pci": ("domain", "bus", "slot", "function"), "drive": ("controller", "bus", "target", "unit")}


def _place(address: Element) -> tuple[object, ...]:
    """Where it is, in numbers."""
    said = (address.get(key, "0") for key in _PLACES.get(address.get("type", ""), ()))
    return (address.get("type"), *(int(number, 0) for number in said))


def _is_free(address: Element, live: Element) -> bool:
    """Whether nothing is there, and the bus is."""
    kind = address.get("type", "")
    if kind not in _PLACES or any(_place(other) == _place(address) for other in live.iterfind("devices/*/address")):
        return False
    buses = {int(one.get("index", "0")) for one in live.iterfind("devices/controller[@type='pci']")}
    return kind != "pci" or int(address.get("bus", "0"), 0) in buses


def _named(root: Element, sort: str, name: str) -> Element:
    tag = SORTS[sort][0]
    device = named(root.find("devices"), tag).get(name)
    if device is None:
        raise XmlError(f"no {tag} {name} is there")
    return device


def _changed(live_xml: str, sort: str, name: str, values: Values) -> Element:
    device = _named(parse(live_xml), sort, name)
    if sort == "interfaces":
        _back_to_its_network(device)
    write_fields(device, SORTS[sort][1], nested(values))
    return device


def _back_to_its_network(interface: Element) -> None:
    """A live one on a network that is a bridge is shown as on that bridge, which handed back would be meant so."""
    source = child(interface, "source")
    if source is not None and source.get("network"):
        interface.set("type", "network")
        for said in ("portid", "bridge"):
            source.attrib.pop(said, None)
