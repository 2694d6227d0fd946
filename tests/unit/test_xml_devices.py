"""Which device a document's name means, new target names, and the parts of single fields that no golden case shows."""

import pytest

from reconciler.desired.documents import Domain
from reconciler.observed import SeenDisk
from reconciler.xml.domain import Fields, merge, read, wanted
from reconciler.xml.kinds import scale
from reconciler.xml.tree import XmlError

PLAIN = {"read_only": False, "shareable": False}
"""What is read of every disk."""


def domain(devices: str = "", rest: str = "<memory>65536</memory><vcpu>1</vcpu>", uri: str = "") -> str:
    return f"<domain type='kvm'{uri}><name>d</name><uuid/>{rest}<devices>{devices}</devices></domain>"


def disk(target: str, *, source: str = "", alias: str = "", more: str = "") -> str:
    alias = alias and f"<alias name='{alias}'/>"
    source = source or f"<source file='/pool/{target}'/>"
    return f"<disk type='file'>{source}<target dev='{target}' bus='virtio'/>{alias}{more}</disk>"


def edited(xml: str, **fields: object) -> str:
    return merge(xml, fields, sources={"new": "/pool/new"}, mark=None)


# --- names ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alias", "name"),
    [("ua-root", "root"), ("ua-data_-1", "data.1"), ("ua-_disk-lan", "lan"), ("virtio-disk0", "vda"), ("", "vda")],
)
def test_a_disk_is_known_by_its_user_alias_else_by_its_target(alias: str, name: str) -> None:
    assert list(read(domain(disk("vda", alias=alias))).fields["disks"]) == [name]


def test_no_disk_is_lost_where_one_bears_anothers_target_as_its_name() -> None:
    crossed = disk("vda") + disk("vdb", alias="ua-vda") + disk("vda", alias="ua-vda")
    reading = read(domain(crossed))
    assert list(reading.fields["disks"]) == ["disk#0", "vda", "disk#2"]
    assert [seen.source for seen in reading.disks] == ["/pool/vda", "/pool/vdb", "/pool/vda"]


def test_two_cards_with_one_mac_are_two() -> None:
    card = "<interface type='user'><mac address='52:54:00:AA:00:01'/></interface>"
    assert list(read(domain(card * 2)).fields["interfaces"]) == ["52:54:00:aa:00:01", "interface#1"]


def test_a_disk_known_by_its_target_keeps_its_name_on_another_bus() -> None:
    after = edited(domain(disk("vda")), disks={"vda": {"bus": "sata"}})
    assert read(after).disks == (SeenDisk("vda", "sda", "/pool/vda"),)
    assert edited(after, disks={"vda": {"bus": "sata"}}) == after


def test_only_what_is_edited_gets_an_alias() -> None:
    assert "alias" not in edited(domain(disk("vda")), disks={"vda": {"cache": "none"}})


def test_the_format_of_an_existing_disk_is_never_rewritten() -> None:
    """It may be a snapshot tool's overlay: read as another format, its guest would see garbage."""
    xml = domain(disk("vda", more="<driver name='qemu' type='qcow2'/>"))
    assert edited(xml, disks={"vda": {"format": "raw"}}) == xml


# --- new devices ------------------------------------------------------------


def test_targets_go_on_after_z() -> None:
    taken = "".join(disk(f"vd{letter}") for letter in "abcdefghijklmnopqrstuvwxyz") + disk("vdab")
    assert read(edited(domain(taken), disks={"new": {}})).disks[-1].target == "vdaa"


def test_a_new_disk_has_the_documents_defaults() -> None:
    fields = read(edited(domain(), disks={"new": {"cache": None}})).fields["disks"]
    assert fields == {"new": {"bus": "virtio", "format": "qcow2", "cache": "none", **PLAIN}}


def test_a_new_disk_needs_a_source() -> None:
    with pytest.raises(XmlError, match="cannot add disk 'other': nobody said where it lies"):
        edited(domain(), disks={"other": {}})


def test_one_scsi_controller_serves_all_new_scsi_disks() -> None:
    once = edited(domain(), disks={"new": {"bus": "scsi"}})
    there = "<controller type='scsi' index='0' model='lsilogic'/>"
    assert once.count("<controller") == 1
    assert edited(domain(there), disks={"new": {"bus": "scsi"}}).count("<controller") == 1


