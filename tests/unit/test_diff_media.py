"""Drives and seeds of domains that are there: by which name a drive is known, what lies in it, what keeps a guest."""

from dataclasses import replace

import pytest

from reconciler.change import DomainDiffers, DomainForeign, SeedMissing
from reconciler.desired.derive import object_uuid, seed_marker, seed_volume
from reconciler.desired.seed import Seed
from reconciler.diff import diff
from reconciler.history import History
from reconciler.live_change import DomainLiveDiffers
from reconciler.mark import MadeDisk, Mark
from reconciler.observed import DomainState
from reconciler.place import place
from reconciler.step import HeldReason
from reconciler.xml.domain import merge, read
from tests.unit.made import desired, domain, host, observed, pool, seen, seen_pool
from tests.unit.test_adoption import ADOPT, XML

HOSTS = (host("hv1"), host("hv2"))
DRIVE = """<disk type='file' device='cdrom'><driver name='qemu' type='raw'/>{medium}
<target dev='sda' bus='sata'/><readonly/>{alias}</disk>"""
MEDIUM = "<source file='/cloud/old.iso'/>"
SEED = Seed("#cloud-config\n", "instance-id: i\n")
VOLUME = seed_volume("a", SEED)
GIVEN = f"images/{VOLUME}"
DISKS = [{"name": "root", "pool": "images", "size": "1GiB", "volume": "old.img", "format": "raw"}]
MADE = (MadeDisk("root", "images", "old.img", "raw", 1 << 30),)


def changes(document, there, *volumes, seeds=None, pools=()):
    """What differs, where `there` is at hv1."""
    wanted = replace(desired(*HOSTS, *(pools or (pool(),)), document), seeds=seeds or {})
    looked = observed({"hv1": [there], "hv2": []})
    names = dict.fromkeys(["old.img", "old.iso", "new.iso", *volumes])
    listings = {
        name: replace(listing, items={one.name: seen_pool(one.name, volumes=names) for one in wanted.pools.values()})
        for name, listing in looked.pools.items()
    }
    looked = replace(looked, pools=listings)
    placed = place(wanted, looked, History())
    return diff(wanted, looked, placed, History())


def with_drive(medium=MEDIUM, alias="", name="a", uuid=""):
    """A definition with one drive."""
    xml = XML.replace("</devices>", DRIVE.format(medium=medium, alias=alias) + "</devices>")
    xml = xml.replace("<name>a<", f"<name>{name}<")
    return xml.replace("11111111-2222-3333-4444-555555555555", uuid) if uuid else xml


def foreign(xml):
    reading = read(xml)
    return seen(
        reading.name,
        uuid=reading.uuid,
        mark=None,
        fields=reading.fields,
        live=reading.fields,
        disks=reading.disks,
        xml=xml,
    )


def ours(xml, state="running", live=None, seed="", made=MADE, agent=False):
    """A domain that we made."""
    mark = Mark("c", "a", made, claimed_by="hv1", seed=seed)
    xml = merge(xml, {}, sources={}, mark=mark)
    reading = read(xml)
    running = reading.fields if live is None else read(live).fields
    return seen(
        "a",
        state,
        uuid=object_uuid("c", "domain", "a"),
        mark=mark,
        fields=reading.fields,
        live=running if DomainState(state) is not DomainState.SHUTOFF else None,
        disks=reading.disks,
        xml=xml,
        agent_connected=agent,
    )


# --- whose drive it is -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sda", "install"])
def test_a_drive_of_another_hand_is_known_by_its_target_or_its_medium(name):
    document = domain(
        "a", annotations=ADOPT, disks=DISKS, cdroms=[{"name": name, "pool": "images", "volume": "old.iso"}]
    )
    found = changes(document, foreign(with_drive()))
    assert [type(change) for change in found.changes] == [DomainForeign]


def test_a_drive_that_no_document_speaks_of_is_left_alone():
    assert changes(domain("a", disks=DISKS), ours(with_drive())).changes == ()


def test_a_drive_that_was_made_goes_with_its_line_of_the_document():
    found = changes(domain("a", disks=DISKS), ours(with_drive(alias="<alias name='ua-install'/>")))
    [edit] = [change for change in found.changes if isinstance(change, DomainDiffers)]
    assert edit.staged
    assert "cdrom" not in edit.xml


