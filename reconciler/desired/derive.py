"""What we derive from names, so that no state file is needed: UUIDs, MACs, volume names, marks.

Parts are hashed apart (`a` + `b-c` is not `a-b` + `c`). Pure; clashes are looked for at load.
"""

import hashlib
import re
import uuid
from collections.abc import Mapping
from functools import lru_cache

from reconciler.desired.documents import Cdrom, Disk, Domain, Image, Interface, Pool, State
from reconciler.desired.seed import DIGITS, Seed

NAMESPACE = uuid.UUID("6f1cbf05-5d0b-5c5e-9d5f-2f4f0b8f9a01")
"""Never change: every UUID and MAC that we ever derived hangs on it."""


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode()).digest()


@lru_cache(maxsize=65536)
@lru_cache(maxsize=1 << 16)
def object_uuid(cluster: str, kind: str, name: str) -> str:
    """The UUID of a domain, network or pool of ours: uuid.uuid5, at a tenth of its price, for it is asked so often."""
    raw = bytearray(hashlib.sha1(NAMESPACE.bytes + "\0".join((cluster, kind, name)).encode()).digest()[:16])
    raw[6] = raw[6] & 0x0F | 0x50  # version 5
    raw[8] = raw[8] & 0x3F | 0x80  # RFC 4122
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def mac(cluster: str, domain: str, interface: Interface) -> str:
    """The document's MAC, or a stable one in QEMU's range 52:54:00 (24 bits of hash)."""
    if interface.mac:
        return interface.mac.lower()
    tail = _digest(cluster, domain, interface.name)[:3]
    return "52:54:00:" + ":".join(f"{byte:02x}" for byte in tail)


def volume_name(domain: str, disk: Disk) -> str:
    """`<domain>.<disk>.<format>`, unless the document names the volume."""
    return disk.volume or f"{domain}.{disk.name}.{disk.format}"


def medium(cdrom: Cdrom, pools: Mapping[str, Pool]) -> str:
    """The volume that lies in a drive of a domain; empty for an empty tray."""
    if cdrom.image is None or cdrom.pool is None:
        return cdrom.volume or ""
    images = pools[cdrom.pool].spec.images if cdrom.pool in pools else ()
    return next((image_volume(image) for image in images if image.name == cdrom.image), "")


def pools_of(domain: Domain) -> tuple[str, ...]:
    """The pools that its disks and media lie in, sorted: what its host must have."""
    spec = domain.spec
    media = {drive.pool for drive in spec.cdroms if drive.pool}
    seed = {spec.cloud_init.pool} if spec.cloud_init and spec.cloud_init.pool else set()
    return tuple(sorted({disk.pool for disk in spec.disks} | media | seed))


def seed_pool(domain: Domain, pools: Mapping[str, Pool]) -> str:
    """Where its seed lies: beside a shared disk, so that it keeps no guest from moving. Empty where nothing says it."""
    init, disks = domain.spec.cloud_init, [disk.pool for disk in domain.spec.disks]
    if init is not None and init.pool:
        return init.pool
    shared = (pool for pool in disks if pool in pools and pools[pool].is_shared)
    return next(shared, disks[0] if disks else "")


def seed_volume(domain: str, seed: Seed) -> str:
    """The seed's volume says by its name what it was made of: other inputs or another instance, another volume."""
    return f"{domain}.seed-{seed.instance}-{seed.digest}.iso"


def seed_instance(volume: str) -> int | None:
    """The instance that a seed's volume was made for, whosever it is; None where it is no seed's."""
    match = re.search(rf"\.seed-([0-9]{{1,10}})-[0-9a-f]{{{DIGITS}}}\.iso$", volume)
    return int(match[1]) if match else None


def seed_marker(volume: str) -> str:
    """A hidden empty volume, written last: the seed beside it is complete."""
    return f".{volume}.complete"


def doomed_disks(domain: Domain) -> tuple[Disk, ...]:
    """The disks whose data the document wants deleted, with the domain."""
    absent = domain.spec.state is State.ABSENT
    return tuple(disk for disk in domain.spec.disks if disk.on_delete == "delete") if absent else ()


def claim(domain: Domain, pools: Mapping[str, Pool], made_as: str = "") -> tuple[str, str] | None:
    """(pool, volume) of the claim that is made before the domain's volumes: in the pool of its first shared disk.

    `made_as`: the name that the domain was made under, where it has another now.

    None where no disk of it is on shared storage: what only one host sees nobody else can take for its own.
    """
    shared = (disk.pool for disk in domain.spec.disks if disk.pool in pools and pools[disk.pool].is_shared)
    pool = next(shared, None)
    return (pool, f".{made_as or domain.name}.claim") if pool is not None else None


def claim_size(cluster: str, domain: str, host: str) -> int:
    """A claim's capacity in bytes, which tells whose it is: 1 to 16 MiB, all of it a hole in the file."""
    return 1 + int.from_bytes(_digest(cluster, domain, host)[:3])


def copying_note(volume: str) -> str:
    """An empty volume that is there while a disk is being copied: what lies beside it may be half of one."""
    return f".{volume}.copying"


def image_volume(image: Image) -> str:
    """A base image's volume carries its checksum: another content is another volume."""
    stem, dot, suffix = image.name.rpartition(".")
    return f"{stem or image.name}-{image.sha256[:16].lower()}{dot}{suffix if stem else ''}"


def image_marker(image: Image) -> str:
    """An empty volume, written last: the image beside it is complete."""
    return f"{image_volume(image)}.complete"
