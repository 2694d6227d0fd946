"""Machines as people have them, on real libvirt and QEMU: what libvirt makes of our XML is what the document says."""

import pytest
from lxml import etree

from tests.lab.cloud import Cloud

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

DISKS = """\
{name: root, pool: images, size: 64MiB, bus: scsi, io: threads, discard: unmap, detectZeroes: unmap, serial: ROOT-1,
 bootOrder: 1, iotune: {totalBytesSec: 100MiB, readIopsSec: 500}},
{name: scratch, pool: images, size: 64MiB, readOnly: true, cache: writeback}"""

Q35 = {
    "title": "All of it",
    "description": "two\nlines",
    "vcpus": 1,
    "maxVcpus": 4,
    "topology": {"sockets": 1, "cores": 2, "threads": 2},
    "memory": "96MiB",
    "maxMemory": "512MiB",
    "cpu": "qemu64",
    "cpuFeatures": {"svm": "disable"},
    "machine": "q35",
    "arch": "x86_64",
    "emulator": "/usr/bin/qemu-system-x86_64",
    "firmware": "bios",
    "clock": {"offset": "localtime", "timers": {"rtc": "catchup", "hpet": "absent"}},
    "graphics": {"type": "vnc", "listen": "127.0.0.1"},
    "video": "vga",
    "tablet": True,
    "watchdog": {"model": "i6300esb", "action": "poweroff"},
    "memballoon": {"statsPeriod": "10s", "autodeflate": True, "freePageReporting": True},
    "xml": [
        {"set": "./devices/disk[alias/@name='ua-root']/driver/@rerror_policy", "to": "report"},
        {"create": "./devices/panic[@model='isa']"},
    ],
}
PC = {
    "machine": "pc",
    "vcpus": 1,
    "cpuset": "0-1",
    "vcpuPins": ["0", "1"][:1],
    "emulatorPin": "0",
    "graphics": {"type": "vnc", "listen": "0.0.0.0", "port": 5997},
    "serialConsole": False,
    "guestAgent": False,
    "rng": False,
    "memballoon": {"model": "none"},
}


def assert_nothing_to_do(cloud: Cloud) -> None:
    ended = cloud.once()
    assert ended.steps == [], ended


def test_a_machine_with_all_that_can_be_said_converges_in_one_pass(bare_cloud: Cloud) -> None:
    with bare_cloud.extra("all-of-it", disks=DISKS, **Q35):
        ended = bare_cloud.once()
        assert [bool(one["steps"]) for one in ended.passes] == [True, False], ended
        assert_nothing_to_do(bare_cloud)
        root = etree.fromstring(bare_cloud.xml(bare_cloud.host_of("all-of-it"), "all-of-it", inactive=False))
        assert root.findtext("description") == "two\nlines"
        assert root.find("devices/disk/iotune/read_iops_sec") is not None
        assert root.find("devices/panic") is not None
        ports = root.findall("devices/controller[@model='pcie-root-port']")
        taken = {address.get("bus") for address in root.iterfind("devices/*/address[@type='pci']")}
        assert len([port for port in ports if f"0x{int(port.get('index', '0')):02x}" not in taken]) >= 8


def test_another_board_and_then_another_screen(bare_cloud: Cloud) -> None:
    """i440fx; then staged changes, which a restart of the guest brings about, and their revert."""
    with bare_cloud.extra("plain", **PC):
        ended = bare_cloud.once()
        assert [bool(one["steps"]) for one in ended.passes] == [True, False], ended
        assert_nothing_to_do(bare_cloud)
        bare_cloud.edit("domains/plain.yaml", '"port": 5997', '"port": 5998')
        assert bare_cloud.once(code=3).held == {f"domain/plain@{bare_cloud.host_of('plain')}": "RestartRequired"}
        bare_cloud.edit("domains/plain.yaml", '"port": 5998', '"port": 5997')
        bare_cloud.once()
        assert_nothing_to_do(bare_cloud)


def test_an_edit_that_matches_nothing_is_held_with_the_way_out(bare_cloud: Cloud) -> None:
    edit = {"set": "./devices/sound/@model", "to": "ich9"}
    with bare_cloud.extra("edited", power="stopped"):
        bare_cloud.once()
        document = (bare_cloud.documents / "domains/edited.yaml").read_text()
        bare_cloud.write("domains/edited.yaml", f"{document}  xml: [{{set: {edit['set']}, to: {edit['to']}}}]\n")
        ended = bare_cloud.once(code=3)
        [held] = ended.passes[-1]["held"]
        assert held["reason"] == "CannotChange"
        assert 'spec.xml[0].set "./devices/sound/@model" matches nothing' in held["message"]
        bare_cloud.write("domains/edited.yaml", f"{document}  xml: [{{create: \"./devices/sound[@model='ich9']\"}}]\n")
        bare_cloud.once()
        assert_nothing_to_do(bare_cloud)
