"""Whose volumes are they? What a definition may do, by its mark, by the claim, and by what is listed (law 2)."""

from dataclasses import replace

import pytest

from reconciler.change import ClaimMissing, DiskMissing, DisksUnrecorded, DomainDisowned, DomainOff, DomainUndefined
from reconciler.desired.derive import claim_size
from reconciler.diff import diff
from reconciler.history import History
from reconciler.mark import MadeDisk, Mark
from reconciler.observed import SeenVolume, Unknown
from reconciler.place import place
from reconciler.step import HeldReason
from reconciler.whereabouts import whereabouts
from tests.unit.made import desired, domain, facts, host, observed, pool, seen, seen_pool

GIB = 1024**3
DISK = {"name": "root", "pool": "images", "size": "1GiB"}
LOCAL = {"name": "scratch", "pool": "local", "size": "1GiB"}
VOLUME = {"a.root.qcow2": SeenVolume(GIB, "qcow2")}
ADOPT = {"reconciler/adopt": "true"}


def claimed(by):
    return {".a.claim": SeenVolume(claim_size("c", "a", by), "raw")}


def unmade(claimed_by="hv1", *made, state="shutoff"):
    """A definition of ours whose mark lists no disk but these."""
    return defined(Mark("c", "a", tuple(map(MadeDisk, made)), claimed_by), state)


def defined(mark, state="shutoff"):
    fields = {"vcpus": 1, "memory": GIB, "disks": {"root": {}, "scratch": {}}}
    return seen("a", state, mark=mark, fields=fields, live=fields if state == "running" else None, xml="<domain/>")


def found(*, hv1=(), hv2=(), volumes=(), disks=(DISK,), fenced=(), annotations=None, at_hv2=None):
    """What differs. `volumes`: what both hosts list, or what hv1 alone does where `at_hv2` says what hv2 does."""
    hosts = [host(name, fenced=name in fenced) for name in ("hv1", "hv2")]
    local = pool("local", type="dir", target="/local", source=None)
    wanted = desired(*hosts, pool(), local, domain("a", disks=list(disks), annotations=annotations))
    looked = observed({"hv1": list(hv1), "hv2": hv2 if isinstance(hv2, Unknown) else list(hv2)})
    listed = {"hv1": volumes, "hv2": volumes if at_hv2 is None else at_hv2}
    pools = {}
    for name, listing in looked.pools.items():
        items = {
            "images": seen_pool(volumes=listed[name]),
            "local": seen_pool("local", fields={"type": "dir", "target": "/local"}, mounted_from=None),
        }
        pools[name] = listing if isinstance(listing, Unknown) else replace(listing, items=items)
    looked = replace(looked, pools=pools)
    return diff(wanted, looked, place(wanted, looked, History()), History())


def sorts(changes):
    return {type(change) for change in changes.changes}


def reasons(changes):
    return [held.reason for held in changes.held]


def the(changes, sort):
    [one] = [change for change in changes.changes if type(change) is sort]
    return one


# --- a new domain -------------------------------------------------------------------------


def test_a_new_domain_claims_its_volumes_where_it_is_defined():
    changes = found()
    assert {DomainUndefined, ClaimMissing, DiskMissing, DisksUnrecorded, DomainOff} <= sorts(changes)
    claim = the(changes, ClaimMissing)
    assert (claim.pool, claim.volume, claim.capacity) == ("images", ".a.claim", claim_size("c", "a", claim.ref.host))
    assert ("images", ".a.claim") in the(changes, DomainUndefined).volumes
    mark = the(changes, DisksUnrecorded).mark
    assert mark == Mark("c", "a", (MadeDisk("root", "images", "a.root.qcow2", "qcow2", GIB),), claim.ref.host)


def test_a_domain_on_its_hosts_own_disk_needs_no_claim():
    changes = found(disks=[LOCAL])
    assert ClaimMissing not in sorts(changes)
    assert the(changes, DisksUnrecorded).mark.claimed_by == ""


@pytest.mark.parametrize(
    ("by", "words"), [("hv2", "through host/hv2"), ("gone", "through a host that has no document")]
)
def test_a_claim_alone_means_that_it_may_live_somewhere(by, words):
    changes = found(volumes=claimed(by))
    assert (sorts(changes), reasons(changes)) == (set(), [HeldReason.VOLUME_WITHOUT_DOMAIN])
    assert words in changes.held[0].message
    assert changes.held[0].message.endswith('reconciler/adopt: "true", or delete the claim')


