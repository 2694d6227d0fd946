"""Guests that go with the data that their documents name, and one that gets another name, on real libvirt and NFS."""

import pytest

from tests.lab.cloud import HYPERVISORS, Cloud

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

EXPORT, POOL = "/srv/images", "/var/lib/libvirt/cloud"
ROOT, DATA = (f"{{name: {name}, pool: images, size: 64MiB}}" for name in ("root", "data"))
QUICK = {"shutdownTimeout": "1s", "onShutdownTimeout": "force"}
"""The guests have no system that would hear a power button."""


@pytest.fixture(scope="module")
def cloud(bare_cloud: Cloud) -> Cloud:
    """Four guests, which the tests take away one by one, and one that stays."""
    bare_cloud.add_domain("stays", power="stopped")
    bare_cloud.add_domain("goes", disks=f"{ROOT}, {DATA}", **QUICK)
    bare_cloud.add_domain("old", power="stopped")
    bare_cloud.add_domain("forgotten", power="stopped")
    bare_cloud.once()
    return bare_cloud


def files(cloud: Cloud, name: str) -> set[str]:
    """The volumes of a guest, its claim among them."""
    return {
        file for file in cloud.run("ls", "-A", EXPORT, on="nas").split() if file.startswith((f"{name}.", f".{name}."))
    }


def say(cloud: Cloud, name: str, old: str, new: str) -> None:
    cloud.edit(f"domains/{name}.yaml", old, new)


def defined(cloud: Cloud) -> set[str]:
    return {name for name, _ in cloud.everywhere(cloud.defined)}


def test_the_disk_goes_that_its_document_names_and_never_one_that_something_stands_on(cloud: Cloud) -> None:
    home = cloud.host_of("goes")
    other = next(host for host in HYPERVISORS if host != home)
    clone = f"{POOL}/clone.qcow2"
    cloud.run(
        "qemu-img", "create", "-q", "-f", "qcow2", "-b", f"{POOL}/goes.data.qcow2", "-F", "qcow2", clone, on=other
    )
    say(
        cloud,
        "goes",
        "{name: data, pool: images, size: 64MiB}",
        "{name: data, pool: images, size: 64MiB, onDelete: delete}",
    )
    say(cloud, "goes", "  vcpus: 1", "  vcpus: 1\n  state: absent")
    kept = cloud.once(3)
    assert kept.held == {f"domain/goes@{home}": "DiskKept"}
    assert cloud.host_of("goes") == home, "nobody is stopped for it"
    cloud.run("rm", clone, on=other)

    steps = [step.partition(":")[0] for step in cloud.once().steps]
    assert steps == ["refresh-pool", "shutdown-domain", "delete-volume", "undefine-domain"]
    assert files(cloud, "goes") == {"goes.root.qcow2", ".goes.claim"}
    assert "goes" not in defined(cloud)

    say(cloud, "goes", "state: absent", "state: present")
    assert set(cloud.once(3).held.values()) == {"VolumeWithoutDomain"}
    say(cloud, "goes", "name: goes,", 'name: goes, annotations: {reconciler/adopt: "true"},')
    assert "define-domain:domain/goes@" in " ".join(cloud.once().steps)


def test_where_all_disks_go_the_name_is_free_again(cloud: Cloud) -> None:
    say(cloud, "goes", ROOT, f"{ROOT[:-1]}, onDelete: delete}}")
    say(cloud, "goes", "state: present", "state: absent")
    cloud.once()
    assert (files(cloud, "goes"), "goes" in defined(cloud)) == (set(), False)
    say(cloud, "goes", "state: absent", "state: present")
    cloud.once()
    assert files(cloud, "goes") == {"goes.root.qcow2", "goes.data.qcow2", ".goes.claim"}


def test_another_name_is_the_same_guest(cloud: Cloud) -> None:
    [(_, home)] = [(name, host) for name, host in cloud.everywhere(cloud.defined) if name == "old"]
    uuid = cloud.virsh(home, "domuuid", "old").strip()
    say(cloud, "old", "name: old,", "name: new, renamedFrom: old,")
    assert cloud.once().steps == [f"rename-domain:domain/new@{home}"]
    assert cloud.virsh(home, "domuuid", "new").strip() == uuid
    say(cloud, "old", ", renamedFrom: old", "")
    say(cloud, "old", "power", "#")
    assert cloud.once().steps == [f"start-domain:domain/new@{home}"]
    assert (files(cloud, "new"), files(cloud, "old")) == (set(), {"old.root.qcow2", ".old.claim"})
    assert cloud.once().steps == []


def test_what_has_no_document_any_more_is_pruned_but_for_its_disks(cloud: Cloud) -> None:
    cloud.remove("domains/forgotten.yaml")
    cloud.edit("cluster.yaml", "spec:\n", "spec:\n  prune: true\n")
    assert [step.partition("@")[0] for step in cloud.once().steps] == ["undefine-domain:domain/forgotten"]
    assert files(cloud, "forgotten") == {"forgotten.root.qcow2", ".forgotten.claim"}
    assert "forgotten" not in defined(cloud)
    for name in ("stays", "goes", "old"):
        cloud.remove(f"domains/{name}.yaml")
    emptied = cloud.once(3)
    assert (emptied.steps, set(emptied.held.values())) == ([], {"NoDocuments"})
