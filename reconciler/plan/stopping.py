"""Changes that stop a guest, as steps."""

from reconciler.action import ShutdownDomain, UndefineDomain
from reconciler.change import DomainOn, DomainUnwanted
from reconciler.desired.quantity import format_duration
from reconciler.fact import DomainGone, DomainIs, NetworkIs, PoolReady
from reconciler.observed import Standing
from reconciler.plan.draft import Draft, contents_known, left, pool_ready, token, tokens
from reconciler.step import Impact, Sign
from reconciler.stopping import Stop

RUNNING = frozenset({Standing.RUNNING})
OFF = frozenset({Standing.OFF})


def _reason(reason: str, stop: Stop) -> str:
    """With what it may come to."""
    return (
        f"{reason}; forced off unless it powers off within {format_duration(stop.timeout_s)}" if stop.force else reason
    )


def domain_on(change: DomainOn) -> tuple[Draft, ...]:
    """One that is started again elsewhere is stopped only once all that it needs there is ready."""
    name, host, target = change.ref.name, change.ref.host, change.target
    ready = pool_ready(change.pools, target) | tokens("network", change.networks, target)
    kept = {token(kind, name) for kind in ("defined", "recorded", "leftover", "adopted")}
    return (
        Draft(
            ShutdownDomain(host, name, change.uuid, change.stop),
            DomainIs(host, name, change.uuid, OFF),
            _reason(change.reason, change.stop),
            Impact.RESTART,
            Sign.UPDATE,
            requires=(
                DomainIs(host, name, change.uuid, RUNNING),
                *(PoolReady(target, pool) for pool in change.pools),
                *(NetworkIs(target, network, active=True) for network in change.networks),
            ),
            provides=frozenset({token("stopped", name), token("left", name, host)}),
            after=ready | kept | left(change.after_leaving) if target else frozenset({token("adopted", name)}),
            limit="restarts" if target else "",
        ),
    )


def domain_unwanted(change: DomainUnwanted) -> tuple[Draft, ...]:
    name, host = change.ref.name, change.ref.host
    proofs = tuple(fact for disk in change.data for fact in (disk.unused, disk.bare))
    stop = Draft(
        ShutdownDomain(host, name, change.uuid, change.stop),
        DomainIs(host, name, change.uuid, OFF),
        _reason(change.reason, change.stop),
        Impact.DELETE,
        Sign.DELETE,
        requires=(DomainIs(host, name, change.uuid, RUNNING), *proofs),
        provides=frozenset({token("stopped", name)}),
        after=contents_known(tuple(disk.pool for disk in change.data), host),
    )
    undefine = Draft(
        UndefineDomain(host, name, change.uuid),
        DomainGone(host, name, change.uuid),
        change.reason,
        Impact.DELETE,
        Sign.DELETE,
        requires=(DomainIs(host, name, change.uuid, OFF),),
        provides=frozenset({token("gone", name, host)}),
        after=frozenset(token(kind, name) for kind in ("stopped", "emptied", "unclaimed")),
        limit="deletes",
    )
    return (stop, undefine) if change.active else (undefine,)
