"""The few things that libvirt itself must know of a definition, read apart from the product's own XML table.

So a mistake in the table shows as a disagreement instead of cancelling itself out.
"""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from functools import lru_cache

from reconciler.simulate.refusal import Code, Refusal

UNITS = {"b": 1, "bytes": 1}
for _power, _letter in enumerate("KMGT", 1):
    UNITS |= dict.fromkeys((_letter, _letter.lower(), f"{_letter}iB"), 1024**_power)
    UNITS[f"{_letter}B"] = 1000**_power

ADDITIONS = """    <controller type='usb' index='0' model='piix3-uhci'/>
    <input type='mouse' bus='ps2'/>
    <memballoon model='virtio'/>
"""
"""What libvirt adds to any domain by itself; never drift (law 10)."""


@dataclass(frozen=True)
class Needs:
    """What a start or a migration of this domain needs at a host. Memory in bytes."""

    name: str
    uuid: str
    memory: int
    vcpus: int
    cpu_model: str
    disks: tuple[tuple[str, bool], ...]
    """(path, writable)"""
    networks: tuple[str, ...]
    bridges: tuple[str, ...]


def _root(xml: str) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise Refusal(Code.INTERNAL_ERROR, f"XML error: {error}") from None


def _text(root: ElementTree.Element, path: str) -> str:
    return (root.findtext(path) or "").strip()


def _bytes(root: ElementTree.Element, path: str) -> int:
    element = root.find(path)
    if element is None or not element.text:
        return 0
    return int(element.text) * UNITS[element.get("unit", "KiB" if path == "memory" else "bytes")]


def _paths(disk: ElementTree.Element) -> str:
    source = disk.find("source")
    return (source.get("file") or source.get("dev") or "") if source is not None else ""


@lru_cache(maxsize=4096)
def needs(xml: str) -> Needs:
    """Read a domain's XML. Raises: Refusal where it is none."""
    root = _root(xml)
    disks = [(_paths(disk), disk.find("readonly") is None) for disk in root.findall("devices/disk")]
    sources = root.findall("devices/interface/source")
    return Needs(
        name=_text(root, "name"),
        uuid=_text(root, "uuid"),
        memory=_bytes(root, "memory"),
        vcpus=int(_text(root, "vcpu") or 1),
        cpu_model=_text(root, "cpu/model"),
        disks=tuple((path, writable) for path, writable in disks if path),
        networks=tuple(source.get("network", "") for source in sources if source.get("network")),
        bridges=tuple(source.get("bridge", "") for source in sources if source.get("bridge")),
    )


@lru_cache(maxsize=4096)
def marked(xml: str) -> tuple[str, str] | None:
    """The cluster and the name that our mark in a domain's or network's XML says."""
    mark = _root(xml).find("metadata/{urn:reconciler:v1}mark")
    return (mark.get("cluster", ""), mark.get("name", "")) if mark is not None else None


def protection(xml: str) -> bool:
    """Whether our mark in a domain's XML says that it is protected."""
    mark = _root(xml or "<domain/>").find("metadata/{urn:reconciler:v1}mark")
    return mark is not None and mark.get("protected") == "true"


def adopted_uuid(xml: str) -> str:
    """The UUID that our mark in a domain's XML vouches for; empty where it says none."""
    mark = _root(xml).find("metadata/{urn:reconciler:v1}mark")
    return mark.get("uuid", "") if mark is not None else ""


STRANGERS = ("input", "sound", "hostdev", "redirdev")
"""Devices that no document names."""


@lru_cache(maxsize=4096)
def strangers(xml: str) -> frozenset[str]:
    """What stands in a definition and is none of ours: such devices, and others' metadata, as text."""
    root = _root(xml)
    theirs = [found for tag in STRANGERS for found in root.findall(f"devices/{tag}")]
    theirs += [found for found in root.findall("metadata/*") if not found.tag.startswith("{urn:reconciler:")]
    return frozenset(ElementTree.tostring(found, encoding="unicode").strip() for found in theirs)


@lru_cache(maxsize=4096)
def identity(xml: str) -> frozenset[str]:
    """What makes a machine the one that it is: its UUID, its MACs, its disks, its NVRAM."""
    root = _root(xml)
    macs = [found.get("address", "") for found in root.findall("devices/interface/mac")]
    disks = [_paths(disk) for disk in root.findall("devices/disk") if disk.get("device") != "cdrom"]
    return frozenset((_text(root, "uuid"), _text(root, "os/nvram"), *macs, *filter(None, disks)))


@lru_cache(maxsize=4096)
def made_devices(xml: str) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    """Paths of the disks that our mark lists as made, and (name, MAC) of the interfaces that bear a name of ours."""
    root = _root(xml)
    volumes = {disk.get("volume") for disk in root.iter("{urn:reconciler:v1}disk")}
    paths = frozenset(path for path, _ in needs(xml).disks if path.rpartition("/")[2] in volumes)
    cards = ((card.find("alias"), card.find("mac")) for card in root.findall("devices/interface"))
    named = (
        (alias.get("name", "").removeprefix("ua-"), mac.get("address", ""))
        for alias, mac in cards
        if alias is not None and mac is not None
    )
    return paths, frozenset(named)


