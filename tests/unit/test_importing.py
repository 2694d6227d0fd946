"""Documents for what is there: in a simulated cloud that people filled by hand, from the command line to the plan."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from reconciler.cli import app, world
from reconciler.load import load
from reconciler.simulate import SimEdge, VirtualClock, act, build, domains, storage
from reconciler.simulate.definition import foreign_domain
from tests.unit.test_cli_stubs import write

MODELINE = "# yaml-language-server: $schema=../schemas/{}.schema.json"
OWN = "11111111-2222-3333-4444-555555555555"
POOL = """\
<pool type='netfs'><name>images</name><uuid>99999999-2222-3333-4444-555555555555</uuid>
<source><host name='10.77.0.11'/><dir path='/srv/images'/><format type='nfs'/></source>
<target><path>/var/lib/libvirt/cloud</path></target></pool>
"""
LEGACY = f"""\
<domain type='kvm'>
  <name>legacy</name>
  <uuid>{OWN}</uuid>
  <metadata><theirs xmlns='urn:example:theirs'>--- kind: Domain</theirs></metadata>
  <memory unit='KiB'>262144</memory>
  <vcpu placement='static'>2</vcpu>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type><boot dev='hd'/></os>
  <clock offset='localtime'/>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='writeback'/><source file='/var/lib/libvirt/cloud/legacy.qcow2'/>
      <target dev='vda' bus='virtio'/><serial>one</serial>
    </disk>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/><source file='/opt/elsewhere.img'/><target dev='vdb' bus='virtio'/>
    </disk>
    <disk type='file' device='cdrom'><source file='/iso/debian.iso'/><target dev='sda' bus='sata'/><readonly/></disk>
    <controller type='pci' model='pcie-root'/><controller type='pci' model='pcie-root-port'/>
    <interface type='network'>
      <mac address='52:54:00:11:22:33'/><source network='office'/><model type='e1000'/>
    </interface>
    <interface type='bridge'><mac address='52:54:00:11:22:34'/><source bridge='br0'/></interface>
    <graphics type='vnc' port='-1'/>
  </devices>
