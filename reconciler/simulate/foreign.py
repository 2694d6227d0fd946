"""All that is not ours in the simulated world, so that nothing of it is touched (law 4)."""

from collections.abc import Mapping

from reconciler.desired import Desired
from reconciler.desired.derive import object_uuid
from reconciler.desired.documents import Document
from reconciler.simulate import definition
from reconciler.simulate.world import World


def _is_given(documents: Mapping[str, Document], name: str) -> bool:
    """Whether a person gave us whatever has that name."""
    return name in documents and documents[name].metadata.annotations.get("reconciler/adopt") == "true"


def foreign(world: World, desired: Desired) -> tuple[object, ...]:
    """All that is not ours, as one value that can be compared."""
    cluster = desired.cluster_name
    found: list[object] = []
    for host, domain in world.all_domains():
        xml = domain.xml or domain.live or "<domain/>"
        uuids = (object_uuid(cluster, "domain", domain.name), definition.adopted_uuid(xml))
        ours = definition.marked(xml) == (cluster, domain.name) and domain.uuid in uuids
        if not (ours or _is_given(desired.domains, domain.name)):
            found.append((host.name, domain.name, domain.uuid, domain.xml, domain.live, domain.state, domain.reason))
    for host in world.hypervisors.values():
        for network in host.networks.values():
            mark = definition.marked(network.xml or network.live or "<network/>")
            if (mark is None or mark[0] != cluster) and not _is_given(desired.networks, network.name):
                found.append((host.name, network.name, network.uuid, network.xml, network.live))
        for pool in host.pools.values():
            if pool.uuid != object_uuid(cluster, "pool", pool.name) and not _is_given(desired.pools, pool.name):
                found.append((host.name, pool.name, pool.uuid, pool.xml, pool.active))
    for server in world.servers.values():
        files = server.files.items()
        found += [(server.name, f, lines) for f, lines in files if not f.startswith(f"reconciler.{cluster}.")]
    return tuple(found)
