"""Changes of exports, pools, images and volumes as steps."""

from collections.abc import Mapping

from reconciler.action import (
    BuildPool,
    CreateVolume,
    DefinePool,
    GrowDisk,
    GrowVolume,
    MakeClaim,
    RefreshPool,
    RemoveExport,
    StartPool,
    StopPool,
    UndefinePool,
    UploadImage,
    UploadSeed,
    WriteExport,
)
from reconciler.change import (
    Change,
    ClaimMissing,
    DiskMissing,
    DiskTooSmall,
    ExportMissing,
    ExportUnwanted,
    ImageMissing,
    PoolChange,
    PoolInactive,
    PoolStale,
    PoolUndefined,
    PoolUnmounted,
    PoolUnwanted,
    SeedMissing,
)
from reconciler.copying import CopyImage
from reconciler.desired.derive import copying_note
from reconciler.fact import (
    AllOf,
    DomainIs,
    ExportGone,
    ExportServed,
    Fact,
    PoolIs,
    TargetFree,
    VolumesAbsent,
    VolumesPresent,
)
from reconciler.observed import Standing
from reconciler.plan.draft import Builder, Draft, contents_known, token, tokens
from reconciler.step import Impact, Sign
from reconciler.volume import CapacityWithin, VolumeIs


def export_missing(change: ExportMissing) -> tuple[Draft, ...]:
    pool, server = change.ref.name, change.ref.host
    action = WriteExport(server, pool, change.cluster, change.dir, change.clients, change.options)
    goal = ExportServed(server, change.dir, change.clients, frozenset(change.options))
    return (Draft(action, goal, change.reason, provides=frozenset({token("export", pool)})),)


def export_unwanted(change: ExportUnwanted) -> tuple[Draft, ...]:
    pool, server = change.ref.name, change.ref.host
    action = RemoveExport(server, pool, change.cluster, change.dir, change.clients)
    after = frozenset({token("unpooled", pool)})
    return (Draft(action, ExportGone(server, pool), change.reason, Impact.LIVE, Sign.DELETE, after=after),)


def pool_undefined(change: PoolUndefined) -> tuple[Draft, ...]:
    name, host = change.ref.name, change.ref.host
    defined = frozenset({token("pool-defined", name, host)})
    define = Draft(DefinePool(host, name, change.xml), PoolIs(host, name, change.uuid), change.reason, provides=defined)
    return (define, *pool_inactive(change))


def pool_inactive(change: PoolChange) -> tuple[Draft, ...]:
    """Build first: a crash may have come between define and build; building twice is harmless."""
    name, host = change.ref.name, change.ref.host
    free = TargetFree(host, change.target, change.sources)
    built = frozenset({token("pool-built", name, host)})
    after = frozenset({token("pool-defined", name, host), token("export", name)})
    exists = PoolIs(host, name, change.uuid, active=False)
    build = Draft(
        BuildPool(host, name),
        PoolIs(host, name, change.uuid),
        f"{change.target} must be there",
        requires=(exists, free),
        provides=built,
        after=after,
    )
    return build, _start(change, free, built | after)


def _start(change: PoolChange, free: TargetFree, after: frozenset[str]) -> Draft:
    name, host = change.ref.name, change.ref.host
    goal = PoolIs(host, name, change.uuid, active=True)
    ready = frozenset({token("pool", name, host)})
    return Draft(StartPool(host, name), goal, change.reason, requires=(free,), provides=ready, after=after)


def pool_unmounted(change: PoolUnmounted) -> tuple[Draft, ...]:
    name, host = change.ref.name, change.ref.host
    stopped = frozenset({token("pool-stopped", name, host), token("export", name)})
    stop = Draft(
        StopPool(host, name),
        PoolIs(host, name, change.uuid, active=False),
        change.reason,
        sign=Sign.UPDATE,
        provides=frozenset({token("pool-stopped", name, host)}),
    )
    return stop, _start(change, TargetFree(host, change.target, change.sources), stopped)


def pool_stale(change: PoolStale) -> tuple[Draft, ...]:
    name, host = change.ref.name, change.ref.host
    active = PoolIs(host, name, change.uuid, active=True)
    return (
        Draft(
            RefreshPool(host, name),
            active,
            change.reason,
            sign=Sign.UPDATE,
            requires=(active,),
            provides=frozenset({token("fresh", name, host)}),
            after=frozenset({token("export", name)}),
        ),
    )


def pool_unwanted(change: PoolUnwanted) -> tuple[Draft, ...]:
    name, host = change.ref.name, change.ref.host
    stopped = frozenset({token("pool-stopped", name, host)})
    users_gone = tokens("gone", change.users, host)
    stop = Draft(
        StopPool(host, name),
        PoolIs(host, name, change.uuid, active=False),
        change.reason,
        Impact.DELETE,
        Sign.DELETE,
        provides=stopped,
        after=users_gone,
    )
    undefine = Draft(
        UndefinePool(host, name),
        PoolIs(host, name, change.uuid, defined=False),
        change.reason,
        Impact.DELETE,
        Sign.DELETE,
        provides=frozenset({token("unpooled", name)}),
        after=stopped | users_gone,
        limit="deletes",
    )
    return (stop, undefine) if change.active else (undefine,)


