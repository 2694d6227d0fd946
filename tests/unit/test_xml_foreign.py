"""tests/xml/foreign: domains that others made are read, stay byte for byte, and an edit touches its own lines only."""

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from pydantic import BaseModel, ValidationError

from reconciler.desired.documents import Disk, Domain, DomainSpec
from reconciler.diff.fields import differing
from reconciler.mark import Mark
from reconciler.xml.domain import DomainReading, Fields, merge, read, wanted
from reconciler.xml.field import Field
from reconciler.xml.table import DISK, DOMAIN
from tests.unit.test_xml_golden import CLUSTER, XML, assert_valid, narrowed

FOREIGN = sorted((XML / "foreign").glob("*.xml"))
Golden = Callable[[Path, str], None]
each_foreign = pytest.mark.parametrize("file", FOREIGN, ids=lambda file: file.stem)


def test_there_are_shapes_enough() -> None:
    assert len(FOREIGN) >= 40


# --- reading ----------------------------------------------------------------


@each_foreign
def test_a_foreign_domain_is_read(file: Path, golden: Golden) -> None:
    golden(file.with_suffix(".json"), in_lines(asdict(read(file.read_text()))) + "\n")


def in_lines(value: Any, depth: int = 2, indent: str = "") -> str:
    """JSON with a line for each field, however much it holds."""
    if depth == 0 or not isinstance(value, dict):
        return json.dumps(value, sort_keys=True, default=sorted, ensure_ascii=False)
    inner = f"{indent}  "
    lines = [f"{inner}{json.dumps(key)}: {in_lines(value[key], depth - 1, inner)}" for key in sorted(value)]
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"


@each_foreign
def test_a_foreign_domain_is_what_libvirt_writes(file: Path) -> None:
    assert_valid(file.read_text())


@each_foreign
def test_merging_nothing_gives_the_same_text(file: Path) -> None:
    assert merge(file.read_text(), {}, sources={}, mark=None) == file.read_text()


@each_foreign
def test_merging_what_is_there_gives_the_same_text(file: Path) -> None:
    reading = read(file.read_text())
    assert merge(file.read_text(), reading.fields, sources={}, mark=reading.mark) == file.read_text()


# --- a document that says what is there --------------------------------------


def document_of(reading: DomainReading) -> Domain:
    """A document that says what was read, as far as the models have words for it."""
    spec = spoken(DomainSpec, DOMAIN, reading.fields, {"vcpus": 1, "memory": "1GiB"})
    spec["disks"] = [
        spoken(Disk, DISK, fields, {"name": name, "pool": "images", "size": "1GiB"})
        for name, fields in reading.fields["disks"].items()
        if "#" not in name
    ]
    head = {"apiVersion": "reconciler/v1", "kind": "Domain", "metadata": {"name": "foreign"}}
    return Domain.model_validate({**head, "spec": spec})


def spoken(model: type[BaseModel], table: tuple[Field, ...], fields: Fields, base: dict[str, Any]) -> dict[str, Any]:
    """`base` with each field in the first way of writing it that the model takes."""
    said = dict(base)
    for field in table:
        for value in ways(fields.get(field.name), field):
            if is_valid(model, {**said, field.name: value}):
                said[field.name] = value
                break
    return said


def ways(value: Any, field: Field) -> Iterator[Any]:
    if value is None:
        return
    yield value
    if isinstance(value, int):
        yield from (f"{value}B", f"{value}s")
    if isinstance(value, Mapping) and field.kind.table:
        yield {name: next(reversed([*ways(inner, field)])) for name, inner in value.items()}
    if isinstance(value, Mapping) and list(value) == [str(number) for number in range(len(value))]:
        yield list(value.values())


def is_valid(model: type[BaseModel], values: dict[str, Any]) -> bool:
    try:
        model.model_validate(values)
    except ValidationError:
        return False
    return True


@each_foreign
def test_a_document_that_says_what_is_there_changes_nothing(file: Path) -> None:
    xml = file.read_text()
    there = read(xml).fields
    fields = wanted(document_of(read(xml)), CLUSTER, only_set=True, there=there)
    assert differing(there, fields) == ()
    assert merge(xml, fields, sources={}, mark=None) == xml


