"""Conditions, from what was written and what was seen."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.action import ShutdownDomain
from reconciler.desired import Desired, Ref
from reconciler.desired.documents import Domain, Host
from reconciler.errors import UsageError
from reconciler.fact import AllOf
from reconciler.history import History
from reconciler.load import load
from reconciler.mark import MadeDisk, Mark
from reconciler.observed import DomainState, Observed, SeenDomain, Unknown
from reconciler.show.status import conditions_text
from reconciler.status import Condition, ObjectStatus, Truth, status
from reconciler.status.drain import made_undrainable
from reconciler.status.images import DiskStatus, ImageStatus
from reconciler.status.names import find
from reconciler.status.why import Why, why
from reconciler.step import Held, HeldReason, Impact, Plan, Step
from reconciler.stopping import Stop
from tests.unit import made
from tests.unit.test_cli_stubs import (
    GIB,
    domain,
    empty,
    exports,
    facts,
    listing,
    network,
    pool,
    settled,
    without,
    write,
)


@pytest.fixture
def desired(tmp_path: Path) -> Desired:
    return load(write(tmp_path))


def with_host(desired: Desired, name: str, **changed: Any) -> Desired:
    document = desired.hosts[name]
    assert isinstance(document, Host)
    return replace(
        desired,
        hosts={**desired.hosts, name: document.model_copy(update={"spec": document.spec.model_copy(update=changed)})},
    )


def with_domain(desired: Desired, name: str, **changed: Any) -> Desired:
    document = desired.domains[name]
    assert isinstance(document, Domain)
    return replace(
        desired,
        domains={
            **desired.domains,
            name: document.model_copy(update={"spec": document.spec.model_copy(update=changed)}),
        },
    )


def one(desired: Desired, seen: Observed, ref: str, plan: Plan | None = None) -> ObjectStatus:
    return next(s for s in status(desired, seen, plan or Plan()) if str(s.object) == ref)


def condition(desired: Desired, seen: Observed, ref: str, kind: str, plan: Plan | None = None) -> Condition:
    return next(c for c in one(desired, seen, ref, plan).conditions if c.type == kind)


def truths(shown: ObjectStatus) -> dict[str, str]:
    return {c.type: c.status.value for c in shown.conditions}


def test_every_object_in_order(desired: Desired) -> None:
    assert [str(s.object) for s in status(desired, settled(), Plan())] == [
        "cluster/small-cloud",
        "host/hv1",
        "host/hv2",
        "host/nas",
        "pool/images",
        "pool/images@hv1",
        "pool/images@hv2",
        "network/lan",
        "network/lan@hv1",
        "network/lan@hv2",
        "domain/web-1",
    ]


def test_all_is_well(desired: Desired) -> None:
    shown = {str(s.object): s for s in status(desired, settled(), Plan())}
    assert {ref: s.state for ref, s in shown.items() if s.state != "Ready"} == {
        "cluster/small-cloud": "Converged",
        "domain/web-1": "Running",
    }
    assert all(not s.note for s in shown.values())
    assert truths(shown["host/hv1"]) == {
        "Reachable": "True",
        "Schedulable": "True",
        "StorageReady": "True",
        "NetworkReady": "True",
        "Drainable": "True",
        "Drained": "False",
        "SafeToPowerOff": "False",
    }
    assert truths(shown["cluster/small-cloud"]) == {"Converged": "True", "SurvivesHostLoss": "True"}
    assert truths(shown["host/nas"]) == {"Reachable": "True", "Exporting": "True", "SafeToPowerOff": "False"}
    assert truths(shown["domain/web-1"]) == {
        "Defined": "True",
        "Running": "True",
        "Placed": "True",
        "Migratable": "True",
        "InSync": "True",
        "RestartRequired": "False",
        "GuestReady": "Unknown",
        "Stalled": "Unknown",
    }
    web, hv1 = shown["domain/web-1"], shown["host/hv1"]
    assert (web.where, web.vcpus, web.memory) == ("hv1", 1, 128 * 1024**2)
    assert (hv1.where, hv1.vcpus, hv1.memory) == ("10.77.0.12", 4, 8 * GIB)


def test_nothing_is_there_yet(desired: Desired) -> None:
    shown = {str(s.object): s for s in status(desired, empty(), Plan())}
    assert shown["domain/web-1"].state == "Missing"
    assert truths(shown["domain/web-1"])["Defined"] == "False"
    assert truths(shown["host/hv1"])["StorageReady"] == "False"
    assert truths(shown["host/nas"])["Exporting"] == "False"
    assert truths(shown["host/hv1"])["SafeToPowerOff"] == "True"
    assert truths(shown["host/nas"])["SafeToPowerOff"] == "True"


# --- law 1: unknown is neither true nor false ---------------------------------------------


def test_a_silent_host_is_unknown_not_empty(desired: Desired) -> None:
    seen = without(settled(), "hv1")
    assert truths(one(desired, seen, "host/hv1")) == {
        "Reachable": "False",
        "Schedulable": "Unknown",
        "StorageReady": "Unknown",
        "NetworkReady": "Unknown",
        "Drainable": "Unknown",
        "Drained": "Unknown",
        "SafeToPowerOff": "Unknown",
    }
    assert one(desired, seen, "host/hv1").state == "Unreachable"
    assert truths(one(desired, seen, "pool/images"))["Ready"] == "Unknown"


def test_a_domain_that_may_be_at_a_silent_host_is_unknown(desired: Desired) -> None:
    web = one(desired, without(settled(), "hv1"), "domain/web-1")
    assert truths(web) == {
        "Defined": "Unknown",
        "Running": "Unknown",
        "Placed": "Unknown",
        "Migratable": "Unknown",
        "InSync": "Unknown",
        "RestartRequired": "False",
        "GuestReady": "Unknown",
        "Stalled": "Unknown",
    }
    assert web.state == "Unknown"


def test_a_domain_seen_elsewhere_is_known_though_a_host_is_silent(desired: Desired) -> None:
    assert truths(one(desired, without(settled(), "hv2"), "domain/web-1"))["Running"] == "True"


def test_a_silent_server_is_not_safe_to_power_off(desired: Desired) -> None:
    seen = settled(exports={"nas": Unknown("no route to host")})
    assert truths(one(desired, seen, "host/nas")) == {
        "Reachable": "False",
        "Exporting": "Unknown",
        "SafeToPowerOff": "Unknown",
    }


def test_a_fenced_host_is_vouched_for(desired: Desired) -> None:
    fenced = with_host(desired, "hv1", fenced=True)
    seen = without(settled(), "hv1")
    assert one(fenced, seen, "host/hv1").state == "Fenced"
    assert one(fenced, seen, "domain/web-1").state == "Missing"
    answers = condition(fenced, settled(), "host/hv1", "Reachable")
    assert answers.reason == "FencedHostAnswers"
    assert answers.message.startswith("ALARM")


# --- draining and switching off ------------------------------------------------------------


def test_a_cordoned_host_with_a_guest_of_ours_is_draining(desired: Desired) -> None:
    cordoned = with_host(desired, "hv1", cordoned=True)
    assert one(cordoned, settled(), "host/hv1").state == "Draining"
    assert condition(cordoned, settled(), "host/hv1", "Drained").message == "still there: domain/web-1"
    assert condition(cordoned, settled(), "host/hv1", "Schedulable").reason == "Cordoned"
    assert condition(cordoned, settled(), "domain/web-1", "Placed").reason == "HostCordoned"


def test_an_empty_cordoned_host_is_drained_and_safe(desired: Desired) -> None:
    cordoned = with_host(desired, "hv2", cordoned=True)
    assert one(cordoned, settled(), "host/hv2").state == "Drained"
    assert one(cordoned, settled(), "host/hv2").note == "safe to power off"
    assert condition(cordoned, settled(), "host/hv2", "SafeToPowerOff").status is Truth.TRUE


def foreign(state: DomainState = DomainState.RUNNING) -> SeenDomain:
    return SeenDomain("theirs", "9d2fa7f6-1111-4222-8333-444455556666", state, fields={}, live={})


def test_a_foreign_guest_does_not_hinder_the_drain_but_the_plug(desired: Desired) -> None:
    cordoned = with_host(desired, "hv2", cordoned=True)
    seen = settled(domains={"hv1": listing(web_1=domain()), "hv2": listing(theirs=foreign())})
    assert condition(cordoned, seen, "host/hv2", "Drained").status is Truth.TRUE
    safe = condition(cordoned, seen, "host/hv2", "SafeToPowerOff")
    assert (safe.status, safe.reason) == (Truth.FALSE, "GuestsRun")
    assert one(cordoned, seen, "host/hv2").note == safe.message == "running there: domain/theirs"


@pytest.mark.parametrize("state", [DomainState.PAUSED, DomainState.CRASHED, DomainState.NOSTATE, DomainState.SHUTDOWN])
def test_whatever_may_have_a_process_is_not_safe(desired: Desired, state: DomainState) -> None:
    seen = settled(domains={"hv1": listing(web_1=domain()), "hv2": listing(theirs=foreign(state))})
    assert condition(desired, seen, "host/hv2", "SafeToPowerOff").status is Truth.FALSE


@pytest.mark.parametrize(
    ("on_drain", "state", "drained"),
    [
        ("migrate", DomainState.RUNNING, False),
        ("migrate", DomainState.SHUTOFF, False),
        ("restart", DomainState.RUNNING, False),
        ("stop", DomainState.RUNNING, False),
        ("stop", DomainState.SHUTOFF, True),
        ("stay", DomainState.RUNNING, True),
    ],
)
def test_who_must_leave(tmp_path: Path, on_drain: str, state: DomainState, drained: bool) -> None:
    text = (
        "kind: Domain\nmetadata: {name: web-1}\nspec:\n  vcpus: 1\n  memory: 128MiB\n"
        f"  onDrain: {on_drain}\n  disks: [{{name: root, pool: images, size: 1GiB}}]\n"
    )
    desired = with_host(load(write(tmp_path, web_1=text)), "hv1", cordoned=True)
    seen = settled(domains={"hv1": listing(web_1=domain(state=state)), "hv2": listing()})
    assert (condition(desired, seen, "host/hv1", "Drained").status is Truth.TRUE) is drained
    running = state is DomainState.RUNNING
    assert (condition(desired, seen, "host/hv1", "SafeToPowerOff").status is Truth.FALSE) is running


def test_a_server_is_safe_once_nobody_mounts_from_it(desired: Desired) -> None:
    unmounted = listing(images=pool(active=False))
    used = condition(
        desired, settled(pools={"hv1": listing(images=pool()), "hv2": unmounted}), "host/nas", "SafeToPowerOff"
    )
    assert (used.status, used.reason, used.message) == (Truth.FALSE, "StorageInUse", "it serves pool/images@hv1")
    free = condition(desired, settled(pools={"hv1": unmounted, "hv2": unmounted}), "host/nas", "SafeToPowerOff")
    assert free.status is Truth.TRUE
    half = condition(desired, settled(pools={"hv1": unmounted, "hv2": Unknown("x")}), "host/nas", "SafeToPowerOff")
    assert half.status is Truth.UNKNOWN


def test_two_documents_for_one_machine(desired: Desired) -> None:
    seen = settled(facts={"hv1": listing(hv1=facts("hv1")), "hv2": listing(hv2=facts("hv1"))})
    assert condition(desired, seen, "host/hv1", "Schedulable").reason == "SameMachine"


# --- pools, networks, exports ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (pool(active=False, volumes=None), "Inactive"),
        (pool(uuid="9d2fa7f6-1111-4222-8333-444455556666"), "NotOurs"),
        (pool(mounted_from="10.0.0.9:/else"), "TargetOccupied"),
        (pool(volumes=None, trouble="its server hangs"), "PoolNotReady"),
    ],
)
def test_a_pool_that_is_not_ready(desired: Desired, seen: Any, reason: str) -> None:
    observed = settled(pools={"hv1": listing(images=seen), "hv2": listing(images=pool())})
    there = condition(desired, observed, "pool/images@hv1", "Ready")
    assert (there.status, there.reason) == (Truth.FALSE, reason)
    whole = condition(desired, observed, "pool/images", "Ready")
    assert whole.message.startswith("host/hv1: ")
    assert condition(desired, observed, "host/hv1", "StorageReady").message.startswith("pool/images: ")
    assert condition(desired, observed, "host/hv2", "StorageReady").status is Truth.TRUE


def test_a_server_that_does_not_answer(desired: Desired) -> None:
    seen = settled(answering={"10.77.0.11": False})
    assert condition(desired, seen, "host/nas", "Exporting").reason == "NoAnswer"
    assert condition(desired, seen, "pool/images@hv1", "Ready").reason == "PoolNotReady"


def test_a_network_that_is_not_ours_or_not_active(desired: Desired) -> None:
    for seen, reason in [(replace(network(), mark=None), "NotOurs"), (replace(network(), active=False), "Inactive")]:
        observed = settled(networks={"hv1": listing(lan=seen), "hv2": listing(lan=network())})
        assert condition(desired, observed, "network/lan@hv1", "Ready").reason == reason
        assert condition(desired, observed, "host/hv1", "NetworkReady").status is Truth.FALSE


def test_exports_that_are_missing(desired: Desired) -> None:
    told = condition(desired, settled(exports={"nas": listing()}), "host/nas", "Exporting")
    assert (told.reason, told.message) == ("NotExported", "not exported as written: pool/images")
    assert condition(desired, settled(exports={"nas": exports()}), "host/nas", "Exporting").status is Truth.TRUE


# --- domains ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "reason", "shown", "running"),
    [
        (DomainState.SHUTOFF, "shutdown", "Off", "False"),
        (DomainState.PAUSED, "user", "Paused", "False"),
        (DomainState.PAUSED, "ioerror", "PausedByIoError", "False"),
        (DomainState.PAUSED, "postcopy-failed", "PostCopyFailed", "False"),
        (DomainState.PAUSED, "save", "Busy", "Unknown"),
        (DomainState.CRASHED, "", "Unclear", "False"),
    ],
)
def test_states_of_a_domain(desired: Desired, state: DomainState, reason: str, shown: str, running: str) -> None:
    seen = settled(domains={"hv1": listing(web_1=domain(state=state, reason=reason)), "hv2": listing()})
    web = one(desired, seen, "domain/web-1")
    assert (web.state, truths(web)["Running"], truths(web)["Defined"]) == (shown, running, "True")


def test_a_foreign_domain_of_our_name_is_not_ours(desired: Desired) -> None:
    seen = settled(domains={"hv1": listing(web_1=domain(mark=None)), "hv2": listing()})
    web = one(desired, seen, "domain/web-1")
    assert (web.state, web.where) == ("NotOurs", "")
    assert {kind: truth for kind, truth in truths(web).items() if truth == "True"} == {"InSync": "True"}


def test_a_domain_that_runs_twice(desired: Desired) -> None:
    seen = settled(domains={"hv1": listing(web_1=domain()), "hv2": listing(web_1=domain())})
    web = one(desired, seen, "domain/web-1")
    assert web.state == "RunsTwice"
    assert condition(desired, seen, "domain/web-1", "Placed").message.startswith("ALARM")


def test_a_domain_that_cannot_be_read(desired: Desired) -> None:
    broken = domain(state=DomainState.NOSTATE, unknown="its monitor does not answer")
    seen = settled(domains={"hv1": listing(web_1=broken), "hv2": listing()})
    assert condition(desired, seen, "domain/web-1", "Running").status is Truth.UNKNOWN


def test_a_transient_domain_is_not_defined(desired: Desired) -> None:
    seen = settled(domains={"hv1": listing(web_1=domain(fields=None)), "hv2": listing()})
    assert condition(desired, seen, "domain/web-1", "Defined").reason == "Transient"


def test_restart_required(desired: Desired) -> None:
    held = Held(Ref("domain", "web-1", "hv1"), HeldReason.RESTART_REQUIRED, "memory: 128MiB -> 256MiB")
    told = condition(desired, settled(), "domain/web-1", "RestartRequired", Plan(held=(held,)))
    assert (told.status, told.message) == (Truth.TRUE, "memory: 128MiB -> 256MiB")
    assert condition(desired, settled(), "domain/web-1", "InSync", Plan(held=(held,))).status is Truth.FALSE


def test_restart_required_while_the_restart_is_planned(desired: Desired) -> None:
    held = Held(Ref("domain", "web-1", "hv1"), HeldReason.RESTART_REQUIRED, "memory: 128MiB -> 256MiB")
    stop = ShutdownDomain("hv1", "web-1", "uuid", Stop())
    step = Step("stop", stop, (), AllOf(()), Impact.RESTART, "onChange is restart", instead=held)
    told = condition(desired, settled(), "domain/web-1", "RestartRequired", Plan((step,)))
    assert (told.status, told.message) == (Truth.TRUE, "memory: 128MiB -> 256MiB")


def test_held_for_an_unknown_host_is_unknown(desired: Desired) -> None:
    held = Held(Ref("domain", "web-1"), HeldReason.HOST_UNKNOWN, "host/hv2 might hold it")
    assert condition(desired, settled(), "domain/web-1", "InSync", Plan(held=(held,))).status is Truth.UNKNOWN


def test_no_host_fits(desired: Desired) -> None:
    held = Held(Ref("domain", "web-1"), HeldReason.NO_HOST_FITS, "no host fits: ...")
    assert condition(desired, empty(), "domain/web-1", "Placed", Plan(held=(held,))).reason == "NoHostFits"


def test_steps_on_its_volumes_are_pending_too(desired: Desired) -> None:
    from reconciler.action import CreateVolume
    from reconciler.step import Sign
    from tests.unit.test_show import step

    plan = Plan((step(CreateVolume("hv1", "images", "web-1.root.qcow2", "qcow2", GIB), Sign.CREATE),))
    assert condition(desired, settled(), "domain/web-1", "InSync", plan).message == "pending: create-volume"
    other = Plan((step(CreateVolume("hv1", "images", "db-1.root.qcow2", "qcow2", GIB), Sign.CREATE),))
    assert condition(desired, settled(), "domain/web-1", "InSync", other).status is Truth.TRUE


# --- names ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "refs"),
    [
        ("host/hv1", ["host/hv1"]),
        ("hv1", ["host/hv1"]),
        ("web-1", ["domain/web-1"]),
        ("Domain/web-1", ["domain/web-1"]),
        ("images", ["pool/images", "pool/images@hv1", "pool/images@hv2"]),
        ("pool/images@hv2", ["pool/images@hv2"]),
    ],
)
def test_names_that_mean_something(desired: Desired, text: str, refs: list[str]) -> None:
    assert [str(s.object) for s in find(status(desired, settled(), Plan()), text)] == refs


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("web-2", r"'web-2'; did you mean domain/web-1\?"),
        ("host/hv11", r"did you mean host/hv1"),
        ("domain/hv1", r"no document describes 'domain/hv1'"),
        ("zzz", r"`reconcile status` lists"),
        ("pool/images@nas", r"no document"),
    ],
)
def test_names_that_mean_nothing(desired: Desired, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        find(status(desired, settled(), Plan()), text)


def test_a_name_of_two_objects_is_asked_about(desired: Desired) -> None:
    twin = ObjectStatus(Ref("network", "images"), "Ready", ())
    with pytest.raises(UsageError, match=r"may be any of network/images, pool/images"):
        find((*status(desired, settled(), Plan()), twin), "images")


# --- why ----------------------------------------------------------------------------------------------


def explain(desired: Desired, seen: Observed, text: str, plan: Plan | None = None, **rejections: dict[str, str]) -> Why:
    plan = plan or Plan()
    named = {name.replace("_", "-"): hosts for name, hosts in rejections.items()}
    return why(desired, seen, plan, named, find(status(desired, seen, plan), text))


def topics(explained: Why) -> list[tuple[str, str, str]]:
    return [(r.topic, str(r.object), r.reason) for r in explained.reasons]


def test_why_a_domain_stays(desired: Desired) -> None:
    explained = explain(desired, settled(), "web-1")
    assert topics(explained) == [("where", "domain/web-1", "Stays")]
    assert explained.status.where == "hv1"


def test_why_a_domain_cannot_leave(desired: Desired) -> None:
    cordoned = with_host(desired, "hv1", cordoned=True)
    held = Held(Ref("domain", "web-1", "hv1"), HeldReason.CANNOT_MIGRATE, "no host fits")
    explained = explain(cordoned, settled(), "web-1", Plan(held=(held,)), web_1={"hv2": "it has 0 MiB left"})
    assert topics(explained) == [
        ("where", "domain/web-1", "HostCordoned"),
        ("rejected", "host/hv2", "Rejected"),
        ("wrong", "domain/web-1", "HostCordoned"),
        ("held", "domain/web-1@hv1", "CannotMigrate"),
    ]


def test_why_a_host_is_not_empty(desired: Desired) -> None:
    cordoned = with_host(desired, "hv1", cordoned=True)
    orphan = domain("gone")
    seen = settled(domains={"hv1": listing(gone=orphan, theirs=foreign(), web_1=domain()), "hv2": listing()})
    guests = [(r.object.name, r.reason) for r in explain(cordoned, seen, "hv1").reasons if r.topic == "guest"]
    assert guests == [("gone", "Orphan"), ("theirs", "NotOurs"), ("web-1", "MustLeave")]


def test_why_a_pool_is_not_ready(desired: Desired) -> None:
    seen = settled(pools={"hv1": listing(images=pool(active=False)), "hv2": listing(images=pool())})
    assert [r.object.host for r in explain(desired, seen, "images").reasons] == ["", "hv1"]


def test_why_a_missing_domain_is_missing(desired: Desired) -> None:
    assert topics(explain(desired, empty(), "web-1"))[0] == ("where", "domain/web-1", "Nowhere")


# --- drained, drainable, and the loss of a host --------------------------------------------


def moved(desired: Desired, **placement: Any) -> Desired:
    """web-1 with rules of placement."""
    spec = desired.domains["web-1"].spec.placement.model_copy(update=placement)
    return with_domain(desired, "web-1", placement=spec)


def test_drainable_tells_who_would_go_where(desired: Desired) -> None:
    told = condition(desired, settled(), "host/hv1", "Drainable")
    assert (told.status, told.reason, told.message) == (Truth.TRUE, "RoomForAll", "domain/web-1 to host/hv2")
    assert condition(desired, settled(), "host/hv2", "Drainable").reason == "NothingToMove"


def test_not_drainable_tells_who_cannot_leave_and_why(desired: Desired) -> None:
    told = condition(moved(desired, hosts=("hv1",)), settled(), "host/hv1", "Drainable")
    assert (told.status, told.reason) == (Truth.FALSE, "GuestsCannotLeave")
    assert told.message.startswith("domain/web-1: ")
    assert "placement.hosts" in told.message


def test_a_guest_of_others_keeps_a_host_from_being_emptied(desired: Desired) -> None:
    foreign = domain("old-pet", mark=None, uuid="u")
    seen = settled(domains={"hv1": listing(old_pet=foreign), "hv2": listing()})
    told = condition(desired, seen, "host/hv1", "Drainable")
    assert (told.status, told.reason) == (Truth.FALSE, "GuestsCannotLeave")
    assert "domain/old-pet" in told.message


def test_a_host_that_cannot_be_asked_may_or_may_not_be_drainable(desired: Desired) -> None:
    assert condition(desired, without(settled(), "hv1"), "host/hv1", "Drainable").status is Truth.UNKNOWN


def test_the_loss_of_a_host_that_leaves_a_guest_without_a_place(desired: Desired) -> None:
    told = condition(moved(desired, hosts=("hv1",)), settled(), "cluster/small-cloud", "SurvivesHostLoss")
    assert (told.status, told.reason) == (Truth.FALSE, "NoRoom")
    assert "the loss of host/hv1 would leave domain/web-1 without a place" in told.message
    assert "host/hv2 would" not in told.message


def test_nobody_knows_what_the_loss_of_a_host_would_do_while_one_is_silent(desired: Desired) -> None:
    told = condition(desired, without(settled(), "hv2"), "cluster/small-cloud", "SurvivesHostLoss")
    assert told.status is not Truth.TRUE


@pytest.mark.parametrize(
    ("plan", "truth", "state"),
    [
        (Plan(), Truth.TRUE, "Converged"),
        (Plan(held=(Held(Ref("domain", "web-1", "hv1"), HeldReason.NO_HOST_FITS, "x"),)), Truth.FALSE, "Held"),
        (Plan(silent={"hv2": "no route"}), Truth.UNKNOWN, "HostUnknown"),
    ],
)
def test_the_cluster_in_one_word(desired: Desired, plan: Plan, truth: Truth, state: str) -> None:
    shown = one(desired, settled(), "cluster/small-cloud", plan)
    assert (truths(shown)["Converged"], shown.state) == (truth.value, state)


def test_stalled_is_known_only_where_a_history_was_kept(desired: Desired) -> None:
    held = Plan(held=(Held(Ref("domain", "web-1", "hv1"), HeldReason.STALLED, "failed 5 times in a row"),))
    assert condition(desired, settled(), "domain/web-1", "Stalled").status is Truth.UNKNOWN
    assert condition(desired, settled(), "domain/web-1", "Stalled", held).status is Truth.TRUE
    told = status(desired, settled(), Plan(), History())
    web = next(shown for shown in told if str(shown.object) == "domain/web-1")
    assert truths(web)["Stalled"] == "False"


# --- what documents would do to a drain -----------------------------------------------------


def test_documents_that_would_keep_a_host_from_being_emptied(desired: Desired) -> None:
    assert made_undrainable(desired, settled()) == ()
    told = made_undrainable(moved(desired, hosts=("hv1",)), settled())
    assert [(t.host, t.domain) for t in told] == [("hv1", "web-1")]
    assert str(told[0]).startswith("domains/web-1.yaml:1:1: host/hv1 can be emptied now, and could not any more: ")


def test_what_cannot_be_emptied_anyhow_is_no_fault_of_the_documents(desired: Desired) -> None:
    stuck = settled(domains={"hv1": listing(web_1=domain(obstacles=("it has 1 snapshot",))), "hv2": listing()})
    assert made_undrainable(desired, stuck) == ()


# --- images -------------------------------------------------------------------------------


def test_which_image_each_disk_stands_on() -> None:
    old, new = "tiny-" + "1" * 16 + ".qcow2", "tiny-" + "2" * 16 + ".qcow2"
    image = {"name": "tiny.qcow2", "from": "/tiny", "sha256": "2" * 64}
    documents = made.desired(
        made.host("hv1"),
        made.pool(images=[image]),
        made.domain("a", disks=[{"name": "root", "pool": "images", "size": "1GiB", "image": "tiny.qcow2"}]),
    )
    disks = (
        MadeDisk("data", "images", "a.data.qcow2", "qcow2", GIB),
        MadeDisk("gone", "images", "a.gone.qcow2", "qcow2", GIB, old, detached=True),
        MadeDisk("root", "images", "a.root.qcow2", "qcow2", GIB, old),
    )
    there = made.seen("a", mark=Mark("c", "a", disks))
    pools = {"hv1": made.listing(made.seen_pool(volumes={old: None, f"{old}.complete": None, new: None}))}
    seen = made.observed({"hv1": [there]}, pools=pools)
    shown = {str(one.object): one for one in status(documents, seen, Plan())}
    assert shown["domain/a"].disks == (
        DiskStatus("data", "images", "a.data.qcow2"),
        DiskStatus("root", "images", "a.root.qcow2", old, new),
    )
    assert shown["pool/images"].images == (ImageStatus(new, "tiny.qcow2", False, 0), ImageStatus(old, "", True, 2))
    text = conditions_text([shown["domain/a"], shown["pool/images"]])
    assert f"root  images/a.root.qcow2  {old}  new disks stand on {new}" in text
    assert f"-           {old}  yes       2" in text


def test_what_no_host_tells_of_images_is_unknown() -> None:
    image = {"name": "tiny.qcow2", "from": "/tiny", "sha256": "2" * 64}
    documents = made.desired(made.host("hv1"), made.pool(images=[image]))
    shown = status(documents, made.observed({"hv1": Unknown("x")}), Plan())
    [pool] = [one for one in shown if str(one.object) == "pool/images"]
    assert pool.images[0].complete is None
