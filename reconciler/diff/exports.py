"""What differs on the NFS servers."""

from collections.abc import Iterator

from reconciler.change import Change, ExportMissing, ExportUnwanted
from reconciler.desired import Desired, Ref
from reconciler.desired.documents import Pool
from reconciler.diff.pools import still_needed
from reconciler.diff.users import Leaving
from reconciler.observed import Listing, Observed
from reconciler.readiness import export_trouble, is_exported, server_of, wanted_pools
from reconciler.step import Held


def exports(desired: Desired, observed: Observed, leaving: Leaving) -> Iterator[Change | Held]:
    """Exports that are missing, written otherwise, or ours without a pool that wants them."""
    for pool in wanted_pools(desired):
        yield from _wanted(desired, observed, pool)
    for server in sorted(desired.servers):
        yield from _unwanted(desired, observed, server, leaving)


def _wanted(desired: Desired, observed: Observed, pool: Pool) -> Iterator[Change | Held]:
    server = server_of(desired, pool)
    if not (
        server and pool.spec.export and pool.spec.source and isinstance(observed.exports.get(server.name), Listing)
    ):
        return
    ref = Ref("export", pool.name, server.name)
    trouble = export_trouble(desired, observed, pool)
    if trouble:
        yield Held(ref, *trouble)
    elif not is_exported(observed, server.name, pool) or _extra_clients(observed, server.name, pool):
        export, source = pool.spec.export, pool.spec.source
        reason = f"{source.dir} is not exported to {', '.join(export.clients)} as written"
        yield ExportMissing(ref, reason, desired.cluster_name, source.dir, export.clients, export.options)


def _ours(observed: Observed, server: str) -> dict[str, dict[str, set[str]]]:
    """pool -> dir -> clients of the exports that our files name."""
    listing = observed.exports.get(server)
    found: dict[str, dict[str, set[str]]] = {}
    for export in listing.items.values() if isinstance(listing, Listing) else ():
        if export.ours:
            found.setdefault(export.ours, {}).setdefault(export.dir, set()).add(export.client)
    return found


def _extra_clients(observed: Observed, server: str, pool: Pool) -> bool:
    spec, source = pool.spec.export, pool.spec.source
    ours = _ours(observed, server).get(pool.name, {})
    return bool(spec and source and any(d != source.dir or clients - set(spec.clients) for d, clients in ours.items()))


def _unwanted(desired: Desired, observed: Observed, server: str, leaving: Leaving) -> Iterator[Change | Held]:
    wanted = {pool.name for pool in wanted_pools(desired) if pool.spec.export}
    for name, by_dir in sorted(_ours(observed, server).items()):
        if name not in desired.pools or name in wanted:
            continue
        ref = Ref("export", name, server)
        if held := still_needed(desired, observed, desired.pools[name], ref, leaving):
            yield held
        else:
            for directory, clients in sorted(by_dir.items()):
                reason = "its pool's document does not want it any more"
                yield ExportUnwanted(ref, reason, desired.cluster_name, directory, tuple(sorted(clients)))
