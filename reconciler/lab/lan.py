"""The virtual LAN: which networks, which addresses are ours, what DHCP hands out. Pure."""

import hashlib
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_interface
from itertools import pairwise

from reconciler.lab.spec import LabSpec

Network = IPv4Network | IPv6Network

LEASES = 200  # addresses that DHCP may hand out at most
IPV6_SEARCH = 1 << 16  # of an IPv6 network only the first 65536 addresses are looked at for free ones


@dataclass(frozen=True, slots=True)
class Lan:
    """The addresses of a lab that no document names.

    `networks`: of every address of the documents, in order of first mention. `switch` and `seat`: one address for each
    network, "10.77.0.254/24". `ranges`: dnsmasq's --dhcp-range values, one for each family.
    """

    networks: tuple[Network, ...]
    switch: tuple[str, ...]
    seat: tuple[str, ...]
    ranges: tuple[str, ...]


def lan(spec: LabSpec) -> Lan:
    """Choose the switch's, the seat's and the guests' addresses so that they avoid the documents'."""
    own = [ip_address(address) for machine in spec.machines for address in (machine.address, *machine.addresses)]
    networks = tuple(dict.fromkeys(ip_interface(with_prefix(spec, str(address))).network for address in own))
    free = {network: _last_free(network, {int(a) for a in own if a in network}) for network in networks}
    taken = {int(a) for a in own} | {n for pair in free.values() for n in pair}
    first = {network.version: network for network in reversed(networks)}
    return Lan(
        networks=networks,
        switch=tuple(_interface(network, free[network][0]) for network in networks),
        seat=tuple(_interface(network, free[network][1]) for network in networks),
        ranges=tuple(_dhcp_range(first[version], taken) for version in sorted(first)),
    )


def with_prefix(spec: LabSpec, address: str) -> str:
    """`10.77.0.12` -> `10.77.0.12/24`."""
    return f"{address}/{spec.prefix if ip_address(address).version == 4 else spec.prefix6}"


def mac(lab: str, host: str, port: int) -> str:
    """A locally administered MAC that stays the same over off and on."""
    digest = hashlib.sha256(f"{lab}/{host}/{port}".encode()).digest()
    return "02:" + ":".join(f"{byte:02x}" for byte in digest[:5])


def _bounds(network: Network) -> tuple[int, int]:
    """The first and last usable address, as numbers."""
    first = int(network.network_address) + 1
    last = int(network.broadcast_address) - 1
    return first, min(last, first + IPV6_SEARCH) if network.version == 6 else last


def _last_free(network: Network, used: set[int]) -> tuple[int, int]:
    first, last = _bounds(network)
    free = (number for number in range(last, first - 1, -1) if number not in used)
    return next(free), next(free)


def _interface(network: Network, number: int) -> str:
    address = network.network_address + (number - int(network.network_address))
    return f"{address}/{network.prefixlen}"


def _dhcp_range(network: Network, taken: set[int]) -> str:
    """The longest run of addresses that nobody has, cut to LEASES."""
    first, last = _bounds(network)
    marks = [first - 1, *sorted(n for n in taken if first <= n <= last), last + 1]
    low, high = max(pairwise(marks), key=lambda pair: pair[1] - pair[0])
    start, end = low + 1, min(high - 1, low + LEASES)
    addresses = [str(network.network_address + (n - int(network.network_address))) for n in (start, end)]
    tail = str(network.netmask) if network.version == 4 else str(network.prefixlen)
    return ",".join([*addresses, tail, "1h"])
