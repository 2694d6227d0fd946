"""Taking over what another hand made: whom, by which UUID, with which of its devices (law 4)."""

from dataclasses import replace

import pytest

from reconciler.autostart import NoAutostart
from reconciler.change import (
    DisksUnrecorded,
    DiskTooSmall,
    DomainAutostarts,
    DomainDiffers,
    DomainForeign,
    NetworkForeign,
)
from reconciler.desired import Ref
from reconciler.desired.derive import object_uuid
from reconciler.desired.documents import Network
from reconciler.diff import diff
from reconciler.history import History
from reconciler.mark import MadeDisk, Mark
from reconciler.observed import SeenDisk, SeenNetwork, SeenVolume, Standing
from reconciler.ours import CarriesOurMark, NetworkCarriesOurMark, domain_mark, is_ours
from reconciler.place import place
from reconciler.readiness import pool_trouble
from reconciler.step import HeldReason
from reconciler.whereabouts import whereabouts
from reconciler.xml.domain import merge, read
from tests.unit.made import GIB, desired, domain, host, observed, pool, seen, seen_pool

ADOPT = {"reconciler/adopt": "true"}
OWN = "11111111-2222-3333-4444-555555555555"
OTHER = "99999999-2222-3333-4444-555555555555"
HOSTS = (host("hv1"), host("hv2"))

XML = """\
<domain type='kvm'>
  <name>a</name>
  <uuid>11111111-2222-3333-4444-555555555555</uuid>
  <metadata><theirs xmlns='urn:example:theirs'/></metadata>
  <memory unit='GiB'>1</memory>
  <vcpu>1</vcpu>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/><source file='/cloud/old.img'/><target dev='vda' bus='virtio'/>
    </disk>
    <interface type='network'>
      <mac address='52:54:00:AA:BB:CC'/><source network='lan'/><model type='e1000'/>
    </interface>
  </devices>
</domain>
"""


def foreign(state="running", xml=XML, **more):
    """A domain as another hand defined it."""
    reading = read(xml)
    live = reading.fields if state != "shutoff" else None
    base = {"uuid": reading.uuid, "mark": reading.mark, "fields": reading.fields, "live": live}
    return seen(reading.name, state, **{**base, "disks": reading.disks, "xml": xml, **more})


def adopter(name="a", annotations=ADOPT, **spec):
    return domain(name, annotations=annotations, **spec)


def located(document, **hosts):
    return whereabouts(desired(*HOSTS, document), observed({"hv1": [], "hv2": [], **hosts}))[document.name]


def changes(*documents, networks=None, **hosts):
    wanted = desired(*HOSTS, pool(), *documents)
    pools = {name: seen_pool(volumes={"old.img": None}) for name in ("hv1", "hv2")}
    looked = observed({"hv1": [], "hv2": [], **hosts})
    listings = {name: replace(listing, items={"images": pools[name]}) for name, listing in looked.pools.items()}
    looked = replace(looked, pools=listings, networks={**looked.networks, **(networks or {})})
    return diff(wanted, looked, place(wanted, looked, History()), History())


# --- whom ---------------------------------------------------------------------------


def test_without_the_annotation_it_is_held():
    where = located(domain("a"), hv1=[foreign()])
    assert (where.held.reason, where.adopts) == (HeldReason.NOT_OURS, False)
    assert 'reconciler/adopt: "true"' in where.held.message


@pytest.mark.parametrize("value", ["True", "yes", "false", ""])
def test_the_annotation_is_one_word(value):
    assert located(adopter(annotations={"reconciler/adopt": value}), hv1=[foreign()]).held


def test_with_it_the_domain_keeps_its_own_uuid():
    where = located(adopter(), hv1=[foreign()])
    assert (where.home, where.uuid, where.adopts, where.held) == ("hv1", OWN, True, None)


def test_once_adopted_it_is_ours_without_the_annotation():
    ours = foreign(mark=domain_mark("c", "a", OWN, ["vda"]))
    where = located(domain("a"), hv1=[ours])
    assert (where.uuid, where.adopts, where.held) == (OWN, False, None)


