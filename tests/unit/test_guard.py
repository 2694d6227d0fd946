"""What is over a limit, suspended or backing off is held, with all that needs it."""

from reconciler.action import RefreshPool, ShutdownDomain, StartDomain, UndefineDomain
from reconciler.desired.documents import ClusterSpec
from reconciler.fact import PoolReady
from reconciler.guard import guard
from reconciler.history import Failure, History
from reconciler.step import HeldReason, Impact, Plan, Sign, Step
from tests.unit.made import Ref

GOAL = PoolReady("hv1", "images")


def step(id_, action, needs=(), limit="", impact=Impact.LIVE):
    return Step(id_, action, (), GOAL, impact, "because", Sign.CREATE, needs, (), limit)


def delete(name):
    stop = step(f"stop-{name}", ShutdownDomain("hv1", name, name), impact=Impact.DELETE)
    undefine = UndefineDomain("hv1", name, name)
    return stop, step(f"undefine-{name}", undefine, (stop.id,), "deletes", Impact.DELETE)


def run(plan, policy=None, spent=None, history=None, now=0.0):
    guarded = guard(plan, policy or ClusterSpec(), spent or {}, history or History(), now)
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
