"""What the machine is, and what of it a document can still change."""

import pytest

from reconciler.desired.documents import Domain
from reconciler.desired.rules import cpuset
from reconciler.xml.domain import merge, read, unchangeable, wanted
from reconciler.xml.machine import family


def domain(rest: str, devices: str = "", type_: str = "arch='x86_64' machine='pc-q35-7.2'") -> str:
    os = f"<os><type {type_}>hvm</type></os>"
    return f"<domain type='kvm'><name>d</name><uuid/>{rest}{os}<devices>{devices}</devices></domain>"


def document(**spec: object) -> Domain:
    head = {"apiVersion": "reconciler/v1", "kind": "Domain", "metadata": {"name": "d"}}
    return Domain.model_validate({**head, "spec": {"vcpus": 1, "memory": "64MiB", **spec}})


@pytest.mark.parametrize(
    ("text", "canonical"),
    [("0", "0"), ("3,1-2", "1-3"), ("0,1", "0-1"), ("0-7,^3", "0-2,4-7"), ("0-3,^1-2", "0,3"), ("5,5", "5")],
)
def test_a_set_of_cpus_has_one_form(text: str, canonical: str) -> None:
    assert cpuset(text) == canonical


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        ("pc", "pc-i440fx"),
        ("pc-i440fx-7.2", "pc-i440fx"),
        ("pc-i440fx-jammy", "pc-i440fx"),
        ("q35", "pc-q35"),
        ("pc-q35-rhel9.2.0", "pc-q35"),
        ("virt", "virt"),
        ("virt-7.2", "virt"),
        ("virt-rhel8.2.0", "virt"),
        ("s390-ccw-virtio-7.2", "s390-ccw-virtio"),
        ("s390-ccw-virtio", "s390-ccw-virtio"),
        ("pseries-7.2", "pseries"),
        ("microvm", "microvm"),
        ("", ""),
    ],
)
def test_families_of_machines(machine: str, expected: str) -> None:
    assert family(machine) == expected


@pytest.mark.parametrize(
    ("said", "differs", "fixed"),
    [("q35", False, False), ("pc-q35-7.2", False, False), ("pc-q35-8.0", True, False), ("pc", False, True)],
)
def test_a_machine_without_a_version_means_any_and_no_guest_changes_its_family(
    said: str, differs: bool, fixed: bool
) -> None:
    there = read(domain("")).fields
    fields = wanted(document(machine=said), "c", only_set=True, there=there)
    assert (fields.get("machine", there["machine"]) != there["machine"]) == differs
    assert unchangeable(document(machine=said), there) == ({"machine": said} if fixed else {})


def test_another_architecture_is_said_and_not_written() -> None:
    there = read(domain("")).fields
    assert "arch" not in wanted(document(arch="aarch64"), "c", only_set=True, there=there)
    assert unchangeable(document(arch="aarch64"), there) == {"arch": "aarch64"}
    assert unchangeable(document(), there) == {}


def test_what_a_running_guest_shows_of_a_policy_is_that_policy() -> None:
    there = read(domain("<cpu><feature policy='disable' name='vmx'/><feature policy='require' name='aes'/></cpu>"))
    said = {"vmx": "optional", "aes": "force", "svm": "forbid"}
    fields = wanted(document(cpuFeatures=said), "c", only_set=True, there=there.fields)
    assert fields["cpu_features"] == {"vmx": "disable", "aes": "require", "svm": "forbid"}


def test_features_named_beside_a_new_model_outlive_the_old_ones() -> None:
    xml = domain("<cpu><model>EPYC</model><feature policy='disable' name='svm'/><feature name='old'/></cpu>")
    after = merge(xml, {"cpu": "Skylake-Server", "cpu_features": {"svm": "disable"}}, sources={}, mark=None)
    assert read(after).fields["cpu_features"] == {"svm": "disable"}


def test_a_topology_that_is_not_there_is_made_whole() -> None:
    fields = wanted(document(topology={"cores": 1}), "c", only_set=True, there=read(domain("")).fields)
    assert fields["topology"] == {"sockets": 1, "cores": 1, "threads": 1}
    there = read(domain("<cpu><topology sockets='2' cores='1' threads='1'/></cpu>")).fields
    fields = wanted(document(topology={"cores": 1}), "c", only_set=True, there=there)
    assert fields["topology"] == {"cores": 1}


@pytest.mark.parametrize(
    ("pages", "size"),
    [
        ("<page size='2' unit='M'/>", 2 << 20),
        ("<page size='2048'/>", 2 << 20),
        ("<page size='2048' nodeset='0'/>", None),
        ("<page size='2048'/><page size='1' unit='G'/>", None),
        ("", None),
    ],
)
def test_huge_pages_of_one_size(pages: str, size: int | None) -> None:
    xml = domain(f"<memoryBacking><hugepages>{pages}</hugepages></memoryBacking>")
    assert read(xml).fields.get("hugepages") == size


def test_a_set_that_libvirt_would_not_take_is_read_as_it_stands() -> None:
    assert read(domain("<vcpu cpuset='7-0'>1</vcpu>")).fields["cpuset"] == "7-0"