def test_a_clone_of_an_adopted_domain_is_not_ours():
    copied = foreign(uuid=OTHER, mark=domain_mark("c", "a", OWN))
    assert not is_ours(copied, "c")
    assert located(domain("a"), hv1=[copied]).held.reason is HeldReason.NOT_OURS


def test_a_clone_that_carries_its_originals_mark_may_be_adopted():
    assert located(adopter(), hv1=[foreign(mark=Mark("c", "original"))]).adopts


def test_what_belongs_to_another_cluster_is_not_taken():
    where = located(adopter(), hv1=[foreign(mark=Mark("their-cloud", "a"))])
    assert where.held.reason is HeldReason.NOT_OURS
    assert "their-cloud" in where.held.message


def test_two_different_domains_of_the_name_are_both_left_alone():
    where = located(adopter(), hv1=[foreign()], hv2=[foreign(uuid=OTHER)])
    assert (where.held.reason, where.adopts) == (HeldReason.NOT_OURS, False)


def test_ours_comes_before_another_of_the_name():
    where = located(adopter(), hv1=[foreign(mark=domain_mark("c", "a", OTHER), uuid=OTHER)], hv2=[foreign()])
    assert (where.uuid, where.held.object, where.held.reason) == (OTHER, Ref("domain", "a", "hv2"), HeldReason.NOT_OURS)


def test_a_uuid_that_belongs_to_another_document_is_not_adopted():
    documents = desired(*HOSTS, adopter(), domain("b"))
    stranger = foreign(uuid=object_uuid("c", "domain", "b"))
    found = whereabouts(documents, observed({"hv1": [stranger], "hv2": []}))
    assert {name: where.held.reason for name, where in found.items()} == dict.fromkeys("ab", HeldReason.NOT_OURS)


def test_one_that_runs_twice_is_left_alone():
    assert located(adopter(), hv1=[foreign()], hv2=[foreign()]).held.reason is HeldReason.RUNS_TWICE


# --- what is done -------------------------------------------------------------------

DOCUMENT = {
    "vcpus": 1,
    "memory": "1GiB",
    "disks": [{"name": "root", "pool": "images", "size": "1GiB", "volume": "old.img"}],
    "interfaces": [{"name": "lan", "network": "lan", "mac": "52:54:00:aa:bb:cc", "model": "e1000"}],
}


def lan(**annotations):
    head = {"apiVersion": "reconciler/v1", "kind": "Network", "metadata": {"name": "lan", "annotations": annotations}}
    return Network.model_validate({**head, "spec": {"bridge": "br0"}})


def seen_lan(**more):
    xml = "<network><name>lan</name><forward mode='bridge'/><bridge name='br0'/></network>"
    base = {"mark": Mark("c", "lan"), "fields": {"forward": "bridge", "bridge": "br0"}, "xml": xml}
    return SeenNetwork("lan", OWN, True, **{**base, **more})


def listed(*networks):
    return {name: observed({name: list(networks)}).domains[name] for name in ("hv1", "hv2")}


def test_its_devices_are_the_documents_by_what_they_lie_on_and_by_their_mac():
    found = changes(adopter(**DOCUMENT), lan(), networks=listed(seen_lan()), hv1=[foreign()])
    (adoption,) = found.changes
    assert isinstance(adoption, DomainForeign)
    assert (adoption.ref, adoption.uuid, adoption.mark.disks) == (Ref("domain", "a", "hv1"), OWN, {"root"})
    assert found.held == ()


def test_what_differs_is_told_at_once_and_the_mark_is_in_what_is_written():
    found = changes(adopter(**{**DOCUMENT, "vcpus": 2}), lan(), networks=listed(seen_lan()), hv1=[foreign()])
    edit = next(change for change in found.changes if isinstance(change, DomainDiffers))
    after = read(edit.xml)
    assert after.mark == domain_mark("c", "a", OWN, ["root"])
    assert [(disk.name, disk.source) for disk in after.disks] == [("vda", "/cloud/old.img")]
    assert list(after.fields["interfaces"]) == ["52:54:00:aa:bb:cc"]
    assert "urn:example:theirs" in edit.xml