def test_a_definition_without_devices_gets_them() -> None:
    after = edited("<domain><name>d</name></domain>", interfaces={"lan": {"network": "lan"}})
    assert read(after).fields["interfaces"] == {"lan": {"network": "lan", "model": "virtio", "link": "up"}}


# --- sources ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("<source dev='/dev/vg/a'/>", "/dev/vg/a"),
        ("<source protocol='rbd' name='pool/a'><host name='192.0.2.1'/></source>", "rbd:pool/a"),
        ("<source protocol='nbd'/>", "nbd:"),
        ("<source pool='images' volume='a'/>", "volume:images/a"),
        ("<source/>", ""),
        ("<!-- ejected -->", ""),
    ],
)
def test_what_a_disk_lies_on(source: str, seen: str) -> None:
    assert read(domain(disk("vda", source=source))).disks[0].source == seen


def test_who_may_write() -> None:
    flags = {"": (True, False), "<readonly/>": (False, False), "<shareable/>": (True, True)}
    for more, expected in flags.items():
        [seen] = read(domain(disk("vda", more=more))).disks
        assert (seen.writable, seen.shareable) == expected
    [drive] = read(domain(disk("sda").replace("<disk", "<disk device='cdrom'"))).disks
    assert not drive.writable


def test_a_running_copys_target_is_written_too() -> None:
    old = disk("vda", more="<mirror file='/copy'/>")
    new = disk("vda", more="<mirror type='file'><source file='/copy'/></mirror>")
    for xml in (domain(old), domain(new)):
        assert [seen.source for seen in read(xml).disks] == ["/pool/vda", "/copy"]


# --- single fields ----------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "size"),
    [
        *(("b", 1), ("bytes", 1), ("KB", 1000), ("k", 1 << 10), ("KiB", 1 << 10), ("kib", 1 << 10), ("MB", 10**6)),
        *(("M", 1 << 20), ("GiB", 1 << 30), ("GB", 10**9), ("T", 1 << 40), ("PB", 10**15), ("E", 1 << 60)),
    ],
)
def test_all_of_libvirts_units(unit: str, size: int) -> None:
    assert scale(unit) == size


@pytest.mark.parametrize(
    ("memory", "mib"),
    [("<memory>65536</memory>", 64), ("<memory unit='b'>1</memory>", 1), ("<memory unit='MB'>300</memory>", 287)],
)
def test_memory_is_read_in_whole_mib(memory: str, mib: int) -> None:
    assert read(domain(rest=memory)).fields["memory"] == mib << 20


def test_memory_that_is_the_same_in_whole_mib_is_left() -> None:
    xml = domain(rest="<memory unit='MB'>300</memory><currentMemory>1</currentMemory>")
    assert edited(xml, memory=287 << 20) == xml


@pytest.mark.parametrize(
    ("vcpu", "number", "after"),
    [
        ("<vcpu>2</vcpu>", 4, "<vcpu>4</vcpu>"),
        ("<vcpu current='2'>8</vcpu>", 4, '<vcpu current="4">8</vcpu>'),
        ("<vcpu current='2'>8</vcpu>", 8, "<vcpu>8</vcpu>"),
        ("<vcpu current='2'>8</vcpu>", 9, "<vcpu>9</vcpu>"),
        ("<vcpu><!-- two -->2</vcpu>", 4, "<vcpu>4</vcpu>"),
        ("", 4, "<vcpu>4</vcpu>"),
    ],
)
def test_the_number_of_vcpus_and_the_maximum(vcpu: str, number: int, after: str) -> None:
    assert after in edited(domain(rest=vcpu), vcpus=number)


@pytest.mark.parametrize(
    ("cpu", "seen"),
    [
        ("", None),
        ("<cpu><topology sockets='1' cores='1' threads='1'/></cpu>", None),
        ("<cpu><model>EPYC</model></cpu>", "EPYC"),
        ("<cpu mode='host-model'><model>EPYC</model></cpu>", "host-model"),
        ("<cpu mode='custom' check='full'><model>EPYC</model></cpu>", "EPYC"),
        ("<cpu mode='custom' check='full'><model>EPYC</model><vendor>AMD</vendor></cpu>", "host-model"),
        ("<cpu mode='maximum'/>", "maximum"),
    ],
)
def test_the_cpu(cpu: str, seen: str | None) -> None:
    assert read(domain(rest=cpu)).fields.get("cpu") == seen


def test_baseline_is_never_written_as_a_model() -> None:
    assert edited(domain(), cpu="baseline") == domain()


