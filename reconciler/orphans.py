"""What is ours and has no document any more: by a mark that is true, or by the UUID that we derive (law 4). Pure."""

from collections.abc import Iterator

from reconciler.desired import Desired, Ref
from reconciler.desired.derive import object_uuid
from reconciler.observed import Listing, Observed, SeenExport, SeenNetwork, SeenPool
from reconciler.ours import is_our_network, is_ours


def orphans(desired: Desired, observed: Observed) -> Iterator[Ref]:
    """All of them, by kind, host and name. What a silent host has is unknown, and not among them."""
    for host, seen in observed.all_domains():
        if seen.name not in {*desired.domains, *desired.renames} and is_ours(seen, desired.cluster_name):
            yield Ref("domain", seen.name, host)
    yield from (Ref("network", network.name, host) for host, network in orphan_networks(desired, observed))
    yield from (Ref("pool", pool.name, host) for host, pool in orphan_pools(desired, observed))
    exports = orphan_exports(desired, observed)
    yield from dict.fromkeys(Ref("export", export.ours, server) for server, export in exports)


def orphan_domains(desired: Desired, observed: Observed) -> Iterator[tuple[str, str]]:
    """(name, UUID) of each, wherever it is."""
    known = {*desired.domains, *desired.renames}
    domains = (seen for _, seen in observed.all_domains() if seen.name not in known)
    yield from sorted({(seen.name, seen.uuid) for seen in domains if is_ours(seen, desired.cluster_name)})


def orphan_networks(desired: Desired, observed: Observed) -> Iterator[tuple[str, SeenNetwork]]:
    """(host, network)"""
    for host, listing in sorted(observed.networks.items()):
        for name, network in sorted(listing.items.items()) if isinstance(listing, Listing) else ():
            if name not in desired.networks and is_our_network(network, desired.cluster_name):
                yield host, network


def orphan_pools(desired: Desired, observed: Observed) -> Iterator[tuple[str, SeenPool]]:
    """(host, pool). One that was adopted has a UUID of its own, and nobody can tell that it was ours."""
    for host, listing in sorted(observed.pools.items()):
        for name, pool in sorted(listing.items.items()) if isinstance(listing, Listing) else ():
            if name not in desired.pools and pool.uuid == object_uuid(desired.cluster_name, "pool", name):
                yield host, pool


def orphan_exports(desired: Desired, observed: Observed) -> Iterator[tuple[str, SeenExport]]:
    """(server, export)"""
    for server, listing in sorted(observed.exports.items()):
        for _, export in sorted(listing.items.items()) if isinstance(listing, Listing) else ():
            if export.ours and export.ours not in desired.pools:
                yield server, export
