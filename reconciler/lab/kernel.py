"""The few system calls that Python 3.11 does not wrap: namespaces, mounts, parent-death signal.

Raises: OSError, with the call's errno. Source: unshare(2), setns(2), mount(2), prctl(2), name_to_handle_at(2).
"""

import ctypes
import os
import signal

NEW_MOUNTS = 0x00020000
NEW_HOSTNAME = 0x04000000
NEW_IPC = 0x08000000
NEW_PIDS = 0x20000000
NEW_NETWORK = 0x40000000

READ_ONLY = 0x1
NO_SUID = 0x2
NO_DEV = 0x4
NO_EXEC = 0x8
REMOUNT = 0x20
BIND = 0x1000
MOVE = 0x2000
RECURSIVE = 0x4000
UNBINDABLE = 0x20000
PRIVATE = 0x40000

_PR_SET_PDEATHSIG = 1
_AT_FDCWD = -100
_LARGEST_HANDLE = 128  # MAX_HANDLE_SZ
_PR_SET_NAME = 15

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, subject: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), subject)


def unshare(flags: int) -> None:
    """Give this process namespaces of its own; NEW_PIDS is for the children made from now on."""
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare")


def enter(fd: int, flag: int) -> None:
    """Join the namespace that `fd` (an open /proc/PID/ns/...) names; a pid namespace only for new children."""
    _check(_libc.setns(ctypes.c_int(fd), ctypes.c_int(flag)), "setns")


def mount(source: str, target: str, fstype: str = "", flags: int = 0, options: str = "") -> None:
    """Mount as mount(2) does."""
    result = _libc.mount(
        source.encode(), target.encode(), fstype.encode() or None, ctypes.c_ulong(flags), options.encode() or None
    )
    _check(result, target)


def bind(source: str, target: str) -> None:
    """Show `source`, with what is mounted below it, at `target` too."""
    mount(source, target, flags=BIND | RECURSIVE)


def has_handles(path: str) -> bool:
    """Whether the file system of `path` gives handles to files, as an NFS server needs; an overlay does not."""
    handle, mount_id = ctypes.create_string_buffer(_LARGEST_HANDLE + 8), ctypes.c_int()
    ctypes.memmove(handle, ctypes.byref(ctypes.c_uint(_LARGEST_HANDLE)), ctypes.sizeof(ctypes.c_uint))
    found = _libc.name_to_handle_at(_AT_FDCWD, path.encode(), handle, ctypes.byref(mount_id), 0)
    return bool(found == 0)


def die_with_parent() -> None:
    """Ask for SIGKILL when the thread that started this process ends."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")


def set_name(name: str) -> None:
    """How this process shows in ps and pgrep; 15 bytes at most."""
    _check(_libc.prctl(_PR_SET_NAME, name.encode(), 0, 0, 0), "prctl")