</domain>
"""


class Room:
    """A directory of hosts alone, and machines on which people made all the rest."""

    def __init__(self, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.directory, self.capsys = write(directory), capsys
        for part in ("pools", "networks", "domains"):
            for file in (directory / part).iterdir():
                file.unlink()
        self.clock = VirtualClock()
        self.world = build(self.clock, load(directory))

    def people(self, *lines: str) -> None:
        for line in lines:
            act(self.world, line)

    def define(self, host: str, xml: str) -> None:
        domains.define(self.world, self.world.hypervisors[host], xml)

    def run(self, *argv: str) -> tuple[int, str]:
        code = app.run(list(argv))
        captured = self.capsys.readouterr()
        assert code != 1, captured.err
        return code, captured.out

    def json(self, *argv: str) -> tuple[int, Any]:
        code, out = self.run(*argv, "-o", "json")
        return code, json.loads(out)

    def keep(self, text: str) -> None:
        (self.directory / "imported.yaml").write_text(text)


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Room]:
    made = Room(tmp_path / "desired-state", capsys)
    monkeypatch.setenv("RECONCILE_RUN_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("RECONCILE_DIR", str(made.directory))
    monkeypatch.setattr(world, "open_edge", lambda **_: SimEdge(made.world))
    monkeypatch.setattr(world, "open_clock", lambda: made.clock)
    with contextlib.closing(made.clock):
        yield made


@pytest.fixture
def lived_in(room: Room) -> Room:
    """An NFS pool on both hosts, a network on one, a running guest with a bit of everything, a stopped one."""
    room.people("nfs export nas /srv/images 10.77.0.0/24 rw,sync,no_root_squash")
    room.people("file nas:/srv/images/legacy.qcow2 4GiB", "file nas:/srv/images/old.img 1GiB raw")
    for host in ("hv1", "hv2"):
        storage.define_pool(room.world, room.world.hypervisors[host], POOL)
        room.people(f"virsh pool-build images@{host}", f"virsh pool-start images@{host}")
    room.people("virsh net-define office@hv1 bridge=br0", "virsh net-start office@hv1")
    room.people("file hv1:/opt/elsewhere.img 1GiB raw", "file hv1:/iso/debian.iso 1GiB raw")
    room.define("hv1", LEGACY)
    room.people("virsh start legacy@hv1", "virsh snapshot-create legacy@hv1")
    room.people("virsh define old@hv2 disks=/var/lib/libvirt/cloud/old.img memory=128MiB")
    return room


def documents(text: str) -> dict[str, Any]:
    parsed = YAML(typ="safe").load_all(text)
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in parsed if one}


def test_what_is_there_becomes_documents(lived_in: Room) -> None:
    code, text = lived_in.run("import", "--adopt")
    assert code == 0
    found = documents(text)
    assert list(found) == ["Pool/images", "Network/office", "Domain/legacy", "Domain/old"]
    assert all(one["metadata"]["annotations"] == {"reconciler/adopt": "true"} for one in found.values())
    assert found["Pool/images"]["spec"] == {
        "type": "netfs",
        "hosts": "all",
        "source": {"host": "nas", "dir": "/srv/images"},
        "target": "/var/lib/libvirt/cloud",
    }
    assert found["Network/office"]["spec"] == {"hosts": ["hv1"], "bridge": "br0"}
    spec = found["Domain/legacy"]["spec"]
    assert {key: spec[key] for key in ("power", "vcpus", "memory")} == {
        "power": "running",
        "vcpus": 2,
        "memory": "256MiB",
    }
    disk = {"name": "vda", "pool": "images", "size": "4GiB", "volume": "legacy.qcow2", "cache": "writeback"}
    assert [{key: one[key] for key in disk} for one in spec["disks"]] == [disk]
    card = {"name": "office", "network": "office", "mac": "52:54:00:11:22:33", "model": "e1000"}
    assert [{key: one[key] for key in card} for one in spec["interfaces"]] == [card]
    assert found["Domain/old"]["spec"]["power"] == "stopped"


def test_what_has_no_field_is_named_in_a_comment(lived_in: Room) -> None:
    text = lived_in.run("import", "--adopt")[1]
    for said in (
        MODELINE.format("domain"),
        MODELINE.format("pool"),
        "# at host/hv1",
        "# left out: disk vdb (/opt/elsewhere.img): it lies in no pool that has a document",
        "# left out: interface 52:54:00:11:22:34: it is on no network",
        "metadata of others",
        "controller (pci) x2",
        "offset: localtime",
        "graphics:\n    type: vnc",
        "serial: one",
    ):
        assert said in text, said
    assert "kind: Domain\n" not in text.partition("# without a field")[0].partition("kind: Domain\n")[2]


def test_taken_over_and_planned_at_once_there_is_only_the_mark(lived_in: Room) -> None:
    lived_in.keep(lived_in.run("import", "--adopt")[1])
    assert lived_in.run("validate")[0] == 0
    code, plan = lived_in.json("plan")
    assert [(step["id"], step["impact"]) for step in plan["steps"]] == [
        ("define-network:network/office@hv1", "live"),
        ("adopt-domain:domain/legacy@hv1", "live"),
        ("adopt-domain:domain/old@hv2", "live"),
    ]
    assert (code, plan["held"]) == (2, [])
    before = {d.name: d.guest for _, d in lived_in.world.all_domains()}
    code, report = lived_in.json("--once")
    assert (code, report["result"]) == (0, "converged")
    assert {d.name: d.guest for _, d in lived_in.world.all_domains()} == before
    assert lived_in.json("plan")[1]["steps"] == []
    assert lived_in.run("import", "--adopt") == (0, "# everything that is there has a document\n")


def test_the_annotation_may_go_once_the_mark_is_there(lived_in: Room) -> None:
    text = lived_in.run("import", "domain/legacy", "domain/old", "office", "images", "--adopt")[1]
    lived_in.keep(text)
    assert lived_in.run("--once")[0] == 0
    heads, _, domains_only = text.partition("kind: Domain")
    lived_in.keep(
        heads
        + "kind: Domain"
        + domains_only.replace('    reconciler/adopt: "true"\n', "").replace("  annotations:\n", "")
    )
    assert lived_in.run("plan")[0] == 0


def test_without_adopt_it_validates_and_is_held(lived_in: Room) -> None:
    text = lived_in.run("import")[1]
    assert "reconciler/adopt" not in text
    lived_in.keep(text)
    assert lived_in.run("validate")[0] == 0
    code, plan = lived_in.json("plan")
    assert code == 3
    assert {held["reason"] for held in plan["held"]} == {"NotOurs"}
    assert plan["steps"] == []


@pytest.mark.parametrize(
    ("refs", "kept", "left"),
    [
        (["domain/legacy"], ["Domain/legacy"], "it lies in no pool that has a document"),
        (["pool/images", "domain/old"], ["Pool/images", "Domain/old"], ""),
        (["office"], ["Network/office"], ""),
        (["domain/legacy@hv1"], ["Domain/legacy"], ""),
        (["--host", "hv2"], ["Pool/images", "Domain/old"], ""),
        (["--host", "host/hv2", "domain/old"], ["Domain/old"], ""),
    ],
)
def test_a_part_of_it_is_valid_by_itself(lived_in: Room, refs: list[str], kept: list[str], left: str) -> None:
    code, text = lived_in.run("import", *refs)
    assert (code, list(documents(text))) == (0, kept)
    assert left in text
    lived_in.keep(text)
    assert lived_in.run("validate")[0] == 0


@pytest.mark.parametrize("argv", [["domain/none"], ["nothing"], ["--host", "hv9"], ["--host", "nas"], ["web@hv1"]])
def test_what_is_not_there_is_wrong_usage(lived_in: Room, argv: list[str]) -> None:
    assert lived_in.run("import", *argv)[0] == 64


def test_what_has_a_document_is_not_printed(lived_in: Room) -> None:
    lived_in.keep(lived_in.run("import", "pool/images", "domain/old")[1])
    assert list(documents(lived_in.run("import")[1])) == ["Network/office", "Domain/legacy"]
    assert lived_in.run("import", "domain/old")[0] == 64


def test_a_silent_host_ends_with_4_and_is_named(lived_in: Room) -> None:
    lived_in.people("host hv1 down")
    code, text = lived_in.run("import")
    found = documents(text)
    assert (code, list(found)) == (4, ["Pool/images", "Domain/old"])
    assert found["Pool/images"]["spec"]["hosts"] == ["hv2"]
    assert "# host/hv1 cannot be reached" in text
    assert lived_in.run("import", "--host", "hv2")[0] == 0
    assert lived_in.run("import", "domain/legacy")[0] == 4


def test_json(lived_in: Room) -> None:
    code, told = lived_in.json("import", "--adopt")
    assert (code, set(told)) == (0, {"schemaVersion", "documents", "comments", "leftOut", "silent"})
    assert [one["kind"] for one in told["documents"]] == ["Pool", "Network", "Domain", "Domain"]


def test_names_and_values_from_outside_stay_values(room: Room) -> None:
    """Names that no document may bear, and text that would end a comment, open a document, or move a cursor."""
    room.define("hv1", foreign_domain("on", OWN, memory_mib=64, vcpus=1, disks=()))
    for number, name in enumerate(["a b", "-rf", "x\n---\nkind: Domain", "\u202eevil", "../../etc"]):
        uuid = f"{number:08d}-2222-3333-4444-555555555555"
        xml = foreign_domain("NAME", uuid, memory_mib=64, vcpus=1, disks=())
        room.define("hv1", xml.replace("NAME", name))
    code, text = room.run("import", "--adopt")
    assert code == 0
    assert list(documents(text)) == ["Domain/on"]
    assert '  name: "on"\n' in text
    assert text.isascii()
    room.keep(text)
    assert room.run("validate")[0] == 0


def test_two_guests_on_one_disk_get_one_document_of_it(lived_in: Room) -> None:
    twin = foreign_domain(
        "twin", OWN.replace("1", "2"), memory_mib=64, vcpus=1, disks=("/var/lib/libvirt/cloud/old.img",)
    )
    lived_in.define("hv2", twin)
    text = lived_in.run("import")[1]
    found = documents(text)
    assert "disks" in found["Domain/old"]["spec"]
    assert "disks" not in found["Domain/twin"]["spec"]
    assert "would use the same volume" in text
    lived_in.keep(text)
    assert lived_in.run("validate")[0] == 0


def test_what_cannot_be_told_apart_gets_no_document(lived_in: Room) -> None:
    other = foreign_domain("legacy", OWN.replace("1", "3"), memory_mib=64, vcpus=1, disks=())
    lived_in.define("hv2", other)
    lived_in.people("virsh net-define idle@hv2", "virsh pool-define off@hv2 target=/srv/off")
    text = lived_in.run("import")[1]
    assert list(documents(text)) == ["Pool/images", "Network/office", "Domain/old"]
    for said in ("have different domains of that name", "no document for network/idle", "no document for pool/off"):
        assert said in text
