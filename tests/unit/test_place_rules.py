"""Rules between guests, what matters first, and room made for others."""

import pytest

from reconciler.history import History
from reconciler.observed import Unknown
from reconciler.place import place
from reconciler.step import HeldReason
from tests.unit.made import GIB, desired, domain, host, observed, seen

HOSTS = tuple(host(f"hv{n}") for n in (1, 2, 3))
EMPTY = observed({"hv1": [], "hv2": [], "hv3": []})


def apart(label, *, required=True):
    return {"apartFrom": {"matchLabels": {"app": label}, "required": required}}


def together(label, *, required=True):
    return {"togetherWith": {"matchLabels": {"app": label}, "required": required}}


def guest(name, app, gib=1, **placement):
    return domain(name, {"app": app}, memory=f"{gib}GiB", placement=placement)


def running(name, gib=1, **more):
    fields = {"memory": gib * GIB, "vcpus": 1}
    return seen(name, fields=fields, live=fields, **more)


def placed(documents, snapshot):
    return place(documents, snapshot, History()).of


def targets(documents, snapshot):
    return {name: placement.target for name, placement in placed(documents, snapshot).items()}


# --- apart ------------------------------------------------------------------------


def test_a_hard_rule_binds_both_sides():
    """Else the newcomer would send the other one away."""
    documents = desired(*HOSTS[:1], guest("a", "web", **apart("db")), guest("b", "db"))
    held = placed(documents, observed({"hv1": [running("a")]}))["b"].held
    assert "domain/a is there, from which it must be apart" in held.message


def test_what_a_person_moved_goes_back_where_a_hard_rule_is_broken():
    documents = desired(*HOSTS[:2], guest("a", "web", 2, **apart("web")), guest("b", "web", **apart("web")))
    found = placed(documents, observed({"hv1": [running("a", 2), running("b")], "hv2": []}))
    assert found["a"].target == "hv1"
    assert (found["b"].target, found["b"].moves) == ("hv2", True)
    assert found["b"].cause == "domain/a is at host/hv1 too, from which it must be apart"


def test_a_soft_rule_moves_nobody():
    documents = desired(*HOSTS, guest("a", "web", **apart("web", required=False)), guest("b", "web"))
    assert targets(documents, observed({"hv1": [running("a"), running("b")], "hv2": [], "hv3": []})) == {
        "a": "hv1",
        "b": "hv1",
    }


def test_only_the_one_whose_rule_it_is_moves_for_it():
    documents = desired(*HOSTS[:2], guest("a", "web", 4, **apart("db")), guest("b", "db"))
    assert targets(documents, observed({"hv1": [running("a", 4), running("b")], "hv2": []})) == {"a": "hv2", "b": "hv1"}


def test_a_broken_hard_rule_without_a_way_out_is_held_and_stays():
    documents = desired(*HOSTS[:2], guest("a", "web", **apart("db")), guest("b", "db"), guest("c", "db"))
    held = placed(documents, observed({"hv1": [running("a"), running("b")], "hv2": [running("c")]}))["a"].held
    assert held.reason is HeldReason.CANNOT_MIGRATE
    assert held.message.startswith("domain/b is at host/hv1 too, from which it must be apart; no host fits: ")


@pytest.mark.parametrize("policy", ["stay", "stop"])
def test_on_drain_keeps_a_guest_where_a_rule_is_broken(policy):
    a = domain("a", placement={"hosts": ["hv2"]}, onDrain=policy)
    held = placed(desired(*HOSTS[:2], a), observed({"hv1": [running("a")], "hv2": []}))["a"].held
    assert held.reason is HeldReason.ON_DRAIN_STAY
    assert f"onDrain ({policy}) says that it is not moved" in held.message


def test_a_host_that_the_document_no_longer_allows_is_left():
    a = domain("a", placement={"hosts": ["hv2"]})
    found = placed(desired(*HOSTS[:2], a), observed({"hv1": [running("a")], "hv2": []}))["a"]
    assert (found.target, found.cause) == ("hv2", "host/hv1 is not what placement.hosts asks for")


def test_what_is_to_be_stopped_is_not_moved_for_a_rule():
    a = domain("a", placement={"hosts": ["hv2"]}, power="stopped")
    assert targets(desired(*HOSTS[:2], a), observed({"hv1": [running("a")], "hv2": []})) == {"a": "hv1"}
    assert targets(desired(*HOSTS[:2], a), observed({"hv1": [seen("a", "shutoff")], "hv2": []})) == {"a": "hv2"}


