"""Disks and interfaces: by which name a document knows one, how a new one is made, what a disk's source is."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from reconciler.desired.documents import Cdrom, Disk, Domain, Interface
from reconciler.desired.model import Model
from reconciler.observed import SeenDisk
from reconciler.xml.drives import free_target, source_of
from reconciler.xml.field import Field, Fields, write_fields
from reconciler.xml.table import CDROM, DISK, DRIVE, INTERFACE
from reconciler.xml.tree import Element, XmlError, child, element, insert, reach, remove

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


def is_cdrom(device: Element) -> bool:
    """Whether it is a drive for read-only media; to libvirt that is a disk too."""
    return bool(device.tag == "disk" and device.get("device") == "cdrom")


def of_sort(devices: Mapping[str, Element], sort: str) -> dict[str, Element]:
    """Those that a document lists as disks, as cdroms, or as interfaces."""
    return {name: device for name, device in devices.items() if is_cdrom(device) is (sort == "cdrom")}


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
    cdroms: Mapping[str, str]
    interfaces: Mapping[str, str]


NO_OTHER_NAMES = DeviceNames({}, {}, {})


def are_all_named(domain: Domain, there: Fields) -> bool:
    """Whether every device that the document speaks of is there by its name, as those that we made are."""
    spec = domain.spec
    said = {
        "disks": [disk.name for disk in spec.disks],
        "cdroms": [drive.name for drive in spec.drives],
        "interfaces": [interface.name for interface in spec.interfaces],
    }
    return all(name in there.get(sort, {}) for sort, names in said.items() for name in names)


def device_names(domain: Domain, there: Fields, disks: Iterable[SeenDisk], paths: Mapping[str, str]) -> DeviceNames:
    """Which devices of `there` the document means without calling them by their names there.

    A disk or medium is known by what it lies on (`paths`: the document's, by disk or drive), an interface by the MAC
    that the document says: devices that another hand made have no name of ours, and none can be given to them while
    the domain runs.
    """
    spec = domain.spec
    by_source = {disk.source: disk.name for disk in disks if disk.source}
    sources = {disk.name: by_source.get(paths.get(disk.name, ""), "") for disk in spec.disks}
    media = {drive.name: by_source.get(paths.get(drive.name, ""), "") for drive in spec.drives}
    macs = {interface.name: (interface.mac or "").lower() for interface in spec.interfaces}
    return DeviceNames(
        _others(sources, there.get("disks", {})),
        _others(media, there.get("cdroms", {})),
        _others(macs, there.get("interfaces", {})),
    )


def _others(meant: Mapping[str, str], there: Fields) -> dict[str, str]:
    """What is there by its document name is that one; no device is two."""
    return {name: other for name, other in meant.items() if name not in there and other in there and other not in meant}


# --- new ones --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sort:
    """A sort of devices: `own` are the lines that its model has, `table` are all."""

    tag: str
    model: type[Model]
    own: tuple[Field, ...]
    table: tuple[Field, ...]


_SORTS: Mapping[str, _Sort] = {
    "disk": _Sort("disk", Disk, DISK, DISK),
    "cdrom": _Sort("disk", Cdrom, DRIVE, CDROM),
    "interface": _Sort("interface", Interface, INTERFACE, INTERFACE),
}


def _defaults(sort: _Sort) -> Fields:
    """What a new one has where nothing is said of it: the documents' defaults."""
    model, table = sort.model, sort.own
    known = {field.name: model.model_fields[field.name] for field in table}
    return {name: info.get_default() for name, info in known.items() if not info.is_required()}


def write_devices(
    devices: Element,
    sort: str,
    wanted: Mapping[str, Fields | None],
    sources: Mapping[str, str],
    taken: Collection[str] = (),
) -> None:
    """Write what differs of each device named, make those that are not there, and take out what is None.

    `sort`: disk, cdrom or interface. `taken`: target names that no new drive gets, whoever has them. What is taken out
    goes last, so that nothing new gets its place. Raises: XmlError without a source.
    """
    like = _SORTS[sort]
    there = of_sort(named(devices, like.tag), sort)
    for name, fields in wanted.items():
        if name in there and fields is not None:
            _edit(devices, like, there[name], name, fields)
        elif fields is not None:
            _make(devices, sort, name, fields, sources, taken)
    for name in (name for name, fields in wanted.items() if fields is None and name in there):
        remove(there[name])


def _edit(devices: Element, sort: _Sort, device: Element, name: str, fields: Fields) -> None:
    """One that was known by its target keeps its name where that changes: it gets the alias."""
    address = _address(device)
    write_fields(device, sort.table, fields)
    if _address(device) != address and not _alias(device):
        _write_alias(devices, sort.tag, device, name)


def _make(
    devices: Element, sort: str, name: str, fields: Fields, sources: Mapping[str, str], taken: Collection[str]
) -> None:
    like = _SORTS[sort]
    made = insert(devices, _NEW[sort](name, sources))
    said = {key: value for key, value in fields.items() if value is not None}
    whole = {**_defaults(like), **said}
    if like.tag == "disk":
        reach(made, "target").set("dev", free_target(devices, whole["bus"], taken))
    write_fields(made, like.table, whole, new=True)
    _write_alias(devices, like.tag, made, name)


def _new_disk(name: str, sources: Mapping[str, str]) -> Element:
    if name not in sources:
        raise XmlError(f"cannot add disk {name!r}: nobody said where it lies")
    disk = element("disk", type="file", device="disk")
    disk.append(element("driver", name="qemu"))
    disk.append(element("source", file=sources[name]))
    return disk


def _new_cdrom(name: str, sources: Mapping[str, str]) -> Element:
    """With an empty tray: the medium is a field."""
    drive = element("disk", type="file", device="cdrom")
    drive.append(element("driver", name="qemu", type="raw"))
    drive.append(element("readonly"))
    return drive


def _new_interface(name: str, sources: Mapping[str, str]) -> Element:
    return element("interface", type="network")


_NEW: Mapping[str, Callable[[str, Mapping[str, str]], Element]] = {
    "disk": _new_disk,
    "cdrom": _new_cdrom,
    "interface": _new_interface,
}


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
        writable = child(disk, "readonly") is None and not is_cdrom(disk)
        shareable = child(disk, "shareable") is not None
        seen.append(SeenDisk(name, target, source_of(child(disk, "source")), writable, shareable))
        mirror = child(disk, "mirror")
        if mirror is not None:
            copy = source_of(child(mirror, "source")) or mirror.get("file", "")
            seen.append(SeenDisk(name, target, copy, writable, shareable))
    return tuple(seen)


def seen_backing(disks: Mapping[str, Element]) -> frozenset[str]:
    """All that the disks stand on, as far as the definition says it: a live one says it all."""
    chains = (below for disk in disks.values() for below in disk.iterfind(".//backingStore/source"))
    return frozenset(path for path in map(source_of, chains) if path)
