"""What is ours and has no document any more: listed, or removed where the cluster's document says so."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.change import DomainUnwanted, ExportUnwanted, NetworkUnwanted, PoolUnwanted
from reconciler.desired.derive import object_uuid
from reconciler.diff import diff
from reconciler.history import History
from reconciler.mark import MadeDisk, Mark
from reconciler.observed import DomainState, SeenDisk, SeenExport, SeenNetwork, SeenPool, Unknown
from reconciler.place import place
from reconciler.step import HeldReason
from tests.unit.made import desired, domain, host, listing, network, observed, pool, seen, seen_pool

UNWANTED = DomainUnwanted | PoolUnwanted | NetworkUnwanted | ExportUnwanted
NAS = host("nas9", nfsServer={"ssh": "root@nas"}, hypervisor=None)
CARD = {"interfaces": {"lan": {"network": "old"}}}


def found(here: Any = (), *documents: Any, prune: bool = True, hv2: Any = (), others: Any = None, **parts: Any) -> Any:
    """What differs at hv1 and hv2, beside a Domain, a Pool and a Network (`others`: instead of them)."""
    rest = (domain("kept", power="unmanaged"), pool(), network()) if others is None else others
    wanted = desired(host("hv1"), host("hv2"), NAS, *rest, *documents, prune=prune)
    looked = observed({"hv1": list(here), "hv2": hv2 if isinstance(hv2, Unknown) else list(hv2)})
    for part, items in parts.items():
        at = "nas9" if part == "exports" else "hv1"
        looked = replace(looked, **{part: {**getattr(looked, part), at: items}})
    return diff(wanted, looked, place(wanted, looked, History()), History())


def going(changes: Any) -> list[str]:
    return [str(change.ref) for change in changes.changes if isinstance(change, UNWANTED)]


def held(changes: Any, ref: str) -> HeldReason:
    [reason] = [one.reason for one in changes.held if str(one.object) == ref]
    return reason


def old_network(**more: Any) -> Any:
    return listing(SeenNetwork("old", "1", active=True, mark=Mark("c", "old"), **more))


def old_pool() -> SeenPool:
    return seen_pool("old", fields={"type": "netfs", "target": "/old", "source_host": "nas9", "source_dir": "/srv/old"})


def old_export() -> Any:
    return {"exports": listing_of(SeenExport("/srv/old", "10.0.0.0/8", frozenset(), ours="old"))}


def listing_of(export: SeenExport) -> Any:
    return replace(listing(), items={"one": export})


# --- prune is off -------------------------------------------------------------------------


def test_where_prune_is_off_all_of_it_is_listed_and_left():
    changes = found([seen("a")], prune=False, networks=old_network(), pools=listing(old_pool()), **old_export())
    assert [str(ref) for ref in changes.orphans] == [
        *("domain/a@hv1", "network/old@hv1", "pool/old@hv1", "export/old@nas9")
    ]
    assert (going(changes), changes.held) == ([], ())


def test_a_forged_mark_is_not_even_listed():
    clone = seen("a", uuid="5")
    theirs = replace(old_pool(), uuid="6")
    network = SeenNetwork("old", "1", active=True, mark=Mark("c", "another"))
    for prune in (False, True):
        changes = found([clone], prune=prune, networks=listing(network), pools=listing(theirs))
        assert (changes.orphans, going(changes), changes.held) == ((), [], ())


def test_what_another_cluster_marked_is_none_of_ours():
    theirs = seen("a", mark=Mark("d", "a"), uuid=object_uuid("d", "domain", "a"))
    assert going(found([theirs])) == []


# --- prune is on --------------------------------------------------------------------------


def test_all_of_it_goes_but_no_volume():
    made = Mark("c", "a", (MadeDisk("root", "images", "a.root.qcow2", "qcow2", 1),), "hv1")
    guest = seen("a", mark=made, disks=(SeenDisk("root", "vda", "/cloud/a.root.qcow2"),))
    changes = found([guest], networks=old_network(), pools=listing(old_pool()), **old_export())
    assert going(changes) == ["export/old@nas9", "pool/old@hv1", "network/old@hv1", "domain/a@hv1"]
    assert [type(one).__name__ for one in changes.changes if "Disk" in type(one).__name__] == []
    assert changes.orphans == ()


def test_an_adopted_domain_goes_by_the_uuid_that_its_mark_vouches_for():
    assert going(found([seen("a", uuid="7", mark=Mark("c", "a", uuid="7"))])) == ["domain/a@hv1"]


def test_what_was_protected_stays():
    changes = found([seen("a", mark=Mark("c", "a", protected=True))])
    assert (going(changes), held(changes, "domain/a@hv1")) == ([], HeldReason.PROTECTED)


def test_what_has_snapshots_stays():
    changes = found([seen("a", bound=("it has 1 snapshot",))])
    assert (going(changes), held(changes, "domain/a@hv1")) == ([], HeldReason.CANNOT_CHANGE)


@pytest.mark.parametrize(
    ("missing", "ref"),
    [(0, "domain/a@hv1"), (1, "pool/old@hv1"), (1, "export/old@nas9"), (2, "network/old@hv1")],
)
def test_the_last_of_a_kind_never_goes(missing, ref):
    others = [domain("kept", power="unmanaged"), pool(), network()]
    del others[missing]
    changes = found([seen("a")], others=others, networks=old_network(), pools=listing(old_pool()), **old_export())
    assert ref not in going(changes)
    assert held(changes, ref) is HeldReason.NO_DOCUMENTS


@pytest.mark.parametrize(
    ("guest", "reason"),
    [
        (seen("a", "paused", "user"), HeldReason.PAUSED),
        (seen("a", "paused", "postcopy-failed"), HeldReason.POSTCOPY_FAILED),
        (seen("a", unknown="its monitor hangs"), HeldReason.STATE_UNCLEAR),
    ],
)
def test_hands_off_what_is_in_no_state_for_it(guest, reason):
    changes = found([guest])
    assert (going(changes), held(changes, "domain/a@hv1")) == ([], reason)


def test_what_runs_twice_is_an_alarm():
    changes = found([seen("a")], hv2=[seen("a")])
    assert (going(changes), held(changes, "domain/a@hv1")) == ([], HeldReason.RUNS_TWICE)


def test_what_a_cut_move_left_goes_first():
    changes = found([seen("a")], hv2=[seen("a", "shutoff")])
    assert going(changes) == []
    assert [str(change.ref) for change in changes.changes if type(change).__name__ == "DomainLeftover"] == [
        "domain/a@hv2"
    ]


def test_what_a_silent_host_may_have_is_unknown():
    changes = found([seen("a")], hv2=Unknown("off"), **old_export())
    assert going(changes) == ["domain/a@hv1"]
    assert held(changes, "export/old@nas9") is HeldReason.HOST_UNKNOWN


# --- what is still in use -----------------------------------------------------------------


def test_a_network_stays_while_anybody_is_plugged_into_it():
    stranger = seen("x", uuid="5", mark=None, fields=CARD, live=CARD)
    changes = found([stranger], networks=old_network())
    assert (going(changes), held(changes, "network/old@hv1")) == ([], HeldReason.IN_USE)


def test_a_network_goes_after_the_last_that_was_plugged_into_it():
    changes = found([seen("a", fields=CARD, live=CARD)], networks=old_network())
    assert going(changes) == ["network/old@hv1", "domain/a@hv1"]
    [change] = [one for one in changes.changes if isinstance(one, NetworkUnwanted)]
    assert change.users == ("a",)


def test_a_domain_that_cannot_be_read_may_be_plugged_into_it():
    unread = seen("x", uuid="5", mark=None, state=DomainState.NOSTATE.value, unknown="its monitor hangs")
    assert held(found([unread], networks=old_network()), "network/old@hv1") is HeldReason.IN_USE


def test_a_pool_and_its_export_stay_while_a_disk_lies_there():
    stranger = seen("x", uuid="5", mark=None, disks=(SeenDisk("vda", "vda", "/old/x.qcow2", writable=False),))
    changes = found([stranger], pools=listing(old_pool()), **old_export())
    assert going(changes) == []
    assert {held(changes, "pool/old@hv1"), held(changes, "export/old@nas9")} == {HeldReason.IN_USE}


def test_an_export_stays_that_a_pool_of_another_name_has_now():
    renamed = pool("new", source={"host": "nas9", "dir": "/srv/old"}, target="/new")
    changes = found((), renamed, **old_export())
    assert "export/old@nas9" not in going(changes)
    assert held(changes, "export/old@nas9") is HeldReason.IN_USE
