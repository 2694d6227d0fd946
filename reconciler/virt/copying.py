"""A disk that is a full copy of an image, so that no guest ever sees half of one: its note goes last.

libvirt copies in one call that nobody can cut short, under the volume's final name. So a note is made beforehand, and a
volume beside its note counts for nothing: it is what a crash left, on which nobody ever ran, and is copied anew.
"""

import threading
import time
from contextlib import suppress

from reconciler.action import CreateVolume
from reconciler.copying import CopyImage
from reconciler.errors import ActionError, HostUnreachable, PermanentError
from reconciler.hypervisor import Progress
from reconciler.virt import lib
from reconciler.virt.connect import Link, Session
from reconciler.virt.translate import translate
from reconciler.xml.volume import read_volume, volume_xml

LOOK_S = 2.0
QUIET_S = 60.0
"""When libvirt tells nothing of the volume for so long, the host hangs."""
NOTE_BYTES = 1024


def copy(link: Link, action: CopyImage, progress: Progress, stopping: threading.Event) -> None:
    """Copy over a connection of its own. Raises: PermanentError, TransientError, HostUnreachable."""
    attempt = f"copy {action.object}"
    if link.hangs_in_pools:
        raise HostUnreachable(
            f"cannot {attempt}: a storage call at host/{link.host} still hangs; is a mount there dead?"
        )
    session, heard = link.own_session(), time.monotonic()
    call = session.begin(lambda session: _copy(session.connection, action))
    try:
        while not call.wait(LOOK_S):
            if stopping.is_set():
                raise PermanentError(f"cannot {attempt}: we were told to end; it is copied anew by the next pass")
            if _tell(link, action, progress):
                heard = time.monotonic()
            elif time.monotonic() - heard > QUIET_S:
                link.note_pool_call(call)
                raise HostUnreachable(f"cannot {attempt}: libvirt told nothing of it for {QUIET_S:g} s")
        call.result(0)
    except ActionError:
        raise
    except Exception as error:
        raise translate(error, attempt) from None
    finally:
        session.end()


def _copy(connection: lib.Connection, action: CopyImage) -> None:
    """virStorageVolCreateXML of the note, virStorageVolCreateXMLFrom, virStorageVolResize; the note goes last."""
    pool = connection.storagePoolLookupByName(action.pool)
    image = _image(pool, action)
    note, half = lib.find_volume(pool, action.note), lib.find_volume(pool, action.volume)
    if half is not None and note is None:
        raise PermanentError(f"cannot copy {action.object}: a volume of that name is there, and not half a copy")
    if note is None:
        note = pool.createXML(volume_xml(CreateVolume(action.host, action.pool, action.note, "raw", NOTE_BYTES)), 0)
    if half is not None:
        half.delete(0)
    try:
        made = pool.createXMLFrom(volume_xml(action), image, 0)
        if made.info()[1] < action.capacity:
            made.resize(action.capacity, 0)
    except BaseException:
        _remove_half(pool, action, note)
        raise
    note.delete(0)


def _remove_half(pool: lib.Pool, action: CopyImage, note: lib.Volume) -> None:
    """What this call made and did not finish. A connection that broke leaves it, with its note, to the next copy."""
    with suppress(Exception):
        half = lib.find_volume(pool, action.volume)
        if half is not None:
            half.delete(0)
        note.delete(0)


def _image(pool: lib.Pool, action: CopyImage) -> lib.Volume:
    """The image, as libvirt must know it to copy it right: one that it received itself it takes for raw at first."""
    for _ in range(2):
        image = lib.find_volume(pool, action.image)
        seen = read_volume(image.XMLDesc(0)) if image is not None else None
        if image is not None and seen is not None and seen.format == action.image_format:
            return image
        pool.refresh(0)
    what = f"is {seen.format} to libvirt, not {action.image_format}" if seen else "is not there"
    raise PermanentError(f"cannot copy {action.object}: image {action.image} {what}")


def _tell(link: Link, action: CopyImage, progress: Progress) -> bool:
    """How much of it takes room by now; whether libvirt answered."""

    def look(session: Session) -> float:
        pool = session.connection.storagePoolLookupByName(action.pool)
        image, half = lib.find_volume(pool, action.image), lib.find_volume(pool, action.volume)
        whole = image.info()[2] if image is not None else 0
        return 100.0 * min(1.0, half.info()[2] / whole) if half is not None and whole else 0.0

    with suppress(Exception), link.borrowed() as session:
        progress(percent=session.run(look, LOOK_S * 5, LOOK_S * 5))
        return True
    return False
