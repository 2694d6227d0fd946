"""One writer: an flock on a file in /run, named by the cluster (law 12).

The kernel lets go of it when the holder ends, however it ends; the file stays and is never deleted. Nothing here
follows a link: who can write to the directory must not choose which file we open. Source: flock(2), open(2).
"""

import errno
import fcntl
import os
import re
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.errors import LockHeld, ReconcilerError

RUN = Path("/run/reconciler")
DIRECTORY_VARIABLE = "RECONCILE_RUN_DIR"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_LONGEST_NOTE = 4096
_TRIES = 10


def directory() -> Path:
    """Where locks lie: what the operator says, else /run/reconciler, else (not root, and none there) the user's own."""
    told = os.environ.get(DIRECTORY_VARIABLE)
    if told:
        return Path(told)
    own = os.environ.get("XDG_RUNTIME_DIR")
    if os.geteuid() != 0 and own and not RUN.exists() and not os.access(RUN.parent, os.W_OK):
        return Path(own) / "reconciler"
    return RUN


@contextmanager
def held(cluster: str) -> Iterator[Path]:
    """Hold the cluster's lock; yields its path.

    Raises: LockHeld where another process has it (or might: we may not look); ReconcilerError where what lies at its
    path is not a lock file of ours.
    """
    if not _NAME.fullmatch(cluster):
        raise ReconcilerError(f"cannot lock cluster {cluster!r}: it is not a name")
    path = directory() / f"{cluster}.lock"
    handle = _take(path, cluster)
    try:
        yield path
    finally:
        os.ftruncate(handle, 0)
        os.close(handle)


def _take(path: Path, cluster: str) -> int:
    """An open descriptor that holds the lock and names us."""
    for _ in range(_TRIES):
        handle = _open(path)
        try:
            if _flock(handle, cluster) and _is_still(handle, path):
                _sign(handle)
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
    raise ReconcilerError(f"cannot lock cluster {cluster}: {path} is replaced again and again; find out by whom")


def _open(path: Path) -> int:
    """Open the lock file, made where it is missing; never through a link."""
    try:
        parent = _open_directory(path.parent)
        try:
            handle = os.open(path.name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o640, dir_fd=parent)
        finally:
            os.close(parent)
    except PermissionError as error:
        raise LockHeld(
            f"cannot see whether another reconciler works: {path} may not be opened ({error.strerror}); "
            f"run as its owner, or set {DIRECTORY_VARIABLE}"
        ) from error
    except OSError as error:
        raise _refusal(path, error) from error
    try:
        _check(os.fstat(handle), path)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _open_directory(path: Path) -> int:
    path.mkdir(mode=0o750, parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    found = os.fstat(handle)
    if found.st_mode & stat.S_IWOTH:
        os.close(handle)
        raise ReconcilerError(f"cannot use {path} for locks: everybody may write to it; give it mode 0750")
    return handle


def _refusal(path: Path, error: OSError) -> ReconcilerError:
    if path.is_symlink() or path.parent.is_symlink():
        link = path if path.is_symlink() else path.parent
        return ReconcilerError(f"cannot lock {path}: {link} is a symbolic link, and not of our making; remove it")
    if error.errno in (errno.EISDIR, errno.ENXIO, errno.ENODEV):
        return ReconcilerError(f"cannot lock {path}: it is not a regular file; remove it")
    return ReconcilerError(f"cannot lock {path}: {error.strerror}")


def _check(found: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(found.st_mode):
        sort = "a FIFO" if stat.S_ISFIFO(found.st_mode) else "not a regular file"
        raise ReconcilerError(f"cannot lock {path}: it is {sort}, and not of our making; remove it")
    if found.st_nlink > 1:
        raise ReconcilerError(
            f"cannot lock {path}: it is a hard link to another file, and not of our making; remove it"
        )


def _flock(handle: int, cluster: str) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        note = os.pread(handle, _LONGEST_NOTE, 0).decode(errors="replace")
        raise LockHeld(f"another reconciler ({_holder(note)}) works on cluster {cluster}") from None
    return True


def _holder(note: str) -> str:
    """`pid 123, since 2026-11-23 14:00:00, reconcile --once` of a holder's note; it may not have been written yet."""
    lines = dict(line.split(" ", 1) for line in note.splitlines() if " " in line)
    parts = [f"pid {lines['pid']}" if "pid" in lines else "its pid is not known yet"]
    parts += [f"since {lines['since']}"] if "since" in lines else []
    parts += [lines["command"]] if "command" in lines else []
    return ", ".join(parts)


def _is_still(handle: int, path: Path) -> bool:
    """Whether the file that we hold is the one that others will open: a cleaner of /run may have come between."""
    try:
        there = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    ours = os.fstat(handle)
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)


def _sign(handle: int) -> None:
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    command = " ".join(["reconcile", *sys.argv[1:]]).replace("\n", " ")
    note = f"pid {os.getpid()}\nsince {since}\ncommand {command}\n".encode(errors="backslashreplace")
    os.ftruncate(handle, 0)
    os.pwrite(handle, note[:_LONGEST_NOTE], 0)
