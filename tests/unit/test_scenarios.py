"""Every directory of tests/scenarios is a story: README, desired.yaml, cluster.yaml, script.txt, and its log."""

from pathlib import Path

import pytest

from scenarios.player import Story

CASES = sorted(file.parent for file in (Path(__file__).parents[1] / "scenarios").glob("*/script.txt"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_scenario(case, tmp_path, golden):
    golden(case / "log.expect", Story(case, tmp_path).play())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_scenario_has_a_readme(case):
    assert (case / "README").read_text().strip()
