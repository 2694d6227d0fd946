"""Advice on who should move for evenness and soft rules."""

from reconciler.history import History
from reconciler.place import rebalance
from tests.unit.made import GIB, desired, domain, host, observed, seen

HOSTS = tuple(host(f"hv{n}") for n in (1, 2, 3))


def running(name, gib=1, **more):
    fields = {"memory": gib * GIB, "vcpus": 1}
    return seen(name, **{"fields": fields, "live": fields, **more})


def advice(documents, snapshot):
    return rebalance(documents, snapshot, History())


def test_the_first_move_does_most_and_each_gain_counts_those_before():
    documents = desired(*HOSTS[:2], *(domain(n, memory=f"{m}GiB") for n, m in (("a", 3), ("b", 1), ("c", 2))))
    found = advice(documents, observed({"hv1": [running("a", 3), running("b"), running("c", 2)], "hv2": []}))
    assert [(one.domain, one.source, one.target) for one in found] == [("a", "hv1", "hv2")]
    assert found[0].evens == 40.0
    assert found[0].reason == "memory use is evened by 40.0 points"


def test_what_is_even_is_left():
    documents = desired(*HOSTS[:2], domain("a"), domain("b"))
    assert advice(documents, observed({"hv1": [running("a")], "hv2": [running("b")]})) == ()


def test_a_broken_soft_rule_counts_more_than_evenness():
    apart = {"placement": {"apartFrom": {"matchLabels": {"app": "web"}}}}
    documents = desired(
        *HOSTS[:2], *(domain(n, {"app": "web"}, **apart) for n in "ab"), domain("big", memory="4GiB"), domain("c")
    )
    snapshot = observed({"hv1": [running("a"), running("b")], "hv2": [running("big", 4), running("c")]})
    found = advice(documents, snapshot)
    assert (found[0].domain, found[0].target, found[0].restores) == ("a", "hv2", ("domain/a is apart from domain/b",))
    assert found[0].evens < 0
    assert "domain/a is apart from domain/b; memory use is less even by" in found[0].reason


def test_a_soft_wish_for_company_is_restored():
    wish = {"placement": {"togetherWith": {"matchLabels": {"app": "db"}}}}
    documents = desired(*HOSTS[:2], domain("a", **wish), domain("b", {"app": "db"}))
    found = advice(documents, observed({"hv1": [running("a")], "hv2": [running("b")]}))
    assert [(one.domain, one.restores) for one in found] == [("a", ("domain/a is with domain/b",))]


def test_only_what_moves_live_is_advised_and_never_to_a_closed_host():
    documents = desired(HOSTS[0], host("hv2", cordoned=True), domain("a", memory="4GiB"))
    assert advice(documents, observed({"hv1": [running("a", 4)], "hv2": []})) == ()
    documents = desired(*HOSTS[:2], domain("a", memory="4GiB", onDrain="stay"))
    assert advice(documents, observed({"hv1": [running("a", 4)], "hv2": []})) == ()


def test_hard_rules_are_kept():
    apart = {"placement": {"apartFrom": {"matchLabels": {"app": "db"}, "required": True}}}
    documents = desired(*HOSTS[:2], domain("a", memory="4GiB", **apart), domain("b", {"app": "db"}))
    assert advice(documents, observed({"hv1": [running("a", 4)], "hv2": [running("b")]})) == ()


def test_it_is_judged_after_what_this_pass_does_anyhow():
    documents = desired(host("hv1", cordoned=True), *HOSTS[1:], *(domain(n, memory="2GiB") for n in "ab"))
    assert advice(documents, observed({"hv1": [running("a", 2)], "hv2": [running("b", 2)], "hv3": []})) == ()