def test_beside_a_silent_host_a_claim_is_enough_to_wait():
    changes = found(volumes=claimed("hv2"), hv2=Unknown("off"))
    assert (sorts(changes), reasons(changes)) == (set(), [HeldReason.HOST_UNKNOWN])


def test_who_vouches_for_what_is_there_gets_it_under_the_old_claim():
    changes = found(volumes={**claimed("gone"), **VOLUME}, annotations=ADOPT)
    assert ClaimMissing not in sorts(changes)
    assert the(changes, DomainUndefined).volumes == ()


# --- a definition without disks -----------------------------------------------------------


def test_our_own_claim_proves_our_own_crash():
    changes = found(hv1=[unmade()], volumes={**claimed("hv1"), **VOLUME})
    assert sorts(changes) == {DisksUnrecorded, DomainOff}


def test_a_definition_that_was_moved_keeps_its_claim():
    changes = found(hv2=[unmade("hv1")], volumes={**claimed("hv1"), **VOLUME})
    assert sorts(changes) == {DisksUnrecorded, DomainOff}


def test_the_claim_of_another_takes_the_definition_back():
    changes = found(hv1=[unmade()], volumes={**claimed("hv2"), **VOLUME})
    assert (sorts(changes), reasons(changes)) == ({DomainDisowned}, [HeldReason.VOLUME_WITHOUT_DOMAIN])


def test_what_runs_or_has_disks_is_not_taken_back():
    running = found(hv1=[unmade(state="running")], volumes={**claimed("hv2"), **VOLUME})
    assert DomainDisowned not in sorts(running)
    assert HeldReason.VOLUME_WITHOUT_DOMAIN in reasons(running)
    mark = Mark("c", "a", (MadeDisk("scratch", "local", "a.scratch.qcow2", "qcow2", GIB),), "hv1")
    changes = found(hv1=[defined(mark)], volumes={**claimed("hv2"), **VOLUME}, disks=[LOCAL, DISK])
    assert DomainDisowned not in sorts(changes)
    assert HeldReason.VOLUME_WITHOUT_DOMAIN in reasons(changes)


def test_a_claim_that_nobody_has_signed_proves_nothing():
    for claim in (None, SeenVolume(0, "raw")):
        changes = found(hv1=[unmade()], volumes={".a.claim": claim, **VOLUME})
        assert (sorts(changes), reasons(changes)) == (set(), [HeldReason.VOLUME_WITHOUT_DOMAIN])


def test_a_volume_without_a_claim_is_not_of_this_definition():
    changes = found(hv1=[unmade("")], volumes=VOLUME)
    assert (sorts(changes), reasons(changes)) == (set(), [HeldReason.VOLUME_WITHOUT_DOMAIN])


def test_with_neither_the_claim_comes_first():
    assert {ClaimMissing, DiskMissing, DisksUnrecorded} <= sorts(found(hv1=[unmade()]))


def test_a_fenced_host_is_a_persons_word_for_its_volumes():
    changes = found(hv1=[unmade()], hv2=Unknown("off"), fenced=["hv2"], volumes={**claimed("hv2"), **VOLUME})
    assert sorts(changes) == {DisksUnrecorded, DomainOff}


def test_disks_that_an_earlier_version_recorded_are_proof_enough():
    changes = found(hv1=[unmade("", "root")], volumes=VOLUME)
    assert sorts(changes) == {DomainOff}


def test_the_claim_is_looked_for_anew_where_this_host_does_not_list_it():
    changes = found(hv1=[unmade()], volumes=VOLUME, at_hv2={**claimed("hv2"), **VOLUME})
    assert [type(change).__name__ for change in changes.changes] == ["PoolStale", "DomainDisowned"]


# --- two definitions ----------------------------------------------------------------------


def test_of_two_definitions_that_are_off_the_one_with_disks_is_kept():
    documents = desired(host("hv1"), host("hv2", cordoned=True), domain("a"))
    looked = observed({"hv1": [unmade()], "hv2": [unmade("hv2", "root")]}, facts={"hv1": facts("hv1")})
    where = whereabouts(documents, looked)["a"]
    assert (where.home, where.leftovers) == ("hv2", ("hv1",))
