"""The unpacked kernel: its image, and the modules that the guest needs."""

import lzma
import re
from pathlib import Path

from reconciler.lab.guest.tools import GuestImageError

# Disk and network on the PCI bus, the guest agent's channel, the power button, and the device file through which acpid
# reads it.
WANTED = ("virtio_pci", "virtio_blk", "virtio_net", "virtio_console", "button", "evdev")

Modules = dict[str, bytes]


def kernel_image(unpacked: Path) -> Path:
    """Return the file that the boot loader loads. Raises: GuestImageError."""
    for path in sorted(unpacked.glob("boot/vmlinuz-*")):
        return path
    raise GuestImageError(
        "cannot find the kernel: its package has no boot/vmlinuz-*; delete the cached linux-image-*.deb"
    )


def needed_modules(unpacked: Path) -> Modules:
    """Return file name -> content of the wanted modules and all they need.

    Order: that of loading, each after those it depends on. Modules built into the kernel are left out.
    Raises: GuestImageError when the kernel has no such module.
    """
    files = {_module_name(path): path for path in unpacked.glob("lib/modules/*/kernel/**/*.ko*")}
    builtin = {
        _module_name(Path(line))
        for path in unpacked.glob("lib/modules/*/modules.builtin")
        for line in path.read_text().split()
    }
    modules: Modules = {}
    for name in WANTED:
        _add(name, files, builtin, modules)
    return modules


def _add(name: str, files: dict[str, Path], builtin: set[str], modules: Modules) -> None:
    """Add a module, after those it depends on."""
    if name in builtin or f"{name}.ko" in modules:
        return
    if name not in files:
        raise GuestImageError(
            f"cannot find module {name}: the kernel's package has none; delete the cached linux-image-*.deb"
        )
    content = _content(files[name])
    for other in _depends(content):
        _add(other, files, builtin, modules)
    modules[f"{name}.ko"] = content


def _module_name(path: Path) -> str:
    """Return a module's name; file names write some underscores as dashes."""
    return path.name.partition(".ko")[0].replace("-", "_")


def _content(path: Path) -> bytes:
    """Return the module uncompressed: from Debian 13 on they are `.ko.xz`."""
    content = path.read_bytes()
    return lzma.decompress(content) if path.suffix == ".xz" else content


def _depends(module: bytes) -> list[str]:
    """Return the names that the module's own section .modinfo says it depends on."""
    found = re.search(rb"\0depends=([^\0]*)\0", module)
    return [name.replace("-", "_") for name in found[1].decode().split(",") if name] if found else []
