"""Definitions of many makers: each is imported, valid, planned to the mark alone, and then to nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.desired.documents import Cdrom, Disk, DomainSpec, Interface
from reconciler.importing.fields import alias_of, in_words
from reconciler.load.writer import dumped, stream
from reconciler.xml.field import TEXT, Field
from reconciler.xml.table import DISK, DOMAIN, DRIVE, INTERFACE
from reconciler.xml.unspoken import unspoken
from tests.unit.test_importing import Room, documents, lived_in, room

SHAPES = sorted((Path(__file__).parents[1] / "xml" / "foreign").glob("*.xml"))

__all__ = ["lived_in", "room"]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda path: path.stem)
def test_a_definition_of_any_maker_is_taken_over_as_it_is(lived_in: Room, shape: Path) -> None:
    lived_in.people("virsh net-define lan@hv2 bridge=br0", "virsh net-start lan@hv2")
    lived_in.define("hv2", shape.read_text())
    code, text = lived_in.run("import", "--adopt", "--host", "hv2")
    lived_in.keep(text)
    assert (code, lived_in.run("validate")[0]) == (0, 0)
    code, plan = lived_in.json("plan")
    assert {step["id"].partition(":")[0] for step in plan["steps"]} <= {"adopt-domain", "define-network"}, plan["steps"]
    assert plan["held"] == []
    if plan["steps"]:
        assert lived_in.run("--once")[0] == 0
    assert lived_in.run("plan")[0] == 0


@pytest.mark.parametrize(
    ("model", "table"), [(DomainSpec, DOMAIN), (Disk, DISK), (Cdrom, DRIVE), (Interface, INTERFACE)]
)
def test_every_field_of_the_table_has_a_name_in_documents(model, table) -> None:
    assert {alias_of(model, field.name) for field in table} <= {info.alias for info in model.model_fields.values()}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("memory", 268435456, "256MiB"),
        ("memory", 1024 * 1000, "1000KiB"),
        ("vcpus", 3, 3),
        ("cpu", "host-passthrough", "host-passthrough"),
        ("on_drain", "stay", "stay"),
    ],
)
def test_a_value_is_written_as_its_field_takes_it(name, value, words) -> None:
    said, unsaid = in_words(DomainSpec, (Field(name, name, TEXT),), {name: value})
    assert (list(said.values()), unsaid) == ([words], ())


@pytest.mark.parametrize(("name", "value"), [("vcpus", 0), ("memory", 1000), ("cpu", "a b"), ("on_drain", "burn")])
def test_what_no_field_takes_is_told_instead(name, value) -> None:
    said, unsaid = in_words(DomainSpec, (Field(name, name, TEXT),), {name: value})
    assert said == {}
    assert unsaid == (f"{alias_of(DomainSpec, name)}: {value}",)


def test_what_the_table_does_not_read_is_unspoken() -> None:
    xml = (
        "<domain><name>d</name><uuid>u</uuid><memory>1</memory><currentMemory>1</currentMemory><vcpu>1</vcpu>"
        "<metadata><mark xmlns='urn:reconciler:v1' cluster='c' name='d'/></metadata><sysinfo type='smbios'/>"
        "<devices><disk/><sound model='ich9'/><sound model='ich9'/><hub type='usb'/></devices></domain>"
    )
    assert unspoken(xml) == ("sysinfo", "sound (ich9) x2", "hub (usb)")
    assert "metadata of others" in unspoken(xml.replace("urn:reconciler:v1", "urn:theirs"))


@pytest.mark.parametrize(
    "value",
    [
        *("on", "0755", "1.10", "2024-01-31", "null", "~", "", "1e3", "yes", "-", "#", "a: b", "a #b", "*a", "&a"),
        *("52:54:00:11:22:33", "two\nlines", "---", "\u202eevil", "\x1b[2J", "B\u00fcro", '"', "'", "%x", "@x", "`"),
        *("{a}", "[a]", "!tag", "| x", "> x", "\ttab", " x ", "\U0001f600", "\ufeff", "\x85", "\u2028"),
    ],
)
def test_a_text_is_read_back_as_it_was(lived_in: Room, value: str) -> None:
    document = {
        "apiVersion": "reconciler/v1",
        "kind": "Domain",
        "metadata": {"name": "a", "labels": {value or "empty": value}},
        "spec": {"vcpus": 1, "memory": "64MiB"},
    }
    text = dumped(document)
    assert text.isascii()
    lived_in.keep(text)
    code, told = lived_in.json("validate")
    if code == 0:
        assert documents(text)["Domain/a"]["metadata"]["labels"] == {value or "empty": value}
    else:  # a key or a text that documents may not hold at all is refused, and never misread
        assert any(word in told["problems"][0]["message"] for word in ("character", "label")), told


def test_a_comment_stays_one() -> None:
    text = stream([(["a\nkind: Domain", "x" * 500, "\u202e"], {"kind": "Pool"})], ["b\r---"])
    assert [line for line in text.splitlines() if not line.startswith("#")] == ["---", "kind: Pool", ""]
