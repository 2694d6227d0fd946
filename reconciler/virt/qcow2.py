"""What the first bytes of an image tell: is it what its document says, and does it stand by itself? Pure."""

import struct

HEAD = 104
"""Bytes of the header that are looked at."""
MAGIC = b"QFI\xfb"
MOST_BYTES = 1 << 50
"""A virtual size beyond 1 PiB is no guest's disk."""
_EXTERNAL_DATA = 1 << 2


def trouble(head: bytes, image_format: str) -> str:
    """What is wrong with an image of that format which begins with `head`; empty where nothing is.

    Formats are said, never guessed: a raw image that looks like qcow2 would be one to QEMU, backing file and all.
    Source: qcow2 specification (docs/interop/qcow2.txt of QEMU).
    """
    is_qcow2 = head.startswith(MAGIC)
    if image_format == "raw":
        return "is qcow2, not raw" if is_qcow2 else ""
    if not is_qcow2:
        return "is not qcow2"
    if len(head) < HEAD:
        return "ends within its header"
    version, backing, _length, _bits, size = struct.unpack(">IQIIQ", head[4:32])
    if backing:
        return "stands on another file; flatten it with qemu-img convert"
    if size > MOST_BYTES:
        return f"claims to be {size} bytes large"
    features = struct.unpack(">Q", head[72:80])[0] if version >= 3 else 0
    return "keeps its data in another file; flatten it with qemu-img convert" if features & _EXTERNAL_DATA else ""
