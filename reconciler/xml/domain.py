"""A domain's XML: read it, say what a document wants in the same words, and write only that into it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.desired import derive
from reconciler.desired.documents import Cdrom, Disk, Domain, Interface, XmlEdit
from reconciler.desired.model import Model
from reconciler.mark import Mark
from reconciler.observed import CpuFacts, HostFacts, SeenDisk
from reconciler.xml.devices import (
    NO_OTHER_NAMES,
    DeviceNames,
    device_names,
    named,
    of_sort,
    seen_backing,
    seen_disks,
    write_devices,
)
from reconciler.xml.edits import EditError, make_edits, read_edits, wanted_edits
from reconciler.xml.field import Field, Fields, has, read_fields, write_fields
from reconciler.xml.hindrances import hindrances
from reconciler.xml.mark import read_mark, write_mark
from reconciler.xml.peripherals import is_agent_connected
from reconciler.xml.ports import spare_ports
from reconciler.xml.skeleton import skeleton
from reconciler.xml.table import CDROM, DISK, DOMAIN, DRIVE, INTERFACE
from reconciler.xml.tree import parse, parse_for_edit, reach, render

NO_MEDIA: Mapping[str, str] = {}
_SORTS = {Disk: "disks", Cdrom: "cdroms", Interface: "interfaces"}


@dataclass(frozen=True, slots=True)
class DomainReading:
    """What a definition says, live or persistent, ours or not."""

    name: str
    uuid: str
    mark: Mark | None
    fields: Fields
    disks: tuple[SeenDisk, ...]
    agent_connected: bool = False
    hindrances: tuple[str, ...] = ()
    """What would stand against a live migration of it."""
    backing: frozenset[str] = frozenset()
    spare_ports: int | None = None
    """PCIe ports into which nothing is plugged; None where that is not known."""


def read(xml: str, edits: Sequence[XmlEdit] = ()) -> DomainReading:
    """Read a definition by the table.

    What the table does not know is passed over; what the XML does not say is left out of `fields`. `edits`: the
    document's own fields (`spec.xml`); what stands at their paths is `fields["xml"]`. Raises: XmlError.
    """
    root = parse(xml)
    devices = root.find("devices")
    disks, interfaces = named(devices, "disk"), named(devices, "interface")
    fields = read_fields(root, DOMAIN)
    fields["disks"] = {name: read_fields(disk, DISK) for name, disk in of_sort(disks, "disk").items()}
    fields["cdroms"] = {name: read_fields(drive, CDROM) for name, drive in of_sort(disks, "cdrom").items()}
    fields["interfaces"] = {name: read_fields(interface, INTERFACE) for name, interface in interfaces.items()}
    if edits:
        fields["xml"] = read_edits(root, edits)
    return DomainReading(
        name=root.findtext("name") or "",
        uuid=root.findtext("uuid") or "",
        mark=read_mark(root),
        fields=fields,
        disks=seen_disks(disks),
        agent_connected=is_agent_connected(devices),
        hindrances=hindrances(root),
        backing=seen_backing(disks),
        spare_ports=spare_ports(devices),
    )


def wanted(
    domain: Domain,
    cluster: str,
    *,
    only_set: bool,
    there: Fields | None = None,
    names: DeviceNames = NO_OTHER_NAMES,
    media: Mapping[str, str] = NO_MEDIA,
) -> Fields:
    """What the document says, in the words of read().

    With `only_set`: what it wrote itself and what is there can become, without what acts only at creation (`cpu:
    baseline`, a disk's format). A part or device that `there` (a reading's fields) lacks is said in full, a device
    with its derived MAC, for it will be created. `names`: what `there` calls a device that has another name in the
    document (see device_names). `media`: the path of what shall lie in each drive, empty for an empty tray; of a drive
    that it does not name, nothing is said of that.
    """
    spec = domain.spec
    fields = _said(spec, DOMAIN, there, only_set=only_set)
    if spec.disks or not only_set:
        disks = {names.disks.get(disk.name, disk.name): disk for disk in spec.disks}
        fields["disks"] = {name: _device(disk, name, DISK, there, only_set=only_set) for name, disk in disks.items()}
    if spec.drives or not only_set:
        drives = {names.cdroms.get(drive.name, drive.name): drive for drive in spec.drives}
        fields["cdroms"] = {
            name: _cdrom(drive, name, there, media, only_set=only_set) for name, drive in drives.items()
        }
    if spec.interfaces or not only_set:
        cards = {names.interfaces.get(card.name, card.name): card for card in spec.interfaces}
        fields["interfaces"] = {
            name: _interface(domain, cluster, card, name, there, only_set=only_set) for name, card in cards.items()
        }
    if spec.xml:
        fields["xml"] = wanted_edits(spec.xml)
    return fields


def unchangeable(domain: Domain, there: Fields) -> Fields:
    """What the document says, and what is there can never become: another machine."""
    whole = _said(domain.spec, DOMAIN, there, only_set=False)
    written = domain.spec.model_fields_set
    return {
        field.name: whole[field.name]
        for field in DOMAIN
        if field.name in written and field.name in whole and _is_fixed(field, there.get(field.name), whole[field.name])
    }


def _is_new(name: str, sort: str, there: Fields | None) -> bool:
    """All are taken as there, where nobody said what is."""
    return there is not None and name not in there.get(sort, {})


def _device(
    device: Disk | Cdrom | Interface, name: str, table: tuple[Field, ...], there: Fields | None, *, only_set: bool
) -> dict[str, Any]:
    sort = _SORTS[type(device)]
    if only_set and _is_new(name, sort, there):
        return _said(device, table, None, only_set=False)
    seen = there.get(sort, {}).get(name) if there is not None else None
    return _said(device, table, seen, only_set=only_set)


def _cdrom(
    drive: Cdrom, name: str, there: Fields | None, media: Mapping[str, str], *, only_set: bool
) -> dict[str, Any]:
    said = _device(drive, name, DRIVE, there, only_set=only_set)
    return {**said, "medium": media[drive.name]} if drive.name in media else said


def _interface(
    domain: Domain, cluster: str, interface: Interface, name: str, there: Fields | None, *, only_set: bool
) -> dict[str, Any]:
    said = _device(interface, name, INTERFACE, there, only_set=only_set)
    is_known = only_set and not _is_new(name, "interfaces", there)
    return said if is_known else {**said, "mac": derive.mac(cluster, domain.name, interface)}


def _said(model: Model, table: tuple[Field, ...], there: Fields | None, *, only_set: bool) -> dict[str, Any]:
    """A default that the XML has without a word is not said."""
    said = {}
    for field in table:
        seen = there.get(field.name) if there is not None else None
        is_new = there is not None and seen is None
        value = _value(getattr(model, field.name), field, seen, only_set=only_set and not is_new)
        is_written = field.name in model.model_fields_set
        counts = is_written and not field.once if only_set else is_written or value != field.absent
        if value is not None and counts and not (only_set and _is_fixed(field, seen, value)):
            said[field.name] = value
    return said


def _value(raw: Any, field: Field, seen: Any, *, only_set: bool) -> Any:
    """In the words of read(); None where the document says nothing."""
    if raw is not None and field.kind.table:
        return _said(raw, field.kind.table, seen, only_set=only_set) or None
    value = field.kind.normal(raw) if raw is not None else None
    return value if value is None or seen is None else field.kind.settle(seen, value)


def _is_fixed(field: Field, seen: Any, value: Any) -> bool:
    return seen is not None and seen != value and field.fixed(seen, value)


def merge(
    xml: str,
    fields: Fields,
    *,
    sources: Mapping[str, str],
    mark: Mark | None,
    edits: Sequence[XmlEdit] = (),
    taken: Collection[str] = (),
) -> str:
    """Write `fields` into a persistent definition (or a skeleton); all else stays as it stands.

    `sources`: where a disk that is not there yet lies, by its name; the source of one that is there is never touched.
    A device that is None is taken out. `mark`: put in the place of the one that is there; None leaves that. `edits`:
    made after all else. `taken`: target names that no new drive gets, beside those of `xml`. Where nothing differs the
    result is `xml` itself. Raises: XmlError; EditError where an edit matches nothing, or undoes a field.
    """
    root = parse_for_edit(xml)
    before = render(root)
    write_fields(root, DOMAIN, fields)
    for sort in ("disk", "cdrom", "interface"):
        if devices := fields.get(f"{sort}s"):
            write_devices(reach(root, "devices"), sort, devices, sources, taken)
    if mark is not None:
        write_mark(root, mark)
    make_edits(root, edits)
    after = render(root)
    if edits:
        _check_undone(after, fields)
    return xml if after == before else after


def first_definition(
    domain: Domain,
    mark: Mark,
    facts: HostFacts,
    cpu: CpuFacts | None,
    sources: Mapping[str, str],
    media: Mapping[str, str] = NO_MEDIA,
) -> str:
    """A new domain's XML: the skeleton, all that its document says and leaves to defaults, `mark`, its edits.

    An edit may undo a default, not what the document says. Raises: EditError.
    """
    fields = wanted(domain, mark.cluster, only_set=False, media=media)
    made = merge(skeleton(domain, mark.cluster, facts, cpu), fields, sources=sources, mark=mark)
    said = wanted(domain, mark.cluster, only_set=True, there=read(made).fields, media=media)
    return merge(made, said, sources={}, mark=None, edits=domain.spec.xml)


def _check_undone(xml: str, fields: Fields) -> None:
    """An edit that says other than a field would be written again on every pass."""
    seen = read(xml).fields
    for name, value in fields.items():
        if name != "xml" and not has(seen.get(name), value):
            raise EditError(f"spec.xml undoes {name}, which the document sets too; leave one of them out")


__all__ = [
    "DeviceNames",
    "DomainReading",
    "EditError",
    "Fields",
    "device_names",
    "first_definition",
    "merge",
    "read",
    "skeleton",
    "unchangeable",
    "wanted",
]
