"""Changes of domains that run as steps: each of impact live, after the persistent definition has them."""

from collections.abc import Callable, Mapping

from reconciler.action import Action, LimitDisk, UpdateDevice
from reconciler.change import Change, DomainLiveDiffers
from reconciler.fact import DomainIs
from reconciler.live import LiveIs, Values, Way
from reconciler.observed import Standing
from reconciler.plan.draft import Builder, Draft, token
from reconciler.step import Sign

RUNNING = frozenset({Standing.RUNNING})


def domain_live_differs(change: DomainLiveDiffers) -> tuple[Draft, ...]:
    name, host = change.ref.name, change.ref.host
    return (
        Draft(
            WAYS[change.way](change),
            LiveIs(host, name, change.uuid, tuple((field.path, field.new) for field in change.fields)),
            change.reason,
            sign=Sign.UPDATE,
            requires=(DomainIs(host, name, change.uuid, RUNNING),),
            provides=frozenset({token("changed", name)}),
            after=frozenset({token("adopted", name), token("defined", name)}),
        ),
    )


def _within(change: DomainLiveDiffers) -> Values:
    """The values by their paths below their owner."""
    return tuple((field.path[len(change.owner) :], field.new) for field in change.fields)


def _of_device(action: type[UpdateDevice]) -> Callable[[DomainLiveDiffers], Action]:
    def made(change: DomainLiveDiffers) -> Action:
        sort, device = change.owner
        return action(change.ref.host, change.ref.name, change.uuid, sort, device, _within(change))

    return made


WAYS: Mapping[Way, Callable[[DomainLiveDiffers], Action]] = {
    Way.DEVICE: _of_device(UpdateDevice),
    Way.IOTUNE: _of_device(LimitDisk),
}
"""Each way's action. A new one is one entry here, an action, and what both edges do for it."""

LIVE: Mapping[type[Change], Builder] = {DomainLiveDiffers: domain_live_differs}
