"""What differs in networks."""

from collections.abc import Iterator

from reconciler.change import (
    Change,
    NetworkDiffers,
    NetworkForeign,
    NetworkInactive,
    NetworkUndefined,
    NetworkUnwanted,
)
from reconciler.desired import Desired, Ref
from reconciler.desired.derive import object_uuid
from reconciler.desired.documents import Network, State
from reconciler.diff.fields import differing
from reconciler.diff.users import Leaving, Users, plugged_in
from reconciler.mark import Mark
from reconciler.observed import Listing, Observed, SeenNetwork, Unknown
from reconciler.ours import ADOPTS, TAKE_OVER, is_or_becomes_ours, is_our_network
from reconciler.step import Held, HeldReason
from reconciler.xml.network import network_xml


def networks(desired: Desired, observed: Observed, leaving: Leaving) -> Iterator[Change | Held]:
    """Each network at each of its hosts."""
    for _, network in sorted(desired.networks.items()):
        for host in desired.selected(network.spec.hosts):
            listing = observed.networks.get(host)
            if isinstance(listing, Listing):
                users = plugged_in(observed, network.name, host)
                yield from _at_host(desired, listing, network, host, users, leaving)
            elif isinstance(listing, Unknown) and observed.is_reachable(host):
                ref = Ref("network", network.name, host)
                yield Held(ref, HeldReason.HOST_UNKNOWN, f"the networks are unknown: {listing.message}")


def _at_host(
    desired: Desired, listing: Listing[SeenNetwork], network: Network, host: str, users: Users, leaving: Leaving
) -> Iterator[Change | Held]:
    ref = Ref("network", network.name, host)
    seen = listing.items.get(network.name)
    absent = network.spec.state is State.ABSENT
    if seen and not is_or_becomes_ours(desired, network, seen):
        if not absent:
            message = f"host/{host} has a network of that name that does not carry our mark; {TAKE_OVER}"
            yield Held(ref, HeldReason.NOT_OURS, message)
        return
    if absent:
        if seen:
            unwanted = NetworkUnwanted(ref, "its document says absent", seen.active, users.names)
            yield users.stay(ref, leaving) or unwanted
        return
    yield from _wanted(desired, network, host, seen)


def _wanted(desired: Desired, network: Network, host: str, seen: SeenNetwork | None) -> Iterator[Change]:
    ref = Ref("network", network.name, host)
    fields = {"forward": "bridge", "bridge": network.spec.bridge_on.get(host, network.spec.bridge)}
    uuid = object_uuid(desired.cluster_name, "network", network.name)
    mark = Mark(desired.cluster_name, network.name)
    xml = network_xml(seen.xml if seen else None, network.name, seen.uuid if seen else uuid, fields, mark)
    if seen is None:
        yield NetworkUndefined(ref, "it is not defined", xml, tuple(fields.items()))
        yield NetworkInactive(ref, "it is not defined")
        return
    if not seen.persistent:
        reason = "it is active without a definition, and would be gone once its host starts again"
        yield NetworkUndefined(ref, reason, xml, tuple(fields.items()))
        return
    if different := differing(seen.fields, fields):
        reason = ", ".join(str(field) for field in different)
        yield NetworkDiffers(ref, reason, xml, tuple(fields.items()), seen.active)
        return
    if not is_our_network(seen, desired.cluster_name):
        yield NetworkForeign(ref, ADOPTS, xml, tuple(fields.items()), desired.cluster_name)
    if not seen.active:
        yield NetworkInactive(ref, "it is not active")
