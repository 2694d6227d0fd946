"""Storage pools of one hypervisor, apart from all else: a hung mount blocks every storage call of its libvirtd.

So no call is made while an NFS server that the host mounts from is silent, nor while an earlier call still hangs; what
is mounted is asked of the host's shell, never of libvirt. Nothing here refreshes a pool.
"""

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from reconciler.desired import Desired
from reconciler.desired.derive import object_uuid
from reconciler.desired.documents import Pool
from reconciler.errors import HostUnreachable, ReconcilerError
from reconciler.observed import Listing, SeenPool, SeenTarget, SeenVolume, Unknown
from reconciler.virt import codes, lib
from reconciler.virt.caller import Hung
from reconciler.virt.codes import Code
from reconciler.virt.connect import Link, Session
from reconciler.virt.memo import Memo
from reconciler.virt.mounts import HostSide, Spellings, mounted_at
from reconciler.virt.translate import is_broken
from reconciler.xml.pool import PoolReading
from reconciler.xml.pool import read_pool as read_pool_xml
from reconciler.xml.volume import read_volume

T = TypeVar("T")

POOLS_S = 15.0
"""For all storage calls of a host together; a healthy one needs milliseconds."""
TARGETS_S = 5.0


@dataclass(frozen=True, slots=True)
class StorageRules:
    """What the documents say of one host's storage. `answers`: server address -> whether it answers (may take 3 s)."""

    host: str
    uuids: Mapping[str, str]
    """Every pool document's name -> the UUID by which a pool is ours; empty: whatever UUID it has, we take it over."""
    pools: tuple[Pool, ...]
    """Those that this host shall have, or have had."""
    spellings: Spellings
    answers: Callable[[str], bool]

    @classmethod
    def of(cls, desired: Desired, host: str, answers: Callable[[str], bool]) -> "StorageRules":
        cluster = desired.cluster_name
        here = tuple(pool for _, pool in sorted(desired.pools.items()) if host in desired.selected(pool.spec.hosts))
        documents = desired.pools.items()
        uuids = {name: "" if pool.adopted else object_uuid(cluster, "pool", name) for name, pool in documents}
        return cls(host, uuids, here, Spellings.of(desired), answers)

    def is_ours(self, name: str, uuid: str) -> bool:
        """Whether the pool of that name and UUID is what a document speaks of."""
        return name in self.uuids and self.uuids[name] in ("", uuid)


@dataclass(frozen=True, slots=True)
class StorageSeen:
    """Pools, and what is where pools shall be mounted."""

    pools: Listing[SeenPool] | Unknown
    targets: Mapping[str, SeenTarget] = field(default_factory=dict)


def read_storage(link: Link, side: HostSide | None, rules: StorageRules, at: float) -> StorageSeen:
    """All pools and the targets of ours. Raises: nothing; what hangs is Unknown."""
    silence = silent_server(side, rules)
    if silence:
        pools: Listing[SeenPool] | Unknown = Unknown(silence)
    else:
        pools = ask_storage(link, lambda session: _list_pools(session, link.memo, side, rules, at))
    try:
        return StorageSeen(pools, _read_targets(link, side, rules, pools))
    except HostUnreachable as error:
        return StorageSeen(Unknown(f"cannot tell what its pool targets hold: {error}"))


def ask_storage(link: Link, read: Callable[[Session], T]) -> T | Unknown:
    """What storage calls return; Unknown when they hang, or earlier ones still do. They have a session of their own."""
    if link.hangs_in_pools:
        return Unknown(f"a storage call at host/{link.host} still hangs; is a mount there dead?")
    again = True
    while True:
        try:
            session = link.session("pools")
            return session.run(read, POOLS_S, POOLS_S)
        except HostUnreachable as error:
            return Unknown(str(error))
        except Hung as hung:
            link.note_pool_call(hung.promise)
            session.end()
            return Unknown(f"storage calls at host/{link.host} gave no answer in {POOLS_S:g} s; is a mount there dead?")
        except Exception as error:
            said = lib.refusal(error)
            if said is None:
                raise
            if not (again and is_broken(error)):
                return Unknown(f"libvirt at host/{link.host} says: {said.message}")
            again = False
            session.end()


def silent_server(side: HostSide | None, rules: StorageRules, pools: Iterable[Pool] | None = None) -> str:
    """Which NFS server that this host mounts from does not answer: then no storage call may be made here."""
    for pool in rules.pools if pools is None else pools:
        source = pool.spec.source
        if source is None or (side is not None and not mounted_at(side, pool.spec.target)):
            continue
        address = rules.spellings.server(source.host)
        if not rules.answers(address):
            name = f"host/{source.host} ({address})" if source.host != address else address
            return f"NFS server {name} does not answer"
    return ""


# --- pools -----------------------------------------------------------------------


