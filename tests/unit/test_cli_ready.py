"""Guests that come up: what `status` shows of them, and waiting for them, on a simulated cloud."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler import lock
from reconciler.cli import app, world
from reconciler.load import load
from reconciler.simulate import SimEdge, VirtualClock, World, act, build
from tests.scenarios.documents import CLOUDS

Run = Callable[..., tuple[int, Any]]


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    directory = tmp_path / "documents"
    directory.mkdir()
    (directory / "small-cloud.yaml").write_text((CLOUDS / "small-cloud.yaml").read_text())
    return directory


@pytest.fixture
def machines(documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The small cloud, which the commands see through the simulator."""
    clock = VirtualClock()
    built = build(clock, load(documents), {})
    monkeypatch.setattr(world, "open_edge", lambda **_: SimEdge(built))
    monkeypatch.setattr(world, "open_clock", lambda: clock)
    monkeypatch.setenv(lock.DIRECTORY_VARIABLE, str(tmp_path / "run"))
    yield built
    clock.close()


@pytest.fixture
def run(machines: World, documents: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*argv: str) -> tuple[int, Any]:
        code = app.run([*argv, "-C", str(documents), "-o", "json"])
        out = capsys.readouterr().out
        return code, json.loads(out) if out else None

    return command


def say(documents: Path, name: str, line: str) -> None:
    """Add a line to the spec of a domain."""
    file = documents / "small-cloud.yaml"
    head = f"metadata: {{name: {name}, "
    before, _, after = file.read_text().partition(head)
    file.write_text(before + head + after.replace("spec:\n", f"spec:\n  {line}\n", 1))


def of(told: Any, kind: str) -> dict[str, Any]:
    return next(c for c in told["objects"][0]["conditions"] if c["type"] == kind)


# --- what is shown --------------------------------------------------------------------


def test_addresses_are_shown_with_their_source(run: Run, machines: World, documents: Path, capsys: Any) -> None:
    assert run("--once")[0] == 0
    machines.clock.sleep(30)
    act(machines, "guest web-1 agent well")
    [web] = run("status", "web-1")[1]["objects"]
    assert web["addresses"][0]["source"] == "agent"
    assert app.run(["status", "-C", str(documents)]) == 0
    table = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    address = web["addresses"][0]["address"]
    assert f"{address} (agent)" in table["web-1"]
    assert "(arp)" in table["db-1"]
    assert app.run(["status", "web-1", "-C", str(documents)]) == 0
    assert f"addresses: {address} (agent)" in capsys.readouterr().out


def test_a_look_at_one_guest_sees_all_that_stands_against_moving_it(run: Run, machines: World) -> None:
    assert run("--once")[0] == 0
    home = run("status", "web-1")[1]["objects"][0]["where"]
    assert of(run("status", "web-1")[1], "Migratable")["status"] == "True"
    act(machines, f"virsh snapshot-create web-1@{home} 2")
    other = "hv2" if home == "hv1" else "hv1"
    assert run("cordon", other)[0] == 0
    found = of(run("status", "web-1")[1], "Migratable")
    assert (found["status"], found["reason"]) == ("False", "CannotMigrate")
    assert "it has 2 snapshots" in found["message"]
    assert f"host/{other}: it is cordoned" in found["message"]


def test_an_agent_that_gives_no_answer_is_told_from_none(run: Run, machines: World) -> None:
    assert run("--once")[0] == 0
    machines.clock.sleep(30)
    act(machines, "guest web-1 quiet")
    found = of(run("status", "web-1")[1], "GuestReady")
    assert (found["status"], found["reason"]) == ("Unknown", "NoSignOfLife")
    assert found["message"].startswith("no guest agent has opened its channel, and no address of it is known")
    act(machines, "guest web-1 agent mute")
    assert "its agent does not answer" in of(run("status", "web-1")[1], "GuestReady")["message"]


# --- waiting for one ---------------------------------------------------------------------


def test_waiting_for_a_guest_ends_once_it_is_up(run: Run, machines: World) -> None:
    assert run("--once")[0] == 0
    begun = machines.clock.now()
    act(machines, f"guest web-1 up-at {begun + 40}")
    code, told = run("status", "web-1", "--wait", "GuestReady", "--timeout", "5m")
    assert (code, 38 <= machines.clock.now() - begun < 45) == (0, True)
    assert of(told, "GuestReady")["reason"] == "HasAddress"
    assert told["objects"][0]["addresses"]


