"""Our mark in <metadata>: whose a domain or network is. It travels with a migration; anyone can forge it."""

from lxml import etree

from reconciler.observed import Mark
from reconciler.xml.tree import Element, element, insert, insert_at, reach, remove

URI = "urn:reconciler:v1"
PREFIX = "reconciler"
_MARK, _DISK = f"{{{URI}}}mark", f"{{{URI}}}disk"


def read_mark(root: Element) -> Mark | None:
    """The mark of a <domain> or <network>; None where there is none, or none that says whose it is."""
    found = root.find(f"metadata/{_MARK}")
    cluster, name = (found.get("cluster"), found.get("name")) if found is not None else (None, None)
    if found is None or not cluster or not name:
        return None
    disks = frozenset(disk.get("name", "") for disk in found.iterfind(_DISK)) - {""}
    return Mark(cluster, name, disks, found.get("uuid", ""))


def is_mark(element: Element) -> bool:
    """Whether an element of <metadata> is ours."""
    return bool(element.tag == _MARK)


def mark_xml(mark: Mark) -> str:
    """The element as virDomainSetMetadata wants it, beside PREFIX and URI.

    Without a namespace: libvirt puts every element without one into URI, and refuses text that declares PREFIX itself.
    """
    made = element("mark", **_attributes(mark))
    for disk in sorted(mark.disks):
        made.append(element("disk", name=disk))
    return etree.tostring(made, encoding="unicode")


def write_mark(root: Element, mark: Mark) -> None:
    """Put `mark` into <metadata>, in the place of the one that is there; an equal one stays as it stands."""
    if read_mark(root) == mark:
        return
    metadata = reach(root, "metadata")
    old = metadata.find(_MARK)
    if old is None:
        insert(metadata, _element(mark))
        return
    position = metadata.index(old)
    remove(old)
    insert_at(metadata, _element(mark), position)


def _element(mark: Mark) -> Element:
    made = etree.Element(_MARK, _attributes(mark), nsmap={PREFIX: URI})
    for disk in sorted(mark.disks):
        etree.SubElement(made, _DISK, {"name": disk})
    return made


def _attributes(mark: Mark) -> dict[str, str]:
    said = {"cluster": mark.cluster, "name": mark.name}
    return {**said, "uuid": mark.uuid} if mark.uuid else said
