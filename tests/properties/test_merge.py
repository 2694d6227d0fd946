"""What a document does not say survives every edit (law 10): strangers are put into definitions, then fields merged."""

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from reconciler.desired.rules import NAME, cpuset
from reconciler.diff.fields import differing
from reconciler.mark import MadeDisk, Mark
from reconciler.xml.devices import alias_of, name_of_alias
from reconciler.xml.domain import Fields, merge, read
from reconciler.xml.firmware import HYPERV
from reconciler.xml.mark import URI

XML = Path(__file__).parent.parent / "xml"
DEFINITIONS = tuple(file.read_text() for file in sorted(XML.glob("*/*.xml")))

STRANGE = "urn:example:strange"
REPLACED = (
    *("vcpus", "vcpu", "model", "vendor", "feature", "address", "source", "boot", "hugepages", "listen", "serial"),
    *("console", "channel", "input", "rng", "graphics", "memballoon", "readonly", "shareable", "iotune"),
)
"""Elements that an edit may put another in the place of."""
EDITED = (
    *(*REPLACED, "memory", "currentMemory", "maxMemory", "cpu", "driver", "target", "mac", "alias", "title"),
    *("description", "emulator", "cell"),
)
"""These, and those whose text or children it may write: strangers stand beside them, or at their other attributes."""

# --- strangers --------------------------------------------------------------

names = st.text(string.ascii_letters, min_size=1, max_size=8)
texts = st.text(
    st.characters(codec="utf-8", exclude_characters="\r", exclude_categories=("Cc", "Cs", "Cn", "Co")), max_size=20
).map(lambda text: "".join(c for c in text if c not in "\ufffe\uffff"))
tags = st.one_of(names.map(lambda name: f"x-{name}"), names.map(lambda name: f"{{{STRANGE}}}{name}"))


def _element(tag: str, attributes: dict[str, str], text: str) -> etree._Element:
    made = etree.Element(tag, attributes, nsmap={"s": STRANGE} if tag.startswith("{") else None)
    made.text = text
    return made


def _comment(text: str) -> etree._Element:
    return etree.Comment(text.replace("-", "~"))


def _cdata(tag: str, text: str) -> etree._Element:
    made = etree.Element(tag)
    made.text = etree.CDATA(text.replace("]]>", "]]"))
    return made


strangers = st.one_of(
    st.builds(_element, tags, st.dictionaries(tags, texts, max_size=2), texts),
    st.builds(_comment, texts),
    st.builds(_cdata, tags, texts),
    st.builds(lambda name: etree.ProcessingInstruction(f"x-{name}", "kept"), names),
)
"""Elements with and without a namespace, comments, CDATA, instructions."""


def _within(found: etree._Element, tags: tuple[str, ...]) -> bool:
    return any(node.tag in tags for node in (found, *found.iterancestors()))


@st.composite
def definitions(draw: st.DrawFn) -> str:
    """The text of a domain of the golden cases, with strangers in places where no field stands."""
    root = etree.fromstring(draw(st.sampled_from(DEFINITIONS)))
    places = [found for found in root.iter(etree.Element) if not _within(found, REPLACED) and URI not in str(found.tag)]
    homes = [found for found in places if found.tag not in EDITED]
    for stranger in draw(st.lists(strangers, max_size=6)):
        home = draw(st.sampled_from(homes))
        home.insert(draw(st.integers(0, len(home))), stranger)
    for key, value in draw(st.dictionaries(tags, texts, max_size=3)).items():
        draw(st.sampled_from(places)).set(key, value)
    return etree.tostring(root, encoding="unicode")


# --- fields -----------------------------------------------------------------

cpusets = st.sets(st.integers(0, 20), min_size=1).map(lambda cpus: cpuset(",".join(map(str, cpus))))
flags = st.booleans()
lines = st.text("abc <&>'\"é", min_size=1, max_size=8).map(str.strip).filter(bool)