def image_missing(change: ImageMissing) -> tuple[Draft, ...]:
    host, pool = change.ref.host, change.pool
    action = UploadImage(host, pool, change.volume, change.marker, change.path, change.sha256, change.format)
    return (
        Draft(
            action,
            VolumesPresent(host, pool, frozenset({change.volume, change.marker})),
            change.reason,
            provides=frozenset({token("image", f"{pool}/{change.volume}")}),
            after=contents_known((pool,), host),
            slots=(f"upload:{host}",),
        ),
    )


def seed_missing(change: SeedMissing) -> tuple[Draft, ...]:
    """Complete before the domain starts."""
    host, domain = change.ref.host, change.ref.name
    return (
        Draft(
            UploadSeed(host, change.pool, change.volume, change.marker, change.seed),
            VolumesPresent(host, change.pool, frozenset({change.volume, change.marker})),
            change.reason,
            provides=frozenset({token("volumes", domain)}),
            after=frozenset(
                {token("defined", domain), token("claimed", domain)} | contents_known((change.pool,), host)
            ),
        ),
    )


def claim_missing(change: ClaimMissing) -> tuple[Draft, ...]:
    """Before any volume of the domain; overtaken where another's claim is seen."""
    host, domain = change.ref.host, change.ref.name
    return (
        Draft(
            MakeClaim(host, change.pool, change.volume, "raw", change.capacity),
            VolumeIs(host, change.pool, change.volume, "raw", change.capacity, ""),
            change.reason,
            requires=(VolumesAbsent(host, change.pool, frozenset({change.volume})),),
            provides=frozenset({token("claimed", domain)}),
            after=frozenset({token("defined", domain)} | contents_known((change.pool,), host)),
        ),
    )


def _made(change: DiskMissing) -> tuple[CreateVolume, Fact]:
    host, backing = change.ref.host, (change.backing, change.backing_format)
    action = CreateVolume(host, change.pool, change.volume, change.format, change.capacity, *backing)
    return action, VolumeIs(host, change.pool, change.volume, change.format, change.capacity, change.backing)


def _copied(change: DiskMissing) -> tuple[CreateVolume, Fact]:
    """Whole only where its note is gone too."""
    host, pool, volume, note = change.ref.host, change.pool, change.volume, copying_note(change.volume)
    image = {"image": change.image, "image_format": change.backing_format}
    action = CopyImage(host, pool, volume, change.format, change.capacity, **image, note=note)
    whole = VolumeIs(host, pool, volume, change.format, change.capacity, "")
    return action, AllOf((whole, VolumesAbsent(host, pool, frozenset({note}))))


def disk_missing(change: DiskMissing) -> tuple[Draft, ...]:
    host, domain = change.ref.host, change.ref.name
    action, goal = _copied(change) if change.copied else _made(change)
    after = {token("defined", domain), token("claimed", domain)} | contents_known((change.pool,), host)
    return (
        Draft(
            action,
            goal,
            change.reason,
            provides=frozenset({token("volumes", domain)}),
            after=frozenset(after | {token("image", f"{change.pool}/{change.image}")}),
        ),
    )


def disk_too_small(change: DiskTooSmall) -> tuple[Draft, ...]:
    """While it runs by QEMU, else by libvirt, which must not write to a disk that is open anywhere (law 2)."""
    name, host, disk = change.ref.name, change.ref.host, change.grown
    live = GrowDisk(host, disk.pool, disk.volume, disk.capacity, name, change.uuid, change.path)
    standing = Standing.RUNNING if change.active else Standing.OFF
    smaller = CapacityWithin(host, disk.pool, disk.volume, most=disk.capacity)
    is_there = DomainIs(host, name, change.uuid, frozenset({standing}))
    return (
        Draft(
            live if change.active else GrowVolume(host, disk.pool, disk.volume, disk.capacity),
            CapacityWithin(host, disk.pool, disk.volume, least=disk.capacity),
            change.reason,
            sign=Sign.UPDATE,
            requires=(is_there, smaller) if change.active else (is_there, change.nowhere, smaller),
            provides=frozenset({token("grown", name)}),
            after=frozenset({token("defined", name)} | contents_known((disk.pool,), host)),
        ),
    )


STORAGE: Mapping[type[Change], Builder] = {
    ExportMissing: export_missing,
    ExportUnwanted: export_unwanted,
    PoolUndefined: pool_undefined,
    PoolInactive: pool_inactive,
    PoolUnmounted: pool_unmounted,
    PoolStale: pool_stale,
    PoolUnwanted: pool_unwanted,
    ImageMissing: image_missing,
    SeedMissing: seed_missing,
    ClaimMissing: claim_missing,
    DiskMissing: disk_missing,
    DiskTooSmall: disk_too_small,
}
