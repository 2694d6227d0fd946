"""A storage pool's XML. libvirt keeps no metadata of pools: a UUID that we derive is their mark."""

from dataclasses import dataclass

from reconciler.xml.field import Fields, read_fields, write_fields
from reconciler.xml.kinds import size_of
from reconciler.xml.table import POOL
from reconciler.xml.tree import element, parse, reach, render, set_text


@dataclass(frozen=True, slots=True)
class PoolReading:
    """What libvirt says of a pool. Bytes; 0 where it is not active."""

    name: str
    uuid: str
    fields: Fields
    """type, source_host, source_dir, target; what the pool does not have is left out."""
    capacity: int
    available: int


def read_pool(xml: str) -> PoolReading:
    """Read a pool of any type. Raises: XmlError."""
    root = parse(xml)
    return PoolReading(
        name=root.findtext("name") or "",
        uuid=root.findtext("uuid") or "",
        fields=read_fields(root, POOL),
        capacity=size_of(root.find("capacity")) or 0,
        available=size_of(root.find("available")) or 0,
    )


def pool_xml(name: str, uuid: str, fields: Fields) -> str:
    """A new pool's definition; a netfs pool is an NFS one."""
    root = element("pool")
    set_text(reach(root, "name"), name)
    set_text(reach(root, "uuid"), uuid)
    write_fields(root, POOL, fields)
    if fields["type"] == "netfs":
        reach(root, "source", "format").set("type", "nfs")
    return render(root)
