"""Bringing an image or a seed into a pool, so that no guest ever sees half of one: the marker is written last.

A volume shows under its final name while it is being filled, and libvirt cannot rename. So an image counts only beside
its marker; one without is a leftover of a crash, on which nothing was ever built, and is made anew.
"""

import hashlib
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import partial

from reconciler.action import CreateVolume, Upload, UploadImage, UploadSeed
from reconciler.errors import ActionError, HostUnreachable, PermanentError, TransientError
from reconciler.hypervisor import Progress
from reconciler.iso import iso
from reconciler.virt import lib, qcow2
from reconciler.virt.connect import Link
from reconciler.virt.source import Source, from_memory, opened
from reconciler.virt.translate import translate
from reconciler.xml.volume import volume_xml

PIECE = 1 << 20
QUIET_S = 60.0
"""Without a piece taken for so long, the host hangs."""
CLEAN_UP_S = 8.0
"""For a told-to-end upload to remove its half volume."""
MARKER_BYTES = 1024


class _Stopped(Exception):
    """We were told to end."""


@dataclass(frozen=True, slots=True)
class _Content:
    """What is uploaded: how it is read, and what it must be."""

    opened: Callable[[], AbstractContextManager[Source]]
    sha256: str
    format: str


def _content_of(action: Upload) -> _Content:
    if isinstance(action, UploadSeed):
        medium = iso(action.seed.files)
        return _Content(partial(from_memory, action.volume, medium), hashlib.sha256(medium).hexdigest(), "raw")
    assert isinstance(action, UploadImage)
    return _Content(partial(opened, action.path), action.sha256.lower(), action.format)


class _Uploading:
    """One upload in a thread of its own; `beat` is when it last got on."""

    def __init__(self, action: Upload, progress: Progress, stopping: threading.Event) -> None:
        self.action = action
        self.content = _content_of(action)
        self.progress = progress
        self.stopping = stopping
        self.beat = time.monotonic()

    def run(self, connection: lib.Connection) -> None:
        """virStorageVolCreateXML, virStorageVolUpload, virStorageVolCreateXML of the marker."""
        action = self.action
        pool = connection.storagePoolLookupByName(action.pool)
        if lib.find_volume(pool, action.marker) is not None:
            return
        with self.content.opened() as image:
            head = self._head(image)
            volume = self._fresh_volume(pool, image.size)
            try:
                self._fill(connection, volume, image, head)
                pool.createXML(_raw(action, action.marker, MARKER_BYTES), 0)
            except BaseException:
                _remove_half(pool, volume, action.marker)
                raise

    def _head(self, image: Source) -> bytes:
        """The first bytes. Raises: PermanentError where they are not those of such an image."""
        head = image.read(PIECE)
        self.beat = time.monotonic()
        trouble = qcow2.trouble(head, self.content.format)
        if trouble:
            raise PermanentError(f"{image.name} {trouble}")
        return head

    def _fresh_volume(self, pool: lib.Pool, size: int) -> lib.Volume:
        """The volume, made by us; a leftover under its name goes first."""
        _remove_leftover(pool, self.action)
        xml = _raw(self.action, self.action.volume, size)
        try:
            return pool.createXML(xml, 0)
        except Exception as error:
            # A file that this host has not listed: left over from an upload through another host.
            if lib.refusal(error) is None or not _is_unlisted(pool, self.action):
                raise
        _remove_leftover(pool, self.action)
        return pool.createXML(xml, 0)

    def _fill(self, connection: lib.Connection, volume: lib.Volume, image: Source, piece: bytes) -> None:
        """Stream it, beginning with `piece`. Raises: PermanentError when it is not what the document says."""
        sent, digest = 0, hashlib.sha256()
        stream = connection.newStream(0)
        volume.upload(stream, 0, image.size, 0)
        try:
            while piece:
                digest.update(piece)
                self._send(stream, piece)
                sent += len(piece)
                self.progress(percent=100.0 * sent / image.size)
                piece = image.read(min(PIECE, image.size - sent)) if sent < image.size else b""
            self._check(image, sent, digest.hexdigest())
            stream.finish()
        except BaseException:
            with suppress(Exception):
                stream.abort()
            raise

    def _check(self, image: Source, sent: int, sha256: str) -> None:
        if sent < image.size:
            raise TransientError(f"{image.name} broke off after {sent} of {image.size} bytes")
        if sha256 != (wanted := self.content.sha256):
            raise PermanentError(f"{image.name} has sha256 {sha256}, not {wanted}; write the one that is right")

    def _send(self, stream: lib.Stream, piece: bytes) -> None:
        while piece:
            if self.stopping.is_set():
                raise _Stopped
            taken = stream.send(piece)
            if taken < 0:
                raise TransientError("the stream broke")
            self.beat = time.monotonic()
            piece = piece[taken:]


def upload(link: Link, action: Upload, progress: Progress, stopping: threading.Event) -> None:
    """Upload over a connection of its own. Raises: PermanentError, TransientError, HostUnreachable."""
    attempt = f"upload {action.object}"
    if link.hangs_in_pools:
        raise HostUnreachable(
            f"cannot {attempt}: a storage call at host/{link.host} still hangs; is a mount there dead?"
        )
    session = link.own_session()
    uploading = _Uploading(action, progress, stopping)
    call = session.begin(lambda session: uploading.run(session.connection))
    try:
        while not call.wait(0.5):
            silent_s = time.monotonic() - uploading.beat
            if silent_s > (CLEAN_UP_S if stopping.is_set() else QUIET_S):
                link.note_pool_call(call)
                raise HostUnreachable(f"libvirt took nothing for {silent_s:.0f} s")
        call.result(0)
    except _Stopped:
        raise PermanentError(f"cannot {attempt}: we were told to end; what was uploaded is removed") from None
    except ActionError as error:
        raise type(error)(f"cannot {attempt}: {error}") from None
    except Exception as error:
        raise translate(error, attempt) from None
    finally:
        session.end()


def _raw(action: Upload, name: str, size: int) -> str:
    """A raw volume: libvirt then writes the image's bytes as they are, whatever format they hold."""
    return volume_xml(CreateVolume(action.host, action.pool, name, "raw", size))


def _is_unlisted(pool: lib.Pool, action: Upload) -> bool:
    """Whether a refresh brings the volume to light."""
    pool.refresh(0)
    return lib.find_volume(pool, action.volume) is not None


def _remove_leftover(pool: lib.Pool, action: Upload) -> None:
    """Remove a half image; never one that has its marker."""
    leftover = lib.find_volume(pool, action.volume)
    if leftover is None:
        return
    if lib.find_volume(pool, action.marker) is not None:
        raise PermanentError("it is complete already; look again")
    leftover.delete(0)


def _remove_half(pool: lib.Pool, volume: lib.Volume, marker: str) -> None:
    """What this call made and did not finish. A connection that broke leaves it to the next upload."""
    with suppress(Exception):
        if lib.find_volume(pool, marker) is None:
            volume.delete(0)
