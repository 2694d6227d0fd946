"""Changes of domains that run as steps: each of impact live, after the persistent definition has them."""

from collections.abc import Callable, Mapping

from reconciler.action import (
    Action,
    AttachDevice,
    DetachDevice,
    LimitDisk,
    ReleaseDisks,
    UpdateDevice,
)
from reconciler.change import Change
from reconciler.fact import DisksRecorded, DomainIs, NetworkIs, PoolReady
from reconciler.live import LiveIs, Values, Way
from reconciler.live_action import ChangeLive, PinCpus, PlugMemory, PlugVcpus, SetStatsPeriod, SetTexts
from reconciler.live_change import DeviceMissing, DeviceUnwanted, DisksTakenOut, DomainLiveDiffers
from reconciler.observed import Standing
from reconciler.plan.draft import Builder, Draft, pool_ready, token, tokens
from reconciler.step import Sign

RUNNING = frozenset({Standing.RUNNING})
BEFORE: Mapping[Way, tuple[Way, ...]] = {Way.PINS: (Way.VCPUS,)}
"""A virtual CPU must be there before it is bound."""


def domain_live_differs(change: DomainLiveDiffers) -> tuple[Draft, ...]:
    name, host = change.ref.name, change.ref.host
    return (
        Draft(
            WAYS[change.way](change),
            _has(change),
            change.reason,
            sign=Sign.UPDATE,
            requires=(DomainIs(host, name, change.uuid, RUNNING),),
            provides=frozenset({token("changed", name), token(change.way, name)}),
            after=frozenset(
                {
                    token("adopted", name),
                    token("defined", name),
                    *(token(way, name) for way in BEFORE.get(change.way, ())),
                }
            ),
        ),
    )


def device_missing(change: DeviceMissing) -> tuple[Draft, ...]:
    """Attached as the persistent definition has it; a disk when it is made and recorded."""
    name, host = change.ref.name, change.ref.host
    ready = pool_ready(change.pools, host) | tokens("network", change.networks, host)
    before = {token(kind, name) for kind in ("adopted", "defined", "volumes", "recorded")}
    return (
        Draft(
            AttachDevice(host, name, change.uuid, *change.owner),
            _has(change),
            change.reason,
            requires=(
                DomainIs(host, name, change.uuid, RUNNING),
                *((change.nowhere,) if change.nowhere else ()),
                *(PoolReady(host, pool) for pool in change.pools),
                *(NetworkIs(host, network, active=True) for network in change.networks),
            ),
            provides=frozenset({token("changed", name)}),
            after=ready | before,
        ),
    )


def device_unwanted(change: DeviceUnwanted) -> tuple[Draft, ...]:
    name, host = change.ref.name, change.ref.host
    return (
        Draft(
            DetachDevice(host, name, change.uuid, *change.owner),
            _has(change),
            change.reason,
            sign=Sign.UPDATE,
            requires=(DomainIs(host, name, change.uuid, RUNNING),),
            provides=frozenset({token("detached", name)}),
            after=frozenset({token("adopted", name), token("defined", name)}),
        ),
    )


def disks_taken_out(change: DisksTakenOut) -> tuple[Draft, ...]:
    """Written down once no definition has them."""
    name, host = change.ref.name, change.ref.host
    gone = tuple((("disks", device), None) for device in change.gone)
    return (
        Draft(
            ReleaseDisks(host, name, change.uuid, change.mark),
            DisksRecorded(host, name, change.uuid, change.mark.made, change.mark.protected),
            change.reason,
            sign=Sign.UPDATE,
            requires=(DomainIs(host, name, change.uuid, fields=gone),),
            after=frozenset(token(kind, name) for kind in ("adopted", "defined", "recorded", "detached")),
        ),
    )


def _has(change: DomainLiveDiffers | DeviceMissing | DeviceUnwanted) -> LiveIs:
    values = tuple((field.path, field.new) for field in change.fields)
    return LiveIs(change.ref.host, change.ref.name, change.uuid, values)


def _within(change: DomainLiveDiffers) -> Values:
    """The values by their paths below their owner."""
    return tuple((field.path[len(change.owner) :], field.new) for field in change.fields)


def _of_device(action: type[UpdateDevice]) -> Callable[[DomainLiveDiffers], Action]:
    def made(change: DomainLiveDiffers) -> Action:
        sort, device = change.owner
        return action(change.ref.host, change.ref.name, change.uuid, sort, device, _within(change))

    return made


def _of_domain(action: type[ChangeLive]) -> Callable[[DomainLiveDiffers], Action]:
    def made(change: DomainLiveDiffers) -> Action:
        return action(change.ref.host, change.ref.name, change.uuid, _within(change))

    return made


WAYS: Mapping[Way, Callable[[DomainLiveDiffers], Action]] = {
    Way.DEVICE: _of_device(UpdateDevice),
    Way.IOTUNE: _of_device(LimitDisk),
    Way.VCPUS: _of_domain(PlugVcpus),
    Way.MEMORY: _of_domain(PlugMemory),
    Way.PINS: _of_domain(PinCpus),
    Way.TEXTS: _of_domain(SetTexts),
    Way.STATS: _of_domain(SetStatsPeriod),
}
"""Each way's action. A new one is one entry here, an action, and what both edges do for it."""

LIVE: Mapping[type[Change], Builder] = {
    DomainLiveDiffers: domain_live_differs,
    DeviceMissing: device_missing,
    DeviceUnwanted: device_unwanted,
    DisksTakenOut: disks_taken_out,
}