def _list_pools(
    session: Session, memo: Memo, side: HostSide | None, rules: StorageRules, at: float
) -> Listing[SeenPool]:
    found = {}
    for flag, active in ((codes.LIST_POOLS_ACTIVE, True), (codes.LIST_POOLS_INACTIVE, False)):
        for handle in session.connection.listAllStoragePools(flag):
            pool = pool_seen(handle, memo, side, rules, active=active)
            if pool is not None:
                found[pool.name] = pool
    memo.forget_others("pool/", {f"pool/{pool.uuid}" for pool in found.values()})
    return Listing(dict(sorted(found.items())), at)


def pool_seen(
    handle: lib.Pool, memo: Memo, side: HostSide | None, rules: StorageRules, *, active: bool
) -> SeenPool | None:
    """One pool; None where it is gone meanwhile. The volumes of foreign pools are not listed."""
    name, uuid = handle.name(), handle.UUIDString()
    try:
        reading = memo.reading(f"pool/{uuid}", "xml", handle.XMLDesc(0), read_pool_xml)
        seen = _judge(reading, side, rules, active=active)
        if active and rules.is_ours(name, uuid) and not seen.trouble:
            names = sorted(volume.name() for volume in handle.listAllVolumes(0))
            return replace(seen, volumes=dict.fromkeys(names))
        return seen
    except (ReconcilerError, ValueError) as error:
        return SeenPool(name, uuid, active, trouble=f"cannot read its definition: {error}")
    except Exception as error:
        if lib.is_refused(error, Code.NO_STORAGE_POOL):
            return None
        raise


def _judge(reading: PoolReading, side: HostSide | None, rules: StorageRules, *, active: bool) -> SeenPool:
    fields = reading.fields
    target = str(fields.get("target") or "")
    mounted = mounted_at(side, target) if side is not None and target else None
    trouble = _trouble(fields, mounted, rules.spellings) if active else ""
    return SeenPool(
        reading.name,
        reading.uuid,
        active,
        fields=fields,
        mounted_from=mounted,
        trouble=trouble,
        capacity=reading.capacity,
        available=reading.available,
    )


def _trouble(fields: Mapping[str, Any], mounted: str | None, spellings: Spellings) -> str:
    """Why an active pool cannot be used: what it says is mounted is not."""
    if fields.get("type") != "netfs" or mounted is None:
        return ""
    host, directory = str(fields.get("source_host") or ""), str(fields.get("source_dir") or "")
    if not mounted:
        return f"it is active, but nothing is mounted on {fields.get('target')}"
    if not spellings.is_same(mounted, host, directory):
        return f"{mounted} is mounted on {fields.get('target')}, not {host}:{directory}"
    return ""


# --- targets -----------------------------------------------------------------------


def _read_targets(
    link: Link, side: HostSide | None, rules: StorageRules, pools: Listing[SeenPool] | Unknown
) -> Mapping[str, SeenTarget]:
    """What is at the targets of our pools that are not active here. Raises: HostUnreachable."""
    if side is None or link.shell is None:
        return {}
    known = pools.items.values() if isinstance(pools, Listing) else ()
    active = {pool.name for pool in known if pool.active and rules.is_ours(pool.name, pool.uuid)}
    waiting = {pool.spec.target for pool in rules.pools if pool.name not in active}
    mounted = {path: mounted_at(side, path) for path in sorted(waiting)}
    bare = [path for path, source in mounted.items() if not source]
    full = _holding_files(link, bare) if bare else frozenset()
    return {path: SeenTarget(path, path in full, source) for path, source in mounted.items()}


def _holding_files(link: Link, paths: list[str]) -> frozenset[str]:
    """Which of `paths` hold files; one that may not be read counts as holding some (law 4)."""
    assert link.shell is not None
    checks = [
        f'[ ! -e {path} ] || {{ names=$(ls -A -- {path} 2>/dev/null) && [ -z "$names" ]; }} && echo free || echo full'
        for path in map(shlex.quote, paths)
    ]
    said = link.shell.run("\n".join(checks), TARGETS_S).text.split()
    if len(said) != len(paths):
        raise HostUnreachable(f"host/{link.host} did not say what its pool targets hold")
    return frozenset(path for path, word in zip(paths, said, strict=True) if word != "free")


# --- volumes that matter --------------------------------------------------------------


def read_volumes(connection: lib.Connection, pool: str, names: Iterable[str]) -> Mapping[str, SeenVolume | None]:
    """What is known of single volumes of a pool; one that is gone or unclear is None. Raises: libvirt's errors."""
    handle = connection.storagePoolLookupByName(pool)
    found: dict[str, SeenVolume | None] = {}
    for name in names:
        try:
            found[name] = read_volume(handle.storageVolLookupByName(name).XMLDesc(0))
        except (ReconcilerError, ValueError):
            found[name] = None
        except Exception as error:
            if not lib.is_refused(error, Code.NO_STORAGE_VOL):
                raise
    return found
