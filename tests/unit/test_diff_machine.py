"""What a document says of the machine, and a domain that is there cannot become."""

from reconciler.change import DomainDiffers
from reconciler.diff import diff
from reconciler.history import History
from reconciler.place import place
from reconciler.step import Held, HeldReason
from tests.unit import made

XML = """<domain type='kvm'><name>web</name><uuid/><memory>1048576</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os><devices/></domain>"""
FIELDS = {"vcpus": 1, "memory": made.GIB, "machine": "pc-q35-7.2", "arch": "x86_64"}


def changes(**spec: object) -> list[object]:
    desired = made.desired(made.host("hv1"), made.domain("web", **spec))
    seen = made.seen("web", xml=XML, fields=FIELDS, live=FIELDS)
    observed = made.observed({"hv1": [seen]})
    found = diff(desired, observed, place(desired, observed, History()), History())
    return [*found.changes, *found.held]


def test_another_family_of_machines_is_held_and_nothing_is_written() -> None:
    [held] = changes(machine="pc", arch="x86_64")
    assert isinstance(held, Held)
    assert held.reason is HeldReason.CANNOT_CHANGE
    assert held.message == "machine: 'pc-q35-7.2' -> 'pc': a domain keeps this for life; write what it has"


def test_another_version_of_the_machine_is_staged() -> None:
    differs, held = changes(machine="pc-q35-8.0")
    assert isinstance(differs, DomainDiffers)
    assert [str(field) for field in differs.fields] == ["machine: 'pc-q35-7.2' -> 'pc-q35-8.0'"]
    assert "machine='pc-q35-8.0'" in differs.xml.replace('"', "'")
    assert isinstance(held, Held)
    assert held.reason is HeldReason.RESTART_REQUIRED


def test_the_machine_without_its_version_is_what_is_there() -> None:
    assert changes(machine="q35") == []


EDIT = {"set": "./devices/disk[target/@dev='vda']/driver/@queues", "to": "2"}


def test_an_edit_that_matches_nothing_is_held_and_nothing_else_is_written() -> None:
    [held] = changes(xml=[EDIT], vcpus=2)
    assert isinstance(held, Held)
    assert held.reason is HeldReason.CANNOT_CHANGE
    assert held.message.startswith("spec.xml[0].set")
    assert "matches nothing in the definition" in held.message


def test_a_new_domain_with_such_an_edit_is_not_made() -> None:
    desired = made.desired(made.host("hv1"), made.domain("web", xml=[EDIT]))
    observed = made.observed({"hv1": []})
    found = diff(desired, observed, place(desired, observed, History()), History())
    assert found.changes == ()
    assert [held.reason for held in found.held] == [HeldReason.CANNOT_CHANGE]


def test_an_edit_is_part_of_the_difference() -> None:
    differs, held = changes(xml=[{"create": "./memoryBacking/locked"}])
    assert isinstance(differs, DomainDiffers)
    assert [str(field) for field in differs.fields] == ["xml.create ./memoryBacking/locked: None -> 'present'"]
    assert "<locked/>" in differs.xml
    assert isinstance(held, Held)
    assert held.reason is HeldReason.RESTART_REQUIRED
