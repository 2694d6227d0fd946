"""What is ours and has no document any more, where the cluster's document says `prune: true`.

A directory that is not whole must not empty the cloud: of a kind of which no document is left nothing is pruned, and
limits.deletes counts all that is. The disks of a pruned domain stay: what could have said otherwise is gone.
"""

from collections.abc import Iterator, Mapping

from reconciler.change import (
    Change,
    DomainUnwanted,
    ExportUnwanted,
    NetworkUnwanted,
    PoolUnwanted,
)
from reconciler.desired import Desired, Ref
from reconciler.diff.leftovers import left_behind
from reconciler.diff.removal import bound
from reconciler.diff.users import Leaving, plugged_in, users_of
from reconciler.observed import Observed
from reconciler.orphans import orphan_domains, orphan_exports, orphan_networks, orphan_pools
from reconciler.step import Held, HeldReason
from reconciler.stopping import Stop
from reconciler.whereabouts import Whereabouts, orphan

REASON = "no document speaks of it, and prune is on"


def pruned_domains(desired: Desired, observed: Observed) -> Iterator[Change | Held]:
    """Each is stopped as gracefully as any other, and its definition removed."""
    for name, uuid in orphan_domains(desired, observed) if desired.policy.prune else ():
        where = orphan(desired, observed, name, uuid)
        yield from left_behind(where)
        if held := where.held or _kept(desired, where):
            yield held
        elif not (where.leftovers or where.husks) and where.seen:
            yield DomainUnwanted(where.ref, REASON, uuid, where.seen.is_active, Stop())


def _kept(desired: Desired, where: Whereabouts) -> Held | None:
    assert where.seen is not None
    if where.seen.mark and where.seen.mark.protected:
        message = "its document is gone, and said protected: true; write it again, with protected: false, to let it go"
        return Held(where.ref, HeldReason.PROTECTED, message)
    return bound(where, where.seen) or _last(where.ref, desired.domains)


def _last(ref: Ref, documents: Mapping[str, object], kind: str = "") -> Held | None:
    """An empty or half read directory prunes nothing."""
    if documents:
        return None
    kind = kind or ref.kind.capitalize()
    message = f"no {kind} document is left, so the directory may not be whole; to remove the last, write state: absent"
    return Held(ref, HeldReason.NO_DOCUMENTS, message)


def pruned_networks(desired: Desired, observed: Observed, leaving: Leaving) -> Iterator[Change | Held]:
    for host, network in orphan_networks(desired, observed) if desired.policy.prune else ():
        ref = Ref("network", network.name, host)
        users = plugged_in(observed, network.name, host)
        if held := _last(ref, desired.networks) or users.stay(ref, leaving):
            yield held
        else:
            yield NetworkUnwanted(ref, REASON, network.active, users.names)


def pruned_pools(desired: Desired, observed: Observed, leaving: Leaving) -> Iterator[Change | Held]:
    """The definition goes, and the mount with it; what lies in the directory stays."""
    for host, pool in orphan_pools(desired, observed) if desired.policy.prune else ():
        ref, target = Ref("pool", pool.name, host), str(pool.fields.get("target") or "")
        users = users_of(observed, target, host)
        if held := _last(ref, desired.pools) or users.stay(ref, leaving):
            yield held
        else:
            yield PoolUnwanted(ref, REASON, pool.uuid, target, frozenset(), pool.active, users.names)


def pruned_exports(desired: Desired, observed: Observed, unpooled: Leaving) -> Iterator[Change | Held]:
    """`unpooled`: pools that this plan takes from their hosts. Exports of a server that is only observed are left."""
    found: dict[tuple[str, str, str], set[str]] = {}
    for server, export in orphan_exports(desired, observed) if desired.policy.prune else ():
        if (host := desired.servers[server].spec.nfs_server) and host.manage:
            found.setdefault((server, export.ours, export.dir), set()).add(export.client)
    for (server, name, directory), clients in sorted(found.items()):
        ref = Ref("export", name, server)
        held = _last(ref, desired.pools, "Pool") or _needed(desired, observed, ref, directory, unpooled)
        if held:
            yield held
        else:
            yield ExportUnwanted(ref, REASON, desired.cluster_name, directory, tuple(sorted(clients)))


def _needed(desired: Desired, observed: Observed, ref: Ref, directory: str, unpooled: Leaving) -> Held | None:
    """Who still mounts it after this plan, or may and cannot be asked."""
    for name, pool in sorted(desired.pools.items()):
        if pool.spec.source and (pool.spec.source.host, pool.spec.source.dir) == (ref.host, directory):
            return Held(ref, HeldReason.IN_USE, f"pool/{name} is mounted from {directory}")
    for host in desired.hypervisors:
        if not observed.is_reachable(host) and not desired.hosts[host].spec.fenced:
            return Held(ref, HeldReason.HOST_UNKNOWN, f"host/{host} may mount it and cannot be asked")
    for host, orphaned in orphan_pools(desired, observed):
        if orphaned.name == ref.name and (ref.name, host) not in unpooled:
            return Held(ref, HeldReason.IN_USE, f"pool/{ref.name}@{host} is mounted from it")
    return None
