"""The main job on the command line, in a simulated cloud: from nothing to a host that may be switched off."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler import lock
from reconciler.cli import app, world
from reconciler.load import load
from reconciler.simulate import SimEdge, VirtualClock, build
from tests.unit.test_cli_stubs import write

Run = Callable[..., tuple[int, Any]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs one command with -o json; its code and what it printed. The cloud lives on between commands."""
    directory = write(tmp_path / "desired-state")
    clock = VirtualClock()
    machines = build(clock, load(directory))
    monkeypatch.setenv(lock.DIRECTORY_VARIABLE, str(tmp_path / "run"))
    monkeypatch.setenv("RECONCILE_DIR", str(directory))
    monkeypatch.setattr(world, "open_edge", lambda: SimEdge(machines))
    monkeypatch.setattr(world, "open_clock", lambda: clock)

    def command(*argv: str) -> tuple[int, Any]:
        code = app.run([*argv, "-o", "json"])
        return code, json.loads(capsys.readouterr().out)

    with contextlib.closing(clock):
        yield command


def conditions(run: Run, ref: str) -> dict[str, str]:
    _, told = run("status", ref)
    return {c["type"]: c["status"] for c in told["objects"][0]["conditions"]}


def test_from_nothing_to_a_drained_host(run: Run) -> None:
    code, plan = run("plan")
    assert (code, plan["summary"]["held"]) == (2, 0)
    code, report = run("--once")
    assert (code, report["result"], len(report["passes"])) == (0, "converged", 2)
    assert [s["id"] for s in plan["steps"]] == [s["id"] for s in report["passes"][0]["steps"]]
    assert run("plan")[1]["steps"] == []
    _, told = run("status", "web-1")
    home = told["objects"][0]["where"]
    assert conditions(run, f"host/{home}")["SafeToPowerOff"] == "False"

    assert run("cordon", home)[0] == 0
    code, plan = run("plan")
    assert (code, plan["summary"]["migrate"]) == (2, 1)
    assert run("status")[0] == 0
    assert [r["reason"] for r in run("why", home)[1]["reasons"] if r["topic"] == "guest"] == ["MustLeave"]
    code, report = run("--once")
    assert (code, report["result"]) == (0, "converged")
    drained = conditions(run, f"host/{home}")
    assert (drained["Drained"], drained["SafeToPowerOff"]) == ("True", "True")
    assert run("status", "web-1")[1]["objects"][0]["where"] != home


def test_progress_goes_to_stderr_and_data_to_stdout(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["--once"]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[-1].startswith("Converged: ")
    assert told.err.splitlines()[0].startswith("pass 1: ")
    assert any("start-domain done in" in line for line in told.err.splitlines())
