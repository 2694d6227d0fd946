"""One device of a live definition as libvirt's calls want it: as it is there, but for what shall be otherwise."""

import pytest

from reconciler.live import Way
from reconciler.xml.live import changed_device, disk_limits, way_of
from reconciler.xml.tree import XmlError

LIVE = """<domain type='kvm' id='3'><name>d</name><devices>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
<source file='/cloud/d.root.snap1' index='2'/>
<backingStore type='file'><source file='/cloud/d.root.qcow2'/></backingStore>
<target dev='vda' bus='virtio'/><iotune><read_bytes_sec>1000</read_bytes_sec><read_iops_sec>7</read_iops_sec></iotune>
<alias name='ua-root'/></disk>
<interface type='bridge'><mac address='52:54:00:00:00:01'/>
<source network='lan' portid='c0ffee' bridge='br0'/><target dev='vnet3'/><model type='virtio'/>
<filterref filter='theirs'/><alias name='ua-lan'/><address type='pci' bus='0x01'/></interface></devices></domain>"""


def test_all_of_the_device_stays_but_what_changes() -> None:
    xml = changed_device(LIVE, "interfaces", "lan", ((("link",), "down"),))
    assert xml.endswith("</interface>")
    for said in ("filter='theirs'", "name='ua-lan'", "bus='0x01'", "state='down'", "dev='vnet3'"):
        assert said in xml.replace('"', "'")


@pytest.mark.parametrize(("path", "value", "network"), [("network", "dmz", "dmz"), ("link", "down", "lan")])
def test_an_interface_stays_on_its_network_and_not_on_the_bridge_that_libvirt_shows(
    path: str, value: str, network: str
) -> None:
    xml = changed_device(LIVE, "interfaces", "lan", (((path,), value),)).replace('"', "'")
    assert xml.startswith("<interface type='network'")
    assert f"<source network='{network}'/>" in xml


def test_every_limit_is_said_and_a_limit_of_all_takes_the_place_of_those_of_reads() -> None:
    target, limits = disk_limits(LIVE, "root", ((("iotune", "total_bytes_sec"), 5000),))
    assert target == "vda"
    assert limits == {
        "total_bytes_sec": 5000,
        "read_bytes_sec": 0,
        "write_bytes_sec": 0,
        "total_iops_sec": 0,
        "read_iops_sec": 7,
        "write_iops_sec": 0,
    }


def test_a_device_that_is_not_there_is_said() -> None:
    with pytest.raises(XmlError, match="no interface wan is there"):
        changed_device(LIVE, "interfaces", "wan", ())


@pytest.mark.parametrize(
    ("path", "way"),
    [
        (("interfaces", "lan", "link"), Way.DEVICE),
        (("interfaces", "lan", "bandwidth", "inbound"), Way.DEVICE),
        (("disks", "root", "iotune", "read_iops_sec"), Way.IOTUNE),
        (("disks", "root", "cache"), None),
        (("disks", "new", "iotune", "read_iops_sec"), None),
        (("cpu",), None),
        (("xml", "set ./memoryBacking/locked"), None),
    ],
)
def test_the_table_says_how_a_field_changes(path: tuple[str, ...], way: Way | None) -> None:
    live = {"disks": {"root": {}}, "interfaces": {"lan": {}}}
    assert way_of(path, live, {}) is way
