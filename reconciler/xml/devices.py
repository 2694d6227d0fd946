"""Disks and interfaces: by which name a document knows one, how a new one is made, what a disk's source is."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.desired.documents import Disk, Domain, Interface
from reconciler.observed import SeenDisk
from reconciler.xml.field import Field, Fields, write_fields
from reconciler.xml.table import DISK, INTERFACE
from reconciler.xml.tree import Element, XmlError, child, element, insert, reach

# --- names -----------------------------------------------------------------


def alias_of(name: str) -> str:
    """`ua-<name>`, libvirt's user alias, which may not hold a dot: it becomes `_-`, and `_` before `-_.` doubles."""
    return "ua-" + re.sub(r"_(?=[-_.])", "__", name).replace(".", "_-")


def name_of_alias(alias: str) -> str:
    """The name that alias_of() was given; empty where `alias` is not a user alias."""
    name = alias[3:] if alias.startswith("ua-") else ""
    if "_" not in name:
        return name
    name = re.sub(r"^_(disk|interface)-", "", name)
    return re.sub(r"_([-_])", lambda match: "." if match[1] == "-" else "_", name)


def has_document_name(name: str) -> bool:
    """Whether `name`, of an interface, comes from a user alias: a MAC, and what several share, have other letters."""
    return ":" not in name and "#" not in name


def named(devices: Element | None, tag: str) -> dict[str, Element]:
    """Every device of one sort, by the name that a document would know it by; in their order.

    That is the user alias; without one, a disk's target or an interface's MAC. Where another has that name already, it
    gets one that no document can have.
    """
    found = list(devices.iterchildren(tag)) if devices is not None else []
    aliases = [_alias(device) for device in found]
    by_name: dict[str, Element] = {}
    for number, (device, alias) in enumerate(zip(found, aliases, strict=True)):
        name = alias or _address(device)
        is_free = name and name not in by_name and (alias or name not in aliases)
        by_name[name if is_free else f"{tag}#{number}"] = device
    return by_name


def _alias(device: Element) -> str:
    alias = child(device, "alias")
    return name_of_alias(alias.get("name", "")) if alias is not None else ""


def _address(device: Element) -> str:
    """What tells a device from its like, whoever made it."""
    if device.tag == "disk":
        return _attribute(device, "target", "dev")
    return _attribute(device, "mac", "address").lower()


def _attribute(device: Element, tag: str, name: str) -> str:
    found = child(device, tag)
    return found.get(name, "") if found is not None else ""


@dataclass(frozen=True, slots=True)
class DeviceNames:
    """Document name -> the name by which a reading knows the device, where that is another one."""

    disks: Mapping[str, str]
    interfaces: Mapping[str, str]


NO_OTHER_NAMES = DeviceNames({}, {})


def are_all_named(domain: Domain, there: Fields) -> bool:
    """Whether every device that the document speaks of is there by its name, as those that we made are."""
    disks, interfaces = there.get("disks", {}), there.get("interfaces", {})
    return all(disk.name in disks for disk in domain.spec.disks) and all(
        interface.name in interfaces for interface in domain.spec.interfaces
    )


def device_names(domain: Domain, there: Fields, disks: Iterable[SeenDisk], paths: Mapping[str, str]) -> DeviceNames:
    """Which devices of `there` the document means without calling them by their names there.

    A disk is known by what it lies on (`paths`: the document's, by disk), an interface by the MAC that the document
    says: devices that another hand made have no name of ours, and none can be given to them while the domain runs.
    """
    spec = domain.spec
    by_source = {disk.source: disk.name for disk in disks if disk.source}
    sources = {disk.name: by_source.get(paths.get(disk.name, ""), "") for disk in spec.disks}
    macs = {interface.name: (interface.mac or "").lower() for interface in spec.interfaces}
    return DeviceNames(_others(sources, there.get("disks", {})), _others(macs, there.get("interfaces", {})))


def _others(meant: Mapping[str, str], there: Fields) -> dict[str, str]:
    """What is there by its document name is that one; no device is two."""
    return {name: other for name, other in meant.items() if name not in there and other in there and other not in meant}


