"""`make bench`: what the product needs, over the least that any program needs for the same, measured in the same run.

It builds a lab of its own: two hypervisors, one with 300 and one with 10 small domains that are off, without disks,
each with one interface on one network, and one pool. It has the product converge them and measures, on the lab's seat:

PASSES  a pass that finds nothing to do at the 300, against a bare libvirt-python script (floor.py) that makes the same
        calls one after the other. First: over a new connection, opening included, nothing remembered. Later: over one
        that is kept. Both by turns, 7 rounds, the first dropped; gc.collect() before each turn, gc as in production.
        "beside" is the ratio to the same script run inside the product's process, where libvirt's event loop turns:
        that loop slows each call down, so this floor is higher, and the strict one is "ratio".
CALLS   of one more pass, by name, beside the list of what a pass without steps may ask.
WHOLE PROCESSES  `reconcile --once`, cold, against the script as a process, at both hypervisors; then what reaches no
        machine: `--help` against a program that has only click, `validate` against the C parser with the same imports.
CROWDS  passes as above at 1,000 and 10,000 domains of libvirt's test driver behind a libvirtd of its own, and how much
        memory a daemon needs for them above what it imports.
DRAIN   eight running guests leave a hypervisor, two at a time: `reconcile --once` after the cordon, against the best
        script of virsh (drain.sh), both on the seat, by turns in both directions.
PLACEMENT  5,000 domains with rules on 100 hosts, over a bare best-fit loop on the same ledger; then whether each of
        the hosts could be emptied, over that one placement; and placing where nothing is to be done.
BY ITSELF  stages that need no machine: placing, planning from nothing, validating. No ratio.

`--only passes,crowds,drain,start,placing,pure` measures some of these.

Times in milliseconds; `cpu`: of the client without its ssh, `libvirtd`: of the daemon, means of a turn. A floor whose
slowest turn took 1.5 times its fastest is marked "noisy": do not believe the ratios then; run it again, or, on a busy
computer, as `sudo chrt -r 1 .venv/bin/python -m tests.bench`. must and aim are the project's targets for a ratio; none
of them decides the exit code: 0, or 1 where something could not be measured.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from tests.bench import drain, placing, pure, start
from tests.bench.calls import expected
from tests.bench.cloud import FLOOR, PYTHON, RECONCILE, Broken, Hypervisor, Lab, Seat, crowded, lab
from tests.bench.table import Row, as_json, calls_text, measured_text, over, pure_text, row

MIB = 1 << 20
MANY, FEW = 300, 10
CROWDS = {1_000: 7, 10_000: 4}
"""Domains of the test driver, and the most turns that each size takes."""
PASS_TARGETS = {"first": (1.5, 1.15), "later": (1.2, 0.65)}
CROWD_TARGETS = {"first": (1.5, 1.25), "later": (0.8, 0.65)}
PROCESS_TARGETS = {FEW: (8.0, 5.0), MANY: (3.5, 2.5)}
"""What a ratio must be at most, and what is aimed at."""
MEMORY_TARGETS = (80, 40)
"""MiB above the imports, at the most domains."""
Answers = list[dict[str, Any]]
Told = dict[str, Any]


def main() -> int:
    """Measure, print, clean up."""
    wanted = _arguments()
    if os.geteuid():
        return _fail("the lab needs root: run `make bench`, or sudo")
    signal.signal(signal.SIGTERM, _end)
    told: Told = {"schemaVersion": 1, **vars(wanted)}
    try:
        for section in wanted.only:
            told |= SECTIONS[section](wanted)
    except Broken as error:
        return _fail(str(error))
    if wanted.output == "json":
        print(json.dumps(told, indent=1))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    parser.add_argument("--transport", choices=("tcp", "ssh"), default="tcp", help="how libvirt is reached")
    parser.add_argument("--rounds", type=int, default=7, help="how often each takes its turn; the first does not count")
    parser.add_argument("--only", type=_sections, default=tuple(SECTIONS), help=",".join(SECTIONS))
    wanted = parser.parse_args()
    if wanted.rounds < 2:
        parser.error("--rounds: at least 2, for the first does not count")
    return wanted


def _sections(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := set(names) - set(SECTIONS):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: known are {', '.join(SECTIONS)}")
    return names


# --- sections: each measures, shows, and returns what JSON tells ----------------------------------


def _pure(wanted: argparse.Namespace) -> Told:
    with tempfile.TemporaryDirectory(prefix="reconciler-bench-") as scratch:
        found = pure.measure(Path(scratch))
    _show(wanted, pure_text(found))
    return {"pure": found}


def _placing(wanted: argparse.Namespace) -> Told:
    with tempfile.TemporaryDirectory(prefix="reconciler-bench-") as scratch:
        rows = placing.measure(Path(scratch), wanted.rounds)
    _show(wanted, measured_text("PLACEMENT", rows))
    return {"placing": as_json(rows)}


def _start(wanted: argparse.Namespace) -> Told:
    with tempfile.TemporaryDirectory(prefix="reconciler-bench-") as scratch:
        rows = start.measure(Path(scratch), wanted.rounds)
    _show(wanted, measured_text("COMMANDS ALONE", rows))
    return {"start": as_json(rows)}


def _no_op(wanted: argparse.Namespace) -> Told:
    """Passes, their calls, and whole processes, over QEMU's libvirt."""
    _talk("building a lab and converging it ...")
    with lab((MANY, FEW), wanted.transport) as built:
        many, few = built.hypervisors
        _talk("passes by turns ...")
        passes, calls = _passes(built, many, wanted.rounds, PASS_TARGETS)
        _talk("whole processes by turns ...")
        processes = _processes(built, (few, many), wanted.rounds)
    listed = dict(expected(domains=MANY, running=0, networks=1, pools=1, ours=1))
    head = f"{MANY} defined domains on one hypervisor over qemu+{wanted.transport}, nothing to do; milliseconds"
    _show(wanted, head, measured_text("PASSES", passes), calls_text(calls, listed))
    _show(wanted, measured_text("WHOLE PROCESSES", processes))
    return {"passes": as_json(passes), "processes": as_json(processes), "calls": {**calls, "listed": listed}}


