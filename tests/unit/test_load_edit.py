"""`cordon` changes one token: everything else of the file stays as it was."""

import os
import stat
from pathlib import Path

import pytest

from reconciler.desired import Ref
from reconciler.errors import DesiredStateError, ReconcilerError, UsageError
from reconciler.load import edit, load, locate, set_cordoned

HOST = """\
# Ünïcode before the token
apiVersion: reconciler/v1
kind: Host
metadata:
    name: hv1   # odd indentation stays
spec:
    # about the address
    address: "10.0.0.1"
    cordoned: false   # why: a reboot
    hypervisor: {uri: 'qemu+ssh://root@hv1/system'}
"""
WITHOUT = HOST.replace("    cordoned: false   # why: a reboot\n", "")
NAS = "apiVersion: reconciler/v1\nkind: Host\nmetadata: {name: nas}\nspec: {address: 10.0.0.9, nfsServer: {ssh: nas}}\n"
FLOW = (
    "{apiVersion: reconciler/v1, kind: Host, metadata: {name: hv1}, "
    'spec: {address: 10.0.0.1, hypervisor: {uri: "qemu:///system"}}}'
)


def cordon(directory: Path, content: str | bytes, value: bool = True, name: str = "hv1.yaml") -> bytes:
    """Write `content`, cordon hv1, and give back what the file holds then."""
    file = directory / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert set_cordoned(directory, "hv1", value) == file
    assert load(directory).hosts["hv1"].spec.cordoned is value
    return file.read_bytes()


def test_one_token_changes(tmp_path: Path) -> None:
    assert cordon(tmp_path, HOST).decode() == HOST.replace("cordoned: false ", "cordoned: true ")
    assert cordon(tmp_path, HOST.replace("false", "True"), value=False).decode() == HOST


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("text", [HOST, WITHOUT, f"{NAS}---\n{HOST}", f"{WITHOUT}---\n{NAS}"])
def test_line_ends_and_byte_order_mark_stay(tmp_path: Path, text: str, start: str, end: str) -> None:
    text = text.replace("\n", end)
    if "cordoned" in text:
        expected = text.replace("cordoned: false", "cordoned: true")
    else:
        expected = text.replace(f"spec:{end}", f"spec:{end}    cordoned: true{end}")
    assert cordon(tmp_path, start + text).decode() == start + expected


def test_a_missing_key_is_inserted_as_one_line(tmp_path: Path) -> None:
    assert cordon(tmp_path, WITHOUT).decode() == WITHOUT.replace("spec:\n", "spec:\n    cordoned: true\n")


def test_a_missing_key_is_inserted_in_braces(tmp_path: Path) -> None:
    assert cordon(tmp_path, FLOW).decode() == FLOW.replace("spec: {", "spec: {cordoned: true, ")
    assert cordon(tmp_path, FLOW.replace("spec: {", "spec: {\n  ")).decode() == FLOW.replace(
        "spec: {", "spec: {\n  cordoned: true, "
    )


def test_what_a_merge_brings_stands_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        HOST
        + "---\napiVersion: reconciler/v1\nkind: Pool\nmetadata: {name: p}\nspec: {type: dir, target: /srv/p}\n"
        + "---\napiVersion: reconciler/v1\nkind: Domain\nmetadata: {name: a}\n"
        + "spec:\n  vcpus: 1\n  memory: 1GiB\n  disks:\n"
        + "    - &disk {name: root, pool: p, size: 1GiB}\n    - {<<: *disk, name: more}\n"
    )
    domain = Ref("domain", "a")
    assert locate(tmp_path, domain, ("spec", "disks", 0, "size")).text == "1GiB"
    own = locate(tmp_path, domain, ("spec", "disks", 1, "size"))
    assert (own.line, own.column, own.text) == (25, 19, None)


def test_nothing_is_written_where_it_says_so_already(tmp_path: Path) -> None:
    for text, value in ((HOST, False), (WITHOUT, False), (HOST.replace("false", "true"), True)):
        file = tmp_path / "hv1.yaml"
        file.write_text(text)
        before = file.stat()
        set_cordoned(tmp_path, "hv1", value)
        assert file.stat() == before


def test_mode_and_owner_stay(tmp_path: Path) -> None:
    file = tmp_path / "hv1.yaml"
    file.write_text(HOST)
    file.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(file, 1234, 4321)
    before = file.stat()
    set_cordoned(tmp_path, "hv1", True)
    after = file.stat()
    assert stat.S_IMODE(after.st_mode) == 0o640
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert [path.name for path in tmp_path.iterdir()] == ["hv1.yaml"]


