"""Changes of networks as steps."""

from collections.abc import Mapping
from dataclasses import replace

from reconciler.action import DefineNetwork, StartNetwork, StopNetwork, UndefineNetwork
from reconciler.change import (
    Change,
    NetworkDiffers,
    NetworkForeign,
    NetworkInactive,
    NetworkUndefined,
    NetworkUnwanted,
)
from reconciler.fact import AllOf, NetworkIs
from reconciler.ours import NetworkCarriesOurMark
from reconciler.plan.draft import Builder, Draft, token, tokens
from reconciler.step import Impact, Sign


def network_undefined(change: NetworkUndefined) -> tuple[Draft, ...]:
    return (_define(change, Sign.CREATE),)


def network_differs(change: NetworkDiffers) -> tuple[Draft, ...]:
    """A bridge network holds no state: guests keep their taps while it is stopped and started."""
    define = _define(change, Sign.UPDATE)
    return (define, _stop(change), network_inactive(change)[0]) if change.active else (define,)


def network_foreign(change: NetworkForeign) -> tuple[Draft, ...]:
    """libvirt writes the definition alone; the network that runs, and the guests on it, notice nothing."""
    name, host = change.ref.name, change.ref.host
    draft = _define(change, Sign.UPDATE)
    marked = NetworkCarriesOurMark(host, name, change.cluster)
    return (replace(draft, goal=AllOf((draft.goal, marked)), requires=(NetworkIs(host, name),)),)


def network_inactive(change: Change) -> tuple[Draft, ...]:
    name, host = change.ref.name, change.ref.host
    goal = NetworkIs(host, name, active=True)
    ready = frozenset({token("network", name, host)})
    after = frozenset({token("network-defined", name, host), token("network-stopped", name, host)})
    return (Draft(StartNetwork(host, name), goal, change.reason, provides=ready, after=after),)


def network_unwanted(change: NetworkUnwanted) -> tuple[Draft, ...]:
    name, host = change.ref.name, change.ref.host
    undefine = Draft(
        UndefineNetwork(host, name),
        NetworkIs(host, name, defined=False),
        change.reason,
        Impact.DELETE,
        Sign.DELETE,
        after=frozenset({token("network-stopped", name, host)}) | tokens("gone", change.users, host),
        limit="deletes",
    )
    stop = replace(_stop(change), after=tokens("gone", change.users, host), impact=Impact.DELETE, sign=Sign.DELETE)
    return (stop, undefine) if change.active else (undefine,)


def _define(change: NetworkUndefined, sign: Sign) -> Draft:
    name, host = change.ref.name, change.ref.host
    goal = NetworkIs(host, name, fields=dict(change.fields))
    defined = frozenset({token("network-defined", name, host)})
    return Draft(DefineNetwork(host, name, change.xml), goal, change.reason, sign=sign, provides=defined)


def _stop(change: Change) -> Draft:
    name, host = change.ref.name, change.ref.host
    return Draft(
        StopNetwork(host, name),
        NetworkIs(host, name, active=False),
        change.reason,
        sign=Sign.UPDATE,
        provides=frozenset({token("network-stopped", name, host)}),
        after=frozenset({token("network-defined", name, host)}),
    )


NETWORKS: Mapping[type[Change], Builder] = {
    NetworkUndefined: network_undefined,
    NetworkDiffers: network_differs,
    NetworkForeign: network_foreign,
    NetworkInactive: network_inactive,
    NetworkUnwanted: network_unwanted,
}
