"""How long a drain takes: the whole, not the sum of its parts."""

import itertools
import math
from dataclasses import dataclass

import pytest

from reconciler.action import Action, StartPool
from reconciler.fact import PoolReady
from reconciler.plan.schedule import drain_s, expected_s
from reconciler.show import plan_json, plan_text
from reconciler.step import Impact, Plan, Sign, Step


@dataclass(frozen=True, slots=True)
class Move(Action):
    """A move to `target` that takes a while."""

    name: str
    target: str
    expected_s: float | None
    kind = "domain"


def step(action, needs=(), slots=()):
    goal = PoolReady("hv1", "images")
    return Step(f"{action.verb}:{action.object}", action, (), goal, Impact.MIGRATE, "why", Sign.MIGRATE, needs, slots)


def move(name, seconds, target="hv2", needs=()):
    return step(Move("hv1", name, target, seconds), needs, ("out:hv1", f"in:{target}", "cluster"))


def plan(*steps, out=2, inbound=2, cluster=5):
    return Plan(steps, capacities={"out:hv1": out, "in:hv2": inbound, "in:hv3": inbound, "cluster": cluster})


READY = step(StartPool("hv2", "images"))


@pytest.mark.parametrize(
    ("made", "seconds"),
    [
        (plan(), None),
        (plan(READY), None),
        (plan(move("a", 10.0)), 10.0),
        (plan(move("a", 10.0), move("b", 4.0), out=1), 14.0),
        (plan(move("a", 4.0), move("b", 10.0)), 10.0),
        (plan(move("a", 4.0), move("b", 6.0), move("c", 10.0)), 14.0),
        (plan(move("a", 4.0), move("b", 6.0), move("c", 10.0), cluster=1), 20.0),
        (plan(move("a", 4.0), move("b", 6.0, "hv3"), inbound=1), 6.0),
        (plan(move("a", 4.0), move("b", 6.0), inbound=1), 10.0),
        (plan(move("a", 4.0), move("b", 6.0, needs=("move:domain/a@hv1",))), 10.0),
        (plan(READY, move("a", 4.0, needs=("start-pool:pool/images@hv2",))), 4.0),
        (plan(move("a", 4.0), move("b", None)), None),
        (plan(move("a", 4.0), move("b", math.inf)), math.inf),
        (plan(move("a", 4.0), cluster=0), None),
    ],
    ids=itertools.count(),
)
def test_the_time_of_the_whole(made, seconds):
    assert drain_s(made) == seconds


def test_a_slot_that_is_taken_does_not_keep_back_what_needs_another():
    made = plan(move("a", 10.0), move("b", 10.0), move("c", 3.0, "hv3"), inbound=1, out=2)
    assert drain_s(made) == 20.0


def test_what_takes_no_known_time_has_none():
    assert expected_s(READY) is None
    assert expected_s(move("a", 4.0)) == 4.0


def test_it_is_shown():
    made = plan(move("a", 4.2), move("b", 65.0))
    first, second, _, last = plan_text(made).splitlines()
    assert first.endswith("because why; in about 5 s")
    assert second.endswith("because why; in about 1m5s")
    assert last.endswith("All moves should end in about 1m5s.")
    told = plan_json(made)
    assert [s["expectedSeconds"] for s in told["steps"]] == [4.2, 65.0]
    assert told["summary"]["expectedSeconds"] == 65.0


def test_what_may_not_end_is_said_and_is_no_number():
    made = plan(move("a", math.inf))
    first, _, last = plan_text(made).splitlines()
    assert first.endswith("the guest writes to memory faster than that can be sent")
    assert last.endswith("Not all moves may end.")
    told = plan_json(made)
    assert (told["steps"][0]["expectedSeconds"], told["summary"]["expectedSeconds"]) == (None, None)
