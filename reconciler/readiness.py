"""Whether a pool or network can serve at a host, now or once this pass's plan is done. Pure."""

from reconciler.desired import Desired
from reconciler.desired.documents import Host, Pool, State
from reconciler.observed import Listing, Observed, SeenExport, Unknown
from reconciler.ours import TAKE_OVER, pool_uuid
from reconciler.step import HeldReason

Trouble = tuple[HeldReason, str]


def server_of(desired: Desired, pool: Pool) -> Host | None:
    """The Host document of the pool's NFS server; None for a plain address or a local pool."""
    return desired.hosts.get(pool.spec.source.host) if pool.spec.source else None


def server_address(desired: Desired, pool: Pool) -> str:
    """The address that hypervisors mount from; empty for a local pool."""
    if not pool.spec.source:
        return ""
    server = server_of(desired, pool)
    return server.spec.address if server else pool.spec.source.host


def mount_host(desired: Desired, pool: Pool) -> str:
    """The server as mount(8) wants it before the colon: an IPv6 address in brackets."""
    address = server_address(desired, pool)
    return f"[{address}]" if ":" in address else address


def mount_sources(desired: Desired, pool: Pool) -> frozenset[str]:
    """Every spelling of `server:/dir` that means this pool's source."""
    if not pool.spec.source:
        return frozenset()
    hosts = {pool.spec.source.host, server_address(desired, pool)}
    bracketed = {f"[{host}]" for host in hosts if ":" in host}
    return frozenset(f"{host}:{pool.spec.source.dir}" for host in hosts | bracketed)


def pool_trouble(desired: Desired, observed: Observed, pool: Pool, host: str) -> Trouble | None:
    """Why the pool cannot be used at `host` even after this plan; None where it can."""
    listing = observed.pools.get(host)
    if not isinstance(listing, Listing):
        cause = listing.message if isinstance(listing, Unknown) else observed.silence(host)
        return HeldReason.POOL_NOT_READY, f"the pools of host/{host} are unknown: {cause}"
    seen = listing.items.get(pool.name)
    uuid = pool_uuid(desired, pool, seen)
    if seen and seen.uuid != uuid:
        message = f"host/{host} has a pool of that name that is not ours (UUID {seen.uuid}); {TAKE_OVER}"
        return HeldReason.NOT_OURS, message
    taken = next((p for p in listing.items.values() if p.uuid == uuid and p.name != pool.name), None)
    if taken:
        return HeldReason.NOT_OURS, f"pool/{taken.name}@{host} has the UUID that belongs to this document"
    return _source_trouble(desired, observed, pool, host)


def _source_trouble(desired: Desired, observed: Observed, pool: Pool, host: str) -> Trouble | None:
    seen = observed.pool(host, pool.name)
    address = server_address(desired, pool)
    if address and observed.answering.get(address) is False:
        return HeldReason.POOL_NOT_READY, f"its NFS server {address} does not answer"
    if seen and seen.active:
        mounted = seen.mounted_from
        if mounted and mounted not in mount_sources(desired, pool) and pool.spec.source:
            return (
                HeldReason.TARGET_OCCUPIED,
                f"{mounted} is mounted on {pool.spec.target}, not {_source(desired, pool)}",
            )
        mended = mounted == "" or _will_be_exported(desired, observed, pool)
        return (HeldReason.POOL_NOT_READY, seen.trouble) if seen.trouble and not mended else None
    target = observed.targets.get(host, {}).get(pool.spec.target)
    if target is None or not pool.spec.source or target.mounted_from in mount_sources(desired, pool):
        return None
    if target.mounted_from:
        return (
            HeldReason.TARGET_OCCUPIED,
            f"{target.mounted_from} is mounted on {target.path}; unmount it, or change target",
        )
    if target.holds_files:
        return HeldReason.TARGET_OCCUPIED, f"{target.path} holds files; nothing is mounted over them; move them away"
    return export_trouble(desired, observed, pool)


def _source(desired: Desired, pool: Pool) -> str:
    return min(mount_sources(desired, pool))


def export_trouble(desired: Desired, observed: Observed, pool: Pool) -> Trouble | None:
    """Why the pool's directory is not, and will not be, exported as the document says."""
    server = server_of(desired, pool)
    if not (server and server.spec.nfs_server and pool.spec.export):
        return None
    listing = observed.exports.get(server.name)
    if not isinstance(listing, Listing):
        cause = listing.message if isinstance(listing, Unknown) else "it was not asked"
        return HeldReason.HOST_UNKNOWN, f"the exports of host/{server.name} are unknown: {cause}"
    foreign = next((e for e in listing.items.values() if _conflicts(e, pool)), None)
    if foreign:
        written = ",".join(sorted(foreign.options))
        return (
            HeldReason.EXPORT_CONFLICT,
            f"a line that is not ours exports {foreign.dir} to {foreign.client} ({written})",
        )
    if not server.spec.nfs_server.manage and not is_exported(observed, server.name, pool):
        return (
            HeldReason.EXPORT_CONFLICT,
            f"host/{server.name} does not export it, and manage is false: export it there",
        )
    return None


def _will_be_exported(desired: Desired, observed: Observed, pool: Pool) -> bool:
    """Whether this plan exports it, which may well end what is wrong with it."""
    server = server_of(desired, pool)
    missing = server is not None and pool.spec.export is not None and not is_exported(observed, server.name, pool)
    return missing and export_trouble(desired, observed, pool) is None


def _conflicts(export: SeenExport, pool: Pool) -> bool:
    spec = pool.spec.export
    if spec is None or pool.spec.source is None or export.ours or export.dir != pool.spec.source.dir:
        return False
    return export.client in spec.clients and not frozenset(spec.options) <= export.options


def is_exported(observed: Observed, server: str, pool: Pool) -> bool:
    """Whether the server has in force what the document says, by whoever's line."""
    listing = observed.exports.get(server)
    spec, source = pool.spec.export, pool.spec.source
    if spec is None or source is None or not isinstance(listing, Listing):
        return False
    wanted = frozenset(spec.options)
    served = {e.client for e in listing.items.values() if e.dir == source.dir and e.served and wanted <= e.options}
    return set(spec.clients) <= served


def is_usable(desired: Desired, observed: Observed, pool: Pool, host: str) -> bool:
    """Whether the pool can be used at `host` right now: active, and mounted from the right place."""
    seen = observed.pool(host, pool.name)
    if seen is None or not seen.active or seen.trouble or seen.volumes is None:
        return False
    return pool_trouble(desired, observed, pool, host) is None


def wanted_pools(desired: Desired) -> tuple[Pool, ...]:
    """Pools that shall exist, by name."""
    return tuple(p for _, p in sorted(desired.pools.items()) if p.spec.state is State.PRESENT)
