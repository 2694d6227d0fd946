"""Changes of domains as steps. Defined first, then its volumes are made, then it is started (law 2)."""

from collections.abc import Mapping

from reconciler.action import (
    AdoptDomain,
    ClearAutostart,
    DefineDomain,
    DestroyHusk,
    MigrateDomain,
    ProvePath,
    RecordDisks,
    ResumeDomain,
    StartDomain,
    UndefineDomain,
)
from reconciler.autostart import NoAutostart
from reconciler.change import (
    Change,
    DisksUnrecorded,
    DomainAutostarts,
    DomainDiffers,
    DomainDisowned,
    DomainForeign,
    DomainHalted,
    DomainHusk,
    DomainLeftover,
    DomainMisplacedOff,
    DomainMisplacedRunning,
    DomainOff,
    DomainOn,
    DomainUndefined,
    PathUnproven,
)
from reconciler.fact import (
    AllOf,
    DisksRecorded,
    DomainGone,
    DomainIs,
    NetworkIs,
    PoolReady,
    VolumesAbsent,
    VolumesPresent,
)
from reconciler.leaving import StillHere
from reconciler.observed import Standing
from reconciler.ours import CarriesOurMark
from reconciler.plan.draft import Builder, Draft, contents_known, left, pool_ready, token, tokens
from reconciler.plan.stopping import domain_on
from reconciler.step import Impact, Recovery, Sign
from reconciler.volume import VolumeIs

RUNNING = frozenset({Standing.RUNNING})
OFF = frozenset({Standing.OFF})


def domain_undefined(change: DomainUndefined) -> tuple[Draft, ...]:
    name, host = change.ref.name, change.ref.host
    pools = sorted({pool for pool, _ in change.volumes})
    absent = [VolumesAbsent(host, pool, frozenset(v for p, v in change.volumes if p == pool)) for pool in pools]
    after = contents_known(tuple(pools), host)
    return (
        Draft(
            DefineDomain(host, name, change.uuid, change.xml),
            DomainIs(host, name, change.uuid),
            change.reason,
            requires=(change.nowhere, *absent),
            provides=frozenset({token("defined", name)}),
            after=after,
        ),
    )


def domain_differs(change: DomainDiffers) -> tuple[Draft, ...]:
    name, host = change.ref.name, change.ref.host
    fields = tuple((field.path, field.new) for field in change.fields)
    return (
        Draft(
            DefineDomain(host, name, change.uuid, change.xml),
            DomainIs(host, name, change.uuid, fields=fields),
            change.reason,
            Impact.NEXT_BOOT if change.staged else Impact.LIVE,
            Sign.UPDATE,
            requires=(DomainIs(host, name, change.uuid),),
            provides=frozenset({token("defined", name)}),
            after=frozenset({token("adopted", name)}),
        ),
    )


def domain_foreign(change: DomainForeign) -> tuple[Draft, ...]:
    """Whatever else is done to it comes after, for it is done to what is ours."""
    name, host = change.ref.name, change.ref.host
    marked = CarriesOurMark(host, name, change.uuid, change.mark.cluster)
    return (
        Draft(
            AdoptDomain(host, name, change.uuid, change.mark),
            AllOf((marked, DisksRecorded(host, name, change.uuid, change.mark.made, change.mark.protected))),
            change.reason,
            sign=Sign.UPDATE,
            requires=(DomainIs(host, name, change.uuid),),
            provides=frozenset({token("adopted", name), token("defined", name)}),
        ),
    )


def disks_unrecorded(change: DisksUnrecorded) -> tuple[Draft, ...]:
    name, host = change.ref.name, change.ref.host
    return (
        Draft(
            RecordDisks(host, name, change.uuid, change.mark),
            DisksRecorded(host, name, change.uuid, change.mark.made, change.mark.protected),
            change.reason,
            sign=Sign.UPDATE,
            requires=(
                DomainIs(host, name, change.uuid),
                *(VolumesPresent(host, pool, frozenset({volume})) for pool, volume in change.back),
            ),
            provides=frozenset({token("recorded", name)}),
            after=contents_known(tuple(pool for pool, _ in change.back), host)
            | {token(kind, name) for kind in ("defined", "claimed", "volumes", "grown")},
        ),
    )