# --- together ---------------------------------------------------------------------


def test_new_ones_that_must_be_together_go_as_one():
    documents = desired(*HOSTS, guest("a", "web", 4, **together("db")), guest("b", "db", 3), guest("c", "x", 5))
    found = targets(documents, EMPTY)
    assert found["a"] == found["b"] != found["c"]


def test_what_must_be_together_drains_together():
    documents = desired(
        host("hv1", cordoned=True), *HOSTS[1:], guest("a", "web", 3, **together("db")), guest("b", "db", 3)
    )
    snapshot = observed({"hv1": [running("a", 3), running("b", 3)], "hv2": [], "hv3": [seen("foreign", mark=None)]})
    assert targets(documents, snapshot) == {"a": "hv2", "b": "hv2"}


def test_a_new_one_goes_where_the_other_runs():
    documents = desired(*HOSTS, guest("a", "web", **together("db")), guest("b", "db"))
    assert targets(documents, observed({"hv1": [], "hv2": [], "hv3": [running("b")]})) == {"a": "hv3", "b": "hv3"}


def test_the_one_with_the_rule_follows_what_a_person_moved():
    documents = desired(*HOSTS, guest("a", "web", 4, **together("db")), guest("b", "db"))
    found = placed(documents, observed({"hv1": [running("a", 4)], "hv2": [running("b")], "hv3": []}))
    assert (found["a"].target, found["b"].target) == ("hv2", "hv2")
    assert found["a"].cause == "it must be with domain/b, which is at host/hv2"


def test_where_all_have_the_rule_the_fewest_bytes_move():
    rule = together("web")
    documents = desired(*HOSTS, *(guest(n, "web", gib, **rule) for n, gib in (("a", 1), ("b", 4), ("c", 1))))
    snapshot = observed({"hv1": [running("a")], "hv2": [running("b", 4)], "hv3": [running("c")]})
    assert targets(documents, snapshot) == {"a": "hv2", "b": "hv2", "c": "hv2"}


def test_together_with_two_that_are_apart_is_held():
    documents = desired(*HOSTS, guest("a", "web", **together("db")), guest("b", "db"), guest("c", "db"))
    held = placed(documents, observed({"hv1": [running("b")], "hv2": [running("c")], "hv3": []}))["a"].held
    assert "it must be with domain/b and with domain/c, which are at different hosts" in held.message


def test_what_cannot_leave_keeps_the_others():
    documents = desired(host("hv1", cordoned=True), *HOSTS[1:], guest("a", "web", **together("db")), guest("b", "db"))
    snapshot = observed({"hv1": [running("a"), running("b", obstacles=("it has a snapshot",))], "hv2": [], "hv3": []})
    found = placed(documents, snapshot)
    assert found["b"].held.message == "it has a snapshot"
    assert "it must be with domain/b, which is at host/hv1" in found["a"].held.message


def test_a_soft_wish_for_company_is_kept_where_it_can_be():
    documents = desired(*HOSTS, guest("a", "web", **together("db", required=False)), guest("b", "db", 2))
    found = targets(documents, EMPTY)
    assert found["a"] == found["b"]


# --- what matters first --------------------------------------------------------------


def test_the_greater_priority_finds_room_first():
    small = [domain(f"s{n}", memory="3GiB") for n in range(2)]
    big = domain("big", memory="7GiB", placement={"priority": 1})
    found = placed(desired(HOSTS[0], big, *small), observed({"hv1": []}))
    assert [name for name, one in found.items() if one.target] == ["big"]


def test_among_equals_as_many_as_can_be():
    small = [domain(f"s{n}", memory="3GiB") for n in range(2)]
    found = placed(desired(HOSTS[0], domain("big", memory="7GiB"), *small), observed({"hv1": []}))
    assert [name for name, one in found.items() if one.target] == ["s0", "s1"]


def test_what_must_leave_goes_before_what_is_new():
    documents = desired(host("hv1", cordoned=True), HOSTS[1], domain("a", memory="5GiB"), domain("n", memory="4GiB"))
    found = placed(documents, observed({"hv1": [running("a", 5)], "hv2": []}))
    assert (found["a"].target, found["n"].target) == ("hv2", None)


