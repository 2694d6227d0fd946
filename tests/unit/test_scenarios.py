"""Every directory of tests/scenarios is a story: README, script.txt, log.expect; desired.yaml, cluster.yaml if need be.

Without a desired.yaml of its own a story plays in small-cloud.yaml, or in what `documents` of its cluster.yaml names.
"""

from pathlib import Path

import pytest

from tests.scenarios.player import Story

CASES = sorted(file.parent for file in (Path(__file__).parents[1] / "scenarios").glob("*/script.txt"))

OPEN: dict[str, str] = {
    "adopted-and-silent": "adopt explains a volume although a host is silent: the guest runs twice",
    "cut-at-the-very-end": "a source that is left paused while the target runs is waited for in vain",
    "fenced-and-silent": "one fenced host explains the volumes of guests on other, silent hosts: they run twice",
    "killed-in-mid-drain": "migrations that an earlier process began take no slots",
    "local-disk-and-drain": "a guest whose disk is local to its host is migrated in vain instead of held",
    "local-disk-and-silent": "a guest whose disk is local to a silent host is made a second time",
    "local-disk-stopped-and-drain": "a stopped domain's definition leaves the host that alone has its disk",
    "same-machine": "two documents of one machine end in 4, though every host answers",
}
"""Stories that do not end as they should yet, and why; a strict xfail, so that a mended one must leave this list."""


def stories() -> list[object]:
    """Every case, the open ones marked."""
    marked = {name: [pytest.mark.xfail(reason=reason, strict=True, raises=AssertionError)] for name, reason in OPEN.items()}
    return [pytest.param(case, id=case.name, marks=marked.get(case.name, [])) for case in CASES]


@pytest.mark.parametrize("case", stories())
def test_scenario(case, tmp_path, golden):
    golden(case / "log.expect", Story(case, tmp_path).play())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_scenario_has_a_readme(case):
    assert (case / "README").read_text().strip()
