"""What of a machine changes while it runs, and what libvirt's calls want for it."""

import pytest

from reconciler.live import Way
from reconciler.xml.domain import read
from reconciler.xml.growth import cpu_map, module
from reconciler.xml.live import way_of

MIB = 1024**2
LIVE = {
    "arch": "x86_64",
    "vcpus": 2,
    "max_vcpus": 4,
    "memory": 512 * MIB,
    "max_memory": 1024 * MIB,
    "memballoon": {"model": "virtio", "autodeflate": False},
}


@pytest.mark.parametrize(
    ("path", "said", "way"),
    [
        (("vcpus",), {"vcpus": 4}, Way.VCPUS),
        (("vcpus",), {"vcpus": 5}, None),
        (("vcpus",), {"vcpus": 1}, None),
        (("memory",), {"memory": 640 * MIB}, Way.MEMORY),
        (("memory",), {"memory": 1024 * MIB}, Way.MEMORY),
        (("memory",), {"memory": 1152 * MIB}, None),
        (("memory",), {"memory": 600 * MIB}, None),
        (("memory",), {"memory": 384 * MIB}, None),
        (("max_memory",), {"max_memory": 2048 * MIB}, None),
        (("max_vcpus",), {"max_vcpus": 8}, None),
        (("vcpu_pins", "3"), {"vcpu_pins": {"3": "0"}}, Way.PINS),
        (("vcpu_pins", "4"), {"vcpu_pins": {"4": "0"}}, None),
        (("emulator_pin",), {"emulator_pin": "0-1"}, Way.PINS),
        (("cpuset",), {"cpuset": "0-1"}, None),
        (("title",), {"title": "Web"}, Way.TEXTS),
        (("description",), {"description": "two\nlines"}, Way.TEXTS),
        (("memballoon", "stats_period"), {"memballoon": {"stats_period": 5}}, Way.STATS),
        (("memballoon", "stats_period"), {"memballoon": {"model": "virtio", "stats_period": 5}}, Way.STATS),
        (("memballoon", "stats_period"), {"memballoon": {"stats_period": 5, "autodeflate": True}}, None),
        (("memballoon", "autodeflate"), {"memballoon": {"autodeflate": True}}, None),
    ],
)
def test_what_a_running_guest_gets(path, said, way):
    assert way_of(path, LIVE, said) is way


def test_without_a_maximum_memory_waits_for_a_start():
    without = {key: value for key, value in LIVE.items() if key != "max_memory"}
    assert way_of(("memory",), without, {"memory": 640 * MIB}) is None


def test_what_qemu_cannot_add_waits_for_a_start():
    more = {"vcpus": 4, "memory": 1024 * MIB}
    assert way_of(("vcpus",), {**LIVE, "arch": "aarch64"}, more) is None
    assert way_of(("memory",), {**LIVE, "arch": "aarch64"}, more) is Way.MEMORY
    assert way_of(("memory",), {**LIVE, "arch": "s390x"}, more) is None


def test_blocks_of_other_architectures_are_larger():
    assert way_of(("memory",), {**LIVE, "arch": "ppc64le"}, {"memory": 640 * MIB}) is None
    assert way_of(("memory",), {**LIVE, "arch": "ppc64le"}, {"memory": 768 * MIB}) is Way.MEMORY


def test_a_module_as_libvirt_wants_it():
    wanted = '<memory model="dimm"><target><size unit="KiB">131072</size><node>0</node></target></memory>'
    assert module(128 * MIB) == wanted


def test_a_live_definition_with_a_module_has_the_memory_of_both():
    xml = (
        "<domain><memory unit='KiB'>262144</memory><cpu><numa><cell id='0' cpus='0' memory='131072' unit='KiB'/>"
        f"</numa></cpu><devices>{module(128 * MIB)}</devices></domain>"
    )
    assert read(xml).fields["memory"] == 256 * MIB


@pytest.mark.parametrize(
    ("cpuset", "wanted"),
    [("0", (True,)), ("0-1,3", (True, True, False, True)), ("2", (False, False, True))],
)
def test_a_set_of_cpus_as_libvirts_calls_want_it(cpuset, wanted):
    assert cpu_map(cpuset) == wanted
