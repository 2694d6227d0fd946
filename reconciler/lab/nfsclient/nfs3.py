"""The procedures of NFS version 3 and of its MOUNT protocol. Source: RFC 1813.

Raises everywhere: OSError with the errno that the server's status stands for; what is busy (JUKEBOX) is asked again.
"""

import asyncio
import errno
import os
import struct
from dataclasses import dataclass
from typing import NamedTuple

from reconciler.lab.nfsclient.onc import ROOT, Connection, Credential, Reader, lookup_port, opaque, string

PROGRAM, VERSION = 100003, 3
MOUNT_PROGRAM = 100005
GETATTR, SETATTR, LOOKUP, READLINK, READ, WRITE, CREATE, MKDIR, SYMLINK = 1, 2, 3, 5, 6, 7, 8, 9, 10
REMOVE, RMDIR, RENAME, LINK, READDIR, FSSTAT, FSINFO, COMMIT = 12, 13, 14, 15, 16, 18, 19, 21

UNSTABLE = 0
GUARDED, UNCHECKED = 1, 0
BUSY = 10008
BUSY_S = 0.5
_ERRNO = {
    63: errno.ENAMETOOLONG,
    66: errno.ENOTEMPTY,
    69: errno.EDQUOT,
    70: errno.ESTALE,
    71: errno.EREMOTE,
    10001: errno.ESTALE,
    10002: errno.EIO,
    10003: errno.EINVAL,
    10004: errno.EOPNOTSUPP,
    10005: errno.EINVAL,
    10006: errno.EREMOTEIO,
    10007: errno.EINVAL,
}


class Attributes(NamedTuple):
    """A file's attributes (fattr3). Times in seconds and nanoseconds."""

    kind: int
    mode: int
    nlink: int
    uid: int
    gid: int
    size: int
    used: int
    rdev_major: int
    rdev_minor: int
    fsid: int
    fileid: int
    atime: int
    atime_ns: int
    mtime: int
    mtime_ns: int
    ctime: int
    ctime_ns: int


class Space(NamedTuple):
    """What is free where a file lies (FSSTAT); bytes and files."""

    total_bytes: int
    free_bytes: int
    available_bytes: int
    total_files: int
    free_files: int
    available_files: int


class Entry(NamedTuple):
    """One name in a directory; `cookie`: where to read on after it."""

    fileid: int
    name: bytes
    cookie: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What SETATTR or CREATE sets; None leaves it. Times: (seconds, nanoseconds), or "now" by the server's clock."""

    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    size: int | None = None
    atime: "tuple[int, int] | str | None" = None
    mtime: "tuple[int, int] | str | None" = None

    def packed(self) -> bytes:
        """sattr3 in XDR."""
        numbers = ((self.mode, "I"), (self.uid, "I"), (self.gid, "I"), (self.size, "Q"))
        return b"".join(
            [_optional(value, form) for value, form in numbers] + [_time(value) for value in (self.atime, self.mtime)]
        )


def _optional(value: int | None, form: str) -> bytes:
    return struct.pack(">I", 0) if value is None else struct.pack(">I" + form, 1, value)


def _time(value: "tuple[int, int] | str | None") -> bytes:
    if value is None:
        return struct.pack(">I", 0)
    return struct.pack(">I", 1) if isinstance(value, str) else struct.pack(">III", 2, *value)


async def mount(host: str, path: str) -> bytes:
    """Ask for the file handle of an export. Raises: OSError, TimeoutError."""
    connection = Connection(host, await lookup_port(host, MOUNT_PROGRAM, 3))
    await connection.open()
    try:
        async with asyncio.timeout(30):
            answer = await connection.call(MOUNT_PROGRAM, 3, 1, string(os.fsencode(path)))
            _check(answer.number())
            return answer.opaque()
    finally:
        connection.close()


def _check(status: int) -> None:
    if status:
        number = _ERRNO.get(status, status if status < 60 else errno.EIO)
        raise OSError(number, os.strerror(number))