def domain_off(change: DomainOff) -> tuple[Draft, ...]:
    name, host = change.ref.name, change.ref.host
    ready = pool_ready(change.pools, host) | tokens("network", change.networks, host)
    before = {token(kind, name) for kind in ("defined", "volumes", "recorded", "placed", "leftover", "password")}
    return (
        Draft(
            StartDomain(host, name, change.uuid),
            DomainIs(host, name, change.uuid, RUNNING),
            change.reason,
            requires=(
                DomainIs(host, name, change.uuid, OFF),
                change.nowhere,
                *(PoolReady(host, pool) for pool in change.pools),
                *(NetworkIs(host, network, active=True) for network in change.networks),
            ),
            after=ready | before | left(change.after_leaving) | tokens("image", change.images),
        ),
    )


def domain_halted(change: DomainHalted) -> tuple[Draft, ...]:
    name, host = change.ref.name, change.ref.host
    paused = frozenset({Standing.IO_ERROR, Standing.MIGRATING})
    return (
        Draft(
            ResumeDomain(host, name, change.uuid),
            DomainIs(host, name, change.uuid, RUNNING),
            change.reason,
            sign=Sign.UPDATE,
            requires=(DomainIs(host, name, change.uuid, paused, idle=True), change.nowhere),
        ),
    )


def domain_misplaced_running(change: DomainMisplacedRunning) -> tuple[Draft, ...]:
    name, host, target = change.ref.name, change.ref.host, change.target
    action = MigrateDomain(
        host,
        name,
        change.uuid,
        target,
        change.peer_uri,
        change.address,
        change.memory,
        change.bandwidth,
        change.max_downtime_s,
        change.progress_timeout_s,
        change.timeout_s,
        change.transport,
        change.auto_converge,
        change.post_copy,
        change.expected_s,
    )
    ready = pool_ready(change.pools, target) | tokens("network", change.networks, target)
    kinds = ("defined", "recorded", "leftover")
    before = frozenset({token("path", target, host), *(token(kind, name) for kind in kinds)})
    return (
        Draft(
            action,
            AllOf((DomainIs(target, name, change.uuid, RUNNING), DomainGone(host, name, change.uuid))),
            f"{change.reason}; to host/{target}",
            Impact.MIGRATE,
            Sign.MIGRATE,
            requires=(
                DomainIs(host, name, change.uuid, RUNNING),
                DomainGone(target, name, change.uuid),
                *(PoolReady(target, pool) for pool in change.pools),
                *(NetworkIs(target, network, active=True) for network in change.networks),
            ),
            provides=frozenset({token("left", name, host)}),
            after=ready | before | left(change.after_leaving),
            slots=(f"out:{host}", f"in:{target}", "cluster"),
            recovery=_resumed_here(change),
        ),
    )


def _resumed_here(change: DomainMisplacedRunning) -> Recovery:
    """A cut in the last phase leaves the source paused, and what becomes of it to us (law 3)."""
    name, host = change.ref.name, change.ref.host
    return Recovery(
        ResumeDomain(host, name, change.uuid),
        requires=(DomainIs(host, name, change.uuid, frozenset({Standing.MIGRATING}), idle=True), change.nowhere),
        goal=DomainIs(host, name, change.uuid, RUNNING),
        failed=StillHere(host, change.target, name, change.uuid),
    )


def path_unproven(change: PathUnproven) -> tuple[Draft, ...]:
    source, target = change.ref.host, change.ref.name
    names = tuple(pool.name for pool in change.pools)
    return (
        Draft(
            ProvePath(source, target, change.peer_uri, change.address, change.pools),
            AllOf(()),
            change.reason,
            sign=Sign.UPDATE,
            requires=tuple(PoolReady(host, name) for host in (source, target) for name in names),
            provides=frozenset({token("path", target, source)}),
            after=pool_ready(names, source) | pool_ready(names, target),
        ),
    )


