"""What earlier passes tried: when it is tried again, when it stalls, when it is forgotten."""

import pytest

from reconciler.action import MigrateDomain, RefreshPool, StartDomain
from reconciler.fact import PoolReady
from reconciler.history import Failure, History
from reconciler.step import Held, HeldReason, Impact, Outcome, Plan, Report, Sign, Step, StepReport
from tests.unit.made import Ref, desired, domain, host

WEB = Ref("domain", "web", "hv1")


def step(action):
    id_ = f"{action.verb}:{action.object}"
    return Step(id_, action, (), PoolReady("hv1", "images"), Impact.LIVE, "because", Sign.UPDATE)


def migration(target):
    return step(MigrateDomain("hv1", "web", "u", target, "qemu://x", "192.0.2.2", 1, None, 0.3, 1.0, 1.0))


START, REFRESH = step(StartDomain("hv1", "web", "u")), step(RefreshPool("hv1", "images"))


def report(*ended, held=(), silent=()):
    plan = Plan(tuple(s for s, _ in ended), tuple(held), silent=dict.fromkeys(silent, "no route"))
    return Report(plan, tuple(StepReport(s, outcome) for s, outcome in ended))


def failed(count=1, ref=WEB, at=0.0):
    return History({START.id: Failure(ref, count, at, "no")})


@pytest.mark.parametrize(("count", "delay"), [(1, 20), (2, 40), (3, 80), (4, 160), (5, 600), (9, 600)])
def test_the_delay_doubles_until_it_stalls(count, delay):
    failure = Failure(WEB, count, 100.0, "no")
    assert (failure.retry_at, failure.is_stalled) == (100.0 + delay, count >= 5)


def test_failures_count_in_a_row_and_end_with_success():
    history = History()
    for at, target in enumerate(("hv2", "hv3", "hv2")):
        history = history.after(report((migration(target), Outcome.FAILED)), float(at))
    assert history.failures[migration("hv2").id].count == 3
    assert history.failed_targets("web") == {"hv2", "hv3"}
    assert history.after(report((migration("hv2"), Outcome.DONE)), 9.0).failures == {}


def test_what_nobody_wants_any_more_is_forgotten():
    done = report((REFRESH, Outcome.DONE))
    assert failed().after(done, 1.0).failures != {}
    assert failed().after(done, 20.0).failures == {}


@pytest.mark.parametrize(
    "last",
    [
        report(held=[Held(WEB, HeldReason.BACKING_OFF, "no")]),
        report((START, Outcome.NOT_BEGUN)),
        report(silent=["hv1"]),
    ],
    ids=["held", "planned", "silent"],
)
def test_what_still_waits_is_remembered(last):
    assert failed(3).after(last, 900.0).failures[START.id].count == 3


def test_a_blind_step_counts_once_a_minute():
    history, done = History(), report((REFRESH, Outcome.DONE))
    assert history.progressed(done, 0.0)
    history = history.after(done, 0.0)
    assert not history.progressed(done, 30.0)
    assert history.progressed(done, 61.0)
    assert history.progressed(report((REFRESH, Outcome.DONE), (START, Outcome.DONE)), 30.0)


def test_how_long_until_the_next_try():
    assert failed(2, at=100.0).retry_in(WEB, 110.0) == 30.0
    assert failed(2, at=100.0).retry_in(WEB, 500.0) == 0.0
    assert failed().retry_in(Ref("domain", "db", "hv1"), 10.0) is None


@pytest.mark.parametrize(
    ("after", "kept"),
    [
        (desired(host("hv1"), domain("web"), domain("db")), True),
        (desired(host("hv1"), domain("web"), domain("db", vcpus=2)), True),
        (desired(host("hv1"), domain("web", vcpus=2), domain("db")), False),
        (desired(host("hv1"), host("hv2"), domain("web"), domain("db")), False),
        (desired(host("hv1", cordoned=True), domain("web"), domain("db")), False),
        (desired(host("hv1"), domain("web"), domain("db"), migration={"parallel": 3}), False),
    ],
    ids=["the-same", "another-domain", "its-document", "a-host-more", "a-host-cordoned", "the-policy"],
)
def test_new_documents_ask_anew(after, kept):
    before = desired(host("hv1"), domain("web"), domain("db"))
    assert bool(failed(5).asked_anew(before, after).failures) is kept
