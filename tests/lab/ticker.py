"""A guest that is only a boot sector: up at once, it counts the ticks of its clock, and does as it is told.

What it knows stands at a fixed place of its memory, where QEMU's monitor reads it: a number drawn when it booted and a
count since, so that a test can tell a guest that went on from one that was started anew. A byte on its serial line
switches it off from inside, as `poweroff` does. A busy one never waits for a tick: it writes to 16 MiB of memory, round
after round, so that even throttled to a hundredth it leaves a migration of 1 MiB a second no chance.
"""

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.lab.cloud import Cloud, until

BOOT_ID = 0x7000
SECTOR = 512
DISK = 1 << 20
HELD_S = 20
DISKS = "{name: root, pool: images, size: 1MiB, image: tiny.qcow2}"
"""Of a document whose guest boots the pool's image."""

_START = (
    "fa 31db 8edb 8ed3 bc007c",  # cli; bx, ds, ss = 0; sp = 0x7c00
    "0f31 66a30070",  # rdtsc; [0x7000] = eax: the boot id
    "66c706047000000000",  # dword [0x7004] = 0: the count
)
_TICKS = "fb"  # sti: the clock's ticks wake it
_FLAT = (  # all memory within reach of es, as "unreal mode" does it
    "0f0116007d",  # lgdt [0x7d00]
    "0f20c0 0c01 0f22c0 bb0800 8ec3 24fe 0f22c0",  # protected mode; es = 8; back to real mode
)
_TABLE_AT = 0x100
_TABLE = "0f00 007d0000 0000 ffff 0000 0092 cf00"  # its limit and place, which stand for the null entry; flat data
_WAIT = "f4"  # hlt, until the next tick
_WRITE = (
    "66bf00001000",  # edi = 1 MiB
    "2667fe07 6681c700100000",  # page: inc byte es:[edi]; edi += 4 KiB
    "6681ff00001001 72ec",  # cmp edi, 17 MiB; jb page
)
_COUNT = "66ff060470"  # inc dword [0x7004]
_LISTEN = "bafd03 ec a801"  # al = line status of the first serial port; test al, 1: is there a byte?
_OFF = "ba0406 b80020 ef"  # out 0x604, 0x2000: ACPI's soft off


def sector(*, busy: bool) -> bytes:
    """The program. `jz` and `jmp` lead back to the begin of its loop."""
    start = bytes.fromhex("".join((*_START, *_FLAT)) if busy else "".join((*_START, _TICKS)))
    loop = bytes.fromhex(("".join(_WRITE) if busy else _WAIT) + _COUNT + _LISTEN)
    off = bytes.fromhex(_OFF)
    again = b"\x74" + _back(len(loop) + 2)
    end = off + b"\xeb" + _back(len(loop) + 2 + len(off) + 2)
    code = (start + loop + again + end).ljust(_TABLE_AT, b"\0") + bytes.fromhex(_TABLE)
    return code.ljust(SECTOR - 2, b"\0") + b"\x55\xaa"


def _back(length: int) -> bytes:
    return (-length).to_bytes(1, "little", signed=True)


def make_image(image: Path, *, busy: bool) -> Path:
    """A qcow2 image that boots it."""
    raw = image.with_suffix(".raw")
    raw.write_bytes(sector(busy=busy).ljust(DISK, b"\0"))
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", raw, image], check=True, timeout=60)
    return image


def told(cloud: Cloud, host: str, domain: str) -> tuple[int, int]:
    """(boot id, count) of a guest; both 0 before it has booted."""
    shown = cloud.virsh(host, "qemu-monitor-command", "--hmp", domain, f"xp /2wx {BOOT_ID:#x}")
    boot_id, count = (int(word, 16) for word in shown.split(":")[1].split())
    return boot_id, count


def all_told(cloud: Cloud, domains: Iterable[str]) -> dict[str, tuple[int, int]]:
    """The same of several, wherever they run, once they have booted."""

    def booted(name: str) -> tuple[int, int]:
        found = until(lambda: (said := told(cloud, cloud.host_of(name), name))[1] and said, f"{name} booting")
        return tuple(found)  # type: ignore[return-value]

    return {name: booted(name) for name in domains}


def assert_go_on(cloud: Cloud, born: Mapping[str, tuple[int, int]]) -> None:
    """Each still runs, was never started anew, and has counted on."""
    for name, (boot_id, count) in all_told(cloud, born).items():
        assert boot_id == born[name][0], f"{name} was started anew"
        until(lambda name=name, count=count: told(cloud, cloud.host_of(name), name)[1] > count, f"{name} counting")


def switch_off(cloud: Cloud, host: str, domain: str) -> None:
    """It ends by itself, within a second or two: so often QEMU looks whether somebody holds its end of the line."""
    line = cloud.virsh(host, "ttyconsole", domain).strip()
    held = f"{{ printf x; sleep {HELD_S}; }} >{line}"
    cloud.run("setsid", "--fork", "sh", "-c", f"{held} 2>/dev/null", on=host)