def has_lived(xml: str) -> bool:
    """Whether our mark in a domain's XML lists a disk as made; before that nobody starts it."""
    return _root(xml).find("metadata/{urn:reconciler:v1}mark/{urn:reconciler:v1}disk") is not None


def kept(xml: str, uuid: str) -> str:
    """A domain's XML as libvirt keeps it: with a UUID and devices of its own."""
    if not _text(_root(xml), "uuid"):
        xml = re.sub(r"(</name>)", rf"\1\n  <uuid>{uuid}</uuid>", xml, count=1)
    if "<memballoon" not in xml and "</devices>" in xml:
        xml = xml.replace("</devices>", ADDITIONS + "  </devices>", 1)
    return xml


def renamed(xml: str, name: str) -> str:
    """A domain's XML under another name."""
    return re.sub(r"<name>[^<]*</name>", f"<name>{name}</name>", xml, count=1)


def with_vcpus(xml: str, vcpus: int) -> str:
    """What a person's `virsh setvcpus --config --maximum` leaves."""
    return re.sub(r"(<vcpu[^>]*>)\s*\d+\s*(</vcpu>)", rf"\g<1>{vcpus}\g<2>", xml, count=1)


def without_disk(xml: str, name: str) -> str:
    """What a person's `virsh detach-disk --config` leaves; the disk is named by its user alias."""
    disks = re.findall(r"[ \t]*<disk .*?</disk>\n?", xml, flags=re.DOTALL)
    found = next(disk for disk in disks if re.search(rf"<alias name=.ua-{re.escape(name)}.", disk))
    return xml.replace(found, "", 1)


def lies_on(xml: str, name: str) -> str:
    """The path of the disk that has that name as its user alias; empty where none has."""
    disks = (disk for disk in _root(xml).findall("devices/disk") if disk.find(f"alias[@name='ua-{name}']") is not None)
    return next((_paths(disk) for disk in disks), "")


def alone(device: str) -> str:
    """A definition with one device and nothing else."""
    return f"<domain><devices>{device}</devices></domain>"


@lru_cache(maxsize=4096)
def places(xml: str) -> frozenset[str]:
    """What no two devices of a domain share: aliases, target names, MACs, addresses."""
    found = set()
    for device in _root(xml).findall("devices/*"):
        for tag, key in (("alias", "name"), ("target", "dev"), ("mac", "address")):
            inner = device.find(tag)
            if inner is not None and inner.get(key):
                found.add(f"{tag} {inner.get(key)}")
        address = device.find("address")
        if address is not None:
            found.add(f"address {' '.join(f'{key}={value}' for key, value in sorted(address.items()))}")
    return frozenset(found)


def with_device(xml: str, device: str) -> str:
    """What a device that is attached leaves."""
    return xml.replace("</devices>", f"  {device}\n  </devices>", 1)


@dataclass(frozen=True)
class PoolWords:
    name: str
    uuid: str
    type: str
    source_host: str
    source_dir: str
    target: str


def pool_words(xml: str) -> PoolWords:
    root = _root(xml)
    host, dir_ = root.find("source/host"), root.find("source/dir")
    return PoolWords(
        name=_text(root, "name"),
        uuid=_text(root, "uuid"),
        type=root.get("type", ""),
        source_host=host.get("name", "") if host is not None else "",
        source_dir=dir_.get("path", "") if dir_ is not None else "",
        target=_text(root, "target/path"),
    )


@dataclass(frozen=True)
class NetworkWords:
    name: str
    uuid: str
    bridge: str


def network_words(xml: str) -> NetworkWords:
    root = _root(xml)
    bridge = root.find("bridge")
    return NetworkWords(_text(root, "name"), _text(root, "uuid"), bridge.get("name", "") if bridge is not None else "")


def foreign_domain(name: str, uuid: str, *, memory_mib: int, vcpus: int, disks: tuple[str, ...]) -> str:
    """A definition as a person writes it: no mark, no aliases."""
    devices = "".join(
        f"    <disk type='file' device='disk'>\n      <driver name='qemu' type='qcow2'/>\n"
        f"      <source file='{path}'/>\n      <target dev='vd{chr(97 + index)}' bus='virtio'/>\n    </disk>\n"
        for index, path in enumerate(disks)
    )
    return (
        f"<domain type='kvm'>\n  <name>{name}</name>\n  <uuid>{uuid}</uuid>\n"
        f"  <memory unit='MiB'>{memory_mib}</memory>\n  <vcpu>{vcpus}</vcpu>\n"
        f"  <os><type arch='x86_64'>hvm</type></os>\n  <devices>\n{devices}  </devices>\n</domain>\n"
    )


def foreign_network(name: str, uuid: str, bridge: str) -> str:
    head = f"<network>\n  <name>{name}</name>\n  <uuid>{uuid}</uuid>\n"
    return f"{head}  <forward mode='bridge'/>\n  <bridge name='{bridge}'/>\n</network>\n"


def foreign_pool(name: str, uuid: str, target: str) -> str:
    head = f"<pool type='dir'>\n  <name>{name}</name>\n  <uuid>{uuid}</uuid>\n"
    return f"{head}  <target><path>{target}</path></target>\n</pool>\n"
