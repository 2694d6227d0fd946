"""A restart for a change, as steps: stopped, started from the definition as it is by now, and that written down."""

from collections.abc import Mapping
from dataclasses import replace

from reconciler.change import Change, DomainOn, DomainStaged
from reconciler.fact import DomainIs
from reconciler.live_action import RecordRestart
from reconciler.observed import Standing
from reconciler.plan.domains import domain_off
from reconciler.plan.draft import Builder, Draft, token
from reconciler.plan.stopping import domain_on
from reconciler.restarts import RestartRecorded
from reconciler.step import Impact, Sign


def domain_staged(change: DomainStaged) -> tuple[Draft, ...]:
    """Stopped only once the new definition is there, and all that the start needs.

    A process that dies in between leaves a guest that is off and shall run: the next pass starts it.
    """
    name, host, uuid = change.ref.name, change.ref.host, change.uuid
    off, needs = change.start, (change.start.pools, change.start.networks)
    stopped, started = token("stopped", name), token("started", name)
    (stop,) = domain_on(DomainOn(change.ref, change.reason, uuid, change.stop, host, *needs))
    (start,) = domain_off(replace(off, reason=change.reason))
    record = Draft(
        RecordRestart(host, name, uuid, change.cause),
        RestartRecorded(host, name, uuid, change.cause),
        change.reason,
        sign=Sign.UPDATE,
        requires=(DomainIs(host, name, uuid, frozenset({Standing.RUNNING})),),
        after=frozenset({started}),
    )
    return (
        replace(
            stop,
            provides=frozenset({stopped}),
            after=stop.after | {token("changed", name)},
            window=change.window,
            instead=change.held,
        ),
        replace(
            start,
            impact=Impact.RESTART,
            sign=Sign.UPDATE,
            provides=frozenset({started}),
            after=start.after | {stopped},
        ),
        record,
    )


RESTARTS: Mapping[type[Change], Builder] = {DomainStaged: domain_staged}
