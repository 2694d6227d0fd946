"""A world from a few lines of data: machines as the documents name them, and what differs from a fresh install."""

from collections.abc import Mapping
from typing import Any

from reconciler.desired import Desired
from reconciler.desired.quantity import parse_duration, parse_size
from reconciler.errors import UsageError
from reconciler.simulate import people
from reconciler.simulate.clock import VirtualClock
from reconciler.simulate.machines import Hypervisor, NfsServer
from reconciler.simulate.world import World

HOST_FIELDS = frozenset({"memory", "cpus", "cpu", "bridges", "uuid", "address"})


def build(clock: VirtualClock, desired: Desired, spec: Mapping[str, Any] | None = None, seed: int = 0) -> World:
    """The machines of the documents as freshly installed, changed as `spec` says.

    `spec`: `hosts: {hv1: {memory: 8GiB, cpus: 8, cpu: Broadwell, bridges: [br0], uuid: ...}}` (a host that no
    document names needs an `address`), `linkRate: 100MiB` (a second), `directoryCache: 60s`, `events: [...]` in the
    words of people.py.
    Raises: UsageError.
    """
    spec = spec or {}
    _refuse_unknown("cluster", spec, frozenset({"hosts", "linkRate", "directoryCache", "events"}))
    world = World(clock, seed)
    if "linkRate" in spec:
        world.link_rate = parse_size(spec["linkRate"])
    if "directoryCache" in spec:
        world.directory_cache_s = parse_duration(spec["directoryCache"])
    hosts: Mapping[str, Mapping[str, Any]] = {name: said or {} for name, said in (spec.get("hosts") or {}).items()}
    bridges = _bridges(desired)
    for name in sorted({*desired.hypervisors, *(hosts.keys() - desired.hosts.keys())}):
        document = desired.hosts.get(name)
        address = document.spec.address if document else str(hosts[name].get("address", "192.0.2.1"))
        world.hypervisors[name] = _hypervisor(world, name, address, bridges.get(name, {"br0"}), hosts.get(name, {}))
    for name, host in desired.servers.items():
        world.servers[name] = NfsServer(name, host.spec.address)
    for line in spec.get("events") or ():
        people.act(world, line)
    return world


def _bridges(desired: Desired) -> dict[str, set[str]]:
    """The bridges that the networks of the documents lead to; machines have them."""
    wanted: dict[str, set[str]] = {name: {"br0"} for name in desired.hypervisors}
    for network in desired.networks.values():
        for name in desired.selected(network.spec.hosts):
            bridge = network.spec.bridge_on.get(name, network.spec.bridge)
            wanted[name] |= {bridge} if bridge else set()
    return wanted


def _hypervisor(world: World, name: str, address: str, bridges: set[str], said: Mapping[str, Any]) -> Hypervisor:
    _refuse_unknown(f"host {name}", said, HOST_FIELDS)
    uuid = str(said.get("uuid") or world.new_uuid())
    made = Hypervisor(name, address, uuid, bridges=set(said.get("bridges", bridges)))
    if "memory" in said:
        made.memory = parse_size(said["memory"])
    made.cpus = int(said.get("cpus", made.cpus))
    made.cpu = str(said.get("cpu", made.cpu))
    return made


def _refuse_unknown(what: str, said: Mapping[str, Any], known: frozenset[str]) -> None:
    unknown = sorted(said.keys() - known)
    if unknown:
        raise UsageError(f"cannot build {what}: unknown field {unknown[0]!r}; known are {', '.join(sorted(known))}")
