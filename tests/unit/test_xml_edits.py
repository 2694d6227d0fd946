"""The escape hatch: what an edit changes, what it leaves, and what cannot be done."""

from typing import Any

import pytest

from reconciler.desired.documents import XmlEdit
from reconciler.xml.domain import merge, read
from reconciler.xml.edits import EditError, label, read_edits, wanted_edits
from reconciler.xml.tree import parse

XML = """<domain><name>d</name><memory>1048576</memory><vcpu>1</vcpu><devices>
<disk><driver name='qemu'/><target dev='vda'/></disk>
<!-- a note -->
<disk><driver name='qemu' discard='ignore'/><target dev='vdb'/></disk>
</devices></domain>"""


def edits(*words: dict[str, str]) -> tuple[XmlEdit, ...]:
    return tuple(XmlEdit.model_validate(one) for one in words)


def edited(*words: dict[str, str], xml: str = XML, **fields: Any) -> str:
    return merge(xml, fields, sources={}, mark=None, edits=edits(*words))


def test_an_edit_is_a_field_of_the_document() -> None:
    said = edits(
        {"set": "./devices/disk[target/@dev='vda']/driver/@discard", "to": "unmap"},
        {"create": "./devices/panic"},
        {"delete": "./devices/disk/driver/@discard"},
        {"set": "./vcpu", "to": "1"},
    )
    assert read(XML, said).fields["xml"] == {
        "create ./devices/panic": "absent",
        "delete ./devices/disk/driver/@discard": "present",
        "set ./vcpu": "1",
    }
    assert wanted_edits(said)[label(said[0])] == "unmap"
    assert "xml" not in read(XML).fields


def test_all_that_a_path_means_get_the_value() -> None:
    said = {"set": "./devices/disk/driver/@discard", "to": "unmap"}
    after = edited(said)
    assert after.count('discard="unmap"') == 2
    assert read_edits(parse(after), edits(said)) == wanted_edits(edits(said))
    partly = XML.replace("ignore", "unmap")
    assert edited(said, xml=partly).count('discard="unmap"') == 2
    assert "<!-- a note -->" in after


def test_what_is_so_already_stays_byte_for_byte() -> None:
    said = ({"set": "./vcpu", "to": "1"}, {"create": "./devices/disk/driver"}, {"delete": "./devices/sound"})
    assert edited(*said) is XML


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            {"set": "./devices/disk[target/@dev='vdz']/driver/@cache", "to": "none"},
            "spec.xml[0].set \"./devices/disk[target/@dev='vdz']/driver/@cache\" matches nothing in the definition; "
            "correct the path, or create the element in an entry before it",
        ),
        (
            {"create": "./devices/disk[target/@dev='vdz']/iotune"},
            "spec.xml[0].create \"./devices/disk[target/@dev='vdz']/iotune\" cannot be made: "
            "\"disk[target/@dev='vdz']\" says more than a name and attributes; correct the path",
        ),
    ],
)
def test_a_path_that_leads_nowhere_is_said(words: dict[str, str], message: str) -> None:
    with pytest.raises(EditError) as caught:
        edited(words)
    assert str(caught.value) == message


def test_edits_that_undo_each_other_are_refused() -> None:
    with pytest.raises(EditError, match=r'"create ./features/acpi" is undone by another entry'):
        edited({"create": "./features/acpi"}, {"delete": "./features"})


def test_an_edit_that_undoes_a_field_is_refused() -> None:
    with pytest.raises(EditError, match=r"spec\.xml undoes vcpus, which the document sets too"):
        edited({"set": "./vcpu", "to": "2"}, vcpus=3)
    assert read(edited({"set": "./vcpu", "to": "3"}, vcpus=3)).fields["vcpus"] == 3


def test_what_is_made_stands_where_libvirt_would_write_it() -> None:
    after = edited({"create": "./memoryBacking/locked"}, {"create": "./devices/panic[@model='isa']"})
    assert after.index("<memory>") < after.index("<memoryBacking>") < after.index("<vcpu>")
    assert '<panic model="isa"/>' in after


def test_the_whole_of_an_element_s_text_is_set() -> None:
    assert "<cmdline>a &amp; &lt;b&gt;</cmdline>" in edited(
        {"create": "./os/cmdline"}, {"set": "./os/cmdline", "to": "a & <b>"}
    )


def test_qemu_s_own_elements_are_known_by_their_prefix() -> None:
    said = {"create": "./qemu:commandline/qemu:arg[@value='-S']"}
    after = edited(said)
    assert '<qemu:commandline xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0">' in after
    assert edited(said, xml=after) is after
