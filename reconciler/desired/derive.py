"""What we derive from names, so that no state file is needed: UUIDs, MACs, volume names, marks.

Parts are hashed apart (`a` + `b-c` is not `a-b` + `c`). Pure; clashes are looked for at load.
"""

import hashlib
import uuid
from functools import lru_cache

from reconciler.desired.documents import Disk, Image, Interface

NAMESPACE = uuid.UUID("6f1cbf05-5d0b-5c5e-9d5f-2f4f0b8f9a01")
"""Never change: every UUID and MAC that we ever derived hangs on it."""


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode()).digest()


@lru_cache(maxsize=65536)
@lru_cache(maxsize=1 << 16)
def object_uuid(cluster: str, kind: str, name: str) -> str:
    """The UUID of a domain, network or pool of ours (RFC 4122, version 5)."""
    return str(uuid.uuid5(NAMESPACE, "\0".join((cluster, kind, name))))


def mac(cluster: str, domain: str, interface: Interface) -> str:
    """The document's MAC, or a stable one in QEMU's range 52:54:00 (24 bits of hash)."""
    if interface.mac:
        return interface.mac.lower()
    tail = _digest(cluster, domain, interface.name)[:3]
    return "52:54:00:" + ":".join(f"{byte:02x}" for byte in tail)


def volume_name(domain: str, disk: Disk) -> str:
    """`<domain>.<disk>.<format>`, unless the document names the volume."""
    return disk.volume or f"{domain}.{disk.name}.{disk.format}"


def image_volume(image: Image) -> str:
    """A base image's volume carries its checksum: another content is another volume."""
    stem, dot, suffix = image.name.rpartition(".")
    return f"{stem or image.name}-{image.sha256[:16].lower()}{dot}{suffix if stem else ''}"


def image_marker(image: Image) -> str:
    """An empty volume, written last: the image beside it is complete."""
    return f"{image_volume(image)}.complete"