def test_another_medium_is_for_now():
    cdroms = [{"name": "install", "pool": "images", "volume": "new.iso"}]
    found = changes(domain("a", disks=DISKS, cdroms=cdroms), ours(with_drive(alias="<alias name='ua-install'/>")))
    kinds = [type(change) for change in found.changes]
    assert kinds == [DomainDiffers, DomainLiveDiffers]
    assert not found.changes[0].staged
    assert read(found.changes[0].xml).fields["cdroms"]["install"]["medium"] == "/cloud/new.iso"


def test_a_medium_that_only_its_host_has_keeps_the_guest_there():
    local = pool("iso", type="dir", source=None, target="/iso")
    cordoned = host("hv1", cordoned=True)
    document = domain("a", disks=DISKS, cdroms=[{"name": "install", "pool": "iso", "volume": "old.iso"}])
    wanted = desired(cordoned, host("hv2"), pool(), local, document)
    looked = observed({"hv1": [ours(with_drive())], "hv2": []})
    held = place(wanted, looked, History()).of["a"].held
    assert held is not None
    assert "its cdrom install is in pool/iso, a directory of host/hv1 alone" in held.message


# --- seeds ---------------------------------------------------------------------------------


def seeded(**more):
    return domain("a", disks=DISKS, cloudInit={"userData": "#cloud-config\n", **more})


def drive_of(medium):
    return with_drive(f"<source file='/cloud/{medium}'/>" if medium else "", "<alias name='ua-seed'/>")


def test_a_seed_that_is_in_its_drive_is_left_there():
    found = changes(seeded(), ours(drive_of(VOLUME), seed=GIVEN), VOLUME, seed_marker(VOLUME), seeds={"a": SEED})
    assert (found.changes, found.held) == ((), ())


def test_without_our_mark_the_mediums_name_says_which_it_is():
    found = changes(seeded(), ours(drive_of(VOLUME)), VOLUME, seed_marker(VOLUME), seeds={"a": SEED})
    assert (found.changes, found.held) == ((), ())


def test_a_seed_that_a_person_removed_is_made_again_before_the_next_start():
    found = changes(seeded(), ours(drive_of(VOLUME), "shutoff", seed=GIVEN), seeds={"a": SEED})
    [missing] = [change for change in found.changes if isinstance(change, SeedMissing)]
    assert (missing.pool, missing.volume, missing.marker) == ("images", VOLUME, seed_marker(VOLUME))
    running = changes(seeded(), ours(drive_of(VOLUME), seed=GIVEN), seeds={"a": SEED})
    assert not any(isinstance(change, SeedMissing) for change in running.changes)


def test_half_a_seed_is_none():
    found = changes(seeded(), ours(drive_of(VOLUME), "shutoff", seed=GIVEN), VOLUME, seeds={"a": SEED})
    assert any(isinstance(change, SeedMissing) for change in found.changes)


def test_a_guest_that_never_lived_gets_what_its_document_says_now():
    other = Seed("#!/bin/sh\n", "instance-id: i\n")
    never = ours(drive_of(VOLUME), "shutoff", seed=GIVEN, made=())
    found = changes(seeded(), never, seeds={"a": other})
    assert {change.volume for change in found.changes if isinstance(change, SeedMissing)} == {seed_volume("a", other)}
    [edit] = [change for change in found.changes if isinstance(change, DomainDiffers)]
    assert read(edit.xml).mark.seed == f"images/{seed_volume('a', other)}"


@pytest.mark.parametrize("agent", [True, False])
def test_it_is_taken_out_once_the_guest_has_come_up(agent):
    there = ours(drive_of(VOLUME), seed=GIVEN, agent=agent)
    found = changes(seeded(ejectAfterBoot=True), there, VOLUME, seed_marker(VOLUME), seeds={"a": SEED})
    assert [type(change) for change in found.changes] == ([DomainDiffers, DomainLiveDiffers] if agent else [])


def test_a_crash_between_its_two_calls_leaves_the_second():
    there = ours(drive_of(""), live=drive_of(VOLUME), seed=GIVEN)
    found = changes(seeded(ejectAfterBoot=True), there, VOLUME, seed_marker(VOLUME), seeds={"a": SEED})
    assert [type(change) for change in found.changes] == [DomainLiveDiffers]


def test_one_that_was_taken_out_stays_out_and_is_remembered():
    there = ours(drive_of(""), seed=GIVEN)
    found = changes(seeded(ejectAfterBoot=True), there, seeds={"a": SEED})
    assert (found.changes, found.held) == ((), ())
    other = {"a": Seed("#!/bin/sh\n", "instance-id: i\n")}
    assert [held.reason for held in changes(seeded(ejectAfterBoot=True), there, seeds=other).held] == [
        HeldReason.SEED_DIFFERS
    ]