@pytest.mark.parametrize(
    ("ready", "command", "lacking"),
    [
        ("{agent: true}", "guest web-1 agent mute", "its agent does not answer"),
        ("{agent: true}", "guest web-1 agent absent", "no guest agent has opened its channel"),
        ("{address: true}", "guest web-1 quiet", "no address of it is known"),
        ("{tcp: 22}", "guest web-1 listens 80", "TCP port 22 does not answer at 10.77."),
        ("{agent: true, tcp: 22}", "guest web-1 quiet", "no guest agent has opened its channel; no address"),
    ],
)
def test_ready_is_what_the_document_says(
    run: Run, machines: World, documents: Path, ready: str, command: str, lacking: str
) -> None:
    say(documents, "web-1", f"ready: {ready}")
    assert run("--once")[0] == 0
    act(machines, command)
    code, told = run("status", "web-1", "--wait", "GuestReady", "--timeout", "1m")
    assert code == 3
    found = of(told, "GuestReady")
    assert (found["status"], found["reason"]) == ("False", "NotReady")
    assert found["message"].startswith(lacking)
    for better in ("guest web-1 agent well", "guest web-1 listens 22 80"):
        act(machines, better)
    if "quiet" not in command or "agent: true" in ready:
        assert run("status", "web-1", "--wait", "GuestReady")[0] == 0


def test_an_agent_that_answers_late_is_waited_for(run: Run, machines: World, documents: Path) -> None:
    say(documents, "web-1", "ready: {agent: true}")
    assert run("--once")[0] == 0
    begun = machines.clock.now()
    act(machines, "guest web-1 agent mute")
    machines.clock.at(begun + 90, lambda: act(machines, "guest web-1 agent well"))
    assert run("status", "web-1", "--wait", "GuestReady", "--timeout", "10m")[0] == 0
    assert 90 <= machines.clock.now() - begun < 95


def test_waiting_for_a_guest_at_a_silent_host_ends_with_4(run: Run, machines: World) -> None:
    assert run("--once")[0] == 0
    home = run("status", "web-1")[1]["objects"][0]["where"]
    machines.clock.at(machines.clock.now() + 5, lambda: act(machines, f"libvirtd {home} kill"))
    act(machines, "guest web-1 quiet")
    assert run("status", "web-1", "--wait", "GuestReady", "--timeout", "1m")[0] == 4


# --- waiting for all ----------------------------------------------------------------------


def test_once_waits_for_all_that_shall_run(run: Run, machines: World, documents: Path, capsys: Any) -> None:
    say(documents, "db-1", "power: stopped")
    code, told = run("--once", "--wait", "GuestReady", "--timeout", "2m")
    assert (code, told["result"], told["exitCode"]) == (0, "converged", 0)
    assert told["waited"] == {"condition": "GuestReady", "domains": ["domain/web-1", "domain/web-2"], "lacking": []}
    assert app.run(["--once", "--wait", "Migratable", "-C", str(documents)]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "Migratable: 3 domains."


def test_once_names_who_did_not_come_up(run: Run, machines: World, documents: Path, capsys: Any) -> None:
    say(documents, "web-2", "ready: {tcp: 8080}")
    begun = machines.clock.now()
    code, told = run("--once", "--wait", "GuestReady", "--timeout", "1m")
    assert (code, told["result"], told["exitCode"]) == (3, "held", 3)
    assert 60 <= machines.clock.now() - begun < 75
    [lacking] = told["waited"]["lacking"]
    assert (lacking["object"], lacking["status"], lacking["reason"]) == ("domain/web-2", "False", "NotReady")
    assert app.run(["--once", "--wait", "GuestReady", "--timeout", "1m", "-C", str(documents)]) == 3
    seen = capsys.readouterr()
    assert "! domain/web-2   GuestReady is False   TCP port 8080 does not answer at 10.77." in seen.out
    assert "waiting for GuestReady: 1 of 3 lack it, " in seen.err


def test_once_does_not_wait_where_it_did_not_converge(run: Run, machines: World, documents: Path, capsys: Any) -> None:
    act(machines, "host hv2 down")
    assert app.run(["--once", "--wait", "GuestReady", "-C", str(documents)]) == 4
    assert "not waiting for GuestReady: the run ended unreachable" in capsys.readouterr().err


def test_nobody_holds_the_lock_while_waiting(run: Run, machines: World, documents: Path) -> None:
    say(documents, "web-2", "ready: {tcp: 8080}")
    codes: list[int] = []

    def another() -> None:
        with lock.held("small-cloud"):
            codes.append(0)

    machines.clock.at(40.0, another)
    assert run("--once", "--wait", "GuestReady", "--timeout", "1m")[0] == 3
    assert codes == [0]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--once", "--wait", "guestready"], "a domain has no condition 'guestready'; did you mean GuestReady?"),
        (["--once", "--wait", "Beautiful"], "known are Defined, Running, Placed, Migratable, InSync, RestartRequired,"),
        (["--once", "--timeout", "5s"], "--timeout says how long to --wait"),
        (["--wait", "GuestReady"], "--wait belongs to --once"),
        (["--wait", "GuestReady", "plan"], "--wait stands alone: it takes no command"),
        (["--once", "--wait", "GuestReady", "--timeout", "5"], 'write "5s"'),
        (["status", "web-1", "--wait", "Ready"], "did you mean GuestReady?"),
    ],
)
def test_wrong_waiting_contacts_nobody(
    documents: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, argv: list[str], said: str
) -> None:
    monkeypatch.setattr(world, "open_edge", lambda **_: pytest.fail("contacted"))
    assert app.run([*argv, "-C", str(documents)]) == 64
    assert said in capsys.readouterr().err
