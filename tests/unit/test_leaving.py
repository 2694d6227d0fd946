"""Telling a migration that failed from one that was overtaken; what is learned of paths."""

import pytest

from reconciler.action import MigrateDomain, ProvePath, SharedPool
from reconciler.desired.derive import object_uuid
from reconciler.fact import AllOf
from reconciler.history import History
from reconciler.leaving import StillHere
from reconciler.observed import Unknown
from reconciler.step import Impact, Outcome, Plan, Report, Step, StepReport
from tests.unit.made import observed, seen

HERE = StillHere("hv1", "hv2", "x", object_uuid("c", "domain", "x"))
IMAGES = SharedPool("images", "/cloud", "nas:/srv/images")
OTHERS = SharedPool("others", "/others", "nas:/srv/others")
URI = "qemu+ssh://root@hv2/system"


@pytest.mark.parametrize(
    ("source", "target", "failed"),
    [
        ([seen("x")], [], True),
        ([seen("x", "paused", "migration")], [], True),
        ([seen("x", "paused", "migration")], [seen("x", "paused", "migration", fields=None)], True),
        ([seen("x", "paused", "postcopy-failed")], [seen("x", "running", "postcopy-failed")], True),
        ([seen("x")], Unknown("silent"), True),
        ([seen("x", "paused", "migration")], [seen("x")], False),
        ([], [seen("x")], False),
        ([seen("x", "shutoff")], [], False),
        ([seen("x", "paused", "user")], [], False),
        (Unknown("silent"), [], None),
    ],
)
def test_failed_or_overtaken(source, target, failed):
    assert HERE.check(observed({"hv1": source, "hv2": target})).holds is failed


def path(*pools: SharedPool, address: str = "10.0.0.2") -> ProvePath:
    return ProvePath("hv1", "hv2", URI, address, pools)


MOVE = MigrateDomain("hv1", "x", "u", "hv2", URI, "10.0.0.2", 1, None, 0.5, 60.0, 60.0)


def after(history: History, action: ProvePath | MigrateDomain, outcome: Outcome = Outcome.DONE) -> History:
    step = Step(f"{action.verb}:{action.object}", action, (), AllOf(()), Impact.LIVE, "so")
    return history.after(Report(Plan(), (StepReport(step, outcome),)), 10.0)


def is_proven(history: History, *pools: SharedPool, uri: str = URI, address: str = "10.0.0.2") -> bool:
    return history.is_proven("hv1", "hv2", uri, address, pools)


def test_a_path_is_proven_once_and_for_its_pools():
    known = after(History(), path(IMAGES))
    assert is_proven(known, IMAGES)
    assert is_proven(known, address="")
    assert not is_proven(known, OTHERS)
    assert is_proven(after(known, path(OTHERS)), IMAGES, OTHERS)


def test_what_the_documents_change_is_proven_anew():
    known = after(History(), path(IMAGES))
    assert not is_proven(known, IMAGES, uri="qemu+ssh://root@other/system")
    assert not is_proven(known, IMAGES, address="10.9.9.9")
    assert not is_proven(after(History(), path(IMAGES, address="")), IMAGES)
    assert not known.is_proven("hv2", "hv1", URI, "10.0.0.2", (IMAGES,))


def test_a_failure_along_it_makes_it_unproven():
    known = after(History(), path(IMAGES))
    assert not is_proven(after(known, MOVE, Outcome.FAILED), IMAGES)
    assert not is_proven(after(known, path(IMAGES), Outcome.FAILED), IMAGES)
    assert is_proven(after(known, MOVE, Outcome.SUPERSEDED), IMAGES)


def test_a_path_that_failed_makes_its_target_the_last_choice_from_there():
    known = after(History(), path(IMAGES), Outcome.FAILED)
    assert known.failed_paths == {"hv1": {"hv2"}}
    assert known.failed_targets("x") == frozenset()
