"""What can be said of each object of the documents: conditions, as Kubernetes has them. Pure.

Where a domain runs, and whether a host may be switched off, is told here, never in a document.
"""

from reconciler.desired import Desired
from reconciler.history import History
from reconciler.observed import Observed
from reconciler.place import drainable, host_loss, ways
from reconciler.status.cluster import cluster_status
from reconciler.status.condition import Condition, Move, ObjectStatus, Truth, View
from reconciler.status.domains import CONDITIONS, domain_status, is_meant_to
from reconciler.status.hosts import host_status, must_leave
from reconciler.status.shared import network_statuses, pool_statuses
from reconciler.step import Plan
from reconciler.whereabouts import whereabouts


def status(
    desired: Desired, observed: Observed, plan: Plan, history: History | None = None
) -> tuple[ObjectStatus, ...]:
    """Every object's conditions. Order: the cluster, hosts, pools, networks, domains; each by name, then by host.

    `history`: None where nobody kept one, as in a command that looks once.
    """
    view = View(
        desired,
        observed,
        plan,
        whereabouts(desired, observed),
        history,
        drainable(desired, observed, history or History()),
        host_loss(desired, observed),
        ways(desired, observed),
    )
    return (
        cluster_status(view),
        *(host_status(view, host) for _, host in sorted(desired.hosts.items())),
        *(one for _, pool in sorted(desired.pools.items()) for one in pool_statuses(view, pool)),
        *(one for _, network in sorted(desired.networks.items()) for one in network_statuses(view, network)),
        *(domain_status(view, domain) for _, domain in sorted(desired.domains.items())),
    )


__all__ = [
    "CONDITIONS",
    "Condition",
    "Move",
    "ObjectStatus",
    "Truth",
    "View",
    "is_meant_to",
    "must_leave",
    "status",
]
