"""Where domains go, and why not elsewhere."""

from dataclasses import replace

import pytest

from reconciler.history import Failure, History
from reconciler.observed import CpuFacts, Listing, Unknown
from reconciler.place import place
from reconciler.step import HeldReason
from tests.unit.made import GIB, Ref, desired, domain, facts, host, observed, seen

HOSTS = (host("hv1"), host("hv2"))
EMPTY = observed({"hv1": [], "hv2": []})


def targets(documents, snapshot, history=None):
    placed = place(documents, snapshot, history or History())
    return {name: placement.target for name, placement in placed.of.items()}


def test_new_guests_are_spread_and_ties_go_by_name():
    assert targets(desired(*HOSTS, domain("a"), domain("b"), domain("c")), EMPTY) == {
        "a": "hv1",
        "b": "hv2",
        "c": "hv1",
    }


def test_a_soft_rule_is_kept_where_it_can_be():
    web = {"labels": {"app": "web"}, "placement": {"apartFrom": {"matchLabels": {"app": "web"}}}}
    big = domain("big", memory="4GiB")
    placed = targets(desired(*HOSTS, big, domain("w1", **web), domain("w2", **web)), EMPTY)
    assert placed["w1"] != placed["w2"]


def test_a_hard_rule_holds_rather_than_break():
    rule = {"labels": {"app": "w"}, "placement": {"apartFrom": {"matchLabels": {"app": "w"}, "required": True}}}
    placed = place(desired(*HOSTS, *(domain(n, **rule) for n in "abc")), EMPTY, History())
    held = [p.held for p in placed.of.values() if p.held]
    assert [h.reason for h in held] == [HeldReason.NO_HOST_FITS]
    assert "domain/a is there, from which it must be apart" in held[0].message


def test_what_runs_stays_even_where_another_host_is_emptier():
    snapshot = observed({"hv1": [seen("a"), seen("b")], "hv2": []})
    assert targets(desired(*HOSTS, domain("a"), domain("b")), snapshot) == {"a": "hv1", "b": "hv1"}


def test_a_cordoned_host_is_emptied_and_nothing_new_goes_there():
    documents = desired(host("hv1", cordoned=True), host("hv2"), domain("a"), domain("b"))
    assert targets(documents, observed({"hv1": [seen("a")], "hv2": []})) == {"a": "hv2", "b": "hv2"}


def test_memory_counts_with_reserve_and_moves_count_at_once():
    documents = desired(host("hv1", cordoned=True), host("hv2"), *(domain(n, memory="4GiB") for n in "ab"))
    guests = [seen(n, fields={"memory": 4 * GIB, "vcpus": 1}, live={"memory": 4 * GIB, "vcpus": 1}) for n in "ab"]
    placed = place(documents, observed({"hv1": guests, "hv2": []}), History())
    assert [p.target for p in placed.of.values()] == ["hv2", None]
    assert placed.of["b"].held.reason is HeldReason.CANNOT_MIGRATE
    assert placed.rejections["b"]["hv2"] == "it has 3584 MiB of memory left for guests, 4096 MiB are needed"


def test_vcpus_are_limited_by_overcommit():
    documents = desired(host("hv1"), domain("a", vcpus=9), placement={"cpuOvercommit": 2.0})
    placed = place(documents, observed({"hv1": []}), History())
    assert placed.rejections["a"]["hv1"] == "it has 8 vCPUs left for guests, 9 are needed"


def test_an_unknown_host_takes_nothing_and_is_named():
    placed = place(
        desired(*HOSTS, domain("a", memory="9GiB")), observed({"hv1": [], "hv2": Unknown("no route")}), History()
    )
    assert placed.of["a"].held.reason is HeldReason.HOST_UNKNOWN
    assert placed.rejections["a"]["hv2"] == "it is unknown: no route"


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"cordoned": True}, "it is cordoned"),
        ({"fenced": True}, "it is fenced"),
    ],
)
def test_a_host_says_why_not(spec, reason):
    placed = place(desired(host("hv1", **spec), host("hv2"), domain("a")), EMPTY, History())
    assert placed.rejections["a"] == {"hv1": reason}