def test_an_edit_of_a_device_without_our_name_edits_that_device():
    disks = [{**DOCUMENT["disks"][0], "cache": "writeback"}]
    found = changes(adopter(**{**DOCUMENT, "disks": disks}), lan(), networks=listed(seen_lan()), hv1=[foreign()])
    edit = next(change for change in found.changes if isinstance(change, DomainDiffers))
    assert [str(field) for field in edit.fields] == ["disks.vda.cache: 'default' -> 'writeback'"]
    assert edit.xml.count("<disk ") == 1


def test_the_mark_survives_the_next_edits():
    mark = domain_mark("c", "a", OWN, ["root"])
    marked = merge(XML, {}, sources={}, mark=mark)
    assert read(marked).mark == mark
    ours = foreign(xml=marked)
    found = changes(domain("a", **{**DOCUMENT, "vcpus": 2}), lan(), networks=listed(seen_lan()), hv1=[ours])
    (edit,) = found.changes
    assert read(edit.xml).mark == mark


def test_a_network_gets_the_mark_and_nothing_else():
    foreign_lan = seen_lan(mark=None)
    found = changes(lan(**ADOPT), networks=listed(foreign_lan))
    assert [type(change) for change in found.changes] == [NetworkForeign] * 2
    assert "<uuid>" not in found.changes[0].xml  # the existing definition, not a new one
    assert changes(lan(), networks=listed(foreign_lan)).held[0].reason is HeldReason.NOT_OURS


def test_a_pool_is_ours_by_its_own_uuid_where_the_document_says_so():
    foreign_pool = replace(seen_pool(), uuid=OTHER)
    looked = observed({"hv1": [], "hv2": []})
    looked = replace(looked, pools={h: replace(p, items={"images": foreign_pool}) for h, p in looked.pools.items()})
    document = pool()
    trouble = pool_trouble(desired(*HOSTS, document), looked, document, "hv1")
    assert trouble[0] is HeldReason.NOT_OURS
    given = document.model_copy(update={"metadata": document.metadata.model_copy(update={"annotations": ADOPT})})
    wanted = desired(*HOSTS, given)
    assert pool_trouble(wanted, looked, given, "hv1") is None
    found = diff(wanted, looked, place(wanted, looked, History()), History())
    assert (found.changes, found.held) == ((), ())


# --- what must be seen after --------------------------------------------------------


def test_a_mark_counts_only_where_it_is_true():
    goal = CarriesOurMark("hv1", "a", OWN, "c")
    for mark, holds in [
        (None, False),
        (Mark("c", "a"), False),
        (Mark("other", "a", uuid=OWN), False),
        (Mark("c", "a", uuid=OWN), True),
    ]:
        assert goal.check(observed({"hv1": [foreign(mark=mark)], "hv2": []})).holds is holds
    assert goal.check(observed({"hv1": [], "hv2": []})).holds is False
    network = NetworkCarriesOurMark("hv1", "lan", "c")
    assert network.check(observed({"hv1": []}, networks=listed(seen_lan()))).holds is True
    assert network.check(observed({"hv1": []}, networks=listed(seen_lan(mark=None)))).holds is False


def test_a_paused_one_waits():
    where = located(adopter(), hv1=[foreign("paused", reason="user")])
    assert where.seen.standing is Standing.PAUSED
    assert where.held.reason is HeldReason.PAUSED


# --- where it may go ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "held"),
    [
        ("/cloud/old.img", False),
        ("/opt/elsewhere.img", True),
        ("/cloudy/old.img", True),
        ("/dev/disk/by-path/lun-1", False),
        ("rbd:pool/image", False),
        ("", False),
    ],
)
def test_a_file_outside_of_all_shared_pools_keeps_it_at_its_host(source, held):
    disks = (*foreign().disks, SeenDisk("vdb", "vdb", source))
    ours = foreign(mark=domain_mark("c", "a", OWN, ["vda"]), disks=disks)
    wanted = desired(host("hv1", cordoned=True), host("hv2"), pool(), domain("a", vcpus=1, memory="1GiB"))
    looked = observed({"hv1": [ours], "hv2": []})
    placement = place(wanted, looked, History()).of["a"]
    assert (placement.held is not None) is held
    if held:
        assert placement.held.reason is HeldReason.CANNOT_MIGRATE
        assert source in placement.held.message
    else:
        assert placement.target == "hv2"


