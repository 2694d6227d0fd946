"""What a lab cannot replicate of the documents, one sentence each. Pure."""

from collections.abc import Iterator
from ipaddress import ip_address, ip_interface
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reconciler.lab.computer import Computer

if TYPE_CHECKING:
    from reconciler.desired import Desired

GIB = 1024**3
_KEYS_AT_HOME = ("libssh", "libssh2")


def limits(desired: "Desired", computer: Computer) -> tuple[str, ...]:
    """Say where the lab is not as production is, and what stands in. Order: machines, storage, networks, guests."""
    return (*_hosts(desired), *_addresses(desired), *_pools(desired), *_networks(desired), *_guests(desired, computer))


def _hosts(desired: "Desired") -> Iterator[str]:
    for name, host in sorted(desired.hosts.items()):
        if host.spec.hypervisor:
            for uri in dict.fromkeys((host.spec.hypervisor.uri, host.spec.hypervisor.peer)):
                yield from (f"host/{name}: {text}" for text in _uri(uri))
        if host.spec.nfs_server:
            user = split_ssh(host.spec.nfs_server.ssh)[0]
            if user not in ("", "root"):
                yield f"host/{name}: the lab's machines let only root in, not {user}"
            if host.spec.nfs_server.software != "kernel":
                yield f"host/{name}: exports are kept with exportfs there, not in {host.spec.nfs_server.software}'s way"


def _uri(uri: str) -> Iterator[str]:
    parts = urlsplit(uri)
    driver, _, transport = parts.scheme.partition("+")
    if driver != "qemu":
        yield f"{uri} is no machine; nothing of the lab will answer there"
    elif not parts.hostname:
        yield f"{uri} means the machine one sits at, and the lab's seat is no hypervisor"
    elif transport == "tls":
        yield f"{uri} needs certificates, and the lab makes none"
    elif transport in _KEYS_AT_HOME:
        yield f"{uri} looks for keys in ~/.ssh, where the lab has none; qemu+ssh works"
    elif transport == "ssh" and parts.username not in (None, "root"):
        yield f"the lab's machines let only root in, not {parts.username}"


def _addresses(desired: "Desired") -> Iterator[str]:
    addresses = [(name, ip_address(host.spec.address)) for name, host in sorted(desired.hosts.items())]
    for name, address in addresses:
        if address.is_loopback or address.is_link_local:
            yield f"host/{name}: {address} cannot be reached from another machine, so not in the lab either"
    if len({address.version for _, address in addresses}) > 1:
        yield "hosts with an IPv4 address and hosts with an IPv6 address cannot reach each other"
    wide = {ip_interface(f"{address}/{16 if address.version == 4 else 64}").network for _, address in addresses}
    if len(wide) > len({address.version for _, address in addresses}):
        yield "the hosts' networks are one flat LAN here; routers and firewalls between them are not replicated"


def _pools(desired: "Desired") -> Iterator[str]:
    for address, pools in foreign_servers(desired).items():
        named = ", ".join(f"pool/{pool}" for pool in pools)
        yield f"{named}: {address} has no Host document; an empty server stands in"


def foreign_servers(desired: "Desired") -> dict[str, tuple[str, ...]]:
    """Addresses of NFS servers that no Host document describes -> the pools that lie there. Order: by address, name."""
    known = {host.spec.address for host in desired.hosts.values()}
    found: dict[str, tuple[str, ...]] = {}
    for name, pool in sorted(desired.pools.items()):
        server = pool.spec.source.host if pool.spec.source else ""
        if server and server not in desired.hosts and server not in known:
            found[server] = (*found.get(server, ()), name)
    return dict(sorted(found.items()))


def _networks(desired: "Desired") -> Iterator[str]:
    for name, network in sorted(desired.networks.items()):
        if network.spec.nat is not None or network.spec.route is not None:
            yield f"network/{name}: nothing leaves the lab, so it leads no further than the LAN"


def _guests(desired: "Desired", computer: Computer) -> Iterator[str]:
    if not computer.has_kvm and desired.domains:
        yield "KVM does not work on this computer: guests are emulated, many times slower"
    for name, domain in sorted(desired.domains.items()):
        if domain.spec.cpu == "host-passthrough" and not computer.has_kvm:
            yield f"domain/{name}: host-passthrough needs KVM, which does not work here"
        if domain.spec.memory > computer.memory_bytes:
            yield f"domain/{name}: it wants {_gib(domain.spec.memory)}, this computer has {_gib(computer.memory_bytes)}"
    wanted = sum(domain.spec.memory for domain in desired.domains.values() if domain.spec.power == "running")
    if wanted > computer.memory_bytes:
        yield f"the guests want {_gib(wanted)} together, this computer has {_gib(computer.memory_bytes)}"


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"


def split_ssh(destination: str) -> tuple[str, str, int]:
    """`root@nas`, `nas` or `ssh://root@nas:2222` -> (user or "", host, port)."""
    if destination.startswith("ssh://"):
        parts = urlsplit(destination)
        return parts.username or "", parts.hostname or "", parts.port or 22
    user, _, host = destination.rpartition("@")
    return user, host, 22
