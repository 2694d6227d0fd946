"""Build the disk image: unpack, pack the initramfs, lay out the disk, compress.

The disk is one FAT file system without partitions, which syslinux makes bootable. Nothing is mounted, so no step needs
root. The bytes depend only on the cached packages and on the version of qemu-img.
"""

import os
import tempfile
from pathlib import Path

from reconciler.lab.guest.initramfs import initramfs
from reconciler.lab.guest.kernel import kernel_image, needed_modules
from reconciler.lab.guest.packages import Say, unpack_packages
from reconciler.lab.guest.tools import GuestImageError, run

SIZE_MIB = 64
# What would else differ between two builds: the volume's serial number, times of files, a person's mtools settings.
VOLUME_ID = "4c414221"
FIXED = {"SOURCE_DATE_EPOCH": "1700000000", "TZ": "UTC", "MTOOLSRC": os.devnull}
# Less to probe and to wait for. Errors (level 3), such as the disk's, still reach the console.
COMMAND_LINE = "console=ttyS0 quiet loglevel=4 edd=off apparmor=0 nowatchdog rcupdate.rcu_expedited=1"
SYSLINUX_CFG = f"DEFAULT guest\nPROMPT 0\nLABEL guest\n  KERNEL /vmlinuz\n  INITRD /initrd\n  APPEND {COMMAND_LINE}\n"


def make_image(out: Path, say: Say) -> None:
    """Build the guest's disk as a qcow2 file.

    The first build downloads about 30 MB of Debian packages. An older file of that name is replaced in one step.
    Raises: GuestImageError.
    """
    with tempfile.TemporaryDirectory(prefix="guest-") as scratch:
        unpacked, raw = Path(scratch) / "unpacked", Path(scratch) / "disk.raw"
        unpacked.mkdir()
        unpack_packages(unpacked, say)
        _lay_out(raw, unpacked)
        _compress(raw, out)
    say(f"built {out} ({out.stat().st_size / 2**20:.1f} MiB)")


def _lay_out(raw: Path, unpacked: Path) -> None:
    """Write the bootable file system, with the unpacked tools."""
    initrd, config = raw.with_name("initrd"), raw.with_name("syslinux.cfg")
    initrd.write_bytes(initramfs((unpacked / "bin/busybox").read_bytes(), needed_modules(unpacked)))
    config.write_text(SYSLINUX_CFG)
    with raw.open("wb") as disk:
        disk.truncate(SIZE_MIB * 2**20)
    env = {**FIXED, "PATH": f"{unpacked}/usr/bin:{os.environ.get('PATH', os.defpath)}"}
    for argv in (
        ["mformat", "-i", str(raw), "-N", VOLUME_ID, "::"],
        ["mcopy", "-i", str(raw), str(kernel_image(unpacked)), "::vmlinuz"],
        ["mcopy", "-i", str(raw), str(initrd), "::initrd"],
        ["mcopy", "-i", str(raw), str(config), "::syslinux.cfg"],
        ["syslinux", "--install", str(raw)],
    ):
        run(argv, to="lay out the disk", way_out=f"make room in {raw.parent} or set TMPDIR", env=env)


def _compress(raw: Path, out: Path) -> None:
    """Write the image beside its place, then move it there. zlib: every QEMU reads it, and it is the smallest here."""
    part = out.with_name(f".{out.name}.{os.getpid()}")
    argv = ["qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", str(raw), str(part)]
    try:
        run(argv, to=f"write {out}", way_out="make its directory, make room, or name another place")
        part.replace(out)
    except OSError as error:
        raise GuestImageError(f"cannot write {out}: {error.strerror}; name another place") from None
    finally:
        part.unlink(missing_ok=True)
