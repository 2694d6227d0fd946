"""Law 8, in full: at every edge call of every golden plan, every way to go wrong; then run again, compare the ends."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache

import pytest

from reconciler.simulate import Fault, Faults, Outcome
from tests.scenarios.rehearsal import GOLDEN_CASES, Rehearsal, golden


@cache
def undisturbed(plan: str) -> tuple[int | None, list[object], tuple[str, ...]]:
    """The run in which nothing goes wrong: its exit code, its end, and the names of its calls."""
    rehearsal = golden(plan)
    rehearsal.until(lambda: True)
    assert rehearsal.watch.violations == []
    return rehearsal.codes[0], rehearsal.end(), tuple(rehearsal.edges[0].calls)


def misfits(plan: str, outcome: Outcome) -> list[str]:
    """Every call at which `outcome` leads to another end, or breaks a law on the way."""
    code, end, calls = undisturbed(plan)
    found = []
    for number, name in enumerate(calls, 1):
        rehearsal = golden(plan)
        rehearsal.until(_is_well(rehearsal, code, end), Faults({number: Fault(outcome)}))
        where = f"call {number} ({name})"
        found += [f"{where}: {violation}" for violation in rehearsal.watch.violations]
        if rehearsal.codes[-1] != code:
            found.append(f"{where}: exit codes {rehearsal.codes}")
        elif rehearsal.end() != end:
            found.append(f"{where}: another end")
    return found


def _is_well(rehearsal: Rehearsal, code: int | None, end: list[object]) -> Callable[[], bool]:
    """Whoever says 0 is taken at his word; who says that something is held may have more to do in another run."""
    return lambda: rehearsal.codes[-1] == code and (code == 0 or rehearsal.end() == end)


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("plan", GOLDEN_CASES)
def test_every_call(plan, outcome):
    assert misfits(plan, outcome) == []


@pytest.mark.parametrize("plan", ["from-nothing", "drain"])
def test_two_runs_are_one_run(plan):
    """The same program, the same world: the same journal, byte for byte."""
    journals = []
    for _ in range(2):
        rehearsal = golden(plan)
        rehearsal.until_converged()
        journals.append("\n".join(f"{change} {change.by}" for change in rehearsal.world.journal))
    assert journals[0] == journals[1]


PROGRAM = """
from tests.scenarios.rehearsal import golden
rehearsal = golden("drain")
rehearsal.until_converged()
print(*(f"{change} {change.by}" for change in rehearsal.world.journal), sep="\\n")
print(*rehearsal.edges[0].calls, sep="\\n")
"""


def test_the_order_hangs_on_no_hash():
    """The order of sets differs from one process to the next; nothing that is done may."""
    told = set()
    for seed in ("1", "2", "3"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        told.add(
            subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, check=True).stdout
        )
    assert len(told) == 1
    assert b"migrated to" in told.pop()
