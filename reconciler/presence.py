"""What a guest shows of itself, beside its domain: an agent that answers, addresses, an open port. Pure.

All of it is a guest's own word or a neighbour's: it is shown, and never trusted with more.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

MOST_ADDRESSES = 64
"""Of one guest; an honest one has a few."""
LONGEST_ADDRESS = 64


class AddressSource(StrEnum):
    """Who told an address, the best first."""

    AGENT = "agent"
    """The guest agent."""
    LEASE = "lease"
    """The DHCP server of one of libvirt's networks."""
    ARP = "arp"
    """The neighbours that the host has heard of lately."""


@dataclass(frozen=True, slots=True)
class SeenAddress:
    """An address in its canonical form. `mac`: of the interface that has it; empty where nobody told."""

    address: str
    source: AddressSource
    mac: str = ""


@dataclass(frozen=True, slots=True)
class SeenGuest:
    """What a running guest shows. `agent`: whether its agent answers; None: none has opened its channel.

    `port_open`: whether the TCP port that its document names answers us; None where it names none.
    """

    name: str
    agent: bool | None = None
    addresses: tuple[SeenAddress, ...] = ()
    port_open: bool | None = None


def sorted_out(told: Iterable[tuple[AddressSource, str, str]]) -> tuple[SeenAddress, ...]:
    """Addresses by which others may reach the guest, from (source, mac, address) as told.

    Each once, by its best source; without what is no address, or leads back to whoever uses it (loopback, link-local,
    multicast). Order: by source, then IPv4 first, then by number.
    """
    found: dict[ipaddress.IPv4Address | ipaddress.IPv6Address, SeenAddress] = {}
    rank = {source: place for place, source in enumerate(AddressSource)}
    for source, mac, text in sorted(told, key=lambda one: rank[one[0]]):
        address = _address(text)
        if address is not None and address not in found and len(found) < MOST_ADDRESSES:
            found[address] = SeenAddress(str(address), source, _mac(mac))
    by_place = sorted(found.items(), key=lambda item: (rank[item[1].source], item[0].version, int(item[0])))
    return tuple(seen for _, seen in by_place)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text) if len(text) <= LONGEST_ADDRESS else None
    except ValueError:
        return None
    if address is None or address.is_loopback or address.is_link_local:
        return None
    return None if address.is_multicast or address.is_unspecified or address.is_reserved else address


def _mac(text: str) -> str:
    plain = text.lower()
    parts = plain.split(":")
    is_mac = len(parts) == 6 and all(len(part) == 2 and set(part) <= set("0123456789abcdef") for part in parts)
    return plain if is_mac else ""
