"""tests/xml/<case>: domain.yaml (and before.xml, else the skeleton) merged is expected.xml, which libvirt accepts."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import libvirt
import pytest
from lxml import etree
from ruamel.yaml import YAML

from reconciler.desired.derive import volume_name
from reconciler.desired.documents import Domain
from reconciler.mark import MadeDisk, Mark
from reconciler.observed import CpuFacts, HostFacts
from reconciler.xml.domain import Fields, merge, read, skeleton, wanted
from reconciler.xml.field import Field
from reconciler.xml.table import DISK, DOMAIN, INTERFACE

XML = Path(__file__).parent.parent / "xml"
CASES = sorted(file.parent for file in XML.glob("*/domain.yaml"))
FOREIGN = sorted((XML / "foreign").glob("*.xml"))
SCHEMAS = Path("/usr/share/libvirt/schemas")

CLUSTER = "small-cloud"
CPU = CpuFacts("Skylake-Server-IBRS", (("md-clear", "require"), ("mpx", "disable"), ("pcid", "require")))
FACTS = HostFacts("3078ad7d-a537-4873-b21c-97ea812902c1", "x86_64", "kvm", 64 << 30, 16, CPU)

Golden = Callable[[Path, str], None]
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
each_foreign = pytest.mark.parametrize("file", FOREIGN, ids=lambda file: file.stem)


# --- how a case is played ---------------------------------------------------


def document(case: Path) -> Domain:
    return Domain.model_validate(YAML(typ="safe").load(case / "domain.yaml"))


def before(case: Path) -> str:
    file = case / "before.xml"
    return file.read_text() if file.exists() else skeleton(document(case), CLUSTER, FACTS, CPU)


def said(case: Path) -> Fields:
    """What the case merges: all of the document for a new domain, what was written for an existing one."""
    if not (case / "before.xml").exists():
        return wanted(document(case), CLUSTER, only_set=False)
    return wanted(document(case), CLUSTER, only_set=True, there=read(before(case)).fields)


def merged(case: Path, xml: str) -> str:
    domain = document(case)
    sources = {disk.name: f"/var/lib/libvirt/cloud/{volume_name(domain.name, disk)}" for disk in domain.spec.disks}
    disks = tuple(MadeDisk(name) for name in sorted(sources)) if (case / "before.xml").exists() else ()
    mark = Mark(CLUSTER, domain.name, disks) if case.name != "untouched" else None
    return merge(xml, said(case), sources=sources, mark=mark)


def narrowed(seen: Any, like: Any) -> Any:
    """`seen` with only the keys of `like`."""
    if not isinstance(like, dict) or not isinstance(seen, dict):
        return seen
    return {key: narrowed(seen[key], like[key]) for key in like if key in seen}


@cache
def schema(name: str) -> etree.RelaxNG:
    return etree.RelaxNG(etree.parse(SCHEMAS / f"{name}.rng"))


def assert_valid(xml: str, name: str = "domain") -> None:
    schema(name).assertValid(etree.fromstring(xml))


# --- documents --------------------------------------------------------------


@each_case
def test_merge_gives_the_expected_file(case: Path, golden: Golden) -> None:
    golden(case / "expected.xml", merged(case, before(case)).rstrip("\n") + "\n")


@each_case
def test_read_gives_back_what_was_wanted(case: Path) -> None:
    assert narrowed(read(merged(case, before(case))).fields, said(case)) == said(case)


@each_case
def test_a_second_merge_changes_not_a_byte(case: Path) -> None:
    once = merged(case, before(case))
    assert merged(case, once) == once


@each_case
def test_libvirts_schema_accepts_the_result(case: Path) -> None:
    assert_valid(merged(case, before(case)))


@pytest.mark.libvirt
@each_case
def test_libvirt_accepts_the_result_and_reads_it_as_we_do(case: Path) -> None:
    root = etree.fromstring(merged(case, before(case)))
    root.set("type", "test")
    connection = libvirt.open("test:///default")
    try:
        defined = connection.defineXMLFlags(
            etree.tostring(root, encoding="unicode"), libvirt.VIR_DOMAIN_DEFINE_VALIDATE
        )
        seen = read(defined.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    finally:
        connection.close()
    assert narrowed(seen.fields, said(case)) == said(case)
    assert seen.uuid == read(before(case)).uuid


def test_what_is_so_already_stays_byte_for_byte() -> None:
    case = XML / "untouched"
    assert merged(case, before(case)) == before(case)


def test_the_source_of_an_existing_disk_is_never_rewritten() -> None:
    for case in CASES:
        was = {(disk.name, disk.source) for disk in read(before(case)).disks}
        assert was <= {(disk.name, disk.source) for disk in read(merged(case, before(case))).disks}, case.name


@pytest.mark.parametrize(
    ("arch", "machine", "ports", "features"),
    [("x86_64", "q35", 14, True), ("aarch64", "virt", 14, False), ("s390x", None, 0, False)],
)
def test_a_skeleton_by_architecture(arch: str, machine: str | None, ports: int, *, features: bool) -> None:
    """PCIe ports: four for its own devices, one each for its disk and its interface, eight to spare."""
    xml = skeleton(document(XML / "seed-web-1"), CLUSTER, replace(FACTS, arch=arch), None)
    root = etree.fromstring(xml)
    kind = root.find("os/type")
    assert kind is not None
    assert (kind.get("arch"), kind.get("machine")) == (arch, machine)
    assert len(root.findall("devices/controller[@model='pcie-root-port']")) == ports
    assert (root.find("features/acpi") is not None) == features
    assert root.find("cpu") is None


# --- the table --------------------------------------------------------------


def lines() -> Iterator[tuple[str, Field]]:
    for owner, table in (("domain", DOMAIN), ("disk", DISK), ("interface", INTERFACE)):
        yield from ((owner, field) for field in table)


def said_of(owner: str, fields: Fields) -> dict[str, Fields]:
    """The parts of `fields` that one of the tables is about, by name."""
    named: dict[str, Fields] = {"": fields} if owner == "domain" else fields.get(f"{owner}s", {})
    return named


@pytest.mark.parametrize(("owner", "field"), list(lines()), ids=lambda part: getattr(part, "name", part))
def test_every_line_of_the_table_is_exercised(owner: str, field: Field) -> None:
    """Some cases write two values of it at least, and one changes it in a device that is there."""
    written, changed = set(), False
    for case in CASES:
        there = said_of(owner, read(before(case)).fields)
        for name, fields in said_of(owner, said(case)).items():
            if field.name in fields and there.get(name, {}).get(field.name) != fields[field.name]:
                written.add(fields[field.name])
                changed |= name in there and (case / "before.xml").exists()
    assert len(written) > 1, f"no two cases write {owner}.{field.name}; add one to {XML}"
    assert changed or field.once, f"no case changes {owner}.{field.name} in an existing definition"


# --- domains of others ------------------------------------------------------


@each_foreign
def test_a_foreign_domain_is_read(file: Path, golden: Golden) -> None:
    reading = asdict(read(file.read_text()))
    text = json.dumps(reading, indent=2, sort_keys=True, default=sorted, ensure_ascii=False)
    golden(file.with_suffix(".json"), text + "\n")


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
    for path in ("vcpu", "memory", "currentMemory", "metadata/{urn:reconciler:v1}mark", "metadata"):
        for found in root.findall(path):
            if path != "metadata" or len(found) == 0:
                found.getparent().remove(found)  # type: ignore[union-attr]
    return etree.canonicalize(root)
