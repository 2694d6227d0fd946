"""Our mark in <metadata>: read, written, and given to libvirt."""

import libvirt
import pytest

from reconciler.mark import MadeDisk, Mark
from reconciler.xml.domain import merge, read
from reconciler.xml.mark import PREFIX, URI, mark_xml

ROOT = MadeDisk("root", "images", "web-1.root.qcow2", "qcow2", 1024**3, "tiny-0123456789abcdef.qcow2")
MARK = Mark("small-cloud", "web-1", (MadeDisk("data"), ROOT), claimed_by="hv1")
ELEMENT = (
    f"<m:mark xmlns:m='{URI}' cluster='small-cloud' name='web-1' claimedBy='hv1'>"
    "<m:disk name='root' pool='images' volume='web-1.root.qcow2' format='qcow2' capacity='1073741824'"
    " image='tiny-0123456789abcdef.qcow2'/><m:disk name='data'/></m:mark>"
)
EARLIER = f"<mark xmlns='{URI}' cluster='c' name='n'><disk name='root'/><disk name='data'/></mark>"


def domain(metadata: str, namespace: str = "") -> str:
    return f"<domain type='test'{namespace}><name>d</name><metadata>{metadata}</metadata></domain>"


@pytest.mark.parametrize(
    ("metadata", "mark"),
    [
        ("", None),
        (ELEMENT, MARK),
        (ELEMENT.replace("xmlns:m", "xmlns").replace("m:", ""), MARK),
        (f"<mark xmlns='{URI}' cluster='c' name='n'/>", Mark("c", "n")),
        (f"<mark xmlns='{URI}' cluster='c' name='n'><disk/><disk name=''/></mark>", Mark("c", "n")),
        (EARLIER, Mark("c", "n", (MadeDisk("data"), MadeDisk("root")))),
        (
            EARLIER.replace("'root'", "'root' pool='images' capacity='1'"),
            Mark("c", "n", (MadeDisk("data"), MadeDisk("root"))),
        ),
        (f"<mark xmlns='{URI}' cluster='c'/>", None),
        (f"<mark xmlns='{URI}' cluster='' name='n'/>", None),
        ("<mark cluster='c' name='n'/>", None),
        ("<mark xmlns='urn:reconciler:v2' cluster='c' name='n'/>", None),
    ],
)
def test_a_mark_is_known_by_its_namespace(metadata: str, mark: Mark | None) -> None:
    assert read(domain(metadata)).mark == mark


def test_an_equal_mark_stays_as_it_stands() -> None:
    xml = domain(f"<!-- a --><b/>{ELEMENT}")
    assert merge(xml, {}, sources={}, mark=MARK) is xml


def test_another_mark_takes_its_place_and_none_leaves_it() -> None:
    xml = domain(f"<a/>{ELEMENT}<b/>")
    after = merge(xml, {}, sources={}, mark=Mark("c", "n"))
    assert read(after).mark == Mark("c", "n")
    assert after.index("<a/>") < after.index(":mark") < after.index("<b/>")
    assert merge(xml, {}, sources={}, mark=None) is xml


def test_a_prefix_that_others_use_for_something_else_is_no_hindrance() -> None:
    xml = domain("<reconciler:thing/>", f" xmlns:{PREFIX}='urn:example:other'")
    after = merge(xml, {}, sources={}, mark=MARK)
    assert read(after).mark == MARK
    assert f'xmlns:{PREFIX}="urn:example:other"' in after


@pytest.mark.libvirt
def test_libvirt_takes_the_mark_both_ways() -> None:
    """virDomainSetMetadata puts PREFIX and URI on what mark_xml gives; what was there before is replaced."""
    connection = libvirt.open("test:///default")
    try:
        handle = connection.lookupByName("test")
        for mark in (Mark("c", "n"), MARK):
            handle.setMetadata(
                libvirt.VIR_DOMAIN_METADATA_ELEMENT, mark_xml(mark), PREFIX, URI, libvirt.VIR_DOMAIN_AFFECT_CONFIG
            )
            xml = handle.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
            assert read(xml).mark == mark
            assert merge(xml, {}, sources={}, mark=mark) is xml
        assert xml.count("reconciler:mark xmlns") == 1
    finally:
        connection.close()