def test_links_are_refused(tmp_path: Path) -> None:
    (tmp_path / ".real").mkdir()
    (tmp_path / ".real" / "hv1.yaml").write_text(HOST)
    (tmp_path / "hv1.yaml").symlink_to(".real/hv1.yaml")
    with pytest.raises(ReconcilerError, match=r"cannot edit hv1\.yaml: it is a link"):
        set_cordoned(tmp_path, "hv1", True)
    (tmp_path / "hv1.yaml").unlink()
    (tmp_path / "hv1.yaml").hardlink_to(tmp_path / ".real" / "hv1.yaml")
    with pytest.raises(ReconcilerError, match="has more than one name"):
        set_cordoned(tmp_path, "hv1", True)
    assert (tmp_path / ".real" / "hv1.yaml").read_text() == HOST


TIED = {
    "a tag": HOST.replace("cordoned: false", "cordoned: !!bool false"),
    "an anchor": HOST.replace("cordoned: false", "cordoned: &no false").replace("hyper", "fenced: *no\n    hyper"),
    "an alias": HOST.replace("cordoned: false", "fenced: &no false\n    cordoned: *no"),
}


@pytest.mark.parametrize("tie", TIED)
def test_a_token_that_is_tied_to_others_is_left_alone(tmp_path: Path, tie: str) -> None:
    file = tmp_path / "hv1.yaml"
    file.write_text(TIED[tie])
    load(tmp_path)
    with pytest.raises(ReconcilerError, match="edit it by hand"):
        set_cordoned(tmp_path, "hv1", True)
    assert file.read_text() == TIED[tie]


def test_an_anchor_that_nobody_uses_harms_nobody(tmp_path: Path) -> None:
    text = FLOW.replace("spec: {address", "spec: &s {address")
    assert "&s {cordoned: true, address" in cordon(tmp_path, text).decode()


def test_a_change_that_says_more_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "hv1.yaml"
    file.write_text(HOST)
    more = HOST.replace("cordoned: false", "cordoned: true").replace("10.0.0.1", "10.0.0.2")
    monkeypatch.setattr(edit, "_changed", lambda *_: more.encode())
    with pytest.raises(ReconcilerError, match="edit it by hand"):
        set_cordoned(tmp_path, "hv1", True)
    monkeypatch.setattr(edit, "_changed", lambda *_: b"a: [")
    with pytest.raises(DesiredStateError):
        set_cordoned(tmp_path, "hv1", True)
    assert file.read_text() == HOST


def test_unknown_hosts_are_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"{HOST}---\n{NAS}")
    with pytest.raises(UsageError, match=r'there is no host/hv2 in the documents; did you mean "hv1"\?'):
        set_cordoned(tmp_path, "hv2", True)
    with pytest.raises(UsageError, match="it is no hypervisor"):
        set_cordoned(tmp_path, "nas", True)


def test_invalid_documents_are_not_edited(tmp_path: Path) -> None:
    file = tmp_path / "hv1.yaml"
    file.write_text(HOST + "x: 1\n")
    with pytest.raises(DesiredStateError):
        set_cordoned(tmp_path, "hv1", True)
    assert file.read_text() == HOST + "x: 1\n"


def test_a_change_by_somebody_else_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "hv1.yaml"
    file.write_text(HOST)
    fsync = os.fsync

    def meanwhile(handle: int) -> None:
        file.write_text(HOST + "# theirs\n")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", meanwhile)
    with pytest.raises(ReconcilerError, match="somebody else changed it"):
        set_cordoned(tmp_path, "hv1", True)
    assert file.read_text() == HOST + "# theirs\n"
    assert [path.name for path in tmp_path.iterdir()] == ["hv1.yaml"]


def test_what_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hv1.yaml").write_text(HOST)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ReconcilerError, match=r"cannot write hv1\.yaml: no space left on device"):
        set_cordoned(tmp_path, "hv1", True)
    assert (tmp_path / "hv1.yaml").read_text() == HOST
    assert [path.name for path in tmp_path.iterdir()] == ["hv1.yaml"]


def test_a_field_is_found_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "hv1.yaml").write_text(HOST)
    found = locate(tmp_path, Ref("host", "hv1"), ("spec", "cordoned"))
    assert (found.file, found.line, found.column, found.end_column) == ("hv1.yaml", 9, 15, 20)
    assert HOST[found.start : found.end] == found.text == "false"
    deep = locate(tmp_path, Ref("host", "hv1"), ("spec", "hypervisor", "uri"))
    assert (deep.line, deep.text, deep.is_flow) == (10, "qemu+ssh://root@hv1/system", True)
    unset = locate(tmp_path, Ref("host", "hv1"), ("spec", "fenced"))
    assert (unset.line, unset.text, unset.indent) == (7, None, 4)
    (tmp_path / "hv1.yaml").write_text(FLOW.replace("hv1}", "hv1, labels: &l {a: b}, annotations: {<<: *l}}"))
    with pytest.raises(ReconcilerError, match=r"cannot insert a field at hv1\.yaml:1"):
        locate(tmp_path, Ref("host", "hv1"), ("metadata", "annotations", "x"))
    with pytest.raises(ReconcilerError, match=r"cannot find spec\.nfsServer in hv1.yaml"):
        locate(tmp_path, Ref("host", "hv1"), ("spec", "nfsServer", "ssh"))
