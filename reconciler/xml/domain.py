"""A domain's XML: read it, say what a document wants in the same words, and write only that into it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.desired import derive
from reconciler.desired.documents import Disk, Domain, DomainSpec, Interface
from reconciler.mark import Mark
from reconciler.observed import SeenDisk
from reconciler.xml.devices import NO_OTHER_NAMES, DeviceNames, device_names, named, seen_disks, write_devices
from reconciler.xml.field import Field, Fields, read_fields, write_fields
from reconciler.xml.mark import read_mark, write_mark
from reconciler.xml.skeleton import skeleton
from reconciler.xml.table import DISK, DOMAIN, INTERFACE
from reconciler.xml.tree import parse, parse_for_edit, reach, render


@dataclass(frozen=True, slots=True)
class DomainReading:
    """What a definition says, live or persistent, ours or not."""

    name: str
    uuid: str
    mark: Mark | None
    fields: Fields
    disks: tuple[SeenDisk, ...]


def read(xml: str) -> DomainReading:
    """Read a definition by the table.

    What the table does not know is passed over; what the XML does not say is left out of `fields`. Raises: XmlError.
    """
    root = parse(xml)
    devices = root.find("devices")
    disks, interfaces = named(devices, "disk"), named(devices, "interface")
    fields = read_fields(root, DOMAIN)
    fields["disks"] = {name: read_fields(disk, DISK) for name, disk in disks.items()}
    fields["interfaces"] = {name: read_fields(interface, INTERFACE) for name, interface in interfaces.items()}
    return DomainReading(
        name=root.findtext("name") or "",
        uuid=root.findtext("uuid") or "",
        mark=read_mark(root),
        fields=fields,
        disks=seen_disks(disks),
    )


def wanted(
    domain: Domain,
    cluster: str,
    *,
    only_set: bool,
    there: Fields | None = None,
    names: DeviceNames = NO_OTHER_NAMES,
) -> Fields:
    """What the document says, in the words of read().

    With `only_set`: what it wrote itself, without what acts only at creation (`cpu: baseline`, a disk's format). A
    device that `there` (a reading's fields) lacks is said in full, with its derived MAC, for it will be created.
    `names`: what `there` calls a device that has another name in the document (see device_names).
    """
    spec, there = domain.spec, there or {}
    fields = _said(spec, DOMAIN, only_set=only_set)
    if spec.disks or not only_set:
        known = _known(there.get("disks"), spec.disks)
        disks = {names.disks.get(d.name, d.name): d for d in spec.disks}
        fields["disks"] = {n: _said(d, DISK, only_set=only_set and n in known) for n, d in disks.items()}
    if spec.interfaces or not only_set:
        known = _known(there.get("interfaces"), spec.interfaces)
        interfaces = {names.interfaces.get(i.name, i.name): i for i in spec.interfaces}
        fields["interfaces"] = {
            n: _interface(domain, cluster, i, only_set=only_set and n in known) for n, i in interfaces.items()
        }
    return fields


def _known(there: Mapping[str, Any] | None, devices: Iterable[Disk | Interface]) -> set[str]:
    """Which devices are to be taken as there; all, where nobody said what is."""
    return set(there) if there is not None else {device.name for device in devices}


def _interface(domain: Domain, cluster: str, interface: Interface, *, only_set: bool) -> dict[str, Any]:
    said = _said(interface, INTERFACE, only_set=only_set)
    return said if only_set else {**said, "mac": derive.mac(cluster, domain.name, interface)}


def _said(model: DomainSpec | Disk | Interface, table: tuple[Field, ...], *, only_set: bool) -> dict[str, Any]:
    said = {}
    for field in table:
        value = getattr(model, field.name)
        value = field.kind.normal(value) if value is not None else None
        counts = not only_set or (field.name in model.model_fields_set and not field.once)
        if value is not None and counts:
            said[field.name] = value
    return said


def merge(xml: str, fields: Fields, *, sources: Mapping[str, str], mark: Mark | None) -> str:
    """Write `fields` into a persistent definition (or a skeleton); all else stays as it stands.

    `sources`: where a disk that is not there yet lies, by its name; the source of one that is there is never touched.
    `mark`: put in the place of the one that is there; None leaves that. Where nothing differs the result is `xml`
    itself. Raises: XmlError.
    """
    root = parse_for_edit(xml)
    before = render(root)
    write_fields(root, DOMAIN, fields)
    if fields.get("disks") or fields.get("interfaces"):
        devices = reach(root, "devices")
        write_devices(devices, "disk", fields.get("disks", {}), sources)
        write_devices(devices, "interface", fields.get("interfaces", {}), sources)
    if mark is not None:
        write_mark(root, mark)
    after = render(root)
    return xml if after == before else after


__all__ = ["DeviceNames", "DomainReading", "Fields", "device_names", "merge", "read", "skeleton", "wanted"]
