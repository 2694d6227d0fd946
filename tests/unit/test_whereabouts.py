"""A total table of where a domain can be seen, and whether it may be touched."""

import pytest

from reconciler.mark import Mark
from reconciler.observed import DomainState, SeenJob, Standing, Unknown
from reconciler.step import HeldReason
from reconciler.whereabouts import migrations_under_way, suspects, twins, unsettled, whereabouts, without_twins
from tests.unit.made import desired, domain, facts, host, observed, seen

CUT = {"state": "paused", "reason": "migration", "job": True}
DOCUMENTS = desired(host("hv1"), host("hv2"), domain("a"))


def locate(**hosts):
    return whereabouts(DOCUMENTS, observed({"hv1": [], "hv2": [], **hosts}))["a"]


@pytest.mark.parametrize(
    ("guests", "home", "reason"),
    [
        ({}, None, None),
        ({"hv1": [seen("a")]}, "hv1", None),
        ({"hv1": [seen("a", "shutoff")]}, "hv1", None),
        ({"hv1": [seen("a", "paused", "user")]}, "hv1", HeldReason.PAUSED),
        ({"hv1": [seen("a", "paused", "ioerror")]}, "hv1", None),
        ({"hv1": [seen("a", "paused", "migration")]}, "hv1", None),
        ({"hv1": [seen("a", "paused", "migration", fields=None)]}, "hv1", HeldReason.MIGRATION_RUNNING),
        ({"hv1": [seen("a", "paused", "postcopy-failed")]}, "hv1", HeldReason.POSTCOPY_FAILED),
        ({"hv1": [seen("a", "shutdown")]}, "hv1", HeldReason.UNSETTLED),
        ({"hv1": [seen("a", "crashed")]}, "hv1", HeldReason.STATE_UNCLEAR),
        ({"hv1": [seen("a", unknown="its monitor hangs")]}, "hv1", HeldReason.STATE_UNCLEAR),
        ({"hv1": [seen("a", mark=None)]}, "hv1", HeldReason.NOT_OURS),
        ({"hv1": [seen("a", mark=Mark("other", "a"))]}, "hv1", HeldReason.NOT_OURS),
        ({"hv1": [seen("a", uuid="forged")]}, "hv1", HeldReason.NOT_OURS),
        ({"hv1": [seen("a")], "hv2": [seen("a")]}, "hv1", HeldReason.RUNS_TWICE),
        (
            {"hv1": [seen("a")], "hv2": [seen("a", **CUT)]},
            "hv1",
            HeldReason.MIGRATION_RUNNING,
        ),
        (
            {"hv1": [seen("a", **CUT)], "hv2": [seen("a")]},
            "hv2",
            HeldReason.MIGRATION_RUNNING,
        ),
        ({"hv1": [seen("a", **CUT)]}, "hv1", HeldReason.MIGRATION_RUNNING),
    ],
)
def test_each_sight_has_one_meaning(guests, home, reason):
    where = locate(**guests)
    assert (where.home, where.held.reason if where.held else None) == (home, reason)


def test_a_definition_left_behind_is_a_leftover_of_the_one_that_runs():
    where = locate(hv1=[seen("a", "shutoff")], hv2=[seen("a")])
    assert (where.home, where.leftovers, where.held) == ("hv2", ("hv1",), None)


def test_a_source_that_lost_the_last_word_is_a_husk_of_the_guest_that_runs():
    where = locate(hv1=[seen("a", "paused", "migration")], hv2=[seen("a", reason="migrated")])
    assert (where.home, where.husks, where.held) == ("hv2", ("hv1",), None)


def test_migrations_under_way_are_counted_whoever_began_them():
    incoming = seen("x", "paused", "migration", fields=None, job=SeenJob())
    assert migrations_under_way(observed({"hv1": [seen("x")], "hv2": [incoming]})) == (("hv1", "hv2"),)
    assert migrations_under_way(observed({"hv1": [seen("x", "paused", "migration")], "hv2": [seen("x")]})) == ()


def test_of_two_inactive_definitions_the_one_on_a_free_host_stays():
    documents = desired(host("hv1", cordoned=True), host("hv2"), domain("a"))
    where = whereabouts(documents, observed({"hv1": [seen("a", "shutoff")], "hv2": [seen("a", "shutoff")]}))["a"]
    assert (where.home, where.leftovers) == ("hv2", ("hv1",))


def test_every_state_of_libvirt_has_a_standing():
    for state in DomainState:
        assert isinstance(seen("a", state).standing, Standing)


def test_nowhere_and_twice_ask_for_a_second_look():
    assert suspects(DOCUMENTS, observed({"hv1": [], "hv2": []})) == {"a"}
    assert suspects(DOCUMENTS, observed({"hv1": [seen("a")], "hv2": []})) == frozenset()
    assert suspects(DOCUMENTS, observed({"hv1": [seen("a")], "hv2": [seen("a")]})) == {"a"}


def test_two_looks_that_disagree_settle_nothing():
    nowhere, twice = observed({"hv1": [], "hv2": []}), observed({"hv1": [seen("a")], "hv2": [seen("a")]})
    once = observed({"hv1": [], "hv2": [seen("a")]})
    assert unsettled(DOCUMENTS, nowhere, nowhere) == frozenset()
    assert unsettled(DOCUMENTS, nowhere, twice) == {"a"}
    assert unsettled(DOCUMENTS, nowhere, once) == frozenset()


def test_one_machine_under_two_names_is_no_double_guest():
    same = {name: facts(name, uuid="same") for name in ("hv1", "hv2")}
    snapshot = observed({"hv1": [seen("a")], "hv2": [seen("a")]}, facts=same)
    assert twins(snapshot) == {"hv1": "hv2", "hv2": "hv1"}
    blind = without_twins(snapshot)
    assert all(isinstance(part, Unknown) for part in blind.domains.values())
    assert whereabouts(DOCUMENTS, blind)["a"].held is None


# --- post-copy -----------------------------------------------------------------


def test_a_post_copy_that_goes_on_is_waited_for_and_counted():
    ends = {"hv1": [seen("a", "paused", "postcopy")], "hv2": [seen("a", "running", "postcopy")]}
    where = whereabouts(DOCUMENTS, observed(ends))["a"]
    assert where.held.reason is HeldReason.MIGRATION_RUNNING
    assert migrations_under_way(observed(ends)) == (("hv1", "hv2"),)
    other_way = {"hv1": ends["hv2"], "hv2": ends["hv1"]}
    assert migrations_under_way(observed(other_way)) == (("hv2", "hv1"),)


@pytest.mark.parametrize("half", ["paused", "running"])
def test_a_post_copy_that_broke_freezes_both_halves(half):
    ends = {"hv1": [seen("a", "paused", "postcopy-failed")], "hv2": [seen("a", half, "postcopy-failed")]}
    where = whereabouts(DOCUMENTS, observed(ends))["a"]
    assert where.held.reason is HeldReason.POSTCOPY_FAILED
    assert migrations_under_way(observed(ends)) == ()