def domain_misplaced_off(change: DomainMisplacedOff) -> tuple[Draft, ...]:
    """Defined at the target first, then undefined here: cut in between, two inactive definitions are no harm."""
    name, host, target = change.ref.name, change.ref.host, change.target
    there = DomainIs(target, name, change.uuid, OFF)
    here = DomainIs(host, name, change.uuid, OFF)
    reason = f"{change.reason}; to host/{target}"
    define = Draft(
        DefineDomain(target, name, change.uuid, change.xml, source=host),
        there,
        reason,
        Impact.MIGRATE,
        Sign.MIGRATE,
        requires=(here, change.nowhere),
        provides=frozenset({token("redefined", name)}),
        after=frozenset({token("stopped", name), token("recorded", name), token("defined", name)}),
    )
    undefine = Draft(
        UndefineDomain(host, name, change.uuid),
        DomainGone(host, name, change.uuid),
        reason,
        Impact.MIGRATE,
        Sign.MIGRATE,
        requires=(here, there),
        provides=frozenset({token("placed", name)}),
        after=frozenset({token("redefined", name)}),
    )
    return define, undefine


def domain_autostarts(change: DomainAutostarts) -> tuple[Draft, ...]:
    name, host = change.ref.name, change.ref.host
    return (
        Draft(
            ClearAutostart(host, name, change.uuid),
            NoAutostart(host, name, change.uuid),
            change.reason,
            sign=Sign.UPDATE,
            requires=(DomainIs(host, name, change.uuid),),
            provides=frozenset({token("defined", name)}),
            after=frozenset({token("adopted", name)}),
        ),
    )


def domain_leftover(change: DomainLeftover) -> tuple[Draft, ...]:
    name, host = change.ref.name, change.ref.host
    return (
        Draft(
            UndefineDomain(host, name, change.uuid),
            DomainGone(host, name, change.uuid),
            change.reason,
            sign=Sign.UPDATE,
            requires=(DomainIs(host, name, change.uuid, OFF), DomainIs(change.home, name, change.uuid)),
            provides=frozenset({token("leftover", name)}),
            after=frozenset({token("adopted", name)}),
        ),
    )


def domain_disowned(change: DomainDisowned) -> tuple[Draft, ...]:
    """Taken back, as nothing ever lived here; the claim is read anew before that."""
    name, host = change.ref.name, change.ref.host
    claim = VolumeIs(host, change.pool, change.volume, "raw", change.capacity, "")
    return (
        Draft(
            UndefineDomain(host, name, change.uuid),
            DomainGone(host, name, change.uuid),
            change.reason,
            sign=Sign.DELETE,
            requires=(DomainIs(host, name, change.uuid, OFF), claim),
            after=contents_known((change.pool,), host),
        ),
    )


def domain_husk(change: DomainHusk) -> tuple[Draft, ...]:
    name, host = change.ref.name, change.ref.host
    runs = DomainIs(change.home, name, change.uuid, RUNNING)
    husk = DomainIs(host, name, change.uuid, frozenset({Standing.MIGRATING}), idle=True)
    ended = frozenset({token("husk", name)})
    end = Draft(
        DestroyHusk(host, name, change.uuid),
        DomainIs(host, name, change.uuid, OFF),
        change.reason,
        sign=Sign.UPDATE,
        requires=(runs, husk),
        provides=ended,
    )
    undefine = Draft(
        UndefineDomain(host, name, change.uuid),
        DomainGone(host, name, change.uuid),
        change.reason,
        sign=Sign.UPDATE,
        requires=(DomainIs(host, name, change.uuid, OFF), runs),
        provides=frozenset({token("leftover", name)}),
        after=ended,
    )
    return end, undefine


DOMAINS: Mapping[type[Change], Builder] = {
    DomainUndefined: domain_undefined,
    DomainForeign: domain_foreign,
    DomainDiffers: domain_differs,
    DisksUnrecorded: disks_unrecorded,
    DomainOff: domain_off,
    DomainOn: domain_on,
    DomainHalted: domain_halted,
    DomainMisplacedRunning: domain_misplaced_running,
    DomainMisplacedOff: domain_misplaced_off,
    DomainAutostarts: domain_autostarts,
    DomainLeftover: domain_leftover,
    DomainDisowned: domain_disowned,
    DomainHusk: domain_husk,
    PathUnproven: path_unproven,
}
