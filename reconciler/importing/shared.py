"""Documents for pools and networks: one for all the hosts that have it alike. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from reconciler.desired import Desired, Ref
from reconciler.desired.derive import object_uuid
from reconciler.importing.draft import Draft, LeftOut, illegal
from reconciler.observed import Listing, Observed, SeenNetwork, SeenPool, Unknown
from reconciler.ours import is_our_network

T = TypeVar("T")
Listings = Mapping[str, Listing[T] | Unknown]


def pools(desired: Desired, observed: Observed) -> Iterator[Draft | LeftOut]:
    """Every pool without a document. Order: by name."""
    for name, at in _by_name(observed.pools).items():
        if name in desired.pools:
            continue
        ref, active = Ref("pool", name), {host: seen for host, seen in at.items() if seen.active}
        alike = _alike({host: dict(seen.fields) for host, seen in active.items()})
        reason = illegal(name) or _not_active(at, active) or _no_pool_type(active, alike)
        if reason:
            yield LeftOut(ref, reason, tuple(at))
            continue
        fields = active[alike[0]].fields
        spec: dict[str, Any] = {"type": fields["type"], "hosts": _hosts(desired, alike)}
        if fields.get("source_dir"):
            spec["source"] = {"host": _server(desired, str(fields["source_host"])), "dir": fields["source_dir"]}
        spec["target"] = fields.get("target", "")
        ours = object_uuid(desired.cluster_name, "pool", name)
        foreign = any(active[host].uuid != ours for host in alike)
        yield Draft(ref, alike, spec, foreign, _others("pool", at, alike))


def networks(desired: Desired, observed: Observed) -> Iterator[Draft | LeftOut]:
    """Every network without a document. Order: by name."""
    for name, at in _by_name(observed.networks).items():
        if name in desired.networks:
            continue
        ref, active = Ref("network", name), {host: seen for host, seen in at.items() if seen.active}
        bridges = {host: str(seen.fields["bridge"]) for host, seen in active.items() if _is_bridge(seen)}
        reason = illegal(name) or _not_active(at, active)
        if not reason and not bridges:
            sort = next(iter(active.values())).fields.get("forward", "isolated")
            reason = f"a document can say bridge, and its forward mode is {sort}" if sort != "bridge" else "no bridge"
        if reason:
            yield LeftOut(ref, reason, tuple(at))
            continue
        [(usual, _)] = Counter(bridges.values()).most_common(1)
        spec: dict[str, Any] = {"hosts": _hosts(desired, tuple(bridges)), "bridge": usual}
        if other := {host: bridge for host, bridge in bridges.items() if bridge != usual}:
            spec["bridgeOn"] = other
        foreign = any(not is_our_network(active[host], desired.cluster_name) for host in bridges)
        yield Draft(ref, tuple(bridges), spec, foreign, _others("network", at, tuple(bridges)))


def _is_bridge(seen: SeenNetwork) -> bool:
    return seen.fields.get("forward") == "bridge" and bool(seen.fields.get("bridge"))


def _by_name(listings: Listings[T]) -> dict[str, dict[str, T]]:
    """name -> host -> what is there; both sorted."""
    found: dict[str, dict[str, T]] = {}
    for host, listing in sorted(listings.items()):
        for name, item in listing.items.items() if isinstance(listing, Listing) else ():
            found.setdefault(name, {})[host] = item
    return dict(sorted(found.items()))


def _alike(fields: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """The hosts whose pool is like that of most hosts; of two halves, like the first host's."""
    told = list(fields.values())
    model = max(told, key=told.count, default=None)
    return tuple(host for host, said in fields.items() if said == model)


def _not_active(at: Mapping[str, object], active: Mapping[str, object]) -> str:
    names = ", ".join(f"host/{host}" for host in at)
    return "" if active else f"it is not active at {names}; a document would start it"


def _no_pool_type(active: Mapping[str, SeenPool], alike: tuple[str, ...]) -> str:
    if not alike or "type" not in active[alike[0]].fields:
        return "its definition cannot be read"
    return ""


def _others(kind: str, at: Mapping[str, object], alike: tuple[str, ...]) -> tuple[str, ...]:
    """Hosts whose object of that name is another, or inactive."""
    others = ", ".join(f"host/{host}" for host in at if host not in alike)
    return (f"left out: the {kind} of that name at {others}, which is another, or not active",) if others else ()


def _hosts(desired: Desired, hosts: tuple[str, ...]) -> str | list[str]:
    return "all" if set(hosts) == set(desired.hypervisors) else list(hosts)


def _server(desired: Desired, host: str) -> str:
    """The Host document with that address or name, else what stands there."""
    address = host.strip("[]")
    named = (name for name, server in desired.servers.items() if address in (name, server.spec.address))
    return next(named, address)