def test_most_of_what_is_read_can_be_said() -> None:
    """So that the test above is about something."""
    document = document_of(read((XML / "foreign/windows-11-secure-boot.xml").read_text())).spec
    said = {
        "hyperv",
        "clock",
        "firmware",
        "secure_boot",
        "tpm",
        "graphics",
        "video",
        "topology",
        "max_vcpus",
        "watchdog",
    }
    assert said <= document.model_fields_set
    assert document.disks[0].model_fields_set >= {"bus", "io", "discard", "detect_zeroes", "serial", "boot_order"}
    assert document.hyperv is not None
    assert document.hyperv.stimer


# --- edits ------------------------------------------------------------------


@each_foreign
def test_strangers_survive_an_edit(file: Path) -> None:
    fields = {"vcpus": 3, "memory": 3 << 30}
    after = merge(file.read_text(), fields, sources={}, mark=Mark(CLUSTER, "mine"))
    assert narrowed(read(after).fields, fields) == fields
    assert read(after).mark == Mark(CLUSTER, "mine")
    assert without_the_edited(after) == without_the_edited(file.read_text())
    assert_valid(after)


def without_the_edited(xml: str) -> str:
    """Canonical XML but for what the test above writes; an empty <metadata> counts as none."""
    root = etree.fromstring(xml, etree.XMLParser(remove_blank_text=True))
    for cell in root.findall("cpu/numa/cell"):  # the one there is follows memory and vcpus
        for attribute in ("cpus", "memory", "unit"):
            cell.attrib.pop(attribute, None)
    for path in ("vcpu", "vcpus", "memory", "currentMemory", "metadata/{urn:reconciler:v1}mark", "metadata"):
        for found in root.findall(path):
            if path != "metadata" or len(found) == 0:
                found.getparent().remove(found)  # type: ignore[union-attr]
    return etree.canonicalize(root)


EDITS: dict[str, tuple[Fields, str]] = {
    "title": ({"title": "changed"}, "title"),
    "vcpus": ({"vcpus": 7}, "vcpus?|cell"),
    "tablet": ({"tablet": True}, "input"),
    "clock": ({"clock": {"offset": "localtime", "timers": {"tsc": "absent"}}}, "clock|timer"),
    "hyperv": ({"hyperv": {"runtime": True, "evmcs": False}}, "features|hyperv|runtime|evmcs"),
    "watchdog": ({"watchdog": {"model": "ib700", "action": "pause"}}, "watchdog|address"),
    "cpuset": ({"cpuset": "30"}, "vcpu"),
}
"""What is written, and in the lines of which elements that shows."""


@each_foreign
@pytest.mark.parametrize("name", EDITS)
def test_one_field_changes_its_own_lines(file: Path, name: str) -> None:
    fields, tags = EDITS[name]
    after = merge(file.read_text(), fields, sources={}, mark=None)
    assert differing(read(after).fields, fields) == ()
    changed = [line for line in difflib.ndiff(lines(file.read_text()), lines(after)) if line[0] in "+-"]
    assert [line for line in changed if not re.match(rf"[+-] +</?({tags})[ >/]", line)] == []
    assert_valid(after)


def lines(xml: str) -> list[str]:
    """Canonical, one element a line, without what differs only in how it is closed."""
    text = etree.canonicalize(etree.tostring(etree.fromstring(xml), encoding="unicode"))
    return [re.sub(r"></[^>]*>$", ">", line) for line in text.splitlines()]


def test_a_snapshot_made_in_between_stays() -> None:
    """The document knows the volume it once made; the backup tool's overlay is what the guest writes to."""
    xml = (XML / "foreign/external-snapshot.xml").read_text()
    fields = {"disks": {"root": {"cache": "writeback", "discard": "unmap"}, "data": {"bus": "scsi"}}}
    after = merge(xml, fields, sources={"root": "/pool/web.root.qcow2", "data": "/pool/web.data.qcow2"}, mark=None)
    assert [disk.source for disk in read(after).disks] == [disk.source for disk in read(xml).disks]
    assert after.count("<backingStore") == xml.count("<backingStore")


def test_a_disk_put_in_the_middle_is_an_added_disk_and_nothing_else() -> None:
    xml = (XML / "foreign/external-snapshot.xml").read_text()
    there = read(xml).fields["disks"]
    fields = {"disks": {"root": there["root"], "middle": {"bus": "virtio"}, "data": there["data"]}}
    after = merge(xml, fields, sources={"middle": "/pool/web.middle.qcow2"}, mark=None)
    added = [line for line in difflib.ndiff(lines(xml), lines(after)) if line[0] in "+-"]
    assert all(line[0] == "+" for line in added)
    assert list(read(after).fields["disks"]) == ["root", "data", "middle"]
    assert read(after).disks[-1].target == "vdc"
