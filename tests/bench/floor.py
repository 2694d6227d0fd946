"""The floor: a bare script that lists and reads, over one connection, what a pass that finds nothing to do must read.

`python floor.py URI` is such a script as a whole process. Nothing of the product is imported here, and no event loop of
libvirt turns in a process of its own: where one does, each call wakes its thread twice.
"""

import sys

import libvirt

DOMAIN_XML_PERSISTENT = libvirt.VIR_DOMAIN_XML_INACTIVE
STATS_STATE = libvirt.VIR_DOMAIN_STATS_STATE
SHUTOFF = libvirt.VIR_DOMAIN_SHUTOFF


def open_connection(uri: str) -> libvirt.virConnect:
    return libvirt.open(uri)


def read(connection: libvirt.virConnect) -> int:
    """Make exactly the calls of a pass without steps, one after the other; how many characters of XML there were."""
    texts: list[str] = []
    network_flags = 0 if connection.getType().upper() == "TEST" else libvirt.VIR_NETWORK_XML_INACTIVE
    connection.getInfo()
    listed = connection.getAllDomainStats(STATS_STATE, 0)
    connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART)
    for domain, stats in listed:
        texts.append(domain.XMLDesc(DOMAIN_XML_PERSISTENT))
        if stats["state.state"] != SHUTOFF:
            texts.append(domain.XMLDesc(0))
    networks = {}
    for flag in (libvirt.VIR_CONNECT_LIST_NETWORKS_PERSISTENT, libvirt.VIR_CONNECT_LIST_NETWORKS_ACTIVE):
        networks.update((network.name(), network) for network in connection.listAllNetworks(flag))
    texts.extend(network.XMLDesc(network_flags) for network in networks.values())
    for flag in (libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE, libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_INACTIVE):
        for pool in connection.listAllStoragePools(flag):
            texts.append(pool.XMLDesc(0))
            if flag == libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE:
                pool.listAllVolumes(0)
    return sum(map(len, texts))


if __name__ == "__main__":
    read(open_connection(sys.argv[1]))
