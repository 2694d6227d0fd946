"""The fields of disks whose XML is more than one attribute or text."""

from collections.abc import Collection, Mapping

from reconciler.desired.derive import seed_instance
from reconciler.xml.field import Field, Fields, Kind, part, read_text
from reconciler.xml.kinds import NUMBER
from reconciler.xml.tree import Element, element, empty, insert, reach


def _prefix(bus: str) -> str:
    """Of target names on that bus."""
    return {"virtio": "vd", "ide": "hd", "fdc": "fd"}.get(bus, "sd")


def free_target(devices: Element, bus: str, also: Collection[str] = ()) -> str:
    """The first target name of `bus` that no disk has, and that is not `also` taken: vda, ..., vdz, vdaa."""
    taken = {*also, *(target.get("dev") for target in devices.iterfind("disk/target"))}
    prefix, number = _prefix(bus), 0
    while (name := prefix + _letters(number)) in taken:
        number += 1
    return name


def _letters(number: int) -> str:
    tail = chr(ord("a") + number % 26)
    return tail if number < 26 else _letters(number // 26 - 1) + tail


def _write_bus(disk: Element, field: Field, value: str) -> None:
    """Another bus is another address, and may be another sort of target name. Needs the disk in its place."""
    devices, target = disk.getparent(), field.reach(disk)
    assert devices is not None
    if not target.get("dev", "").startswith(_prefix(value)):
        target.set("dev", free_target(devices, value))
    target.set("bus", value)
    empty(disk, "address")
    if value == "scsi" and all(c.get("type") != "scsi" for c in devices.iterchildren("controller")):
        insert(devices, element("controller", type="scsi", model="virtio-scsi"))


BUS = Kind(read_text, _write_bus)

# --- media -----------------------------------------------------------------


def source_of(source: Element | None) -> str:
    """A path; `protocol:name` of a network disk; `volume:pool/name` where libvirt looks it up; "" of an empty drive."""
    said: Mapping[str, str] = dict(source.attrib) if source is not None else {}
    path = said.get("file") or said.get("dev") or said.get("dir") or said.get("path")
    if path:
        return path
    if said.get("protocol"):
        return f"{said['protocol']}:{said.get('name', '')}"
    return f"volume:{said.get('pool')}/{said['volume']}" if said.get("volume") else ""


def _write_medium(drive: Element, field: Field, path: str) -> None:
    """Whatever lay there is taken out, with what libvirt says of it."""
    empty(drive, "source", "backingStore")
    reach(drive, "target").attrib.pop("tray", None)
    drive.set("type", "file")
    if path:
        reach(drive, "driver").set("name", "qemu")
        reach(drive, "driver").set("type", "raw")
        field.reach(drive).set("file", path)


def is_swapped(there: Fields, said: str | None) -> bool:
    """Whether a drive that stays gets that medium, or none, while it is used. A seed is for the next start."""
    return said is not None and seed_instance(said) is None


MEDIUM = Kind(lambda source, field: source_of(source), _write_medium)

# --- limits ----------------------------------------------------------------


def _write_limit(iotune: Element, field: Field, value: int) -> None:
    """A limit of all excludes those of reads and of writes, and the other way round."""
    NUMBER.write(iotune, field, value)
    way, _, what = field.name.partition("_")
    empty(iotune, *((f"read_{what}", f"write_{what}") if way == "total" else (f"total_{what}",)))


_LIMIT = Kind(NUMBER.read, _write_limit)
_LIMITS = (f"{way}_{what}" for what in ("bytes_sec", "iops_sec") for way in ("total", "read", "write"))
IOTUNE = part(*(Field(name, name, _LIMIT) for name in _LIMITS))
