"""What differs in pools and base images."""

from collections.abc import Iterator

from reconciler.change import Change, ImageMissing, PoolInactive, PoolStale, PoolUndefined, PoolUnmounted, PoolUnwanted
from reconciler.desired import Desired, Ref
from reconciler.desired.derive import image_marker, image_volume
from reconciler.desired.documents import Pool, State
from reconciler.diff.fields import differing
from reconciler.diff.users import Leaving, users_of
from reconciler.observed import Listing, Observed, SeenPool
from reconciler.ours import pool_uuid
from reconciler.readiness import is_usable, mount_host, mount_sources, pool_trouble, wanted_pools
from reconciler.step import Held, HeldReason
from reconciler.xml.pool import pool_xml


def pools(desired: Desired, observed: Observed, leaving: Leaving) -> Iterator[Change | Held]:
    """Each pool at each of its hosts, then its images, once for the whole pool. `leaving`: domains that are removed."""
    for pool in wanted_pools(desired):
        for host in desired.selected(pool.spec.hosts):
            if observed.is_reachable(host):
                yield from _at_host(desired, observed, pool, host)
        yield from _images(desired, observed, pool)
    for _, pool in sorted(desired.pools.items()):
        if pool.spec.state is State.ABSENT:
            yield from _unwanted(desired, observed, pool, leaving)


def _at_host(desired: Desired, observed: Observed, pool: Pool, host: str) -> Iterator[Change | Held]:
    ref = Ref("pool", pool.name, host)
    trouble = pool_trouble(desired, observed, pool, host)
    if trouble:
        yield Held(ref, *trouble)
        return
    seen = observed.pool(host, pool.name)
    common = (pool_uuid(desired, pool, seen), pool.spec.target, mount_sources(desired, pool))
    if seen is None:
        xml = pool_xml(pool.name, common[0], _fields(desired, observed, pool, host))
        yield PoolUndefined(ref, "it is not defined", *common, xml)
    elif fields := differing(_comparable(desired, pool, seen), _fields(desired, observed, pool, host)):
        text = ", ".join(str(field) for field in fields)
        yield Held(ref, HeldReason.CANNOT_CHANGE, f"a pool's source and target cannot change in place: {text}")
    elif not seen.active:
        yield PoolInactive(ref, "it is not active", *common)
    elif seen.mounted_from == "" and pool.spec.source:
        yield PoolUnmounted(ref, f"it is active, but nothing is mounted on {pool.spec.target}", *common)


def _fields(desired: Desired, observed: Observed, pool: Pool, host: str) -> dict[str, str]:
    """What the definition shall say; the server by address, or as an existing right mount spells it."""
    fields = {"type": pool.spec.type, "target": pool.spec.target}
    if pool.spec.source:
        target = observed.targets.get(host, {}).get(pool.spec.target)
        mounted = target.mounted_from if target else ""
        spelled = mounted.rpartition(":")[0] if mounted in mount_sources(desired, pool) else ""
        fields |= {"source_host": spelled or mount_host(desired, pool), "source_dir": pool.spec.source.dir}
    return fields


def _comparable(desired: Desired, pool: Pool, seen: SeenPool) -> dict[str, object]:
    """The seen fields, the server spelled as we do where it is the right one."""
    fields = dict(seen.fields)
    spelled = f"{fields.get('source_host')}:{fields.get('source_dir')}"
    if spelled in mount_sources(desired, pool):
        fields["source_host"] = mount_host(desired, pool)
    return fields


def _images(desired: Desired, observed: Observed, pool: Pool) -> Iterator[Change]:
    host = receiving_host(desired, observed, pool)
    there = observed.listed(pool.name)
    for image in pool.spec.images:
        volume, marker = image_volume(image), image_marker(image)
        if host is None or (there is not None and {volume, marker} <= there):
            continue
        reason = f"base image {image.name} is not there"
        yield from stale(desired, observed, pool.name, host, reason)
        ref = Ref("volume", f"{pool.name}/{volume}", host)
        yield ImageMissing(ref, reason, pool.name, volume, marker, image.from_, image.sha256.lower(), image.format)


def stale(desired: Desired, observed: Observed, pool: str, host: str, reason: str) -> Iterator[Change]:
    """Look again at a pool that is active already; one that this plan starts is read fresh by that."""
    document, seen = desired.pools[pool], observed.pool(host, pool)
    if seen is not None and seen.active and seen.mounted_from != "":
        uuid = pool_uuid(desired, document, seen)
        yield PoolStale(Ref("pool", pool, host), reason, uuid, document.spec.target, mount_sources(desired, document))


def receiving_host(desired: Desired, observed: Observed, pool: Pool) -> str | None:
    """The host through which the pool is written: usable now, else usable once this plan is done."""
    hosts = [h for h in desired.selected(pool.spec.hosts) if observed.is_reachable(h)]
    fit = [h for h in hosts if pool_trouble(desired, observed, pool, h) is None]
    return min(fit, key=lambda h: (not is_usable(desired, observed, pool, h), h), default=None)


def _unwanted(desired: Desired, observed: Observed, pool: Pool, leaving: Leaving) -> Iterator[Change | Held]:
    for host in desired.selected(pool.spec.hosts):
        listing = observed.pools.get(host)
        seen = listing.items.get(pool.name) if isinstance(listing, Listing) else None
        uuid = pool_uuid(desired, pool, seen)
        if seen is None or seen.uuid != uuid:
            continue
        ref = Ref("pool", pool.name, host)
        users = users_of(observed, pool.spec.target, host)
        if held := users.stay(ref, leaving):
            yield held
        else:
            reason = "its document says absent"
            yield PoolUnwanted(ref, reason, uuid, pool.spec.target, frozenset(), seen.active, users.names)


def still_needed(desired: Desired, observed: Observed, pool: Pool, ref: Ref, leaving: Leaving) -> Held | None:
    """Who still has a disk in the pool after this plan, or may have and cannot be asked; None: nobody."""
    for host in desired.selected(pool.spec.hosts):
        if not observed.is_reachable(host) and not desired.hosts[host].spec.fenced:
            return Held(ref, HeldReason.HOST_UNKNOWN, f"host/{host} may use pool/{pool.name} and cannot be asked")
        if held := users_of(observed, pool.spec.target, host).stay(ref, leaving):
            return held
    return None