# --- what a document says ----------------------------------------------------

DOCUMENT = Domain.model_validate(
    {
        "apiVersion": "reconciler/v1",
        "kind": "Domain",
        "metadata": {"name": "d"},
        "spec": {
            "vcpus": 1,
            "memory": "64MiB",
            "cpu": "baseline",
            "disks": [{"name": "root", "pool": "p", "size": "1GiB", "format": "raw"}],
            "interfaces": [{"name": "lan", "network": "lan"}, {"name": "dmz", "network": "dmz", "model": "e1000e"}],
        },
    }
)


def test_only_what_was_written_is_compared() -> None:
    assert wanted(DOCUMENT, "c", only_set=True) == {
        "vcpus": 1,
        "memory": 64 << 20,
        "disks": {"root": {}},
        "interfaces": {"lan": {"network": "lan"}, "dmz": {"network": "dmz", "model": "e1000e"}},
    }


def test_all_that_it_says_comes_with_defaults_and_derived_macs() -> None:
    fields = wanted(DOCUMENT, "c", only_set=False)
    assert fields["disks"] == {"root": {"bus": "virtio", "format": "raw", "cache": "none"}}
    assert fields["interfaces"]["lan"] | {"mac": ""} == {"network": "lan", "model": "virtio", "mac": ""}
    assert fields["interfaces"]["lan"]["mac"].startswith("52:54:00:")
    assert "cpu" not in fields


def test_a_device_that_is_not_there_yet_is_said_in_full() -> None:
    there: Fields = {"disks": {"root": {}}, "interfaces": {"lan": {}}}
    everything = wanted(DOCUMENT, "c", only_set=False)
    fields = wanted(DOCUMENT, "c", only_set=True, there=there)
    assert fields["disks"] == {"root": {}}
    assert fields["interfaces"] == {"lan": {"network": "lan"}, "dmz": everything["interfaces"]["dmz"]}
    assert wanted(DOCUMENT, "c", only_set=True, there={"disks": {}})["disks"] == everything["disks"]


def test_what_the_document_does_not_speak_of_is_left_out() -> None:
    bare = Domain.model_validate(
        {
            "apiVersion": "reconciler/v1",
            "kind": "Domain",
            "metadata": {"name": "d"},
            "spec": {"vcpus": 1, "memory": "1MiB"},
        }
    )
    assert wanted(bare, "c", only_set=True) == {"vcpus": 1, "memory": 1 << 20}


# --- hostile text -----------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["", "<domain", "<domain/><domain/>", "<a>" * 300 + "</a>" * 300, "<domain>\ud800</domain>", "plain"],
    ids=["empty", "cut", "two", "deep", "surrogate", "text"],
)
def test_what_is_no_xml_is_an_error_of_ours(text: str) -> None:
    with pytest.raises(XmlError, match="cannot read XML"):
        read(text)


def test_entities_are_not_followed() -> None:
    xml = f"<!DOCTYPE domain [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>{domain(rest='<memory>&x;</memory>')}"
    assert "memory" not in read(xml).fields
    assert "root:" not in edited(xml, vcpus=2)


def test_entities_that_swell_are_refused() -> None:
    swelling = "".join(f"<!ENTITY e{i} '{f'&e{i - 1};' * 10 if i else 'ha'}'>" for i in range(12))
    with pytest.raises(XmlError, match="amplification"):
        read(f"<!DOCTYPE domain [{swelling}]>{domain(rest='<memory>&e11;</memory>')}")


def test_a_declared_encoding_of_a_text_means_nothing() -> None:
    text = "<?xml version='1.0' encoding='ISO-8859-1'?>" + domain().replace("<name>d", "<name>Büro")
    assert read(text).name == "Büro"
    assert "Büro" in edited(text, vcpus=7)


# --- the guest agent ----------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "connected"),
    [
        ("name='org.qemu.guest_agent.0' state='connected'", True),
        ("name='org.qemu.guest_agent.0' state='disconnected'", False),
        ("name='org.qemu.guest_agent.0'", False),
        ("name='com.redhat.spice.0' state='connected'", False),
    ],
)
def test_an_agent_is_there_once_it_has_opened_its_channel(target: str, connected: bool) -> None:
    channel = f"<channel type='unix'><target type='virtio' {target}/></channel>"
    assert read(domain(channel)).agent_connected is connected
    assert read("<domain/>").agent_connected is False
