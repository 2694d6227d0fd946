"""Every directory of tests/golden is a cloud and the plan for it.

cluster.yaml holds what reconciler/simulate/cluster.py knows, and: `documents` (a file beside the scenarios, where the
case has no desired.yaml of its own), `settled: true` (the documents are converged first), then `edits` of the documents
([ref, path, value]) and `then`, what people did, in the words of reconciler/simulate/people.py.
"""

from pathlib import Path

import pytest

from reconciler.history import History
from reconciler.reconcile import converge, make_plan
from reconciler.show import plan_text
from reconciler.simulate import SimEdge, VirtualClock, act, build
from tests.scenarios.documents import Documents, plain

CASES = sorted(file.parent for file in (Path(__file__).parents[1] / "golden").glob("*/plan.txt"))


def planned(case: Path, room: Path) -> str:
    spec = plain(case / "cluster.yaml")
    own = {key: spec.pop(key, default) for key, default in (("settled", False), ("edits", ()), ("then", ()))}
    documents = Documents(case, room, spec.pop("documents", "small-cloud.yaml"))
    clock = VirtualClock()
    world = build(clock, documents.load(), spec)
    if own["settled"]:
        assert converge(documents.load(), SimEdge(world), clock).exit_code == 0
    for ref, path, value in own["edits"]:
        documents.edit(ref, path, value)
    for line in own["then"]:
        act(world, line)
    clock.sleep(60.0)
    edge = SimEdge(world)
    text = plan_text(make_plan(documents.load(), edge, clock, History()))
    clock.close()
    assert edge.writes == []
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_plan(case, tmp_path, golden):
    golden(case / "plan.txt", planned(case, tmp_path))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_same_input_same_plan(case, tmp_path):
    """Law 7."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    assert planned(case, tmp_path / "one") == planned(case, tmp_path / "two")
