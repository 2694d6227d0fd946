"""Pools, volumes and networks: written, accepted by libvirt's schemas and its test driver, and read back."""

from functools import cache
from pathlib import Path

import libvirt
import pytest
from lxml import etree

from reconciler.action import CreateVolume
from reconciler.mark import Mark
from reconciler.observed import SeenVolume
from reconciler.xml.network import network_xml, read_network
from reconciler.xml.pool import pool_xml, read_pool
from reconciler.xml.table import NET, POOL
from reconciler.xml.volume import read_volume, volume_xml

SCHEMAS = Path("/usr/share/libvirt/schemas")
UUID = "6695eb01-f6a4-5304-89aa-97f2502e193f"
MARK = Mark("small-cloud", "lan")

NETFS = {"type": "netfs", "source_host": "10.77.0.11", "source_dir": "/srv/images", "target": "/var/lib/libvirt/cloud"}
DIR = {"type": "dir", "target": "/srv/local"}


@cache
def schema(name: str) -> etree.RelaxNG:
    return etree.RelaxNG(etree.parse(SCHEMAS / f"{name}.rng"))


def assert_valid(xml: str, name: str) -> None:
    schema(name).assertValid(etree.fromstring(xml))


# --- pools ------------------------------------------------------------------


@pytest.mark.parametrize("fields", [NETFS, DIR, NETFS | {"source_host": "fd00::11"}], ids=["netfs", "dir", "ipv6"])
def test_a_pool_is_read_as_it_was_written(fields: dict[str, str]) -> None:
    xml = pool_xml("images", UUID, fields)
    assert_valid(xml, "storagepool")
    reading = read_pool(xml)
    assert (reading.name, reading.uuid, reading.fields) == ("images", UUID, fields)
    assert (reading.capacity, reading.available) == (0, 0)


def test_a_netfs_pool_is_an_nfs_pool() -> None:
    assert '<format type="nfs"/>' in pool_xml("images", UUID, NETFS)
    assert "format" not in pool_xml("local", UUID, DIR)


def test_every_pool_field_stands_in_these_tests() -> None:
    assert {field.name for field in POOL} == set(NETFS)


def test_an_active_pool_tells_its_room() -> None:
    sizes = "<capacity unit='bytes'>1000</capacity><available unit='KiB'>9</available>"
    reading = read_pool(f"<pool type='logical'><name>vg</name>{sizes}<source><device path='/dev/sda'/></source></pool>")
    assert (reading.capacity, reading.available) == (1000, 9 * 1024)
    assert reading.fields == {"type": "logical"}


@pytest.mark.libvirt
def test_libvirt_takes_our_pools() -> None:
    connection = libvirt.open("test:///default")
    try:
        for name, fields in (("images", NETFS), ("local", DIR)):
            uuid = UUID.replace("6695", f"66{len(name)}0")
            pool = connection.storagePoolDefineXML(pool_xml(name, uuid, fields), 0)
            assert read_pool(pool.XMLDesc(0)).fields == fields
            assert pool.UUIDString() == uuid
    finally:
        connection.close()


# --- volumes ----------------------------------------------------------------

OVERLAY = CreateVolume(
    "hv1", "images", "web-1.root.qcow2", "qcow2", 1 << 30, "/var/lib/libvirt/cloud/tiny-01.qcow2", "qcow2"
)
EMPTY = CreateVolume("hv1", "images", "web-1.data.qcow2", "qcow2", 5 << 30)
RAW = CreateVolume("hv1", "images", "web-1.swap.raw", "raw", 4096)


@pytest.mark.parametrize("action", [OVERLAY, EMPTY, RAW], ids=["overlay", "empty", "raw"])
def test_a_volume_is_read_as_it_was_written(action: CreateVolume) -> None:
    xml = volume_xml(action)
    assert_valid(xml, "storagevol")
    assert read_volume(xml) == SeenVolume(action.capacity, action.format, action.backing)


