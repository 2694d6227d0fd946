"""Our mark in <metadata>: whose a domain or network is. It travels with a migration; anyone can forge it."""

from collections.abc import Mapping

from lxml import etree

from reconciler.mark import MadeDisk, Mark
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
    made = {disk.name: disk for disk in map(_read_disk, found.iterfind(_DISK)) if disk.name}
    disks = tuple(sorted(made.values()))
    return Mark(
        cluster,
        name,
        disks,
        found.get("claimedBy", ""),
        found.get("uuid", ""),
        found.get("protected") == "true",
        found.get("former", ""),
        found.get("restartedFor", ""),
        found.get("seed", ""),
    )


def is_mark(element: Element) -> bool:
    """Whether an element of <metadata> is ours."""
    return bool(element.tag == _MARK)


def _read_disk(disk: Element) -> MadeDisk:
    """Earlier versions wrote the name alone; a half said disk counts as such a one."""
    said = {key: disk.get(key, "") for key in ("name", "pool", "volume", "format", "image")}
    capacity, detached, copied = disk.get("capacity", ""), disk.get("detached") == "yes", disk.get("copied") == "yes"
    if not (said["pool"] and said["volume"] and said["format"] and capacity.isdecimal()):
        return MadeDisk(said["name"], detached=detached)
    return MadeDisk(**said, capacity=int(capacity), detached=detached, copied=copied)


def mark_xml(mark: Mark) -> str:
    """The element as virDomainSetMetadata wants it, beside PREFIX and URI.

    Without a namespace: libvirt puts every element without one into URI, and refuses text that declares PREFIX itself.
    """
    made = element("mark", **_words(mark))
    for disk in mark.made:
        made.append(element("disk", **_disk_words(disk)))
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
    made = etree.Element(_MARK, _words(mark), nsmap={PREFIX: URI})
    for disk in mark.made:
        etree.SubElement(made, _DISK, _disk_words(disk))
    return made


def _words(mark: Mark) -> dict[str, str]:
    return _said(
        {
            "cluster": mark.cluster,
            "name": mark.name,
            "former": mark.former,
            "uuid": mark.uuid,
            "claimedBy": mark.claimed_by,
            "protected": "true" if mark.protected else "",
            "restartedFor": mark.restarted_for,
            "seed": mark.seed,
        }
    )


def _disk_words(disk: MadeDisk) -> dict[str, str]:
    return _said(
        {
            "name": disk.name,
            "pool": disk.pool,
            "volume": disk.volume,
            "format": disk.format,
            "capacity": str(disk.capacity or ""),
            "image": disk.image,
            "detached": "yes" if disk.detached else "",
            "copied": "yes" if disk.copied else "",
        }
    )


def _said(words: Mapping[str, str]) -> dict[str, str]:
    return {key: word for key, word in words.items() if word}
