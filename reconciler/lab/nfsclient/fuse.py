"""The kernel's FUSE protocol, spoken on /dev/fuse directly. Source: linux/fuse.h, protocol 7.31 (since Linux 5.4)."""

import asyncio
import contextlib
import errno
import os
import signal
import struct
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

from reconciler.lab.nfsclient.nfs3 import Attributes

MAX_IO = 1 << 20
BUFFER = MAX_IO + 0x1000
ASYNC_READ, BIG_WRITES, PARALLEL_DIROPS, MAX_PAGES = 1 << 0, 1 << 5, 1 << 18, 1 << 22
WATCH_S = 0.5  # how often we look whether somebody who waits was killed, once a signal came to it
DIRECT_IO, PARALLEL_DIRECT_WRITES = 1 << 0, 1 << 6

_HEAD = struct.Struct("=IIQQIIIHH")
_ANSWER = struct.Struct("=IiQ")
_ATTR = struct.Struct("=QQQQQQIIIIIIIIII")
_KINDS = {1: 0o100000, 2: 0o040000, 3: 0o060000, 4: 0o020000, 5: 0o120000, 6: 0o140000, 7: 0o010000}


class Op(IntEnum):
    """What the kernel can ask for; what is not here is answered with ENOSYS, and it asks no more."""

    LOOKUP = 1
    FORGET = 2
    GETATTR = 3
    SETATTR = 4
    READLINK = 5
    SYMLINK = 6
    MKDIR = 9
    UNLINK = 10
    RMDIR = 11
    RENAME = 12
    LINK = 13
    OPEN = 14
    READ = 15
    WRITE = 16
    STATFS = 17
    RELEASE = 18
    FSYNC = 20
    FLUSH = 25
    INIT = 26
    OPENDIR = 27
    READDIR = 28
    RELEASEDIR = 29
    CREATE = 35
    INTERRUPT = 36
    DESTROY = 38
    BATCH_FORGET = 42
    FALLOCATE = 43
    RENAME2 = 45


class Request(NamedTuple):
    """One question of the kernel.

    `node`: the file it is about (1 is the root). `asker`: the thread that waits for the answer, 0 for the kernel
    itself. `body`: the operation's arguments.
    """

    op: int
    unique: int
    node: int
    uid: int
    gid: int
    asker: int
    body: bytes


Handler = Callable[[Request], Awaitable[bytes]]


