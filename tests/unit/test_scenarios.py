"""Every directory of tests/scenarios is a story: README, script.txt, log.expect; desired.yaml, cluster.yaml if need be.

Without a desired.yaml of its own a story plays in small-cloud.yaml, or in what `documents` of its cluster.yaml names.
"""

from pathlib import Path

import pytest

from reconciler.simulate import Endless
from tests.scenarios.player import Story

CASES = sorted(file.parent for file in (Path(__file__).parents[1] / "scenarios").glob("*/script.txt"))


OPEN: dict[str, str] = {
    "directory-cache": "a disk that could not be made, for it exists, is taken for ours later: a guest runs twice",
}
"""Stories that do not end as they should yet, and why; a strict xfail, so that a mended one must leave this list."""


def stories() -> list[object]:
    """Every case, the open ones marked."""
    raises = (AssertionError, Endless)
    marked = {name: [pytest.mark.xfail(reason=why, strict=True, raises=raises)] for name, why in OPEN.items()}
    return [pytest.param(case, id=case.name, marks=marked.get(case.name, [])) for case in CASES]


@pytest.mark.parametrize("case", stories())
def test_scenario(case, tmp_path, golden):
    golden(case / "log.expect", Story(case, tmp_path).play())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_scenario_has_a_readme(case):
    assert (case / "README").read_text().strip()