def test_a_cpu_model_must_be_there():
    documents = desired(*HOSTS, domain("a", cpu="Skylake-Client"), domain("b", cpu="host-passthrough"))
    emulated = {"hv1": facts("hv1", virt_type="qemu"), "hv2": facts("hv2")}
    placed = place(documents, observed({"hv1": [], "hv2": []}, facts=emulated), History())
    assert placed.of["a"].held
    assert placed.of["b"].target == "hv2"


def test_two_documents_of_one_machine_take_nothing():
    twins = {name: facts(name, uuid="same") for name in ("hv1", "hv2")}
    placed = place(desired(*HOSTS, domain("a")), observed({"hv1": [], "hv2": []}, facts=twins), History())
    assert placed.rejections["a"]["hv1"] == "it is the same machine as host/hv2"


def test_after_a_failure_another_target_comes_first():
    documents = desired(host("hv1", cordoned=True), host("hv2"), host("hv3"), domain("a"))
    snapshot = observed({"hv1": [seen("a")], "hv2": [], "hv3": []})
    failed = History({"migrate-domain:domain/a@hv1": Failure(Ref("domain", "a", "hv1"), 1, 0.0, "cut", ("hv2",))})
    assert targets(documents, snapshot) == {"a": "hv2"}
    assert targets(documents, snapshot, failed) == {"a": "hv3"}


@pytest.mark.parametrize(
    ("on_drain", "state", "power", "expected"),
    [
        ("migrate", "running", "running", "hv2"),
        ("restart", "running", "running", "hv2"),
        ("stay", "running", "running", HeldReason.ON_DRAIN_STAY),
        ("stop", "running", "running", "hv1"),
        ("stop", "shutoff", "running", "hv1"),
        ("stop", "shutoff", "stopped", "hv2"),
        ("stay", "shutoff", "stopped", "hv2"),
    ],
)
def test_on_drain_decides_what_a_cordon_does(on_drain, state, power, expected):
    documents = desired(host("hv1", cordoned=True), host("hv2"), domain("a", onDrain=on_drain, power=power))
    placed = place(documents, observed({"hv1": [seen("a", state)], "hv2": []}), History()).of["a"]
    assert (placed.held.reason if placed.held else placed.target) == expected


def test_what_stands_against_a_migration_holds_it():
    documents = desired(host("hv1", cordoned=True), host("hv2"), domain("a"))
    snapshot = observed({"hv1": [seen("a", obstacles=("it has a snapshot",))], "hv2": []})
    held = place(documents, snapshot, History()).of["a"].held
    assert (held.reason, held.message) == (HeldReason.CANNOT_MIGRATE, "it has a snapshot")


def test_a_guest_of_the_hosts_own_cpu_moves_between_equal_hosts():
    """Under TCG the host's own CPU is a model without some features, and that model is not listed as usable."""
    cpu = CpuFacts("EPYC", (("svm", "disable"),), frozenset({"qemu64"}))
    live = {"vcpus": 1, "memory": GIB, "cpu": "EPYC"}
    there = {name: Listing({name: replace(facts(name).items[name], cpu=cpu)}, 0.0) for name in ("hv1", "hv2")}
    documents = desired(host("hv1", cordoned=True), host("hv2"), domain("a"))
    placed = place(documents, observed({"hv1": [seen("a", live=live)], "hv2": []}, facts=there), History())
    assert placed.of["a"].target == "hv2"


@pytest.mark.parametrize(
    ("fields", "lies"),
    [({"firmware": "uefi"}, "its NVRAM lies"), ({"tpm": {"model": "tpm-crb"}}, "its TPM state lies")],
)
@pytest.mark.parametrize(
    ("state", "spec"),
    [("shutoff", {}), ("running", {"onDrain": "restart"}), ("running", {"power": "stopped"})],
)
def test_what_lies_beside_libvirt_on_one_host_moves_only_with_a_running_guest(fields, lies, state, spec):
    hosts = (host("hv1", cordoned=True), host("hv2"))

    def placed(state, spec):
        guest = seen("a", state, fields={"vcpus": 1, "memory": GIB, **fields})
        return place(desired(*hosts, domain("a", **spec)), observed({"hv1": [guest], "hv2": []}), History()).of["a"]

    assert placed("running", {}).target == "hv2"
    held = placed(state, spec).held
    assert held.reason is HeldReason.CANNOT_MIGRATE
    assert lies in held.message
