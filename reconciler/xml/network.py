"""A libvirt network's XML."""

from dataclasses import dataclass

from reconciler.mark import Mark
from reconciler.xml.field import Fields, read_fields, write_fields
from reconciler.xml.mark import read_mark, write_mark
from reconciler.xml.table import NET
from reconciler.xml.tree import element, parse, parse_for_edit, reach, render, set_text


@dataclass(frozen=True, slots=True)
class NetworkReading:
    """What a network's definition says."""

    name: str
    uuid: str
    mark: Mark | None
    fields: Fields
    """bridge (None: none), forward (bridge, nat, route, open, ...; isolated without any)"""


def read_network(xml: str) -> NetworkReading:
    """Read a network of any sort. Raises: XmlError."""
    root = parse(xml)
    return NetworkReading(
        name=root.findtext("name") or "",
        uuid=root.findtext("uuid") or "",
        mark=read_mark(root),
        fields={"bridge": None, **read_fields(root, NET)},
    )


def network_xml(existing: str | None, name: str, uuid: str, fields: Fields, mark: Mark | None) -> str:
    """A definition with `fields` written into the `existing` one, whose UUID then wins, or into a new one."""
    root = parse_for_edit(existing) if existing is not None else element("network")
    before = render(root)
    if existing is None:
        set_text(reach(root, "name"), name)
        set_text(reach(root, "uuid"), uuid)
    write_fields(root, NET, fields)
    if mark is not None:
        write_mark(root, mark)
    after = render(root)
    return existing if existing is not None and after == before else after