def test_a_pair_changes_places_before_anybody_is_held():
    """Greedy would put `s` to the emptiest host, which `w` alone needs."""
    w = domain("w", memory="5GiB", placement={"hosts": ["hv2", "hv3"]})
    documents = desired(
        host("hv1", cordoned=True), *HOSTS[1:], w, domain("s", memory="6GiB"), domain("x", memory="2GiB")
    )
    snapshot = observed({"hv1": [running("w", 5), running("s", 6)], "hv2": [running("x", 2)], "hv3": []})
    assert targets(documents, snapshot) == {"w": "hv2", "s": "hv3", "x": "hv2"}


def test_a_move_under_way_counts_on_both_ends():
    coming = seen("b", "paused", "migration", fields=None, live={"memory": 4 * GIB, "vcpus": 1}, job=True)
    documents = desired(*HOSTS[:2], domain("a", memory="4GiB"), domain("b", memory="4GiB"))
    found = placed(documents, observed({"hv1": [running("b", 4)], "hv2": [coming]}))
    assert found["b"].held.reason is HeldReason.MIGRATION_RUNNING
    assert found["a"].held.reason is HeldReason.NO_HOST_FITS


def test_memory_that_the_document_promises_counts():
    """The guest gets it when it starts again, and must find it there."""
    documents = desired(HOSTS[0], domain("a", memory="6GiB"), domain("b", memory="2GiB"))
    assert placed(documents, observed({"hv1": [running("a", 1)]}))["b"].held


# --- strategy and room ------------------------------------------------------------------


def test_pack_fills_the_fullest_host_that_has_room():
    documents = desired(*HOSTS, domain("a"), domain("b"), placement={"strategy": "pack"})
    assert targets(documents, observed({"hv1": [], "hv2": [running("a")], "hv3": []})) == {"a": "hv2", "b": "hv2"}


FULL = observed({"hv1": [running("big", 5)], "hv2": [running("x", 4)], "hv3": [running("y", 4)]})
CROWDED = (
    host("hv1", cordoned=True),
    *HOSTS[1:],
    *(domain(n, memory=m) for n, m in (("big", "5GiB"), ("x", "4GiB"), ("y", "4GiB"))),
)
TINY = observed({"hv1": [running("big", 5)], "hv2": [running("x", 3)], "hv3": [running("y", 4)]})
ROOMY = (
    host("hv1", cordoned=True),
    *HOSTS[1:],
    *(domain(n, memory=m) for n, m in (("big", "5GiB"), ("x", "3GiB"), ("y", "4GiB"))),
)


def test_others_do_not_move_unless_it_is_allowed_but_it_is_said():
    held = placed(desired(*ROOMY), TINY)["big"].held
    assert held.message.endswith("would fit if domain/x moved to host/hv3 (placement.makeRoom would do that)")


def test_room_is_made_by_the_fewest_moves_and_waited_for():
    found = placed(desired(*ROOMY, placement={"makeRoom": True}), TINY)
    assert {name: one.target for name, one in found.items()} == {"big": "hv2", "x": "hv3", "y": "hv3"}
    assert found["big"].after == (("x", "hv2"),)
    assert found["x"].cause == "it makes room for domain/big"


def test_where_no_move_helps_nothing_is_promised():
    found = placed(desired(*CROWDED, placement={"makeRoom": True}), FULL)
    assert [one.target for one in found.values()] == [None, "hv2", "hv3"]
    assert "would fit" not in found["big"].held.message


@pytest.mark.parametrize("spec", [{"onDrain": "restart"}, {"power": "stopped"}, {"placement": {"hosts": ["hv2"]}}])
def test_only_what_moves_live_and_may_makes_room(spec):
    documents = (*(d for d in ROOMY if d.name != "x"), domain("x", memory="3GiB", **spec))
    assert not placed(desired(*documents, placement={"makeRoom": True}), TINY)["x"].moves


def test_a_host_that_is_not_known_takes_nobody_whose_rule_is_broken():
    documents = desired(*HOSTS[:2], guest("a", "web", **apart("web")), guest("b", "web", **apart("web")))
    found = placed(documents, observed({"hv1": [running("a"), running("b")], "hv2": Unknown("no route")}))
    assert (found["a"].held.reason, found["b"].target) == (HeldReason.CANNOT_MIGRATE, "hv1")
    assert "host/hv2: it is unknown: no route" in found["a"].held.message
