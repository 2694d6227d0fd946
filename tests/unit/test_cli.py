"""The command line: exit codes, options on both sides of every command, what goes where, what is never loaded."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from reconciler import lock, reconcile
from reconciler.cli import app, exits, output, world
from reconciler.cli.options import settings, with_settings
from reconciler.desired import Ref
from reconciler.errors import HostUnreachable, LockHeld, Problem, ReconcilerError, UsageError
from reconciler.observed import Observed
from reconciler.place import Placements
from reconciler.reconcile import Result, Survey
from reconciler.step import Held, HeldReason, Plan, Report
from tests.unit.test_cli_stubs import StillEdge, empty, settled, without, write

HELD = Held(Ref("domain", "web-1", "hv1"), HeldReason.RESTART_REQUIRED, "memory: 1 -> 2")
WAITS = Held(Ref("domain", "web-1"), HeldReason.HOST_UNKNOWN, "host/hv2 might hold it")
COMMANDS: dict[str, list[str]] = {
    "plan": ["plan"],
    "validate": ["validate"],
    "status": ["status"],
    "import": ["import", "domain/x", "--adopt"],
    "why": ["why", "web-1"],
    "cordon": ["cordon", "hv1"],
    "uncordon": ["uncordon", "hv1"],
    "schema": ["schema", "OUT"],
    "doctor": ["doctor"],
}
LAB = {"up": [], "down": [], "status": [], "exec": ["--", "true"], "off": ["hv1"], "on": ["hv1"]}


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(lock.DIRECTORY_VARIABLE, str(tmp_path / "run"))
    monkeypatch.delenv("RECONCILE_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    return write(tmp_path / "desired-state")


@pytest.fixture
def cloud(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., StillEdge]:
    """Puts a cloud that stands still behind the commands; `plan` replaces what would be planned."""

    def put(seen: Observed | None = None, plan: Plan | None = None) -> StillEdge:
        edge = StillEdge(seen or settled())
        monkeypatch.setattr(world, "open_edge", lambda **_: edge)
        if plan is not None:
            survey = Survey(edge.seen, Placements(), plan)
            monkeypatch.setattr(reconcile, "survey", lambda *args, **kwargs: survey)
        return edge

    return put


def shell(argv: list[str], **kwargs: Any) -> subprocess.CompletedProcess[str]:
    """The real thing, in a process of its own."""
    values: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 60, "check": False, **kwargs}
    return subprocess.run([sys.executable, "-m", "reconciler", *argv], **values)


# --- exit codes -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        (Plan(), 0),
        (Plan(held=(HELD,)), 3),
        (Plan(held=(WAITS,)), 4),
        (Plan(held=(HELD, WAITS)), 4),
        (Plan(silent={"hv2": "no route"}), 4),
        (Plan(held=(HELD,), silent={"hv2": "no route"}), 4),
        (Plan(orphans=(Ref("domain", "x", "hv1"),)), 0),
    ],
)
def test_plan_ends_with(cloud: Callable[..., StillEdge], plan: Plan, code: int) -> None:
    edge = cloud(plan=plan)
    assert app.run(["plan"]) == code
    assert edge.closed


def test_plan_with_changes_pending(cloud: Callable[..., StillEdge], capsys: pytest.CaptureFixture[str]) -> None:
    edge = cloud(empty())
    assert app.run(["plan"]) == exits.PENDING
    assert capsys.readouterr().out.splitlines()[-1].startswith("Plan: 1")
    assert edge.applied == []


def test_held_comes_before_pending(cloud: Callable[..., StillEdge]) -> None:
    from tests.unit.test_show import MOVE

    cloud(plan=Plan((MOVE,), (HELD,)))
    assert app.run(["plan"]) == exits.HELD


@pytest.mark.parametrize("command", [["status"], ["status", "web-1"], ["why", "web-1"]])
def test_status_and_why_give_0_or_4(cloud: Callable[..., StillEdge], command: list[str]) -> None:
    cloud(plan=Plan(held=(HELD,)))
    assert app.run(command) == 0
    cloud(without(settled(), "hv2"), plan=Plan(silent={"hv2": "no route"}))
    assert app.run(command) == exits.UNREACHABLE


@pytest.mark.parametrize(("result", "code"), [("converged", 0), ("held", 3), ("unreachable", 4), ("failed", 1)])
def test_once_ends_with_its_result(
    cloud: Callable[..., StillEdge],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    result: str,
    code: int,
) -> None:
    edge = cloud()
    monkeypatch.setattr(reconcile, "converge", lambda *args, **kwargs: Result((Report(Plan()),), result, code))
    assert app.run(["--once", "-o", "json"]) == code
    assert json.loads(capsys.readouterr().out) == {
        "schemaVersion": 1,
        "passes": [{"steps": [], "held": []}],
        "result": result,
        "exitCode": code,
        "waited": None,
    }
    assert edge.closed


@pytest.mark.parametrize(
    "argv",
    [
        ["nonsense"],
        ["plan", "--nonsense"],
        ["plan", "extra"],
        ["-o", "xml", "plan"],
        ["plan", "-o", "xml"],
        ["--color", "sometimes", "plan"],
        ["why"],
        ["status", "a", "b"],
        ["cordon"],
        ["--once", "plan"],
        ["plan", "--once"],
        ["lab", "exec"],
        ["lab", "nonsense"],
        ["-C"],
    ],
)
def test_wrong_usage_is_64(directory: Path, argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(argv) == exits.USAGE
    told = capsys.readouterr()
    assert told.out == ""
    assert "Traceback" not in told.err


def test_an_unknown_object_is_64_with_the_nearest(
    cloud: Callable[..., StillEdge], capsys: pytest.CaptureFixture[str]
) -> None:
    cloud(plan=Plan())
    for command in ("status", "why"):
        assert app.run([command, "web-2"]) == exits.USAGE
        assert "did you mean domain/web-1?" in capsys.readouterr().err


def test_the_lock_is_75_and_only_writers_need_it(
    cloud: Callable[..., StillEdge], capsys: pytest.CaptureFixture[str]
) -> None:
    cloud(plan=Plan())
    with lock.held("small-cloud"):
        assert app.run(["--once"]) == exits.LOCKED
        assert f"another reconciler (pid {os.getpid()}, since " in capsys.readouterr().err
        assert app.run([]) == exits.LOCKED
        assert [app.run(argv) for argv in (["plan"], ["status"], ["why", "web-1"], ["validate"])] == [0, 0, 0, 0]


def test_bad_documents_come_before_the_lock(directory: Path) -> None:
    (directory / "bad.yaml").write_text("kind: Nonsense\n")
    with lock.held("small-cloud"):
        assert app.run(["--once"]) == exits.INVALID


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), 64),
        (LockHeld("x"), 75),
        (ReconcilerError("x"), 1),
        (HostUnreachable("x"), 1),
        (type("Odd", (ReconcilerError,), {"exit_code": 125})("x"), 125),
        (type("Odder", (ReconcilerError,), {"exit_code": "no"})("x"), 1),
    ],
)
def test_errors_have_codes_and_one_line(error: ReconcilerError, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert output.tell_error(error) == code
    assert capsys.readouterr().err == "error: x\n"


def test_a_bug_is_1_with_a_traceback(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(world, "documents", lambda settings: 1 / 0)
    assert app.run(["plan"]) == exits.FAILED
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_an_error_of_the_system_is_one_line(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(settings: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(world, "documents", full)
    assert app.run(["plan"]) == exits.FAILED
    assert capsys.readouterr().err == "error: [Errno 28] No space left on device\n"


@pytest.mark.parametrize("error", [KeyboardInterrupt, click.Abort])
def test_an_interrupt_is_130(directory: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]) -> None:
    def interrupt(settings: object) -> None:
        raise error

    monkeypatch.setattr(world, "documents", interrupt)
    assert app.run(["plan"]) == exits.INTERRUPTED


# --- bad documents ------------------------------------------------------------------------


def test_all_problems_at_once(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (directory / "bad.yaml").write_text("apiVersion: reconciler/v1\nkind: Nonsense\n")
    (directory / "worse.yaml").write_text("[\n")
    assert app.run(["validate"]) == exits.INVALID
    told = capsys.readouterr()
    assert told.out == ""
    lines = told.err.splitlines()
    assert lines[0].startswith("bad.yaml:2:")
    assert any(line.startswith("worse.yaml:") for line in lines)
    assert lines[-1] == "error: the documents have 2 problems; nothing was touched"


def test_problems_as_json(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (directory / "bad.yaml").write_text("apiVersion: reconciler/v1\nkind: Nonsense\n")
    for argv in (["plan", "-o", "json"], ["validate", "-o", "json"], ["-o", "json", "--once"], ["status", "-ojson"]):
        assert app.run(argv) == exits.INVALID
        told = json.loads(capsys.readouterr().out)
        assert told["schemaVersion"] == 1
        assert [set(p) for p in told["problems"]] == [{"file", "line", "column", "message"}]
        assert (told["problems"][0]["file"], told["problems"][0]["line"]) == ("bad.yaml", 2)


def test_a_hundred_lines_then_the_count(capsys: pytest.CaptureFixture[str]) -> None:
    problems = tuple(Problem("a.yaml", line, 1, "bad") for line in range(1, 251))
    from reconciler.errors import DesiredStateError

    assert output.tell_error(DesiredStateError(problems)) == exits.INVALID
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 101
    assert lines[-1] == "error: the documents have 250 problems (150 not shown); nothing was touched"


def test_valid_documents(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["validate"]) == 0
    assert capsys.readouterr().out == "7 documents are valid\n"
    assert app.run(["validate", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"schemaVersion": 1, "problems": [], "warnings": []}


def test_no_directory_is_no_empty_cloud(directory: Path) -> None:
    for argv in (["plan"], ["--once"], ["validate"], []):
        assert app.run([*argv, "-C", "nowhere"]) == exits.INVALID


# --- options on both sides ------------------------------------------------------------------


@pytest.fixture
def probe() -> Iterator[list[Any]]:
    """A command that tells what it was given, in the real group."""
    seen: list[Any] = []

    @click.command("probe")
    @with_settings
    def command(settings: Any) -> int:
        seen.append(settings)
        return 7

    app.cli.add_command(command)
    yield seen
    del app.cli.commands["probe"]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([], [], ("desired-state", "text", "auto", False)),
        (["-C", "x"], [], ("x", "text", "auto", False)),
        ([], ["-C", "x"], ("x", "text", "auto", False)),
        (["--dir=x"], ["--dir", "y"], ("y", "text", "auto", False)),
        (["-o", "json"], [], ("desired-state", "json", "auto", False)),
        ([], ["-ojson"], ("desired-state", "json", "auto", False)),
        (["-o", "json"], ["-o", "text"], ("desired-state", "text", "auto", False)),
        (["--color", "never"], ["-v"], ("desired-state", "text", "never", True)),
        (["-v"], ["--color=always"], ("desired-state", "text", "always", True)),
        (["-C", "x", "-o", "json", "-v"], ["--color", "never"], ("x", "json", "never", True)),
    ],
)
def test_options_mean_the_same_on_both_sides(
    probe: list[Any], monkeypatch: pytest.MonkeyPatch, before: list[str], after: list[str], expected: tuple[Any, ...]
) -> None:
    monkeypatch.delenv("RECONCILE_DIR", raising=False)
    assert app.run([*before, "probe", *after]) == 7
    told = probe[0]
    assert (str(told.directory), told.output, told.color, told.verbose) == expected


@pytest.mark.parametrize(
    ("before", "after", "value", "expected"),
    [
        ([], [], "env", "env"),
        ([], [], "", "desired-state"),
        (["-C", "x"], [], "env", "x"),
        ([], ["-C", "x"], "env", "x"),
    ],
)
def test_the_environment_is_the_weakest(
    probe: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    before: list[str],
    after: list[str],
    value: str,
    expected: str,
) -> None:
    monkeypatch.setenv("RECONCILE_DIR", value)
    app.run([*before, "probe", *after])
    assert str(probe[0].directory) == expected


EVERY = [*COMMANDS.values(), *(["lab", verb, *rest] for verb, rest in LAB.items())]


def _commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name)


def test_the_help_tells_each_command_s_own_first_sentence() -> None:
    for name, (_, sentence) in app.cli.table.items():
        command = app.cli.get_command(click.Context(app.cli), name)
        assert command
        assert command.get_short_help_str(200) == sentence


def test_every_command_is_covered_here() -> None:
    covered = {tuple(argv[:2]) if argv[0] == "lab" else (argv[0],) for argv in EVERY}
    assert set(_commands(app.cli)) == covered


@pytest.mark.parametrize("argv", EVERY, ids=" ".join)
def test_every_command_takes_global_options_on_both_sides(
    directory: Path, monkeypatch: pytest.MonkeyPatch, argv: list[str]
) -> None:
    """Each command is replaced by one that tells what it was given."""
    options = ["-C", str(directory), "-o", "json", "--color", "never", "-v"]
    names, rest = (argv[:2], argv[2:]) if argv[0] == "lab" else (argv[:1], argv[1:])
    placements = [[*options, *names, *rest], [*names, *options, *rest]]
    if argv[0] == "lab":
        placements.append(["lab", *options, argv[1], *rest])
    told: list[Any] = []
    command = app.cli.get_command(click.Context(app.cli), argv[0])
    command = command.commands[argv[1]] if isinstance(command, click.Group) else command
    monkeypatch.setattr(command, "callback", lambda **kwargs: told.append(settings(click.get_current_context())))
    for placed in placements:
        assert app.run(placed) == 0
    assert len(told) == len(placements)
    assert {(str(s.directory), s.output, s.color, s.verbose) for s in told} == {(str(directory), "json", "never", True)}


@pytest.mark.parametrize("argv", [["--once"], []])
def test_the_group_itself_takes_them_too(directory: Path, argv: list[str]) -> None:
    assert app.run([*argv, "-C", "nowhere", "-o", "text", "--color", "never", "-v"]) == exits.INVALID
    assert app.run(["-C", "nowhere", *argv]) == exits.INVALID


@pytest.mark.parametrize(
    ("color", "tty", "environment", "expected"),
    [
        ("auto", True, {}, True),
        ("auto", False, {}, False),
        ("auto", True, {"NO_COLOR": "1"}, False),
        ("auto", True, {"TERM": "dumb"}, False),
        ("always", False, {"NO_COLOR": "1"}, True),
        ("never", True, {}, False),
    ],
)
def test_colour(
    monkeypatch: pytest.MonkeyPatch, color: str, tty: bool, environment: dict[str, str], expected: bool
) -> None:
    from reconciler.cli.options import Settings

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = type("Stream", (), {"isatty": lambda self: tty})()
    assert Settings(".", color=color).colors(stream) is expected


# --- the other commands -------------------------------------------------------------------------


def test_json_of_each_command_is_one_object(
    cloud: Callable[..., StillEdge], capsys: pytest.CaptureFixture[str]
) -> None:
    cloud(plan=Plan())
    for argv in (["plan"], ["status"], ["status", "hv1"], ["why", "hv1"], ["validate"]):
        app.run([*argv, "-o", "json"])
        told = json.loads(capsys.readouterr().out)
        assert told["schemaVersion"] == 1


def test_status_and_why_as_text(cloud: Callable[..., StillEdge], capsys: pytest.CaptureFixture[str]) -> None:
    cloud(plan=Plan())
    assert app.run(["status"]) == 0
    assert capsys.readouterr().out.startswith("NAME ")
    assert app.run(["status", "host/hv1"]) == 0
    assert "SafeToPowerOff  False   GuestsRun" in capsys.readouterr().out
    assert app.run(["why", "web-1"]) == 0
    assert "stays there" in capsys.readouterr().out


def test_doctor_ends_with_its_lines(
    cloud: Callable[..., StillEdge], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from reconciler import doctor

    cloud()
    monkeypatch.setattr(doctor, "ask", lambda desired, edge: doctor.Answers(edge.observe(desired)))
    assert app.run(["doctor"]) == 0
    assert "KVM is usable" in capsys.readouterr().out
    assert app.run(["doctor", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out).keys() == {"schemaVersion", "lines", "exitCode"}


# --- the lab --------------------------------------------------------------------------------------


@pytest.fixture
def labs(monkeypatch: pytest.MonkeyPatch, directory: Path) -> list[Any]:
    """Remembers what the lab was asked for."""
    from reconciler import lab
    from reconciler.lab import paths

    calls: list[Any] = []
    monkeypatch.setattr(paths, "RECORDS", directory / "no-labs")

    def execute(name: str, argv: tuple[str, ...], on: str | None = None) -> int:
        calls.append((name, tuple(argv), on))
        return 42

    monkeypatch.setattr(lab, "exec_", execute)
    monkeypatch.setattr(lab, "off", lambda name, host, say: calls.append(("off", name, host)))
    monkeypatch.setattr(lab, "down", lambda name, say: calls.append(("down", name)))
    return calls


@pytest.mark.parametrize(
    "argv",
    [
        ["true"],
        ["ls", "-o", "json", "-C", "x"],
        ["-x", "--once"],
        ["sh", "-c", "exit 3", "--", "a b", ""],
        ["--", "x"],
        ["reconcile", "--once", "-C", "desired-state", "-o", "json", "--color", "never", "-v", "--help"],
        ["a\nb", "\udc80", "$HOME", "*"],
    ],
)
def test_exec_hands_argv_through(labs: list[Any], argv: list[str]) -> None:
    assert app.run(["lab", "exec", "--name", "l", "--", *argv]) == 42
    assert labs == [("l", tuple(argv), None)]


def test_exec_stops_at_the_command_without_dashes_too(labs: list[Any]) -> None:
    assert app.run(["lab", "exec", "--name", "l", "--on", "hv1", "ls", "-o", "x", "--on", "y", "--", "z"]) == 42
    assert labs == [("l", ("ls", "-o", "x", "--on", "y", "--", "z"), "hv1")]


def test_the_lab_is_named_by_cluster_and_directory(labs: list[Any], directory: Path) -> None:
    from reconciler.lab import default_name

    assert app.run(["lab", "off", "hv1"]) == 0
    assert labs == [("off", default_name("small-cloud", directory), "hv1")]


def test_what_up_built_counts_not_the_documents_of_today(
    labs: list[Any], directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reconciler.lab import default_name, paths

    built = default_name("as-it-was-called", directory)
    monkeypatch.setattr(paths, "RECORDS", directory.parent / "labs")
    (directory.parent / "labs" / built).mkdir(parents=True)
    (directory / "bad.yaml").write_text("[\n")
    assert app.run(["lab", "down"]) == 0
    assert app.run(["lab", "exec", "--", "true"]) == 42
    assert labs == [("down", built), (built, ("true",), None)]


def test_exec_fails_with_125_where_it_cannot_name_the_lab(labs: list[Any], directory: Path) -> None:
    (directory / "bad.yaml").write_text("[\n")
    assert app.run(["lab", "exec", "--", "true"]) == exits.LAB_FAILED
    assert app.run(["lab", "down"]) == exits.INVALID


def test_exec_of_a_lab_that_is_not_up_is_125(directory: Path) -> None:
    assert app.run(["lab", "exec", "--name", "no-such-lab", "--", "true"]) == exits.LAB_FAILED


# --- processes ------------------------------------------------------------------------------------


def test_codes_of_the_real_process(directory: Path) -> None:
    assert shell(["validate"]).returncode == 0
    assert shell(["nonsense"]).returncode == exits.USAGE
    assert shell(["validate", "-C", "nowhere"]).returncode == exits.INVALID
    assert shell(["--help"]).returncode == 0
    assert shell(["--version"]).returncode == 0
    with lock.held("small-cloud"):
        assert shell(["--once"]).returncode == exits.LOCKED


def test_data_and_talk_are_apart(directory: Path) -> None:
    (directory / "bad.yaml").write_text("[\n")
    told = shell(["validate", "-o", "json"])
    json.loads(told.stdout)
    assert "bad.yaml:" in told.stderr


def test_a_reader_who_had_enough_is_no_error(directory: Path) -> None:
    for argv in (["validate"], ["--help"], ["validate", "-o", "json"], ["nonsense"]):
        reader, writer = os.pipe()
        os.close(reader)
        told = shell(argv, capture_output=False, stdout=writer, stderr=subprocess.PIPE)
        os.close(writer)
        assert told.returncode == (exits.USAGE if argv == ["nonsense"] else 0), argv
        assert "rror" not in told.stderr or argv == ["nonsense"], argv
    reader, writer = os.pipe()
    os.close(reader)
    assert shell(["nonsense"], capture_output=False, stderr=writer).returncode == exits.USAGE
    os.close(writer)


def test_a_full_disk_is_said(directory: Path) -> None:
    with open("/dev/full", "w") as full:
        told = shell(["validate"], capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert told.returncode == exits.FAILED
    assert told.stderr == "error: [Errno 28] No space left on device\n"


def test_odd_characters_in_an_odd_locale(directory: Path) -> None:
    environment = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    told = shell(["validate", "-C", "Grüße\udc80"], env=environment)
    assert told.returncode == exits.INVALID
    assert "Traceback" not in told.stderr


def test_no_arguments_without_documents_is_65_not_a_daemon(tmp_path: Path) -> None:
    assert shell([], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(Path.cwd())}).returncode == exits.INVALID


def test_sigint_while_waiting_is_130(directory: Path) -> None:
    code = "import signal, sys, time; from reconciler.cli import app, world\n"
    code += "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background jobs ignore it
    code += "world.documents = lambda s: (print('ready', flush=True), time.sleep(30))\nsys.exit(app.run(['plan']))"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=20)
    assert process.returncode == exits.INTERRUPTED
    assert "Traceback" not in told


# --- what is never loaded ----------------------------------------------------------------------------

HEAVY = ("libvirt", "deepdiff", "watchfiles", "tenacity", "rich", "lxml", "numpy")


def loaded(argv: list[str], directory: Path) -> set[str]:
    code = (
        "import sys; from reconciler.cli import app; app.run(sys.argv[1:]);"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    environment = {**os.environ, "RECONCILE_DIR": str(directory)}
    told = subprocess.run(
        [sys.executable, "-c", code, *argv], capture_output=True, text=True, timeout=60, check=True, env=environment
    )
    return set(told.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("argv", [["--help"], ["plan", "--help"], ["lab", "exec", "--help"], ["nonsense"]])
def test_help_loads_click_and_nothing_else(directory: Path, argv: list[str]) -> None:
    assert not loaded(argv, directory) & {*HEAVY, "pydantic", "ruamel", "logging", "json"}


def test_validate_loads_no_edge(directory: Path) -> None:
    assert not loaded(["validate"], directory) & set(HEAVY)


@pytest.mark.parametrize("argv", [["cordon", "hv1"], ["schema", "out"]])
def test_nor_do_the_other_commands_that_only_read_and_write_files(
    directory: Path, argv: list[str], tmp_path: Path
) -> None:
    assert not loaded(argv, directory) & {"libvirt", "deepdiff", "watchfiles", "tenacity", "rich"}
