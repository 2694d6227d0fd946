"""Disks that grow: under a guest that goes on, of one that is off, and on a host that did not make them."""

import pytest

from tests.lab.cloud import HYPERVISORS, Cloud, Pulse, until

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]

GUEST = "web-1"
GIB = 1024**3
VOLUME = f"volume/images/{GUEST}.root.qcow2"


@pytest.fixture(scope="module")
def cloud(booting_cloud: Cloud) -> Cloud:
    booting_cloud.once()
    booting_cloud.answer(GUEST)
    return booting_cloud


def write_size(cloud: Cloud, old: int, new: int) -> None:
    cloud.edit(f"domains/{GUEST}.yaml", f"size: {old}GiB", f"size: {new}GiB")


def capacity(cloud: Cloud, host: str) -> int:
    """As qemu-img reads it from the file, whoever has it open."""
    path = f"/var/lib/libvirt/cloud/{GUEST}.root.qcow2"
    told = cloud.run("qemu-img", "info", "-U", path, on=host)
    return int(told.partition("(")[2].partition(" bytes")[0])


def test_a_disk_grows_while_its_guest_runs(cloud: Cloud) -> None:
    home = cloud.host_of(GUEST)
    before = cloud.answer(GUEST)
    assert cloud.disk_sizes(GUEST) == {"vda": GIB}
    write_size(cloud, 1, 2)
    assert [s["impact"] for s in cloud.reconcile("plan").json["steps"]] == ["live", "live"]
    with Pulse(cloud, GUEST) as pulse:
        ended = cloud.once()
    assert ended.steps == [f"grow-disk:{VOLUME}@{home}", f"record-disks:domain/{GUEST}@{home}"]
    until(lambda: cloud.disk_sizes(GUEST) == {"vda": 2 * GIB}, "the room in the guest", 20)
    pulse.assert_steady(longest_gap_s=10)
    assert cloud.answer(GUEST)[1] == before[1]
    assert cloud.once().steps == []

    write_size(cloud, 2, 1)
    held = cloud.once(3)
    assert (held.steps, held.held) == ([], {f"domain/{GUEST}@{home}": "CannotChange"})
    write_size(cloud, 1, 2)
    assert cloud.once().steps == []


def test_it_grows_on_a_host_that_did_not_make_it(cloud: Cloud) -> None:
    home = cloud.host_of(GUEST)
    target = next(host for host in HYPERVISORS if host != home)
    cloud.cordon(home)
    cloud.once()
    cloud.uncordon(home)
    write_size(cloud, 2, 3)
    assert f"grow-disk:{VOLUME}@{target}" in cloud.once().steps
    until(lambda: cloud.disk_sizes(GUEST) == {"vda": 3 * GIB}, "the room in the guest", 20)
    assert cloud.once().steps == []


def test_it_grows_while_its_guest_is_off(cloud: Cloud) -> None:
    home = cloud.host_of(GUEST)
    cloud.edit(f"domains/{GUEST}.yaml", "power: running", "power: stopped")
    write_size(cloud, 3, 4)
    cloud.once()
    assert GUEST not in cloud.running(home)
    assert capacity(cloud, home) == 4 * GIB
    write_size(cloud, 4, 5)
    assert cloud.once().steps == [f"grow-volume:{VOLUME}@{home}", f"record-disks:domain/{GUEST}@{home}"]
    assert capacity(cloud, home) == 5 * GIB
    cloud.edit(f"domains/{GUEST}.yaml", "power: stopped", "power: running")
    cloud.once()
    cloud.answer(GUEST)
    assert cloud.disk_sizes(GUEST) == {"vda": 5 * GIB}