# --- new ones --------------------------------------------------------------

_MODELS: Mapping[str, tuple[type[Disk] | type[Interface], tuple[Field, ...]]] = {
    "disk": (Disk, DISK),
    "interface": (Interface, INTERFACE),
}


def _defaults(tag: str) -> Fields:
    """What a new one has where nothing is said of it: the documents' defaults."""
    model, table = _MODELS[tag]
    known = {field.name: model.model_fields[field.name] for field in table}
    return {name: info.get_default() for name, info in known.items() if not info.is_required()}


def write_devices(devices: Element, tag: str, wanted: Mapping[str, Fields], sources: Mapping[str, str]) -> None:
    """Write what differs of each device named, and make those that are not there. Raises: XmlError without a source."""
    there = named(devices, tag)
    for name, fields in wanted.items():
        if name in there:
            _edit(devices, tag, there[name], name, fields)
        else:
            _make(devices, tag, name, fields, sources)


def _edit(devices: Element, tag: str, device: Element, name: str, fields: Fields) -> None:
    """One that was known by its target keeps its name where that changes: it gets the alias."""
    address = _address(device)
    write_fields(device, _MODELS[tag][1], fields)
    if _address(device) != address and not _alias(device):
        _write_alias(devices, tag, device, name)


def _make(devices: Element, tag: str, name: str, fields: Fields, sources: Mapping[str, str]) -> None:
    made = insert(devices, _new_disk(name, sources) if tag == "disk" else element("interface", type="network"))
    said = {key: value for key, value in fields.items() if value is not None}
    write_fields(made, _MODELS[tag][1], {**_defaults(tag), **said}, new=True)
    _write_alias(devices, tag, made, name)


def _new_disk(name: str, sources: Mapping[str, str]) -> Element:
    if name not in sources:
        raise XmlError(f"cannot add disk {name!r}: nobody said where it lies")
    disk = element("disk", type="file", device="disk")
    disk.append(element("driver", name="qemu"))
    disk.append(element("source", file=sources[name]))
    return disk


def _write_alias(devices: Element, tag: str, device: Element, name: str) -> None:
    """A disk and an interface may bear one name, two devices may not bear one alias."""
    alias, taken = alias_of(name), {there.get("name") for there in devices.iterfind("*/alias")}
    free = alias if alias not in taken else alias.replace("ua-", f"ua-_{tag}-", 1)
    reach(device, "alias").set("name", free)


# --- what a disk lies on ---------------------------------------------------


def seen_disks(disks: Mapping[str, Element]) -> tuple[SeenDisk, ...]:
    """The disks of a domain, with the copies that a running job writes beside them (mirrors)."""
    seen = []
    for name, disk in disks.items():
        target = _attribute(disk, "target", "dev")
        writable = child(disk, "readonly") is None and disk.get("device") != "cdrom"
        shareable = child(disk, "shareable") is not None
        seen.append(SeenDisk(name, target, _source(child(disk, "source")), writable, shareable))
        mirror = child(disk, "mirror")
        if mirror is not None:
            copy = _source(child(mirror, "source")) or mirror.get("file", "")
            seen.append(SeenDisk(name, target, copy, writable, shareable))
    return tuple(seen)


def seen_backing(disks: Mapping[str, Element]) -> frozenset[str]:
    """All that the disks stand on, as far as the definition says it: a live one says it all."""
    chains = (below for disk in disks.values() for below in disk.iterfind(".//backingStore/source"))
    return frozenset(path for path in map(_source, chains) if path)


def _source(source: Element | None) -> str:
    """A path; `protocol:name` of a network disk; `volume:pool/name` where libvirt looks it up; "" of an empty drive."""
    said: Mapping[str, str] = dict(source.attrib) if source is not None else {}
    path = said.get("file") or said.get("dev") or said.get("dir") or said.get("path")
    if path:
        return path
    if said.get("protocol"):
        return f"{said['protocol']}:{said.get('name', '')}"
    return f"volume:{said.get('pool')}/{said['volume']}" if said.get("volume") else ""