def _crowds(wanted: argparse.Namespace) -> Told:
    _talk("building a lab of the test driver and filling it ...")
    rows: list[Row] = []
    with crowded(tuple(CROWDS)) as built:
        for one in built.hypervisors:
            _talk(f"passes at {one.domains} domains by turns ...")
            found, _ = _passes(built, one, min(wanted.rounds, CROWDS[one.domains]), CROWD_TARGETS)
            rows += [replace(row, work=f"{one.domains} {row.work}") for row in found]
        with Seat(built, "product", built.hypervisors[-1]) as seat:
            imports, full = (seat.ask(order)["bytes"] for order in ("imports", "memory"))
    grown = (full - imports) / MIB
    must, aim = MEMORY_TARGETS
    memory = f"MEMORY of a daemon at {max(CROWDS)}: {grown:.0f} MiB above its imports (must {must}, aim {aim})"
    _show(wanted, measured_text("CROWDS", rows), memory)
    return {"crowds": as_json(rows), "memoryMiB": grown}


def _drain(wanted: argparse.Namespace) -> Told:
    _talk("a lab of running guests, to be emptied by turns ...")
    rows = drain.measure(wanted.transport, max(2, wanted.rounds // 2))
    _show(wanted, measured_text("DRAIN", rows))
    return {"drain": as_json(rows)}


SECTIONS = {"pure": _pure, "placing": _placing, "start": _start, "passes": _no_op, "crowds": _crowds, "drain": _drain}


def _show(wanted: argparse.Namespace, *texts: str) -> None:
    if wanted.output == "text":
        print(*texts, "", sep="\n\n", flush=True)


def _talk(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def _fail(text: str) -> int:
    _talk(f"cannot measure: {text}")
    return 1


def _end(number: int, _frame: object) -> NoReturn:
    """So that SIGTERM, too, takes the lab down."""
    raise SystemExit(128 + number)


def _passes(
    built: Lab, hypervisor: Hypervisor, rounds: int, goals: Mapping[str, tuple[float, float]]
) -> tuple[list[Row], dict[str, dict[str, int]]]:
    """Rows of first and later passes, and the calls of the product. `goals`: how -> what must be, what is aimed at."""
    with Seat(built, "bare", hypervisor) as bare, Seat(built, "product", hypervisor) as product:
        contenders = {
            "bare script": (bare, "floor"),
            "the same, beside": (product, "floor"),
            "pass": (product, "product"),
        }
        turns = [(how, name) for how in goals for name in contenders]
        answers: dict[tuple[str, str], Answers] = {turn: [] for turn in turns}
        for _ in range(rounds):
            for how, name in turns:
                seat, what = contenders[name]
                answers[how, name].append(seat.ask(f"{what}-{how}"))
        calls = product.ask("product-count")
    rows: list[Row] = []
    for how, targets in goals.items():
        floor, beside, ours = (row(how, name, answers[how, name]) for name in contenders)
        rows += [floor, beside, over(ours, floor, beside, targets)]
    return rows, {how: calls[how] for how in goals}


def _processes(built: Lab, hypervisors: tuple[Hypervisor, ...], rounds: int) -> list[Row]:
    """Rows of cold processes, at each hypervisor."""
    with ExitStack() as stack:
        seats = {one: stack.enter_context(Seat(built, "bare", one)) for one in hypervisors}
        found: dict[Hypervisor, tuple[Answers, Answers]] = {one: ([], []) for one in hypervisors}
        for _ in range(rounds):
            for one, seat in seats.items():
                found[one][0].append(seat.ask("run", PYTHON, FLOOR, one.uri))
                found[one][1].append(seat.ask("run", RECONCILE, "--once", "-C", str(one.documents)))
    rows: list[Row] = []
    for one, (scripts, runs) in found.items():
        work = f"N={one.domains}"
        floor, ours = row(work, "bare script", scripts), row(work, "reconcile --once", runs)
        rows += [floor, over(ours, floor, None, PROCESS_TARGETS[one.domains])]
    return rows


if __name__ == "__main__":
    sys.exit(main())
