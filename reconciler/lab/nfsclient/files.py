"""An NFS export as a FUSE file system. Nothing is cached: two hosts that mount it see the same at every moment."""

import asyncio
import errno
import os
import struct
from dataclasses import dataclass, field

from reconciler.lab.nfsclient import fuse
from reconciler.lab.nfsclient.fuse import Op, Request
from reconciler.lab.nfsclient.nfs3 import GUARDED, UNCHECKED, Changes, Nfs
from reconciler.lab.nfsclient.onc import Credential

ROOT_NODE = 1
_DIRECT = fuse.DIRECT_IO | fuse.PARALLEL_DIRECT_WRITES


@dataclass(slots=True)
class _Node:
    """A file that the kernel knows. `hidden`: where it lies since its last name went while it was open."""

    handle: bytes
    lookups: int = 0
    opens: int = 0
    dirty: bool = False
    hidden: tuple[bytes, bytes] | None = None


@dataclass(slots=True)
class Files:
    """The operations; `nodes` grows with what the kernel looks up and shrinks with what it forgets."""

    nfs: Nfs
    root: bytes
    most_read: int
    most_write: int
    _nodes: dict[int, _Node] = field(default_factory=dict)
    _numbers: dict[bytes, int] = field(default_factory=dict)
    _next: int = ROOT_NODE
    _verifiers: dict[int, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._remember(self.root)

    def handlers(self) -> dict[Op, fuse.Handler]:
        """What to call for each operation."""
        return {
            Op.LOOKUP: self._lookup,
            Op.GETATTR: self._getattr,
            Op.SETATTR: self._setattr,
            Op.READLINK: self._readlink,
            Op.SYMLINK: self._symlink,
            Op.MKDIR: self._mkdir,
            Op.UNLINK: self._unlink,
            Op.RMDIR: self._rmdir,
            Op.RENAME: self._rename,
            Op.RENAME2: self._rename2,
            Op.LINK: self._link,
            Op.OPEN: self._open,
            Op.CREATE: self._create,
            Op.READ: self._read,
            Op.WRITE: self._write,
            Op.FALLOCATE: self._fallocate,
            Op.STATFS: self._statfs,
            Op.FLUSH: self._flush,
            Op.FSYNC: self._flush,
            Op.RELEASE: self._release,
            Op.OPENDIR: self._opendir,
            Op.READDIR: self._readdir,
            Op.RELEASEDIR: self._releasedir,
            Op.DESTROY: self._destroy,
        }

    def forget(self, number: int, lookups: int) -> None:
        """The kernel dropped its references."""
        node = self._nodes.get(number)
        if node is None or number == ROOT_NODE:
            return
        node.lookups -= lookups
        if node.lookups <= 0 and not node.opens:
            del self._nodes[number]
            del self._numbers[node.handle]

    def _remember(self, handle: bytes) -> int:
        """The kernel's number for a handle; one file has one number whatever its names."""
        if handle not in self._numbers:
            self._numbers[handle] = self._next
            self._nodes[self._next] = _Node(handle)
            self._next += 1
        number = self._numbers[handle]
        self._nodes[number].lookups += 1
        return number

    def _node(self, number: int) -> _Node:
        if number not in self._nodes:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return self._nodes[number]

    def _handle(self, number: int) -> bytes:
        return self._node(number).handle

    async def _entry(self, handle: bytes) -> bytes:
        attributes = await self.nfs.getattr(handle)
        return fuse.entry_out(self._remember(handle), attributes)

    async def _lookup(self, request: Request) -> bytes:
        handle = await self.nfs.lookup(self._handle(request.node), _name(request.body), _who(request))
        return await self._entry(handle)

    async def _getattr(self, request: Request) -> bytes:
        return fuse.attr_out(await self.nfs.getattr(self._handle(request.node)))

    async def _setattr(self, request: Request) -> bytes:
        handle = self._handle(request.node)
        await self.nfs.setattr(handle, _changes(request.body), _who(request))
        return fuse.attr_out(await self.nfs.getattr(handle))

    async def _readlink(self, request: Request) -> bytes:
        return await self.nfs.readlink(self._handle(request.node), _who(request))

    async def _symlink(self, request: Request) -> bytes:
        name, target = request.body.split(b"\0")[:2]
        return await self._entry(await self.nfs.symlink(self._handle(request.node), name, target, _who(request)))

    async def _mkdir(self, request: Request) -> bytes:
        mode, umask = struct.unpack_from("=II", request.body)
        name = _name(request.body[8:])
        handle = await self.nfs.mkdir(self._handle(request.node), name, mode & 0o7777 & ~umask, _who(request))
        return await self._entry(handle)

    async def _unlink(self, request: Request) -> bytes:
        """Remove a name; a file that is open here lives on under a hidden name, as with the kernel's NFS client."""
        directory, name = self._handle(request.node), _name(request.body)
        number = self._numbers.get(await self.nfs.lookup(directory, name, _who(request)), 0)
        node = self._nodes.get(number)
        if node and node.opens and not node.hidden:
            node.hidden = (directory, b".nfs%016x" % number)
            await self.nfs.rename((directory, name), node.hidden, _who(request))
        else:
            await self.nfs.remove(directory, name, _who(request))
        return b""

    async def _rmdir(self, request: Request) -> bytes:
        await self.nfs.rmdir(self._handle(request.node), _name(request.body), _who(request))
        return b""

    async def _rename(self, request: Request) -> bytes:
        return await self._move(request, request.body[8:])

    async def _rename2(self, request: Request) -> bytes:
        if struct.unpack_from("=QI", request.body)[1]:
            raise OSError(errno.EINVAL, "NFS version 3 cannot exchange names, nor refuse to replace one")
        return await self._move(request, request.body[16:])

    async def _move(self, request: Request, names: bytes) -> bytes:
        old, new = names.split(b"\0")[:2]
        target = self._handle(struct.unpack_from("=Q", request.body)[0])
        await self.nfs.rename((self._handle(request.node), old), (target, new), _who(request))
        return b""

    async def _link(self, request: Request) -> bytes:
        handle = self._handle(struct.unpack_from("=Q", request.body)[0])
        await self.nfs.link(handle, self._handle(request.node), _name(request.body[8:]), _who(request))
        return await self._entry(handle)

    async def _open(self, request: Request) -> bytes:
        node = self._node(request.node)
        await self.nfs.getattr(node.handle)  # close-to-open: whoever opens learns whether it is still there
        node.opens += 1
        return fuse.open_out(0, _DIRECT)

    async def _create(self, request: Request) -> bytes:
        flags, mode, umask, _ = struct.unpack_from("=IIII", request.body)
        directory, name = self._handle(request.node), _name(request.body[16:])
        how = GUARDED if flags & os.O_EXCL else UNCHECKED
        handle = await self.nfs.create(directory, name, mode & 0o7777 & ~umask, how, _who(request))
        if flags & os.O_TRUNC:
            await self.nfs.setattr(handle, Changes(size=0), _who(request))
        entry = await self._entry(handle)
        self._nodes[self._numbers[handle]].opens += 1
        return entry + fuse.open_out(0, _DIRECT)

    async def _read(self, request: Request) -> bytes:
        _, offset, size = struct.unpack_from("=QQI", request.body)
        handle = self._handle(request.node)
        step = self.most_read
        parts = await asyncio.gather(
            *(self.nfs.read(handle, offset + at, min(step, size - at), _who(request)) for at in range(0, size, step))
        )
        return _up_to_gap(parts, step)

    async def _write(self, request: Request) -> bytes:
        _, offset, size = struct.unpack_from("=QQI", request.body)
        node, content = self._node(request.node), request.body[40 : 40 + size]
        node.dirty = True
        done = 0
        while done < size:
            part = content[done : done + self.most_write]
            done += await self.nfs.write(node.handle, offset + done, part, _who(request))
        return struct.pack("=II", size, 0)

    async def _fallocate(self, request: Request) -> bytes:
        """Grow a file, if there is room; without it libvirt would write to every block of a new raw volume."""
        _, offset, length, mode = struct.unpack_from("=QQQI", request.body)
        handle = self._handle(request.node)
        size = (await self.nfs.getattr(handle)).size
        if mode:
            raise OSError(errno.EOPNOTSUPP, "NFS version 3 makes no holes")
        if offset + length - size > (await self.nfs.space(handle)).available_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if offset + length > size:
            await self.nfs.setattr(handle, Changes(size=offset + length), _who(request))
        return b""

    async def _statfs(self, request: Request) -> bytes:
        space, unit = await self.nfs.space(self._handle(request.node)), 4096
        blocks = (space.total_bytes // unit, space.free_bytes // unit, space.available_bytes // unit)
        return struct.pack("=QQQQQIIII24x", *blocks, space.total_files, space.free_files, unit, 255, unit, 0)

    async def _flush(self, request: Request) -> bytes:
        node = self._node(request.node)
        if node.dirty:
            node.dirty = False
            await self.nfs.commit(node.handle)
        return b""

    async def _release(self, request: Request) -> bytes:
        node = self._node(request.node)
        node.opens -= 1
        if node.hidden and not node.opens:
            await self.nfs.remove(*node.hidden, _who(request))
        self.forget(request.node, 0)
        return b""

    async def _opendir(self, request: Request) -> bytes:
        self._next += 1
        self._verifiers[self._next] = bytes(8)
        return fuse.open_out(self._next)

    async def _readdir(self, request: Request) -> bytes:
        stream, cookie, size = struct.unpack_from("=QQI", request.body)
        verifier = self._verifiers[stream] if cookie else bytes(8)
        self._verifiers[stream], entries = await self.nfs.readdir(
            self._handle(request.node), cookie, verifier, max(size, 4096)
        )
        answer = bytearray()
        for entry in entries:
            record = fuse.dirent(entry.fileid, entry.cookie, entry.name)
            if len(answer) + len(record) > size:
                break
            answer += record
        return bytes(answer)

    async def _releasedir(self, request: Request) -> bytes:
        self._verifiers.pop(struct.unpack_from("=Q", request.body)[0], None)
        return b""

    async def _destroy(self, request: Request) -> bytes:
        return b""


def _name(body: bytes) -> bytes:
    return body.partition(b"\0")[0]


def _who(request: Request) -> Credential:
    return Credential(request.uid, request.gid)


def _changes(body: bytes) -> Changes:
    """struct fuse_setattr_in; the bits of `valid` are FATTR_MODE, _UID, _GID, _SIZE, _ATIME, _MTIME, _ATIME_NOW, ..."""
    valid, _, _, size, _, atime, mtime, _, atime_ns, mtime_ns, _, mode, _, uid, gid, _ = struct.unpack_from(
        "=IIQQQQQQIIIIIIII", body
    )
    return Changes(
        mode=mode & 0o7777 if valid & 1 else None,
        uid=uid if valid & 2 else None,
        gid=gid if valid & 4 else None,
        size=size if valid & 8 else None,
        atime=_time(valid, 16, 128, (atime, atime_ns)),
        mtime=_time(valid, 32, 256, (mtime, mtime_ns)),
    )


def _time(valid: int, given: int, now: int, value: tuple[int, int]) -> "tuple[int, int] | str | None":
    if not valid & given:
        return None
    return "now" if valid & now else value


def _up_to_gap(parts: list[bytes], step: int) -> bytes:
    """The bytes in order, ending after the first part that is shorter than asked."""
    if len(parts) == 1:
        return parts[0]
    whole = bytearray()
    for part in parts:
        whole += part
        if len(part) < step:
            break
    return bytes(whole)
