"""The PCIe ports of a machine: what is added while it runs needs one each."""

from reconciler.xml.tree import Element

_PORTS = frozenset({"pcie-root-port", "pcie-switch-downstream-port"})


def spare_ports(devices: Element | None) -> int | None:
    """Ports into which nothing is plugged; None where there are none, or they bear no numbers yet."""
    if devices is None:
        return None
    ports = [one.get("index") for one in devices.iterchildren("controller") if one.get("model") in _PORTS]
    taken = {int(address.get("bus", "0"), 0) for address in devices.iterfind("*/address[@type='pci']")}
    numbers = {int(port) for port in ports if port is not None and port.isdecimal()}
    return len(numbers - taken) if ports and len(numbers) == len(ports) else None
