"""What is over a limit, suspended or backing off is held, with all that needs it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from reconciler.action import DefineDomain, RefreshPool, ShutdownDomain, StartDomain, UndefineDomain
from reconciler.desired.documents import ClusterSpec
from reconciler.desired.window import parse_window
from reconciler.fact import PoolReady
from reconciler.guard import guard, spent_by
from reconciler.history import Failure, History
from reconciler.step import Held, HeldReason, Impact, Outcome, Plan, Report, Sign, Step, StepReport
from reconciler.stopping import Stop
from tests.unit.made import Ref

GOAL = PoolReady("hv1", "images")
MONDAY_NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


def step(id_, action, needs=(), limit="", impact=Impact.LIVE):
    return Step(id_, action, (), GOAL, impact, "because", Sign.CREATE, needs, (), limit)


def delete(name):
    stop = step(f"stop-{name}", ShutdownDomain("hv1", name, name, Stop()), impact=Impact.DELETE)
    undefine = UndefineDomain("hv1", name, name)
    return stop, step(f"undefine-{name}", undefine, (stop.id,), "deletes", Impact.DELETE)


def run(plan, policy=None, spent=None, history=None, now=0.0):
    guarded = guard(plan, policy or ClusterSpec(), spent or {}, history or History(), now, MONDAY_NOON)
    return [s.id for s in guarded.steps], {held.reason for held in guarded.held}


def test_within_the_limit_everything_passes():
    assert run(Plan(delete("a"))) == (["stop-a", "undefine-a"], set())


def test_over_the_limit_all_of_the_sort_are_held_and_nobody_is_shut_down_for_nothing():
    assert run(Plan((*delete("a"), *delete("b")))) == ([], {HeldReason.OVER_LIMIT})


def test_what_was_spent_before_counts():
    assert run(Plan(delete("a")), spent={"deletes": 1}) == ([], {HeldReason.OVER_LIMIT})


def test_what_needs_a_held_step_is_held_and_the_rest_goes_on():
    first = step("first", UndefineDomain("hv1", "a", "a"), limit="deletes")
    plan = Plan(
        (first, step("second", StartDomain("hv1", "b", "b"), ("first",)), step("other", RefreshPool("hv1", "p")))
    )
    assert run(plan, spent={"deletes": 1}) == (["other"], {HeldReason.OVER_LIMIT, HeldReason.NEEDS_HELD})


def test_suspend_holds_everything():
    assert run(Plan(delete("a")), ClusterSpec(suspend=True)) == ([], {HeldReason.SUSPENDED})


def test_what_failed_waits_for_its_time():
    start = step("start-domain:domain/a@hv1", StartDomain("hv1", "a", "a"))
    failed = History({start.id: Failure(Ref("domain", "a", "hv1"), 2, 100.0, "no")})
    assert run(Plan((start,)), history=failed, now=139.0) == ([], {HeldReason.BACKING_OFF})
    assert run(Plan((start,)), history=failed, now=140.0) == ([start.id], set())


def test_a_refresh_whose_users_all_wait_is_left_out():
    refresh = step("refresh-pool:pool/p@hv1", RefreshPool("hv1", "p"))
    start, other = (step(f"start-{n}", StartDomain("hv1", n, n), (refresh.id,)) for n in "ab")
    failed = History({start.id: Failure(Ref("domain", "a", "hv1"), 1, 0.0, "no")})
    assert run(Plan((refresh, start)), history=failed) == ([], {HeldReason.BACKING_OFF})
    assert run(Plan((refresh, start, other)), history=failed)[0] == [refresh.id, other.id]
    assert run(Plan((refresh,)), history=failed) == ([refresh.id], set())


def test_what_failed_five_times_in_a_row_is_stalled():
    start = step("start-domain:domain/a@hv1", StartDomain("hv1", "a", "a"))
    failed = History({start.id: Failure(Ref("domain", "a", "hv1"), 5, 100.0, "no")})
    assert run(Plan((start,)), history=failed, now=699.0) == ([], {HeldReason.STALLED})
    assert run(Plan((start,)), history=failed, now=700.0) == ([start.id], set())


def test_one_line_an_object_names_the_root_cause():
    pool, network = step("start", RefreshPool("hv1", "p")), step("net", RefreshPool("hv1", "n"))
    define = step("define", DefineDomain("hv1", "a", "a", ""), ("start",))
    boot = step("boot", StartDomain("hv1", "a", "a"), ("define", "net"))
    history = History({s.id: Failure(s.object, 1, 0.0, "no route") for s in (pool, network)})
    guarded = guard(Plan((pool, network, define, boot)), ClusterSpec(), {}, history, 1.0, MONDAY_NOON)
    assert [(str(h.object), h.reason, h.message) for h in guarded.held] == [
        ("domain/a@hv1", HeldReason.NEEDS_HELD, "needs refresh-pool of pool/p@hv1, which is held: BackingOff"),
        ("pool/n@hv1", HeldReason.BACKING_OFF, "failed once, tried again in 19 s: no route"),
        ("pool/p@hv1", HeldReason.BACKING_OFF, "failed once, tried again in 19 s: no route"),
    ]


def test_nobody_is_stopped_for_a_restart_elsewhere_that_cannot_follow():
    stop = step("stop", ShutdownDomain("hv1", "a", "a", Stop()), impact=Impact.RESTART)
    define = step("define", DefineDomain("hv2", "a", "a", ""), ("stop",), impact=Impact.MIGRATE)
    failed = History({define.id: Failure(define.object, 1, 0.0, "no")})
    assert run(Plan((stop, define)), history=failed, now=1.0) == ([], {HeldReason.BACKING_OFF})


# --- restarts --------------------------------------------------------------------------


STAGED = Held(Ref("domain", "a", "hv1"), HeldReason.RESTART_REQUIRED, "vcpus")


def restart(name, window=None):
    stop = step(f"stop-{name}", ShutdownDomain("hv1", name, name, Stop()), limit="restarts", impact=Impact.RESTART)
    staged = replace(STAGED, object=stop.object)
    stop = replace(stop, window=parse_window(window) if window else None, instead=staged)
    return stop, step(f"start-{name}", StartDomain("hv1", name, name), (stop.id,))


def test_outside_its_window_nothing_is_restarted_and_what_is_staged_is_said():
    guarded = guard(Plan(restart("a", "13:00-14:00")), ClusterSpec(), {}, History(), 0.0, MONDAY_NOON)
    said = "restartWindow (13:00-14:00, UTC) opens on Mon 2024-01-01 at 13:00 UTC"
    assert (guarded.steps, guarded.opens_in_s) == ((), 3600.0)
    assert guarded.held == (Held(STAGED.object, HeldReason.OUTSIDE_WINDOW, said), STAGED)


def test_within_its_window_it_is():
    guarded = guard(Plan(restart("a", "11:00-14:00")), ClusterSpec(), {}, History(), 0.0, MONDAY_NOON)
    assert ([s.id for s in guarded.steps], guarded.held, guarded.opens_in_s) == (["stop-a", "start-a"], (), None)


def test_what_waits_for_its_window_does_not_count_against_the_limit():
    policy = ClusterSpec(limits={"restarts": 1})
    plan = Plan((*restart("a", "13:00-14:00"), *restart("b")))
    assert run(plan, policy)[0] == ["stop-b", "start-b"]
    assert run(plan, policy, {"restarts": 1})[0] == []


@pytest.mark.parametrize(
    ("outcome", "restarts", "deletes"),
    [(Outcome.DONE, 1, 1), (Outcome.FAILED, 0, 1), (Outcome.NOT_BEGUN, 0, 0)],
)
def test_what_counts_against_a_limit(outcome, restarts, deletes):
    steps = (restart("a")[0], delete("b")[1])
    spent = spent_by(Report(Plan(steps), tuple(StepReport(one, outcome) for one in steps)))
    assert (spent["restarts"], spent["deletes"]) == (restarts, deletes)
