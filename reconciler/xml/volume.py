"""A storage volume's XML."""

from reconciler.action import CreateVolume
from reconciler.observed import SeenVolume
from reconciler.xml.kinds import size_of
from reconciler.xml.tree import element, parse, reach, render, set_text


def volume_xml(action: CreateVolume) -> str:
    """A new volume that takes no room yet; over a base image, its backing file's format is said, never guessed."""
    root = element("volume", type="file")
    set_text(reach(root, "name"), action.volume)
    for tag, size in (("capacity", action.capacity), ("allocation", 0)):
        reach(root, tag).set("unit", "bytes")
        set_text(reach(root, tag), str(size))
    reach(root, "target", "format").set("type", action.format)
    if action.format == "qcow2":
        set_text(reach(root, "target", "compat"), "1.1")
    if action.backing:
        set_text(reach(root, "backingStore", "path"), action.backing)
        reach(root, "backingStore", "format").set("type", action.backing_format)
    return render(root)


def read_volume(xml: str) -> SeenVolume:
    """Read what libvirt says of a volume. Raises: XmlError."""
    root = parse(xml)
    shape = root.find("target/format")
    return SeenVolume(
        capacity=size_of(root.find("capacity")) or 0,
        format=shape.get("type", "") if shape is not None else "",
        backing=root.findtext("backingStore/path") or "",
    )
