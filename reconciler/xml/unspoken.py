"""What a domain's XML says that no line of the table reads: no document can say it, and edits leave it as it is."""

from collections import Counter
from collections.abc import Iterator

from reconciler.xml.devices import is_cdrom, named
from reconciler.xml.field import Field
from reconciler.xml.mark import is_mark
from reconciler.xml.table import CDROM, DISK, DOMAIN, INTERFACE
from reconciler.xml.tree import Element, parse

OWN = frozenset({"name", "uuid", "devices", "currentMemory", "metadata"})
"""Said by the document's head, by other fields, or below."""
CPU_OWN = frozenset({"cpu/model", "cpu/vendor", "cpu/feature"})
"""Read by the fields `cpu` and `cpuFeatures`, whose place is all of <cpu>."""
DEVICE_OWN = frozenset({"driver", "source", "target", "alias", "address", "backingStore", "mac", "model"})
"""Said by fields of ours as far as they matter, or libvirt's own."""

CDROM_OWN = frozenset({"readonly"})
"""What every drive for read-only media has."""


def unspoken(xml: str) -> tuple[str, ...]:
    """The elements outside of the table, outermost names first: `os/boot`, `clock`, `controller (pci) x5`.

    Order: as in the XML; devices last. Raises: XmlError.
    """
    root = parse(xml)
    said = _said(DOMAIN)
    found = dict.fromkeys(
        name for top in root if top.tag not in OWN for name in _of_element(str(top.tag), top, said) if name not in said
    )
    metadata = [inner for inner in root.iterfind("metadata/*") if not is_mark(inner)]
    others = ("metadata of others",) if metadata else ()
    devices = root.find("devices")
    return (*found, *others, *(_of_devices(devices) if devices is not None else ()))


def unspoken_of_device(xml: str, tag: str, name: str) -> tuple[str, ...]:
    """The same of one disk, drive or interface, by the name that a reading gives it."""
    device = named(parse(xml).find("devices"), tag)[name]
    table = CDROM if is_cdrom(device) else DISK if tag == "disk" else INTERFACE
    said = _said(table) | DEVICE_OWN | (CDROM_OWN if is_cdrom(device) else frozenset())
    return tuple(dict.fromkeys(str(inner.tag) for inner in device if inner.tag not in said))


def _said(table: tuple[Field, ...]) -> frozenset[str]:
    """Paths of elements that the table reads, without attributes, and all that they lie in."""
    paths = [field.tags for field in table]
    return CPU_OWN.union("/".join(tags[:depth]) for tags in paths for depth in range(1, len(tags) + 1))


def _of_element(name: str, element: Element, said: frozenset[str]) -> Iterator[str]:
    """The element itself where no field lies in it; else what of it no field reads."""
    if name not in said:
        yield name
        return
    if any(path.startswith(f"{name}/") for path in said):
        yield from (f"{name}/{inner.tag!s}" for inner in element)


def _of_devices(devices: Element) -> Iterator[str]:
    spoken = {field.tags[1] for field in DOMAIN if field.tags[0] == "devices" and len(field.tags) > 1}
    kinds = [_kind(device) for device in devices if device.tag not in {*spoken, "disk", "interface"}]
    for kind, count in Counter(kinds).items():
        yield f"{kind} x{count}" if count > 1 else kind


def _kind(device: Element) -> str:
    sort = device.get("type") or device.get("model")
    return f"{device.tag!s} ({sort})" if sort else str(device.tag)
