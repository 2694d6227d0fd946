"""Changes of a guest that runs, on real libvirt and QEMU: it goes on counting its uptime through all of them."""

import pytest

from tests.lab.cloud import POOL, Cloud, Pulse, until

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

GUEST = "web-1"
GIB, MIB = 1024**3, 1024**2
ROOT = "{name: root, pool: images, size: 1GiB, image: tiny.qcow2%s}"
MORE = "{name: more, pool: images, size: 64MiB%s}"
BOTH = "{name: lan, network: lan}, {name: wan, network: lan, link: %s}"
DMZ = "apiVersion: reconciler/v1\nkind: Network\nmetadata: {name: dmz}\nspec: {bridge: br0}\n"


@pytest.fixture(scope="module")
def cloud(booting_cloud: Cloud) -> Cloud:
    """One guest that has booted, and a second network."""
    for name in ("db-1", "web-2"):
        booting_cloud.remove(f"domains/{name}.yaml")
    booting_cloud.write("networks/dmz.yaml", DMZ)
    write(booting_cloud, ROOT % "")
    booting_cloud.once()
    booting_cloud.answer(GUEST)
    return booting_cloud


def write(cloud: Cloud, disks: str, interfaces: str = "{name: lan, network: lan}", more: str = "") -> None:
    head = (
        f"apiVersion: reconciler/v1\nkind: Domain\nmetadata: {{name: {GUEST}}}\nspec:\n  vcpus: 1\n  memory: 128MiB\n"
    )
    cloud.write(f"domains/{GUEST}.yaml", f"{head}  disks: [{disks}]\n  interfaces: [{interfaces}]\n{more}")


def assert_nothing_to_do(cloud: Cloud) -> None:
    ended = cloud.once()
    assert ended.steps == [], ended


def impacts(cloud: Cloud) -> dict[str, str]:
    """Verb and object of each planned step, with what it does to the guest."""
    return {step["id"].partition("@")[0]: step["impact"] for step in cloud.reconcile("plan").json["steps"]}


def test_devices_come_change_and_go_under_a_guest_that_goes_on(cloud: Cloud) -> None:
    home, before, file = cloud.host_of(GUEST), cloud.answer(GUEST), f"{POOL}/{GUEST}.more.qcow2"
    with Pulse(cloud, GUEST) as pulse:
        write(cloud, f"{MORE % ''}, {ROOT % ''}", BOTH % "down")
        planned = impacts(cloud)
        assert set(planned.values()) == {"live"}
        assert {f"attach-device:disk/{GUEST}/more", f"attach-device:interface/{GUEST}/wan"} <= set(planned)
        assert len(cloud.once().passes) == 2
        until(lambda: cloud.disk_sizes(GUEST) == {"vda": GIB, "vdb": 64 * MIB}, "the new disk in the guest", 20)
        assert cloud.virsh(home, "domiflist", GUEST).count("virtio") == 2
        assert "down" in cloud.virsh(home, "domif-getlink", GUEST, "vnet1")

        both = "{name: lan, network: lan}, {name: wan, network: dmz, link: up}"
        write(cloud, f"{MORE % ', iotune: {readIopsSec: 500}'}, {ROOT % ''}", both)
        assert len(cloud.once().passes) == 2
        assert "read_iops_sec  : 500" in cloud.virsh(home, "blkdeviotune", GUEST, "vdb")
        assert "network='dmz'" in cloud.xml(home, GUEST, inactive=False)

        write(cloud, ROOT % "")
        assert len(cloud.once().passes) == 2
        until(lambda: cloud.disk_sizes(GUEST) == {"vda": GIB}, "the disk gone from the guest", 20)
        assert cloud.virsh(home, "domiflist", GUEST).count("virtio") == 1

        cloud.run("qemu-io", "-c", "write -P 0x2a 0 4096", file, on=home)
        write(cloud, f"{ROOT % ''}, {MORE % ''}", BOTH % "up")
        cloud.once()
        until(lambda: cloud.disk_sizes(GUEST) == {"vda": GIB, "vdb": 64 * MIB}, "the disk in the guest again", 20)
        assert "4096/4096" in cloud.run("qemu-io", "-U", "-r", "-c", "read -P 0x2a 0 4096", file, on=home)
        assert_nothing_to_do(cloud)
    pulse.assert_steady(longest_gap_s=10)
    assert cloud.answer(GUEST)[1] == before[1]


def test_what_waits_for_a_start_is_staged_and_cleared_by_a_revert(cloud: Cloud) -> None:
    home, before = cloud.host_of(GUEST), cloud.answer(GUEST)
    write(cloud, f"{ROOT % ''}, {MORE % ', cache: writeback'}", BOTH % "down")
    ended = cloud.once(3)
    assert ended.steps == [f"define-domain:domain/{GUEST}@{home}", f"update-device:interface/{GUEST}/wan@{home}"]
    [held] = ended.passes[-1]["held"]
    assert (held["object"], held["reason"]) == (f"domain/{GUEST}@{home}", "RestartRequired")
    assert held["message"] == "takes effect when it is started again: disks.more.cache: 'none' -> 'writeback'"
    assert "network='lan'" in cloud.xml(home, GUEST, inactive=False).partition("ua-lan")[2]
    write(cloud, f"{ROOT % ''}, {MORE % ', cache: none'}", BOTH % "down")
    assert len(cloud.once().passes) == 2
    assert cloud.answer(GUEST)[1] == before[1]
