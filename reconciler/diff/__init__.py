"""What differs between what was written and what was seen. Pure."""

from collections.abc import Iterator
from itertools import chain

from reconciler.change import Change, Changes
from reconciler.desired import Desired, Ref
from reconciler.diff.domains import domains
from reconciler.diff.exports import exports
from reconciler.diff.networks import networks
from reconciler.diff.paths import paths
from reconciler.diff.pools import pools
from reconciler.history import History
from reconciler.mark import Mark
from reconciler.observed import Listing, Observed
from reconciler.place import Placements
from reconciler.step import Held, HeldReason
from reconciler.whereabouts import twins


def diff(desired: Desired, observed: Observed, placements: Placements, history: History) -> Changes:
    """Say what differs, and what is wanted but cannot be.

    Only fields that the documents set are compared (law 10). Objects at silent hosts yield nothing: they are unknown,
    not absent (law 1). Order: exports, pools, networks, paths, domains; within each by name, then
    host. Raises: nothing.
    """
    of_domains = tuple(domains(desired, observed, placements, history))
    found = tuple(
        chain(
            _hosts(desired, observed),
            exports(desired, observed),
            pools(desired, observed),
            networks(desired, observed),
            paths(desired, of_domains, history),
            of_domains,
        )
    )
    changes = tuple(dict.fromkeys(item for item in found if isinstance(item, Change)))
    held = tuple(sorted({item for item in found if isinstance(item, Held)}))
    return Changes(changes, held, tuple(_orphans(desired, observed)))


def _hosts(desired: Desired, observed: Observed) -> Iterator[Held]:
    for host, other in twins(observed).items():
        message = f"it is the same machine as host/{other} (one libvirt host UUID); nothing is done on either"
        yield Held(Ref("host", host), HeldReason.SAME_MACHINE, message)
    for name, host_document in desired.hypervisors.items():
        if host_document.spec.fenced and observed.is_reachable(name):
            message = "fenced says that it is off, yet it answers; nothing is started for that; set fenced to false"
            yield Held(Ref("host", name), HeldReason.FENCED_HOST_ANSWERS, message)


def _orphans(desired: Desired, observed: Observed) -> Iterator[Ref]:
    """What carries our mark and has no document; listed while `prune` is off."""

    def orphaned(mark: Mark | None, known: object) -> bool:
        return mark is not None and mark.cluster == desired.cluster_name and not known

    for host, domain in observed.all_domains():
        if orphaned(domain.mark, domain.name in desired.domains):
            yield Ref("domain", domain.name, host)
    for host, listing in sorted(observed.networks.items()):
        for name, network in sorted(listing.items.items()) if isinstance(listing, Listing) else ():
            if orphaned(network.mark, name in desired.networks):
                yield Ref("network", name, host)


__all__ = ["diff"]