def some(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({}, optional=fields).filter(bool)


PARTS: dict[str, st.SearchStrategy[Any]] = {
    "title": lines,
    "description": lines,
    "machine": st.sampled_from(["pc-q35-7.2", "pc-q35-8.0"]),
    "cpu_features": st.dictionaries(
        st.sampled_from(["vmx", "svm", "aes"]), st.sampled_from(["require", "disable"]), min_size=1
    ),
    "topology": some({name: st.integers(1, 4) for name in ("sockets", "dies", "cores", "threads")}),
    "max_memory": st.integers(513, 600).map(lambda mib: mib << 20),
    "emulator": st.sampled_from(["/usr/bin/qemu", "/opt/qemu"]),
    "hugepages": st.sampled_from([2 << 20, 1 << 30]),
    "cpuset": cpusets,
    "vcpu_pins": st.dictionaries(st.integers(0, 5).map(str), cpusets),
    "emulator_pin": cpusets,
    "numatune": st.fixed_dictionaries(
        {"nodeset": cpusets}, optional={"mode": st.sampled_from(["strict", "preferred"])}
    ),
    "clock": some(
        {
            "offset": st.sampled_from(["utc", "localtime"]),
            "timers": st.dictionaries(
                st.sampled_from(["rtc", "hpet", "tsc"]), st.sampled_from(["present", "absent", "catchup"]), min_size=1
            ),
        }
    ),
    "hyperv": some({field.name: flags for field in HYPERV.table}),
    "tpm": st.fixed_dictionaries({"model": st.just("tpm-crb"), "version": st.sampled_from(["2.0", "1.2"])}),
    "graphics": st.fixed_dictionaries(
        {"type": st.sampled_from(["vnc", "spice"])},
        optional={"listen": st.sampled_from(["0.0.0.0", "::1"]), "port": st.integers(5900, 5999)},
    ),
    "video": st.sampled_from(["virtio", "vga"]),
    "watchdog": st.fixed_dictionaries({"model": st.sampled_from(["ib700", "i6300esb"]), "action": st.just("pause")}),
    "memballoon": st.fixed_dictionaries(
        {"model": st.just("virtio")},
        optional={"stats_period": st.integers(1, 9), "autodeflate": flags, "free_page_reporting": flags},
    ),
    **dict.fromkeys(("serial_console", "guest_agent", "tablet", "rng"), flags),
}

domain_fields = st.fixed_dictionaries(
    {},
    optional={
        **PARTS,
        "vcpus": st.integers(1, 64),
        "memory": st.integers(1, 512).map(lambda mib: mib << 20),
        "cpu": st.sampled_from(["host-model", "host-passthrough", "EPYC", "Skylake-Server"]),
    },
)
disk_fields = st.fixed_dictionaries(
    {},
    optional={
        "bus": st.sampled_from(["virtio", "scsi", "sata"]),
        "cache": st.sampled_from(["none", "writeback", "default"]),
        "io": st.sampled_from(["native", "threads"]),
        "discard": st.sampled_from(["unmap", "ignore"]),
        "detect_zeroes": st.sampled_from(["on", "off"]),
        "iotune": st.one_of(
            some({"total_bytes_sec": st.integers(1, 9), "read_iops_sec": st.integers(1, 9)}),
            some({"write_bytes_sec": st.integers(1, 9), "total_iops_sec": st.integers(1, 9)}),
        ),
        "read_only": flags,
        "shareable": flags,
        "serial": st.sampled_from(["A1", "B 2"]),
        "boot_order": st.integers(1, 9),
    },
)
interface_fields = st.fixed_dictionaries(
    {},
    optional={
        "network": st.sampled_from(["lan", "dmz"]),
        "mac": st.sampled_from(["52:54:00:00:00:aa", "52:54:00:00:00:bb"]),
        "model": st.sampled_from(["virtio", "e1000e"]),
        "bandwidth": some({"inbound": st.integers(1, 9).map(lambda kib: kib << 10), "outbound": st.just(1 << 20)}),
        "boot_order": st.integers(1, 9),
        "mtu": st.integers(68, 9000),
        "link": st.sampled_from(["up", "down"]),
    },
)


@st.composite
def edits(draw: st.DrawFn, there: Fields) -> Fields:
    """Some fields of the domain, of some devices that it has, and of some new ones."""
    disks = draw(st.lists(st.sampled_from([*there["disks"], "new.1", "new_2"]), unique=True, max_size=3))
    cards = draw(st.lists(st.sampled_from([*there["interfaces"], "new.1", "new_3"]), unique=True, max_size=3))
    return {
        **draw(domain_fields),
        "disks": {name: draw(disk_fields) for name in disks if NAME.fullmatch(name)},
        "interfaces": {name: _network(name) | draw(interface_fields) for name in cards if NAME.fullmatch(name)},
    }


def _network(name: str) -> dict[str, str]:
    return {"network": "lan"} if name.startswith("new") else {}


def canonical(xml: str, forget: Callable[[etree._Element], None] = lambda root: None) -> str:
    root = etree.fromstring(xml)
    forget(root)
    return etree.canonicalize(root, with_comments=True)


def strange_parts(xml: str) -> list[str]:
    """Every stranger, canonical, and every strange attribute with its element's tag; sorted."""
    root = etree.fromstring(xml)
    found = [node for node in root.iter() if not isinstance(node.tag, str) or "x-" in node.tag or STRANGE in node.tag]
    attributes = [
        f"{node.tag!s} {key}={value}"
        for node in root.iter(etree.Element)
        for key, value in node.attrib.items()
        if "x-" in key or STRANGE in key
    ]
    alone = [etree.tostring(node, encoding="unicode", with_tail=False) for node in found]
    return sorted([*alone, *attributes])


# --- the laws ---------------------------------------------------------------

law = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@law
@given(definitions())
def test_merging_nothing_gives_the_same_text(xml: str) -> None:
    assert merge(xml, {}, sources={}, mark=None) is xml
    assert merge(xml, read(xml).fields, sources={}, mark=read(xml).mark) is xml


@law
@given(definitions(), st.integers(1, 512))
def test_a_changed_number_of_vcpus_changes_nothing_else(xml: str, vcpus: int) -> None:
    def forget(root: etree._Element) -> None:
        for vcpu in root.iterfind("vcpu"):
            vcpu.text = ""
            vcpu.attrib.pop("current", None)
        for cell in root.iterfind("cpu/numa/cell"):
            cell.attrib.pop("cpus", None)
        for states in root.findall("vcpus"):
            root.remove(states)

    after = merge(xml, {"vcpus": vcpus}, sources={}, mark=None)
    assert read(after).fields["vcpus"] == vcpus
    assert canonical(after, forget) == canonical(xml, forget)


@law
@given(st.data(), definitions(), st.booleans())
def test_strangers_survive_any_edit_and_a_second_one_finds_nothing(
    data: st.DataObject, xml: str, is_marked: bool
) -> None:
    fields = data.draw(edits(read(xml).fields))
    mark = Mark("c", "n", (MadeDisk("root"),)) if is_marked else None
    sources = {name: f"/pool/{name}" for name in fields["disks"]}
    after = merge(xml, fields, sources=sources, mark=mark)
    assert merge(after, fields, sources={}, mark=mark) is after
    assert strange_parts(after) == strange_parts(xml)
    seen, before = read(after), read(xml)
    assert seen.mark == (mark or before.mark)
    assert {disk.source for disk in before.disks} <= {disk.source for disk in seen.disks}
    assert not differing(seen.fields, fields)


@law
@given(st.lists(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,12}", fullmatch=True), unique=True, min_size=2))
def test_each_name_has_an_alias_of_its_own_that_libvirt_takes(device_names: list[str]) -> None:
    aliases = [alias_of(name) for name in device_names]
    assert len(set(aliases)) == len(aliases)
    assert [name_of_alias(alias) for alias in aliases] == device_names
    assert all(set(alias) <= set(string.ascii_letters + string.digits + "_-") for alias in aliases)