@dataclass(slots=True)
class Nfs:
    """One server's NFS service. File handles are bytes."""

    connection: Connection

    async def _call(self, procedure: int, arguments: bytes, who: Credential = ROOT) -> tuple[int, Reader]:
        """The status and the results; repeats while the server is busy."""
        while True:
            answer = await self.connection.call(PROGRAM, VERSION, procedure, arguments, who)
            status = answer.number()
            if status != BUSY:
                return status, answer
            await asyncio.sleep(BUSY_S)

    async def _do(self, procedure: int, arguments: bytes, who: Credential = ROOT) -> Reader:
        status, answer = await self._call(procedure, arguments, who)
        _check(status)
        return answer

    async def getattr(self, handle: bytes) -> Attributes:
        """A file's attributes."""
        return _attributes(await self._do(GETATTR, opaque(handle)))

    async def setattr(self, handle: bytes, changes: Changes, who: Credential) -> None:
        """Change a file's attributes, its size too."""
        await self._do(SETATTR, opaque(handle) + changes.packed() + struct.pack(">I", 0), who)

    async def lookup(self, directory: bytes, name: bytes, who: Credential) -> bytes:
        """The handle of a name."""
        return (await self._do(LOOKUP, opaque(directory) + string(name), who)).opaque()

    async def readlink(self, handle: bytes, who: Credential) -> bytes:
        """The target of a symbolic link."""
        answer = await self._do(READLINK, opaque(handle), who)
        _optional_attributes(answer)
        return answer.opaque()

    async def read(self, handle: bytes, offset: int, size: int, who: Credential) -> bytes:
        """Bytes from `offset`; fewer than `size` at the end of the file, or when the server gives fewer."""
        answer = await self._do(READ, opaque(handle) + struct.pack(">QI", offset, size), who)
        _optional_attributes(answer)
        answer.unpack("II")
        return answer.opaque()

    async def write(self, handle: bytes, offset: int, content: bytes, who: Credential) -> int:
        """Write without asking for stable storage; returns how many bytes were taken."""
        head = opaque(handle) + struct.pack(">QII", offset, len(content), UNSTABLE)
        answer = await self._do(WRITE, head + opaque(content), who)
        _weak_attributes(answer)
        return answer.number()

    async def commit(self, handle: bytes) -> None:
        """Bring all written bytes of a file to stable storage."""
        await self._do(COMMIT, opaque(handle) + struct.pack(">QI", 0, 0))

    async def create(self, directory: bytes, name: bytes, mode: int, how: int, who: Credential) -> bytes:
        """Make a file; `how`: GUARDED (must not exist) or UNCHECKED."""
        place = opaque(directory) + string(name)
        answer = await self._do(CREATE, place + struct.pack(">I", how) + Changes(mode=mode).packed(), who)
        return await self._new_handle(answer, directory, name, who)

    async def mkdir(self, directory: bytes, name: bytes, mode: int, who: Credential) -> bytes:
        """Make a directory."""
        answer = await self._do(MKDIR, opaque(directory) + string(name) + Changes(mode=mode).packed(), who)
        return await self._new_handle(answer, directory, name, who)

    async def symlink(self, directory: bytes, name: bytes, target: bytes, who: Credential) -> bytes:
        """Make a symbolic link."""
        place = opaque(directory) + string(name)
        answer = await self._do(SYMLINK, place + Changes(mode=0o777).packed() + string(target), who)
        return await self._new_handle(answer, directory, name, who)

    async def _new_handle(self, answer: Reader, directory: bytes, name: bytes, who: Credential) -> bytes:
        return answer.opaque() if answer.number() else await self.lookup(directory, name, who)

    async def remove(self, directory: bytes, name: bytes, who: Credential) -> None:
        """Remove a name that is no directory."""
        await self._do(REMOVE, opaque(directory) + string(name), who)

    async def rmdir(self, directory: bytes, name: bytes, who: Credential) -> None:
        """Remove an empty directory."""
        await self._do(RMDIR, opaque(directory) + string(name), who)

    async def rename(self, old: tuple[bytes, bytes], new: tuple[bytes, bytes], who: Credential) -> None:
        """Move (directory, name) to (directory, name)."""
        places = b"".join(opaque(directory) + string(name) for directory, name in (old, new))
        await self._do(RENAME, places, who)

    async def link(self, handle: bytes, directory: bytes, name: bytes, who: Credential) -> None:
        """Give a file one more name."""
        await self._do(LINK, opaque(handle) + opaque(directory) + string(name), who)

    async def readdir(self, handle: bytes, cookie: int, verifier: bytes, size: int) -> tuple[bytes, list[Entry]]:
        """Names after `cookie` (0: from the start); none means the end. Returns the verifier for the next call, too."""
        answer = await self._do(READDIR, opaque(handle) + struct.pack(">Q8sI", cookie, verifier, size))
        _optional_attributes(answer)
        verifier = struct.pack(">Q", *answer.unpack("Q"))
        entries = []
        while answer.number():
            fileid = answer.unpack("Q")[0]
            name = answer.opaque()
            entries.append(Entry(fileid, name, answer.unpack("Q")[0]))
        return verifier, entries

    async def space(self, handle: bytes) -> Space:
        """What is free."""
        answer = await self._do(FSSTAT, opaque(handle))
        _optional_attributes(answer)
        return Space(*answer.unpack("QQQQQQ"))

    async def sizes(self, handle: bytes) -> tuple[int, int]:
        """The most bytes that one READ and one WRITE may carry."""
        answer = await self._do(FSINFO, opaque(handle))
        _optional_attributes(answer)
        most_read, _, _, most_write = answer.unpack("IIII")
        return most_read, most_write


def _attributes(answer: Reader) -> Attributes:
    return Attributes(*answer.unpack("IIIIIQQIIQQIIIIII"))


def _optional_attributes(answer: Reader) -> Attributes | None:
    return _attributes(answer) if answer.number() else None


def _weak_attributes(answer: Reader) -> None:
    """wcc_data: attributes before and after; we cache nothing, so they tell us nothing."""
    if answer.number():
        answer.unpack("QIIII")
    _optional_attributes(answer)
