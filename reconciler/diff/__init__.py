"""What differs between what was written and what was seen. Pure."""

from collections.abc import Iterable, Iterator
from itertools import chain

from reconciler.change import Change, Changes, DomainUnwanted, PoolUnwanted
from reconciler.desired import Desired, Ref
from reconciler.diff.domains import domains
from reconciler.diff.exports import exports
from reconciler.diff.networks import networks
from reconciler.diff.paths import paths
from reconciler.diff.pools import pools
from reconciler.diff.prune import pruned_domains, pruned_exports, pruned_networks, pruned_pools
from reconciler.diff.users import Leaving
from reconciler.history import History
from reconciler.observed import Observed
from reconciler.orphans import orphans
from reconciler.place import Placements
from reconciler.step import Held, HeldReason
from reconciler.whereabouts import twins


def diff(desired: Desired, observed: Observed, placements: Placements, history: History) -> Changes:
    """Say what differs, and what is wanted but cannot be.

    Only fields that the documents set are compared (law 10). Objects at silent hosts yield nothing: they are unknown,
    not absent (law 1). Order: exports, pools, networks, paths, domains; within each by name, then
    host. Raises: nothing.
    """
    of_domains = (*domains(desired, observed, placements, history), *pruned_domains(desired, observed))
    leaving = _leaving(of_domains, DomainUnwanted)
    of_pools = (*pools(desired, observed, leaving), *pruned_pools(desired, observed, leaving))
    found = tuple(
        chain(
            _hosts(desired, observed),
            exports(desired, observed, leaving),
            pruned_exports(desired, observed, _leaving(of_pools, PoolUnwanted)),
            of_pools,
            networks(desired, observed, leaving),
            pruned_networks(desired, observed, leaving),
            paths(desired, of_domains, history),
            of_domains,
        )
    )
    changes = tuple(dict.fromkeys(item for item in found if isinstance(item, Change)))
    held = tuple(sorted({item for item in found if isinstance(item, Held)}))
    return Changes(changes, held, () if desired.policy.prune else tuple(orphans(desired, observed)))


def _leaving(found: Iterable[Change | Held], sort: type[Change]) -> Leaving:
    """What this plan removes, by name and host."""
    return frozenset((item.ref.name, item.ref.host) for item in found if isinstance(item, sort))


def _hosts(desired: Desired, observed: Observed) -> Iterator[Held]:
    for host, other in twins(observed).items():
        message = f"it is the same machine as host/{other} (one libvirt host UUID); nothing is done on either"
        yield Held(Ref("host", host), HeldReason.SAME_MACHINE, message)
    for name, host_document in desired.hypervisors.items():
        if host_document.spec.fenced and observed.is_reachable(name):
            message = "fenced says that it is off, yet it answers; nothing is started for that; set fenced to false"
            yield Held(Ref("host", name), HeldReason.FENCED_HOST_ANSWERS, message)


__all__ = ["diff"]
