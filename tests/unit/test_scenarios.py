"""Every directory of tests/scenarios is a story: README, script.txt, log.expect; desired.yaml, cluster.yaml if need be.

Without a desired.yaml of its own a story plays in small-cloud.yaml, or in what `documents` of its cluster.yaml names.
"""

from pathlib import Path

import pytest

from tests.scenarios.player import Story

CASES = sorted(file.parent for file in (Path(__file__).parents[1] / "scenarios").glob("*/script.txt"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_scenario(case, tmp_path, golden):
    golden(case / "log.expect", Story.of(case, tmp_path).play())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_scenario_has_a_readme(case):
    assert (case / "README").read_text().strip()
