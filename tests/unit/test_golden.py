"""Every directory of tests/golden is a cloud (cluster.yaml, desired.yaml) and the plan for it."""

from pathlib import Path

import pytest

from reconciler.history import History
from reconciler.reconcile import make_plan
from reconciler.show import plan_text
from reconciler.simulate import SimEdge
from tests.scenarios.rehearsal import GOLDEN, GOLDEN_CASES, staged


def planned(case: str, room: Path) -> str:
    rehearsal = staged(GOLDEN / case, room)
    edge = SimEdge(rehearsal.world)
    text = plan_text(make_plan(rehearsal.desired, edge, rehearsal.clock, History()))
    rehearsal.clock.close()
    assert edge.writes == []
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


@pytest.mark.parametrize("case", GOLDEN_CASES)
def test_plan(case, tmp_path, golden):
    golden(GOLDEN / case / "plan.txt", planned(case, tmp_path))


@pytest.mark.parametrize("case", GOLDEN_CASES)
def test_same_input_same_plan(case, tmp_path):
    """Law 7."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    assert planned(case, tmp_path / "one") == planned(case, tmp_path / "two")