# --- its disks later ----------------------------------------------------------------


def with_volumes(**volumes):
    """The pool at both hosts, with these volumes, as they are read in detail."""
    there = {name.replace("__", "."): SeenVolume(size, "qcow2") for name, size in volumes.items()}
    items = {"images": seen_pool(volumes=there)}
    looked = observed({"hv1": [], "hv2": []})
    return {name: replace(listing, items=items) for name, listing in looked.pools.items()}


def on_volume(volume, **more):
    """The guest, with its disk on that volume."""
    return foreign(xml=XML.replace("old.img", volume), **more)


def disk_changes(guest, volume="old.img", size="1GiB", **document):
    disks = [{"name": "root", "pool": "images", "size": size, "volume": volume}]
    wanted = desired(*HOSTS, pool(), domain("a", vcpus=1, memory="1GiB", disks=disks, **document))
    looked = replace(observed({"hv1": [guest], "hv2": []}), pools=with_volumes(old__img=GIB, other__img=GIB))
    return diff(wanted, looked, place(wanted, looked, History()), History())


def test_an_adopted_disk_is_recorded_as_its_volume_is_and_grows():
    grown = disk_changes(on_volume("old.img"), size="2GiB", annotations=ADOPT)
    adoption = next(change for change in grown.changes if isinstance(change, DomainForeign))
    assert [(one.volume, one.capacity) for one in adoption.mark.made] == [("old.img", GIB)]
    assert [change.grown.capacity for change in grown.changes if isinstance(change, DiskTooSmall)] == [2 * GIB]


def test_the_document_may_follow_a_snapshot_that_somebody_made():
    mark = Mark("c", "a", (MadeDisk("root", "images", "old.img", "qcow2", GIB),), uuid=OWN)
    moved = on_volume("other.img", mark=mark)
    followed = disk_changes(moved, volume="other.img")
    (change,) = followed.changes
    assert isinstance(change, DisksUnrecorded)
    assert [one.volume for one in change.mark.made] == ["other.img"]
    assert (change.mark.uuid, followed.held) == (OWN, ())


def test_nothing_is_added_below_what_the_domain_writes_to():
    """A snapshot lies on the file that the document names: as a second disk it would be written to by both."""
    snapshot = {"xml": XML.replace("old.img", "old.monday")}
    mark = Mark("c", "a", (MadeDisk("root", "images", "old.img", "qcow2", GIB),), uuid=OWN)
    for guest, kinds in ((foreign(mark=mark, **snapshot), []), (foreign(**snapshot), [DomainForeign])):
        found = disk_changes(guest, annotations=ADOPT)
        assert [type(change) for change in found.changes] == kinds
        (held,) = found.held
        assert held.reason is HeldReason.CANNOT_CHANGE
        assert "/cloud/old.monday" in held.message


# --- starting by itself -------------------------------------------------------------


def test_a_host_that_would_start_it_by_itself_must_not_where_its_disks_are_shared():
    found = changes(adopter(**DOCUMENT), lan(), networks=listed(seen_lan()), hv1=[foreign(autostart=True)])
    assert [type(change) for change in found.changes] == [DomainForeign, DomainAutostarts]
    local = {key: value for key, value in DOCUMENT.items() if key != "disks"}
    found = changes(adopter(**local), lan(), networks=listed(seen_lan()), hv1=[foreign(autostart=True)])
    assert [type(change) for change in found.changes] == [DomainForeign]


def test_an_autostart_is_gone_when_it_is_seen_to_be():
    goal = NoAutostart("hv1", "a", OWN)
    for autostart in (False, True):
        looked = observed({"hv1": [foreign(autostart=autostart)], "hv2": []})
        assert goal.check(looked).holds is not autostart
    assert goal.check(observed({"hv1": [], "hv2": []})).holds is False
