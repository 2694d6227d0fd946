"""Law 8, in full: at every call to the edge, every way to go wrong; then run again, and compare the ends."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache

import pytest

from reconciler.simulate import Fault, Faults, Outcome
from tests.scenarios.rehearsal import Rehearsal, before_a_drain, from_nothing

PLANS: dict[str, Callable[[], Rehearsal]] = {"from-nothing": from_nothing, "drain": before_a_drain}


@cache
def undisturbed(plan: str) -> tuple[list[object], tuple[str, ...]]:
    """The end of the run in which nothing goes wrong, and the names of its calls."""
    rehearsal = PLANS[plan]()
    rehearsal.until_converged()
    assert rehearsal.codes == [0]
    assert rehearsal.watch.violations == []
    return rehearsal.end(), tuple(rehearsal.edges[0].calls)


def misfits(plan: str, outcome: Outcome) -> list[str]:
    """Every call at which `outcome` leads to another end, or breaks a law on the way."""
    end, calls = undisturbed(plan)
    found = []
    for number, name in enumerate(calls, 1):
        rehearsal = PLANS[plan]()
        rehearsal.until_converged(Faults({number: Fault(outcome)}))
        where = f"call {number} ({name})"
        found += [f"{where}: {violation}" for violation in rehearsal.watch.violations]
        if rehearsal.codes[-1] != 0:
            found.append(f"{where}: exit codes {rehearsal.codes}")
        elif rehearsal.end() != end:
            found.append(f"{where}: another end")
    return found


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("plan", PLANS)
def test_every_call(plan, outcome):
    assert misfits(plan, outcome) == []


@pytest.mark.parametrize("plan", PLANS)
def test_two_runs_are_one_run(plan):
    """The same program, the same world: the same journal, byte for byte."""
    journals = []
    for _ in range(2):
        rehearsal = PLANS[plan]()
        rehearsal.until_converged()
        journals.append("\n".join(f"{change} {change.by}" for change in rehearsal.world.journal))
    assert journals[0] == journals[1]


PROGRAM = """
from tests.scenarios.rehearsal import before_a_drain
rehearsal = before_a_drain()
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
