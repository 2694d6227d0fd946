"""tests/xml/<case>: domain.yaml (and before.xml, else the skeleton) merged is expected.xml, which libvirt accepts."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import libvirt
import pytest
from lxml import etree
from ruamel.yaml import YAML

from reconciler.desired.derive import volume_name
from reconciler.desired.documents import Domain
from reconciler.fact import value_at
from reconciler.mark import MadeDisk, Mark
from reconciler.observed import CpuFacts, HostFacts
from reconciler.xml.domain import Fields, first_definition, merge, read, skeleton, wanted
from reconciler.xml.field import Field, always
from reconciler.xml.table import CDROM, DISK, DOMAIN, INTERFACE

XML = Path(__file__).parent.parent / "xml"
CASES = sorted(file.parent for file in XML.glob("*/domain.yaml"))
SCHEMAS = Path("/usr/share/libvirt/schemas")

CLUSTER = "small-cloud"
CPU = CpuFacts("Skylake-Server-IBRS", (("md-clear", "require"), ("mpx", "disable"), ("pcid", "require")))
FACTS = HostFacts("3078ad7d-a537-4873-b21c-97ea812902c1", "x86_64", "kvm", 64 << 30, 16, CPU)

Golden = Callable[[Path, str], None]
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


# --- how a case is played ---------------------------------------------------


def document(case: Path) -> Domain:
    return Domain.model_validate(YAML(typ="safe").load(case / "domain.yaml"))


def before(case: Path) -> str:
    file = case / "before.xml"
    return file.read_text() if file.exists() else skeleton(document(case), CLUSTER, FACTS, CPU)


def said(case: Path) -> Fields:
    """What the case merges: all of the document for a new domain, what was written for an existing one."""
    if not (case / "before.xml").exists():
        return wanted(document(case), CLUSTER, only_set=False, media=media(case))
    return wanted(document(case), CLUSTER, only_set=True, there=read(before(case)).fields, media=media(case))


def media(case: Path) -> dict[str, str]:
    """Where the volumes lie that the document puts into its drives."""
    drives = document(case).spec.cdroms
    return {drive.name: f"/var/lib/libvirt/cloud/{drive.volume}" if drive.volume else "" for drive in drives}


def expected(case: Path) -> Fields:
    """What is read of the result; where there are edits only what was written, for they may undo defaults."""
    domain = document(case)
    if not domain.spec.xml:
        return said(case)
    return wanted(domain, CLUSTER, only_set=True, there=read(merged(case)).fields, media=media(case))


def merged(case: Path, xml: str | None = None) -> str:
    """What the case comes to, or `xml` with the case's document merged into it."""
    domain = document(case)
    sources = {disk.name: f"/var/lib/libvirt/cloud/{volume_name(domain.name, disk)}" for disk in domain.spec.disks}
    is_new = not (case / "before.xml").exists()
    if xml is None and is_new:
        return first_definition(domain, Mark(CLUSTER, domain.name), FACTS, CPU, sources, media(case))
    mark = Mark(CLUSTER, domain.name, () if is_new else tuple(MadeDisk(name) for name in sorted(sources)))
    fields = wanted(domain, CLUSTER, only_set=True, there=read(xml or before(case)).fields, media=media(case))
    edits = domain.spec.xml
    return merge(
        xml or before(case), fields, sources=sources, mark=mark if case.name != "untouched" else None, edits=edits
    )


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
    golden(case / "expected.xml", merged(case).rstrip("\n") + "\n")


@each_case
def test_read_gives_back_what_was_wanted(case: Path) -> None:
    seen = read(merged(case), document(case).spec.xml)
    assert narrowed(seen.fields, expected(case)) == expected(case)


@each_case
def test_a_second_merge_changes_not_a_byte(case: Path) -> None:
    once = merged(case)
    assert merged(case, once) == once


@each_case
def test_libvirts_schema_accepts_the_result(case: Path) -> None:
    assert_valid(merged(case))


@pytest.mark.libvirt
@each_case
def test_libvirt_accepts_the_result_and_reads_it_as_we_do(case: Path) -> None:
    root = etree.fromstring(merged(case))
    root.set("type", "test")
    connection = libvirt.open("test:///default")
    try:
        defined = connection.defineXMLFlags(
            etree.tostring(root, encoding="unicode"), libvirt.VIR_DOMAIN_DEFINE_VALIDATE
        )
        seen = read(defined.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE), document(case).spec.xml)
    finally:
        connection.close()
    assert narrowed(seen.fields, expected(case)) == expected(case)
    assert seen.uuid == read(before(case)).uuid


def test_what_is_so_already_stays_byte_for_byte() -> None:
    case = XML / "untouched"
    assert merged(case) == before(case)


def test_the_source_of_an_existing_disk_is_never_rewritten() -> None:
    for case in CASES:
        reading = read(before(case))
        was = {(disk.name, disk.source) for disk in reading.disks if disk.name in reading.fields["disks"]}
        assert was <= {(disk.name, disk.source) for disk in read(merged(case)).disks}, case.name


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


def test_a_libvirt_that_names_no_cpu_model_is_left_its_own_default() -> None:
    seed = document(XML / "seed-web-1")
    assert skeleton(seed, CLUSTER, FACTS, CpuFacts("")) == skeleton(seed, CLUSTER, FACTS, None)


# --- the table --------------------------------------------------------------


Way = tuple[str, ...]


def leaves(owner: str, table: tuple[Field, ...], above: Way = ()) -> Iterator[tuple[str, Way, Field]]:
    """Each line of a table, and in the place of a part those of the part."""
    for field in table:
        here = (*above, field.name)
        yield from leaves(owner, field.kind.table, here) if field.kind.table else [(owner, here, field)]


LINES = [
    line
    for owner, table in (("domain", DOMAIN), ("disk", DISK), ("cdrom", CDROM), ("interface", INTERFACE))
    for line in leaves(owner, table)
]


def said_of(owner: str, fields: Fields) -> dict[str, Fields]:
    """The parts of `fields` that one of the tables is about, by name."""
    named: dict[str, Fields] = {"": fields} if owner == "domain" else fields.get(f"{owner}s", {})
    return named


@pytest.mark.parametrize(("owner", "path", "field"), LINES, ids=[f"{line[0]}.{'.'.join(line[1])}" for line in LINES])
def test_every_line_of_the_table_is_exercised(owner: str, path: Way, field: Field) -> None:
    """Some cases write two values of it at least, and one changes it in a device that is there."""
    written, changed = set(), False
    for case in CASES:
        there = said_of(owner, read(before(case)).fields)
        for name, fields in said_of(owner, said(case)).items():
            value, was = value_at(fields, path), value_at(there.get(name), path)
            is_new = not (case / "before.xml").exists()
            if value is not None and (is_new or value != was):
                written.add(str(value))
                changed |= not is_new and name in there
    assert len(written) > 1, f"no two cases write {owner}.{path}; add one to {XML}"
    assert changed or field.once or field.fixed is always, f"no case changes {owner}.{path} in an existing definition"