@dataclass(slots=True)
class Server:
    """Answers the kernel's questions on `fd` until the file system is unmounted, many at once.

    `handlers` return the answer's body or raise OSError. `forget` is told (node, how many look-ups were dropped).
    """

    fd: int
    handlers: dict[Op, Handler]
    forget: Callable[[int, int], None]
    _tasks: dict[int, "asyncio.Task[None]"] = field(default_factory=dict)
    _askers: dict[int, int] = field(default_factory=dict)
    _end: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self) -> None:
        """Run until unmounted."""
        os.set_blocking(self.fd, False)
        loop = asyncio.get_running_loop()
        loop.add_reader(self.fd, self._read)
        await self._end.wait()
        loop.remove_reader(self.fd)

    def _read(self) -> None:
        try:
            message = os.read(self.fd, BUFFER)
        except OSError as error:
            if error.errno == errno.ENODEV:
                self._end.set()
            elif error.errno not in (errno.EAGAIN, errno.EINTR, errno.ENOENT):
                raise
            return
        _, op, unique, node, uid, gid, asker, _, _ = _HEAD.unpack_from(message)
        self._begin(Request(op, unique, node, uid, gid, asker, message[_HEAD.size :]))

    def _begin(self, request: Request) -> None:
        match request.op:
            case Op.INIT:
                self._send(request.unique, 0, _init(request.body))
            case Op.FORGET:
                self.forget(request.node, *struct.unpack_from("=Q", request.body))
            case Op.BATCH_FORGET:
                count = struct.unpack_from("=I", request.body)[0]
                for node, lookups in struct.iter_unpack("=QQ", request.body[8 : 8 + 16 * count]):
                    self.forget(node, lookups)
            case Op.INTERRUPT:
                self._watch(*struct.unpack_from("=Q", request.body))
            case _:
                self._askers[request.unique] = request.asker
                self._tasks[request.unique] = asyncio.get_running_loop().create_task(self._work(request))

    def _watch(self, unique: int) -> None:
        """The asker got a signal. As with a kernel's NFS mount only SIGKILL ends its wait, now or later."""
        task = self._tasks.get(unique)
        if task is None:
            return
        if _is_being_killed(self._askers[unique]):
            task.cancel()
        else:
            asyncio.get_running_loop().call_later(WATCH_S, self._watch, unique)

    async def _work(self, request: Request) -> None:
        try:
            handler = self.handlers.get(request.op)  # type: ignore[call-overload]  # an op that Op lacks has no handler
            if handler is None:
                self._send(request.unique, errno.ENOSYS)
            else:
                self._send(request.unique, 0, await handler(request))
        except asyncio.CancelledError:
            self._send(request.unique, errno.EINTR)
        except OSError as error:
            self._send(request.unique, error.errno or errno.EIO)
        except Exception:
            traceback.print_exc()  # a bug of ours costs one answer, not the mount
            self._send(request.unique, errno.EIO)
        finally:
            del self._tasks[request.unique], self._askers[request.unique]

    def _send(self, unique: int, error: int, body: bytes = b"") -> None:
        with contextlib.suppress(FileNotFoundError):  # the asker is gone
            os.writev(self.fd, [_ANSWER.pack(_ANSWER.size + len(body), -error, unique), body])


def _is_being_killed(thread: int) -> bool:
    """Whether SIGKILL is pending for a thread, or it is gone. Source: proc(5), SigPnd."""
    try:
        lines = Path(f"/proc/{thread}/status").read_text().splitlines()
    except OSError:
        return True
    pending = next(int(line.split()[1], 16) for line in lines if line.startswith("SigPnd:"))
    return bool(pending & 1 << (signal.SIGKILL - 1))


def _init(body: bytes) -> bytes:
    _, _, readahead, flags = struct.unpack_from("=IIII", body)
    wanted = flags & (ASYNC_READ | BIG_WRITES | PARALLEL_DIROPS | MAX_PAGES)
    return struct.pack("=IIIIHHIIHHII24x", 7, 31, readahead, wanted, 64, 48, MAX_IO, 1, MAX_IO // 4096, 0, 0, 0)


def attr(a: Attributes) -> bytes:
    """struct fuse_attr."""
    mode = a.mode & 0o7777 | _KINDS.get(a.kind, 0)
    rdev = os.makedev(a.rdev_major, a.rdev_minor) & 0xFFFFFFFF
    times = (a.atime, a.mtime, a.ctime, a.atime_ns, a.mtime_ns, a.ctime_ns)
    return _ATTR.pack(a.fileid, a.size, (a.used + 511) // 512, *times, mode, a.nlink, a.uid, a.gid, rdev, 4096, 0)


def attr_out(a: Attributes) -> bytes:
    """struct fuse_attr_out; the kernel may keep nothing, so that other hosts' changes show at once."""
    return struct.pack("=QII", 0, 0, 0) + attr(a)


def entry_out(node: int, a: Attributes) -> bytes:
    """struct fuse_entry_out; the kernel may keep nothing."""
    return struct.pack("=QQQQII", node, 0, 0, 0, 0, 0) + attr(a)


def open_out(handle: int, flags: int = 0) -> bytes:
    """struct fuse_open_out."""
    return struct.pack("=QII", handle, flags, 0)


def dirent(fileid: int, cookie: int, name: bytes) -> bytes:
    """struct fuse_dirent, padded."""
    return struct.pack("=QQII", fileid, cookie, len(name), 0) + name + bytes(-len(name) % 8)
