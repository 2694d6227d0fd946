"""A domain that shall be gone, and which of its disks go with it: by words, by proof, never by a name (law 5)."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.change import ClaimUnwanted, DiskUnwanted, DomainUnwanted
from reconciler.desired.derive import claim_size, object_uuid
from reconciler.diff import diff
from reconciler.history import History
from reconciler.mark import MadeDisk, Mark
from reconciler.observed import SeenDisk, SeenVolume, Unknown
from reconciler.place import place
from reconciler.step import HeldReason
from tests.unit.made import desired, domain, host, observed, pool, seen, seen_pool

GIB = 1024**3
ROOT = {"name": "root", "pool": "images", "size": "1GiB", "onDelete": "delete"}
DATA = {"name": "data", "pool": "images", "size": "1GiB"}
MADE = MadeDisk("root", "images", "a.root.qcow2", "qcow2", GIB)
ON = SeenDisk("root", "vda", "/cloud/a.root.qcow2")
CLAIM = {".a.claim": SeenVolume(claim_size("c", "a", "hv1"), "raw")}
VOLUMES = {"a.root.qcow2": SeenVolume(GIB, "qcow2"), **CLAIM}


def ours(*made: MadeDisk, disks: tuple[SeenDisk, ...] = (ON,), state: str = "shutoff", **more: Any) -> Any:
    return seen("a", state, mark=Mark("c", "a", made or (MADE,), "hv1"), disks=disks, xml="<domain/>", **more)


def found(here: Any = None, *documents: Any, disks: Any = (ROOT,), hv2: Any = (), volumes: Any = VOLUMES, **spec: Any):
    """What differs where `a` shall be absent: it is at hv1, unless the test says otherwise."""
    absent = domain("a", state="absent", disks=list(disks), **spec)
    wanted = desired(host("hv1"), host("hv2"), pool(), absent, *documents)
    looked = observed({"hv1": [here or ours()], "hv2": hv2 if isinstance(hv2, Unknown) else list(hv2)})
    listing = looked.pools["hv1"]
    pools = {name: replace(listing, items={"images": seen_pool(volumes=volumes)}) for name in ("hv1", "hv2")}
    looked = replace(looked, pools=pools)
    return diff(wanted, looked, place(wanted, looked, History()), History())


def gone(changes: Any) -> list[str]:
    return [change.volume for change in changes.changes if isinstance(change, DiskUnwanted | ClaimUnwanted)]


def is_removed(changes: Any) -> bool:
    return any(isinstance(change, DomainUnwanted) for change in changes.changes)


def test_a_disk_goes_where_its_document_says_so_and_the_claim_goes_with_the_last():
    changes = found()
    assert (gone(changes), is_removed(changes), changes.held) == (["a.root.qcow2", ".a.claim"], True, ())


def test_without_a_word_every_disk_stays_and_so_does_the_claim():
    changes = found(disks=[{**ROOT, "onDelete": "keep"}])
    assert (gone(changes), is_removed(changes)) == ([], True)


def test_the_claim_stays_while_a_shared_disk_stays():
    both = (MADE, MadeDisk("data", "images", "a.data.qcow2", "qcow2", GIB))
    assert gone(found(ours(*both), disks=[ROOT, DATA])) == ["a.root.qcow2"]
    assert gone(found(ours(*both))) == ["a.root.qcow2"], "made for it, and not in its document any more"


def test_the_claim_of_another_stays():
    volumes = {**VOLUMES, ".a.claim": SeenVolume(1234, "raw")}
    assert gone(found(volumes=volumes)) == ["a.root.qcow2"]


def test_what_was_never_made_is_not_missed():
    changes = found(ours(MadeDisk("other")), volumes={"unrelated.qcow2": SeenVolume(1, "raw")})
    assert (gone(changes), is_removed(changes)) == ([], True)


@pytest.mark.parametrize("disk", [{**ROOT, "shareable": True}, {**ROOT, "readOnly": True}])
def test_a_disk_that_others_may_use_stays(disk):
    kept(found(disks=[disk]), "it is ")


def kept(changes: Any, words: str, reason: HeldReason = HeldReason.DISK_KEPT) -> None:
    """It all stays: what the domain has cannot be told any more once it is gone."""
    assert (gone(changes), is_removed(changes)) == ([], False)
    [held] = [one for one in changes.held if "onDelete: delete, and is kept" in one.message]
    assert held.reason is reason
    assert words in held.message


def test_what_another_document_names_stays():
    other = domain("b", disks=[{"name": "old", "pool": "images", "size": "1GiB", "volume": "a.root.qcow2"}])
    kept(found(None, other), "the document of domain/b names volume a.root.qcow2 too")


def test_what_another_domain_has_stays_running_or_not():
    stranger = seen("x", "shutoff", uuid="5", mark=None, disks=(SeenDisk("vda", "vda", "/cloud/a.root.qcow2"),))
    kept(found(hv2=[stranger]), "a.root.qcow2 is a disk of domain/x@hv2 too")
    by_pool = replace(stranger, disks=(SeenDisk("vda", "vda", "volume:images/a.root.qcow2"),))
    kept(found(hv2=[by_pool]), "a.root.qcow2 is a disk of domain/x@hv2 too")


def test_what_a_running_domain_stands_on_stays():
    above = seen("x", uuid="5", mark=None, backing=frozenset({"/cloud/a.root.qcow2"}))
    kept(found(hv2=[above]), "a disk of domain/x@hv2 stands on a.root.qcow2")


@pytest.mark.parametrize("backing", ["/cloud/a.root.qcow2", "a.root.qcow2", "/cloud/../cloud/a.root.qcow2"])
def test_what_another_volume_stands_on_stays(backing):
    volumes = {**VOLUMES, "clone.qcow2": SeenVolume(GIB, "qcow2", backing)}
    kept(found(volumes=volumes), "volume clone.qcow2 in pool/images stands on it")


def test_a_volume_that_cannot_be_read_may_stand_on_it():
    kept(found(volumes={**VOLUMES, "odd.qcow2": None}), "odd.qcow2", HeldReason.POOL_NOT_READY)


def test_a_host_that_cannot_be_asked_may_have_it():
    kept(found(hv2=Unknown("off")), "host/hv2 may use a.root.qcow2", HeldReason.HOST_UNKNOWN)


def test_a_domain_that_cannot_be_read_may_have_it():
    unread = seen("x", uuid="5", mark=None, unknown="its monitor hangs")
    kept(found(hv2=[unread]), "domain/x@hv2 may use a.root.qcow2", HeldReason.HOST_UNKNOWN)


def test_what_a_snapshot_moved_it_from_stays():
    moved = ours(disks=(SeenDisk("root", "vda", "/cloud/a.root.snap1"),))
    kept(found(moved), "does not lie on /cloud/a.root.qcow2 but on /cloud/a.root.snap1")


def test_a_definition_that_shares_it_keeps_it():
    kept(found(ours(disks=(replace(ON, shareable=True),))), "its definition says that others may use it")


def test_a_volume_that_the_mark_does_not_list_stays():
    kept(found(ours(MadeDisk("other"))), "not recorded as made for this domain")


def test_a_document_that_names_another_volume_than_was_made_deletes_nothing():
    disk = {**ROOT, "volume": "b.root.qcow2"}
    kept(found(disks=[disk]), "it was made as volume a.root.qcow2")


def test_protected_comes_before_all_else():
    changes = found(protected=True)
    assert (gone(changes), is_removed(changes)) == ([], False)
    assert [held.reason for held in changes.held] == [HeldReason.PROTECTED]


def test_snapshots_are_no_loss_that_we_make():
    changes = found(ours(bound=("it has 2 snapshots",)))
    assert (gone(changes), is_removed(changes)) == ([], False)
    assert "virsh snapshot-delete a" in changes.held[0].message


def test_what_a_cut_move_left_behind_goes_first():
    changes = found(hv2=[ours()])
    assert (gone(changes), is_removed(changes)) == ([], False)
    assert [type(change).__name__ for change in changes.changes] == ["DomainLeftover"]


def test_a_forged_mark_deletes_nothing():
    clone = ours(uuid=object_uuid("c", "domain", "b"))
    changes = found(clone)
    assert (gone(changes), is_removed(changes)) == ([], False)
    assert [held.reason for held in changes.held] == [HeldReason.NOT_OURS]
