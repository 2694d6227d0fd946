"""The main job on the command line, in a simulated cloud: from nothing to a host that may be switched off."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler import lock
from reconciler.cli import app, world
from reconciler.load import load
from reconciler.simulate import SimEdge, VirtualClock, act, build
from reconciler.simulate.world import World
from tests.unit.test_cli_stubs import write

Run = Callable[..., tuple[int, Any]]


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The cloud of the documents, empty; it lives on between commands."""
    directory = write(tmp_path / "desired-state")
    clock = VirtualClock()
    built = build(clock, load(directory))
    monkeypatch.setenv(lock.DIRECTORY_VARIABLE, str(tmp_path / "run"))
    monkeypatch.setenv("RECONCILE_DIR", str(directory))
    monkeypatch.setattr(world, "open_edge", lambda **_: SimEdge(built))
    monkeypatch.setattr(world, "open_clock", lambda: clock)
    with contextlib.closing(clock):
        yield built


@pytest.fixture
def run(machines: World, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs one command with -o json; its code and what it printed."""

    def command(*argv: str) -> tuple[int, Any]:
        code = app.run([*argv, "-o", "json"])
        return code, json.loads(capsys.readouterr().out or "null")

    return command


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


def home_of(run: Run, domain: str) -> str:
    return str(run("status", domain)[1]["objects"][0]["where"])


# --- waiting for a condition ------------------------------------------------------------------


def test_waiting_ends_when_the_condition_is_true(run: Run, machines: World) -> None:
    assert run("--once")[0] == 0
    home = home_of(run, "web-1")
    clock = machines.clock
    begun = clock.now()
    clock.at(begun + 60, lambda: act(machines, f"virsh destroy web-1@{home}"))
    code, told = run("status", home, "--wait", "SafeToPowerOff", "--timeout", "5m")
    assert (code, 60 <= clock.now() - begun < 70) == (0, True)
    assert "SafeToPowerOff" in [c["type"] for c in told["objects"][0]["conditions"] if c["status"] == "True"]


def test_waiting_ends_with_3_when_the_time_ran_out(run: Run, machines: World) -> None:
    assert run("--once")[0] == 0
    begun = machines.clock.now()
    assert run("status", home_of(run, "web-1"), "--wait", "SafeToPowerOff")[0] == 3
    assert 30 <= machines.clock.now() - begun < 35


def test_waiting_for_a_silent_host_ends_with_4(run: Run, machines: World) -> None:
    assert run("--once")[0] == 0
    act(machines, "host hv1 down")
    assert run("status", "hv1", "--wait", "Drained", "--timeout", "1m")[0] == 4


@pytest.mark.parametrize(("timeout", "looks"), [("0", 1), ("0s", 1), ("3s", 3), ("500ms", 2)])
def test_how_often_it_looks(
    run: Run, monkeypatch: pytest.MonkeyPatch, machines: World, timeout: str, looks: int
) -> None:
    edge = SimEdge(machines)
    monkeypatch.setattr(world, "open_edge", lambda **_: edge)
    assert run("status", "host/hv1", "--wait", "Drained", "--timeout", timeout)[0] == 3
    observed = [call for call in edge.calls if call == "observe"]
    assert len(observed) == 2 * looks, "web-1 is nowhere, so that each look looks twice"


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["hv1", "--wait", "SafeToPowerof"], "did you mean SafeToPowerOff?"),
        (["hv1", "--wait", "drained"], "did you mean Drained?"),
        (["nas", "--wait", "Drained"], "host/nas has no condition 'Drained'"),
        (["hv9", "--wait", "Drained"], "did you mean host/hv2 or host/hv1?"),
        (["--wait", "Drained"], "--wait needs a REF"),
        (["hv1", "--timeout", "5s"], "--timeout says how long to --wait"),
        (["hv1", "--wait", "Drained", "--timeout", "5"], 'write "5s"'),
        (["hv1", "--wait", "Drained", "--timeout", "soon"], "is not a duration"),
    ],
)
def test_wrong_waiting_contacts_nobody(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], argv: list[str], said: str
) -> None:
    monkeypatch.setattr(world, "open_edge", lambda **_: pytest.fail("contacted"))
    assert app.run(["status", *argv]) == 64
    assert said in capsys.readouterr().err


def test_each_new_standing_is_told_once(run: Run, machines: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--once")[0] == 0
    home = home_of(run, "web-1")
    assert app.run(["status", home, "--wait", "SafeToPowerOff"]) == 3
    told = capsys.readouterr()
    assert told.err.splitlines() == [f"host/{home}: SafeToPowerOff is False: running there: domain/web-1"]
    assert told.out.startswith(f"host/{home}: Ready")


# --- a drain before it is written ------------------------------------------------------------------


def test_a_plan_as_if_a_host_were_cordoned(run: Run) -> None:
    assert run("--once")[0] == 0
    home = home_of(run, "web-1")
    code, plan = run("plan", "--cordon", home)
    assert (code, plan["steps"][-1]["id"]) == (2, f"migrate-domain:domain/web-1@{home}")
    assert run("plan", "--cordon", f"host/{home}")[1] == plan
    assert run("plan", "--cordon", "hv1", "--cordon", "hv2")[0] == 3
    assert run("plan")[0] == 0


@pytest.mark.parametrize(("host", "said"), [("hv9", "did you mean hv"), ("nas", "host/nas: it is no hypervisor")])
def test_cordoning_what_is_no_hypervisor(run: Run, capsys: pytest.CaptureFixture[str], host: str, said: str) -> None:
    assert app.run(["plan", "--cordon", host]) == 64
    assert said in capsys.readouterr().err


# --- a migration under way ---------------------------------------------------------------------------


def test_status_shows_how_a_migration_gets_on(run: Run, machines: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--once")[0] == 0
    home = home_of(run, "web-1")
    target = {"hv1": "hv2", "hv2": "hv1"}[home]
    assert run("status", "web-1")[1]["objects"][0]["migration"] is None
    act(machines, f"virsh migrate web-1@{home} {target}")
    machines.clock.sleep(0.9)
    shown = run("status", "web-1")[1]["objects"][0]
    moving = shown["migration"]
    assert (shown["state"], moving["source"], moving["target"]) == ("Migrating", home, target)
    assert 0 < moving["percent"] < 100
    assert moving["rate"] > 0
    assert moving["leftSeconds"] < 2
    assert app.run(["status", "web-1"]) == 0
    assert f"migrates from {home} to {target}: " in capsys.readouterr().out
    machines.clock.sleep(10)
    assert run("status", "web-1")[1]["objects"][0]["migration"] is None


# --- why a host cannot be emptied --------------------------------------------------------------------------


def reasons(run: Run, ref: str, topic: str) -> list[tuple[str, str]]:
    return [(r["object"], r["message"]) for r in run("why", ref)[1]["reasons"] if r["topic"] == topic]


def test_why_on_a_host_tells_what_would_go_where(run: Run) -> None:
    assert run("--once")[0] == 0
    home = home_of(run, "web-1")
    other = {"hv1": "hv2", "hv2": "hv1"}[home]
    assert reasons(run, home, "drain") == [(f"domain/web-1@{home}", f"to host/{other}")]
    assert reasons(run, other, "drain") == []


def test_why_tells_what_keeps_a_host_from_being_emptied(run: Run, machines: World) -> None:
    assert run("--once")[0] == 0
    home = home_of(run, "web-1")
    other = {"hv1": "hv2", "hv2": "hv1"}[home]
    assert run("cordon", other)[0] == 0
    ((who, why),) = reasons(run, home, "drain")
    assert (who, "it is cordoned" in why) == (f"domain/web-1@{home}", True)
    assert reasons(run, "web-1", "rejected") == [(f"host/{other}", "it is cordoned")]
    assert conditions(run, home)["Drainable"] == "False"
    assert conditions(run, "cluster/small-cloud")["SurvivesHostLoss"] == "False"


# --- a check of a pull request, and advice ---------------------------------------------------------------------


def pin(home: str) -> None:
    """The edit of web-1's document that keeps it at its host."""
    path = Path(os.environ["RECONCILE_DIR"]) / "domains/web-1.yaml"
    path.write_text(path.read_text() + f"  placement: {{hosts: [{home}]}}\n")


def test_documents_that_keep_a_host_from_being_emptied_fail_the_check(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--once")[0] == 0
    home = home_of(run, "web-1")
    code, plan = run("plan", "--require-drainable")
    assert (code, plan["undrainable"]) == (0, [])
    pin(home)
    code, plan = run("plan", "--require-drainable")
    (told,) = plan["undrainable"]
    assert code == 3
    assert (told["host"], told["object"]) == (f"host/{home}", "domain/web-1")
    assert (told["file"], told["line"], told["column"]) == ("domains/web-1.yaml", 1, 1)
    assert app.run(["plan", "--require-drainable"]) == 3
    assert f"domains/web-1.yaml:1:1: host/{home} can be emptied now" in capsys.readouterr().err
    assert run("plan")[0] == 0


def test_the_check_passes_where_the_host_could_not_be_emptied_before(run: Run, machines: World) -> None:
    assert run("--once")[0] == 0
    home = home_of(run, "web-1")
    act(machines, f"virsh define stranger@{home}")
    act(machines, f"virsh start stranger@{home}")
    pin(home)
    assert run("plan", "--require-drainable")[0] == 0


def test_an_unreachable_host_comes_before_the_check(run: Run, machines: World) -> None:
    assert run("--once")[0] == 0
    pin(home_of(run, "web-1"))
    act(machines, "host hv1 down")
    assert run("plan", "--require-drainable")[0] == 4


def test_advice_is_not_pending(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--once")[0] == 0
    code, plan = run("plan", "--rebalance")
    assert (code, plan["steps"], plan["advice"]) == (0, [], [])
    assert app.run(["plan", "--rebalance"]) == 0
    assert capsys.readouterr().out.splitlines() == ["  * no move is worth making", "", "No changes."]


# --- deletions -----------------------------------------------------------------------------------------------


def test_one_run_may_delete_more_than_the_limit_where_it_is_told_so(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--once")[0] == 0
    domain, cluster = (tmp_path / "desired-state" / name for name in ("domains/web-1.yaml", "cluster.yaml"))
    domain.write_text(domain.read_text().replace("  vcpus: 1", "  state: absent\n  vcpus: 1"))
    cluster.write_text(cluster.read_text().replace("interval: 5m", "limits: {deletes: 0}"))
    code, plan = run("plan")
    assert (code, plan["steps"], plan["held"][0]["reason"]) == (3, [], "OverLimit")
    assert "--allow-deletes 1" in plan["held"][0]["message"]
    assert run("--once")[0] == 3
    for words in (("plan", "--allow-deletes", "1"), ("--allow-deletes", "1", "plan")):
        code, plan = run(*words)
        assert (code, plan["summary"]["delete"], plan["held"]) == (2, 2, [])
    assert app.run(["--allow-deletes", "1", "status"]) == 64
    assert app.run(["--once", "--allow-deletes", "-1"]) == 64
    capsys.readouterr()
    assert run("--once", "--allow-deletes", "1")[0] == 0
    assert run("plan")[0] == 0
