"""The guest's only file system: a cpio archive that the kernel unpacks into memory.

Written here and not by cpio(1), so that it needs no root for device files and is the same byte for byte each time.
Source: Documentation/driver-api/early-userspace/buffer-format.rst of the kernel ("newc").
"""

import stat
from importlib.resources import files

from reconciler.lab.guest.kernel import Modules

# Everything that the scripts call, inittab and the scripts' first lines included.
APPLETS = ("acpid", "cat", "dd", "ifconfig", "insmod", "ip", "mount", "nc", "poweroff", "sh", "sleep", "udhcpc")
FOLDERS = ("bin", "dev", "etc", "etc/acpi", "etc/acpi/PWRF", "guest", "modules", "proc", "sys", "var", "var/run")
# busybox acpid runs this file when the power button is pressed.
POWER_BUTTON = "etc/acpi/PWRF/00000080"
SCRIPTS = {
    "etc/inittab": "inittab",
    "guest/start.sh": "start.sh",
    "guest/network.sh": "network.sh",
    "guest/lease.sh": "lease.sh",
    "guest/answer.sh": "answer.sh",
    "guest/agent.sh": "agent.sh",
    "guest/disk.sh": "disk.sh",
    "guest/disks.sh": "disks.sh",
    POWER_BUTTON: "power.sh",
}


def initramfs(busybox: bytes, modules: Modules) -> bytes:
    """Return the whole archive, uncompressed: unpacking would cost an emulated guest more than loading does."""
    root = files("reconciler.lab.guest").joinpath("root")
    archive = _Archive()
    for folder in FOLDERS:
        archive.add(folder, stat.S_IFDIR | 0o755)
    archive.add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    archive.add("init", stat.S_IFLNK | 0o777, b"bin/busybox")
    archive.add("bin/busybox", stat.S_IFREG | 0o755, busybox)
    for applet in APPLETS:
        archive.add(f"bin/{applet}", stat.S_IFLNK | 0o777, b"busybox")
    for name, script in SCRIPTS.items():
        archive.add(name, stat.S_IFREG | 0o755, root.joinpath(script).read_bytes())
    for name, module in modules.items():
        archive.add(f"modules/{name}", stat.S_IFREG | 0o644, module)
    archive.add("modules/order", stat.S_IFREG | 0o644, "".join(f"{name}\n" for name in modules).encode())
    return archive.end()


class _Archive:
    """A cpio archive being written; every time in it is 0 and every owner root."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._inode = 0

    def add(self, name: str, mode: int, content: bytes = b"", device: tuple[int, int] = (0, 0)) -> None:
        """Add a file, folder, link or device file; its folder must be in the archive already."""
        self._inode += 1
        path = name.encode() + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(path), 0)
        self._bytes += b"070701" + b"".join(b"%08X" % field for field in fields)
        for part in (path, content):
            self._bytes += part
            self._bytes += bytes(-len(self._bytes) % 4)

    def end(self) -> bytes:
        """Add the mark of the end and return the whole."""
        self.add("TRAILER!!!", 0)
        return bytes(self._bytes)
