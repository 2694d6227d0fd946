"""The fields of network interfaces whose XML is more than one attribute or text."""

from reconciler.xml.field import Field, Fields, Kind, part, read_text, write_text
from reconciler.xml.kinds import KIB
from reconciler.xml.tree import Element, empty, reach


def _read_mac(found: Element, field: Field) -> str | None:
    mac = read_text(found, field)
    return mac.lower() if mac else None


MAC = Kind(_read_mac, write_text, str.lower)


def _write_network(interface: Element, field: Field, value: str) -> None:
    """An interface that was on a bridge of its own comes to the network; else only the network's name changes."""
    source = reach(interface, "source")
    if interface.get("type") != "network":
        interface.set("type", "network")
        source.attrib.clear()
        empty(source)
    source.set("network", value)


NETWORK = Kind(read_text, _write_network)


def is_on_network(there: Fields, said: str) -> bool:
    """Whether an interface is plugged into a network now: then it can be plugged into another while it is used."""
    return "network" in there


BANDWIDTH = part(Field("inbound", "inbound/@average", KIB), Field("outbound", "outbound/@average", KIB))
