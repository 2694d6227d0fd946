"""What a lab is to be: frozen data, and its making from the loaded documents."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from reconciler.lab.computer import Computer, survey
from reconciler.lab.limits import foreign_servers, limits, split_ssh

if TYPE_CHECKING:
    from reconciler.desired import Desired
    from reconciler.desired.documents import Host, Pool

IPV4_PREFIX = 24
IPV4_WIDEST = 16  # hosts further apart than this get on-link routes to each other's networks instead
IPV6_PREFIX = 64
SSH_PORT = 22
Value = TypeVar("Value", str, int)
ANYBODY = "*(rw,sync,no_root_squash,no_subtree_check)"


@dataclass(frozen=True, slots=True)
class Machine:
    """One computer of the replica.

    `bridges`: in the order they were named, the first carries the address. `names`: other names by which documents
    call it. `addresses`: addresses besides `address`. `directories`: absolute paths that are its own, with what is in
    them, besides those that every machine of its sort has (exported directories, pools of type dir). `mount_points`:
    paths that are its own only as places to mount on (pools of type netfs). `exports`: lines of exports(5) that it has
    from the start (a stand-in for a server that is not ours). `ssh_ports`: where its sshd listens.
    """

    name: str
    address: str
    hypervisor: bool = False
    nfs_server: bool = False
    bridges: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    directories: tuple[str, ...] = ()
    mount_points: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()
    ssh_ports: tuple[int, ...] = (SSH_PORT,)


@dataclass(frozen=True, slots=True)
class LabSpec:
    """A lab: its name, its machines, how long the network prefixes are, and what it cannot replicate."""

    name: str
    machines: tuple[Machine, ...]
    prefix: int = IPV4_PREFIX
    prefix6: int = IPV6_PREFIX
    limits: tuple[str, ...] = ()


def default_name(cluster_name: str, directory: Path) -> str:
    """The cluster's name and four hex digits of the directory's real path, so that two checkouts do not meet."""
    digest = hashlib.sha256(os.fsencode(os.path.realpath(directory))).hexdigest()
    return f"{cluster_name}-{digest[:4]}"


def from_desired(desired: "Desired", name: str, computer: Computer | None = None) -> LabSpec:
    """The replica of the documents' hosts; `computer`: what it shall run on, by default this one as it is found."""
    machines = (*_machines(desired), *_stand_ins(desired))
    addresses = [address for machine in machines for address in (machine.address, *machine.addresses)]
    return LabSpec(name, machines, prefix=_prefix(addresses), limits=limits(desired, computer or survey()))


def _machines(desired: "Desired") -> Iterator[Machine]:
    for name, host in desired.hosts.items():
        called = [(found, port) for found, port in _destinations(host) if found != host.spec.address]
        addresses = [found for found, _ in called if _is_address(found)]
        if host.spec.hypervisor and host.spec.hypervisor.migration_address:
            addresses.append(host.spec.hypervisor.migration_address)
        yield Machine(
            name=name,
            address=host.spec.address,
            hypervisor=host.spec.hypervisor is not None,
            nfs_server=host.spec.nfs_server is not None,
            bridges=_unique(_bridges(desired, name)),
            names=_unique(found for found, _ in called if not _is_address(found) and found != name),
            addresses=_unique(address for address in addresses if address != host.spec.address),
            directories=_unique(_directories(desired, name)),
            mount_points=_unique(pool.spec.target for pool in _pools(desired, name) if pool.spec.source),
            ssh_ports=_unique((SSH_PORT, *(port for _, port in _destinations(host)))),
        )


def _destinations(host: "Host") -> Iterator[tuple[str, int]]:
    """The names and addresses by which documents call a host, with the port of its sshd."""
    if host.spec.hypervisor:
        for uri in (host.spec.hypervisor.uri, host.spec.hypervisor.peer):
            parts = urlsplit(uri)
            if parts.hostname:
                yield parts.hostname, (parts.port or SSH_PORT) if parts.scheme.endswith("ssh") else SSH_PORT
    if host.spec.nfs_server:
        yield split_ssh(host.spec.nfs_server.ssh)[1:]


def _bridges(desired: "Desired", host: str) -> Iterator[str]:
    for network in desired.networks.values():
        if network.spec.bridge and host in desired.selected(network.spec.hosts):
            yield network.spec.bridge_on.get(host, network.spec.bridge)


def _directories(desired: "Desired", host: str) -> Iterator[str]:
    """Where pools of type dir lie on a hypervisor, and what a server exports for pools of type netfs."""
    address, server = desired.hosts[host].spec.address, desired.hosts[host].spec.nfs_server
    yield from (pool.spec.target for pool in _pools(desired, host) if not pool.spec.source)
    for pool in desired.pools.values() if server else ():
        if pool.spec.source and pool.spec.source.host in (host, address):
            yield pool.spec.source.dir


def _pools(desired: "Desired", host: str) -> Iterator["Pool"]:
    return (pool for pool in desired.pools.values() if host in desired.selected(pool.spec.hosts))


def _stand_ins(desired: "Desired") -> Iterator[Machine]:
    for address, pools in foreign_servers(desired).items():
        directories = _unique(_source_dir(desired.pools[pool]) for pool in pools)
        yield Machine(
            name="nfs-" + address.replace(":", "-").replace(".", "-"),
            address=address,
            nfs_server=True,
            directories=directories,
            exports=tuple(f"{directory} {ANYBODY}" for directory in directories),
        )


def _source_dir(pool: "Pool") -> str:
    return pool.spec.source.dir if pool.spec.source else ""


def _prefix(addresses: Iterable[str]) -> int:
    """The longest IPv4 prefix that puts all addresses into one network, when they are near enough for that."""
    found = [address for address in addresses if ip_address(address).version == 4]
    for prefix in range(IPV4_PREFIX, IPV4_WIDEST - 1, -1):
        if len({ip_interface(f"{address}/{prefix}").network for address in found}) == 1:
            return prefix
    return IPV4_PREFIX


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _unique(values: Iterable[Value]) -> tuple[Value, ...]:
    return tuple(dict.fromkeys(values))
