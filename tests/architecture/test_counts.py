"""What the README publishes is counted here; `pytest --update-golden` writes it there anew."""

import ast
import re
from pathlib import Path

from reconciler.simulate import Outcome
from tests.faults import FAULTS, UNSEEN
from tests.properties.grammar import WORLD
from tests.properties.life import STEPS
from tests.properties.test_planted_bugs import PLANTED
from tests.scenarios.rehearsal import GOLDEN_CASES
from tests.scenarios.test_every_call import undisturbed

TESTS = Path(__file__).parents[1]
README, MAKEFILE = TESTS.parent / "README.md", TESTS.parent / "Makefile"
TABLE = re.compile(r"\| proven by `make test` \|.*\n(?:\|.*\n)+")


def lab_tests() -> set[str]:
    trees = [ast.parse(file.read_text()) for file in (TESTS / "lab").glob("test_*.py")]
    return {found.name for tree in trees for found in ast.walk(tree) if isinstance(found, ast.FunctionDef)}


def lives_in_make_test() -> int:
    found = re.search(r"^test-quick:.*?--lives (\d+)", MAKEFILE.read_text(), re.DOTALL | re.MULTILINE)
    assert found
    return int(found[1])


def about(count: int) -> str:
    """Rounded down, so that the README need not change with every new test: 33 is over 30, 158 is over 150."""
    step = max(1, 10 ** (len(str(count)) - 1) // 2)
    return f"over {count // step * step:,}" if count % step else f"{count:,}"


def counted() -> dict[str, str]:
    calls = sum(len(undisturbed(plan)[2]) for plan in GOLDEN_CASES)
    return {
        "faults survived on real libvirt, QEMU and NFS": about(sum(bool(fault.lab) for fault in FAULTS)),
        "faults survived in the simulator": about(sum(bool(fault.scenarios) for fault in FAULTS)),
        "calls of golden plans made to crash, fail, hang, lie": about(calls * len(Outcome)),
        "steps of random lives of clouds": about(lives_in_make_test() * STEPS),
        "planted bugs caught": about(len(PLANTED)),
        "bad inputs refused, each in its exact words": about(len([*(TESTS / "bad").glob("*/expected.txt")])),
    }


def test_the_readme_says_what_is_so(golden):
    rows = "".join(f"| {what} | {count} |\n" for what, count in counted().items())
    said = README.read_text()
    golden(README, TABLE.sub(f"| proven by `make test` | |\n|---|---|\n{rows}", said))


def test_every_fault_is_where_it_says():
    there = lab_tests()
    assert [(fault.name, test) for fault in FAULTS for test in fault.lab if test not in there] == []
    scenarios = {file.parent.name for file in (TESTS / "scenarios").glob("*/script.txt")}
    assert [(fault.name, case) for fault in FAULTS for case in fault.scenarios if case not in scenarios] == []


def test_every_kind_of_fault_was_seen_on_real_machines_or_says_what_it_stands_for():
    shown = {kind for fault in FAULTS if fault.lab for kind in fault.kinds}
    assert shown | UNSEEN.keys() == {*Outcome, *WORLD}
    assert shown.isdisjoint(UNSEEN)
