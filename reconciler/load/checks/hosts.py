"""Machines: what each is, and that no two documents mean the same one."""

import ipaddress
from urllib.parse import urlsplit

from reconciler.desired.documents import Host
from reconciler.load.checks.world import At, Entry, World

Known = dict[str, At]


def check(world: World) -> None:
    """Complain about hosts that are nothing, and about machines that have two documents."""
    addresses: Known = {}
    machines: Known = {}
    for entry, host in world.of(Host):
        if host.spec.hypervisor is None and host.spec.nfs_server is None:
            world.complain((entry, ("spec",)), "is neither a hypervisor nor an NFS server; add hypervisor or nfsServer")
        _addresses(world, entry, host, addresses)
        for key, where in _machines(entry, host):
            _claim(world, machines, key, where, "leads to the same machine as another Host")
    for entry, host in world.of(Host):
        for key, where in _machines(entry, host):
            owner = addresses.get(key)
            if owner and owner[0] is not entry:
                world.complain(where, "leads to the address of another Host", first=owner)


def _addresses(world: World, entry: Entry, host: Host, known: Known) -> None:
    _claim(world, known, host.spec.address, (entry, ("spec", "address")), "is the address of another Host")
    link = host.spec.hypervisor.migration_address if host.spec.hypervisor else None
    if link:
        where = (entry, ("spec", "hypervisor", "migrationAddress"))
        _claim(world, known, link, where, "is the address of another Host")


def _claim(world: World, known: Known, key: str, where: At, message: str) -> None:
    """Note that `where` means the machine `key`; complain when another document does too."""
    first = known.setdefault(key, where)
    if first[0] is not where[0]:
        world.complain(where, message, first=first)


def _machines(entry: Entry, host: Host) -> list[tuple[str, At]]:
    """What a document's URIs and ssh destinations lead to."""
    found: list[tuple[str, At]] = []
    hypervisor, server = host.spec.hypervisor, host.spec.nfs_server
    if hypervisor:
        found.append((_machine(hypervisor.uri), (entry, ("spec", "hypervisor", "uri"))))
        if hypervisor.peer_uri:
            found.append((_machine(hypervisor.peer_uri), (entry, ("spec", "hypervisor", "peerUri"))))
    if server:
        found.append((_machine(server.ssh), (entry, ("spec", "nfsServer", "ssh"))))
    return [(key, where) for key, where in found if key]


def _machine(text: str) -> str:
    """The machine that a URI or ssh destination leads to; empty where that cannot be told.

    A local `test:` URI is a machine of its own for each connection. A port other than the usual may lead elsewhere.
    """
    if "://" not in text:
        return _plain(text.rpartition("@")[2].lower())
    parts = urlsplit(text)
    if not parts.hostname:
        return "" if parts.scheme.startswith("test") else parts.scheme.partition("+")[0] + ":///"
    if parts.scheme.startswith("test"):
        return f"{parts.hostname}:{parts.port or ''}{parts.path}"
    return f"{parts.hostname}:{parts.port}" if parts.port else _plain(parts.hostname)


def _plain(host: str) -> str:
    """A host, in the usual form where it is an address."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host
