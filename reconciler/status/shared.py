"""Conditions of pools and networks: of each as a whole, and at each of its hosts. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from reconciler.desired import Ref
from reconciler.desired.documents import Network, Pool, State
from reconciler.observed import Listing, Unknown
from reconciler.ours import is_our_network
from reconciler.readiness import is_usable, pool_trouble
from reconciler.status.condition import Condition, ObjectStatus, Truth, View, all_of, named, unknown
from reconciler.status.images import image_statuses
from reconciler.step import HeldReason

STATES = {Truth.TRUE: "Ready", Truth.FALSE: "NotReady", Truth.UNKNOWN: "Unknown"}


def pool_statuses(view: View, pool: Pool) -> list[ObjectStatus]:
    """The pool, then the pool at each of its hosts."""
    hosts = view.desired.selected(pool.spec.hosts)
    whole, *parts = _statuses("pool", pool.name, {host: pool_at(view, pool, host) for host in hosts})
    images = image_statuses(view.observed, pool, view.desired.cluster_name)
    return [replace(whole, images=images), *parts]


def network_statuses(view: View, network: Network) -> list[ObjectStatus]:
    """The network, then the network at each of its hosts."""
    hosts = view.desired.selected(network.spec.hosts)
    return _statuses("network", network.name, {host: network_at(view, network, host) for host in hosts})


def _statuses(kind: str, name: str, parts: Mapping[str, Condition]) -> list[ObjectStatus]:
    good = next((part.reason for part in parts.values()), "NoHosts")
    whole = all_of("Ready", (named(f"host/{host}", part) for host, part in parts.items()), good)
    statuses = [ObjectStatus(Ref(kind, name), STATES[whole.status], (whole,), ",".join(parts))]
    return statuses + [ObjectStatus(Ref(kind, name, host), STATES[p.status], (p,), host) for host, p in parts.items()]


def _not_told(view: View, listing: object, host: str) -> Condition | None:
    """Unknown, where the host did not tell that part of what it has; why it tells nothing, its own line says."""
    if isinstance(listing, Listing):
        return None
    if isinstance(listing, Unknown) and view.observed.is_reachable(host):
        return Condition("Ready", Truth.UNKNOWN, "HostUnknown", f"cannot be read: {listing.message}")
    return unknown("Ready", host)


def pool_at(view: View, pool: Pool, host: str) -> Condition:
    """Whether the pool can be used at `host` right now (or is gone, where its document says absent)."""
    seen = view.observed.pool(host, pool.name)
    silence = _not_told(view, view.observed.pools.get(host), host)
    if silence:
        return silence
    if pool.spec.state is State.ABSENT:
        return _absent(there=seen is not None)
    trouble = pool_trouble(view.desired, view.observed, pool, host)
    if trouble and trouble[0] is HeldReason.HOST_UNKNOWN and seen and seen.active:
        trouble = None  # its server cannot be asked, which says nothing about the mount
    if trouble:
        return Condition("Ready", Truth.FALSE, trouble[0].value, trouble[1])
    if seen is None or not seen.active:
        return _missing(defined=seen is not None)
    if is_usable(view.desired, view.observed, pool, host):
        return Condition("Ready", Truth.TRUE, "Mounted" if pool.spec.source else "Active")
    trouble_there = seen.trouble or "its contents cannot be read"
    return Condition("Ready", Truth.FALSE, HeldReason.POOL_NOT_READY.value, trouble_there)


def network_at(view: View, network: Network, host: str) -> Condition:
    """Whether guests can be put on the network at `host` (or it is gone, where its document says absent)."""
    seen = view.observed.network(host, network.name)
    silence = _not_told(view, view.observed.networks.get(host), host)
    if silence:
        return silence
    if network.spec.state is State.ABSENT:
        return _absent(there=seen is not None)
    if seen and not is_our_network(seen, view.desired.cluster_name):
        message = "a network of that name is there without our mark"
        return Condition("Ready", Truth.FALSE, HeldReason.NOT_OURS.value, message)
    if seen is None or not seen.active:
        return _missing(defined=seen is not None)
    return Condition("Ready", Truth.TRUE, "Active")


def _missing(*, defined: bool) -> Condition:
    if defined:
        return Condition("Ready", Truth.FALSE, "Inactive", "it is not active")
    return Condition("Ready", Truth.FALSE, "NotDefined", "it is not defined")


def _absent(*, there: bool) -> Condition:
    if there:
        return Condition("Ready", Truth.FALSE, "Unwanted", "its document says absent, and it is there")
    return Condition("Ready", Truth.TRUE, "Absent")