def test_a_volume_takes_no_room_and_never_guesses_its_backing_format() -> None:
    root = etree.fromstring(volume_xml(OVERLAY))
    assert (root.findtext("allocation"), root.findtext("target/compat")) == ("0", "1.1")
    assert root.find("backingStore/format[@type='qcow2']") is not None
    assert "compat" not in volume_xml(RAW)


def test_a_volume_of_another_sort_is_read() -> None:
    assert read_volume("<volume><name>lv</name><capacity unit='G'>1</capacity></volume>") == SeenVolume(1 << 30, "")


@pytest.mark.libvirt
def test_libvirt_takes_our_volumes() -> None:
    connection = libvirt.open("test:///default")
    try:
        pool = connection.storagePoolLookupByName("default-pool")
        for action in (OVERLAY, EMPTY, RAW):
            seen = read_volume(pool.createXML(volume_xml(action), 0).XMLDesc(0))
            assert seen.capacity == action.capacity
    finally:
        connection.close()


# --- networks ---------------------------------------------------------------

BRIDGE = {"forward": "bridge", "bridge": "br0"}
NAT = """<network>
  <name>lan</name>
  <uuid>6695eb01-f6a4-5304-89aa-97f2502e193f</uuid>
  <metadata><x:note xmlns:x="urn:example:x">kept</x:note></metadata>
  <forward/>
  <bridge name='virbr9' stp='on' delay='0'/>
  <mac address='52:54:00:3e:58:c4'/>
</network>"""


def test_a_new_network_is_read_as_it_was_written() -> None:
    xml = network_xml(None, "lan", UUID, BRIDGE, MARK)
    assert_valid(xml, "network")
    reading = read_network(xml)
    assert (reading.name, reading.uuid, reading.mark, reading.fields) == ("lan", UUID, MARK, BRIDGE)
    assert network_xml(xml, "lan", UUID, BRIDGE, MARK) is xml


@pytest.mark.parametrize(
    ("forward", "bridge", "fields"),
    [
        ("", "", {"forward": "isolated", "bridge": None}),
        ("<forward/>", "<bridge name='virbr0'/>", {"forward": "nat", "bridge": "virbr0"}),
        ("<forward mode='route' dev='eth0'/>", "<bridge stp='on'/>", {"forward": "route", "bridge": None}),
        ("<forward mode='hostdev'><pf dev='eth0'/></forward>", "", {"forward": "hostdev", "bridge": None}),
    ],
)
def test_networks_of_others_are_read(forward: str, bridge: str, fields: dict[str, str | None]) -> None:
    assert read_network(f"<network><name>n</name>{forward}{bridge}</network>").fields == fields


def test_an_existing_network_keeps_what_we_do_not_speak_of() -> None:
    after = network_xml(NAT, "lan", "another", {"forward": "bridge", "bridge": "br1"}, MARK)
    reading = read_network(after)
    assert (reading.uuid, reading.mark) == (UUID, MARK)
    assert reading.fields == {"forward": "bridge", "bridge": "br1"}
    for kept in ("urn:example:x", 'stp="on"', "52:54:00:3e:58:c4"):
        assert kept in after


def test_an_existing_network_that_is_right_stays_byte_for_byte() -> None:
    assert network_xml(NAT, "lan", UUID, {"forward": "nat", "bridge": "virbr9"}, None) is NAT


def test_every_network_field_stands_in_these_tests() -> None:
    assert {field.name for field in NET} == set(BRIDGE)


@pytest.mark.libvirt
def test_libvirt_takes_our_networks_with_their_mark() -> None:
    connection = libvirt.open("test:///default")
    try:
        network = connection.networkDefineXMLFlags(
            network_xml(None, "lan", UUID, BRIDGE, MARK), libvirt.VIR_NETWORK_DEFINE_VALIDATE
        )
        xml = network.XMLDesc(0)
        assert read_network(xml).fields == BRIDGE
        assert read_network(xml).mark == MARK
        assert network_xml(xml, "lan", UUID, BRIDGE, MARK) is xml
    finally:
        connection.close()
