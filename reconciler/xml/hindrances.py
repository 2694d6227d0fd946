"""What in a running domain's definition stands against its live migration."""

from collections.abc import Iterator

from reconciler.xml.tree import Element, child


def hindrances(root: Element) -> tuple[str, ...]:
    """Whole sentences without their stop, in the order of the definition. Source: qemuMigrationSrcIsAllowed."""
    devices = root.find("devices")
    if devices is None:
        return ()
    return tuple(dict.fromkeys((*_of_the_host(devices), *_block_jobs(devices), *_accelerated(devices))))


def _of_the_host(devices: Element) -> Iterator[str]:
    """Devices and directories that are the host's own. What a guest can do without for a while (teaming) is none."""
    for device in devices.iterchildren("hostdev"):
        if child(device, "teaming") is None:
            yield f"a {device.get('type') or 'host'} device of its host is passed through to it"
    for interface in devices.iterchildren("interface"):
        if interface.get("type") == "hostdev" and child(interface, "teaming") is None:
            yield "a network device of its host is passed through to it"
    for filesystem in devices.iterchildren("filesystem"):
        source = child(filesystem, "source")
        yield f"it shares {source.get('dir', 'a directory') if source is not None else 'a directory'} with its host"


def _block_jobs(devices: Element) -> Iterator[str]:
    for disk in devices.iterchildren("disk"):
        target = child(disk, "target")
        if child(disk, "mirror") is not None and target is not None:
            yield f"a block job is at work on its disk {target.get('dev', '')}"


def _accelerated(devices: Element) -> Iterator[str]:
    for found in devices.iterfind("video/model/acceleration"):
        if found.get("accel3d") == "yes":
            yield "its graphics card draws with the host's (accel3d)"
