"""When a pass is made, in virtual time; and the real process, told to stop."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler import daemon as subject
from reconciler import lock
from reconciler.clock import RealClock
from reconciler.daemon import AFTER_ERROR_S, SETTLE_S, SOON_S, Daemon, Documents, is_document, sd_notify, watch
from reconciler.desired import Desired, Ref
from reconciler.errors import DesiredStateError, LockHeld, Problem, ReconcilerError
from reconciler.history import History
from reconciler.load import load
from reconciler.simulate.clock import VirtualClock
from reconciler.step import Held, HeldReason, Outcome, Plan, Report, StepReport
from tests.unit.test_cli_stubs import write
from tests.unit.test_show import MOVE, POOL

INTERVAL_S = 300.0
IDLE = Report(Plan())
BUSY = Report(Plan((MOVE,)), (StepReport(MOVE, Outcome.DONE),))
FAILED = Report(Plan((POOL,)), (StepReport(POOL, Outcome.FAILED, "no"),))


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    made = VirtualClock()
    with contextlib.closing(made):
        yield made


class Rig:
    """A daemon whose passes are told in advance, on documents that a test can change."""

    def __init__(self, clock: VirtualClock, directory: Path, *reports: Report | BaseException) -> None:
        self.clock, self.directory = clock, write(directory)
        self.said: list[str] = []
        self.passes: list[float] = []
        self.seen: list[Desired] = []
        self.spent: list[Mapping[str, int]] = []
        self.during: Callable[[], None] = lambda: None
        self.cut: list[bool] = []
        self._reports = list(reports)
        self.documents = Documents(lambda: load(self.directory), self.said.append)
        self.daemon = Daemon(self.documents, self._pass, clock, self.said.append)

    def _pass(self, desired: Desired, history: History, spent: Mapping[str, int], stop: Callable[[], bool]) -> Report:
        self.passes.append(self.clock.now())
        self.seen.append(desired)
        self.spent.append(spent)
        self.during()
        self.cut.append(stop())
        report = self._reports.pop(0) if self._reports else IDLE
        if isinstance(report, BaseException):
            raise report
        return report

    def run(self, seconds: float, **at: Callable[[], None]) -> list[float]:
        """Run for so long; `at`: t90=what happens 90 s from the start. The moments of all passes."""
        for moment, happen in at.items():
            self.clock.at(float(moment.removeprefix("t")), happen)
        self.clock.at(seconds, self.daemon.stop)
        self.daemon.run()
        return self.passes

    def memory(self, size: str) -> None:
        path = self.directory / "domains/web-1.yaml"
        path.write_text(path.read_text().replace("128MiB", size))


# --- when --------------------------------------------------------------------------


def test_a_pass_at_start_and_at_the_interval(clock: VirtualClock, tmp_path: Path) -> None:
    assert Rig(clock, tmp_path).run(700) == [0.0, 300.0, 600.0]


def test_a_pass_that_did_something_is_looked_at_soon(clock: VirtualClock, tmp_path: Path) -> None:
    assert Rig(clock, tmp_path, BUSY, BUSY).run(290) == [0.0, SETTLE_S, 3 * SETTLE_S]


def test_a_pass_that_never_gets_anywhere_slows_down(clock: VirtualClock, tmp_path: Path) -> None:
    passes = Rig(clock, tmp_path, *[BUSY] * 1000).run(3600)
    assert len(passes) < 100
    assert passes[-1] - passes[-2] > 50


def test_documents_that_change_call_for_a_pass_at_once(clock: VirtualClock, tmp_path: Path) -> None:
    rig = Rig(clock, tmp_path)

    def edit() -> None:
        rig.memory("256MiB")
        rig.daemon.rescan()

    assert rig.run(290, t50=edit) == [0.0, 50.0]
    assert [desired.domains["web-1"].spec.memory >> 20 for desired in rig.seen] == [128, 256]
    assert rig.said == ["the documents have changed"]


def test_an_event_without_a_change_calls_for_none(clock: VirtualClock, tmp_path: Path) -> None:
    rig = Rig(clock, tmp_path)
    assert rig.run(290, t50=rig.daemon.rescan, t60=rig.daemon.rescan) == [0.0]


def test_a_change_without_an_event_is_found_at_the_interval(clock: VirtualClock, tmp_path: Path) -> None:
    rig = Rig(clock, tmp_path)
    assert rig.run(310, t50=lambda: rig.memory("256MiB")) == [0.0, 300.0]
    assert rig.seen[1].domains["web-1"].spec.memory == 256 << 20


def test_sighup_calls_for_a_pass_whatever_has_changed(clock: VirtualClock, tmp_path: Path) -> None:
    rig = Rig(clock, tmp_path)
    assert rig.run(290, t50=rig.daemon.look_now) == [0.0, 50.0]


def test_the_interval_of_the_new_documents_counts(clock: VirtualClock, tmp_path: Path) -> None:
    rig = Rig(clock, tmp_path)

    def edit() -> None:
        path = rig.directory / "cluster.yaml"
        path.write_text(path.read_text().replace("5m", "10s"))
        rig.daemon.rescan()

    assert rig.run(75, t50=edit) == [0.0, 50.0, 60.0, 70.0]


def test_a_backoff_ends_in_a_pass(clock: VirtualClock, tmp_path: Path) -> None:
    passes = Rig(clock, tmp_path, FAILED, FAILED).run(200)
    assert passes[:3] == [0.0, 20.0, 60.0]


def test_what_clears_by_itself_is_looked_at_soon(clock: VirtualClock, tmp_path: Path) -> None:
    held = Held(Ref("domain", "web-1"), HeldReason.MIGRATION_RUNNING, "between hv1 and hv2")
    assert Rig(clock, tmp_path, Report(Plan(held=(held,)))).run(290) == [0.0, SOON_S]


# --- what cannot end it -----------------------------------------------------------------


@pytest.mark.parametrize("error", [ReconcilerError("no"), ZeroDivisionError("a bug"), OSError(28, "full")])
def test_an_error_ends_the_pass_not_the_daemon(clock: VirtualClock, tmp_path: Path, error: Exception) -> None:
    rig = Rig(clock, tmp_path, error)
    assert rig.run(290) == [0.0, AFTER_ERROR_S]
    assert ("Traceback" in rig.said[0]) is not isinstance(error, ReconcilerError)


def test_bad_documents_change_nothing_and_are_told_once(clock: VirtualClock, tmp_path: Path) -> None:
    rig = Rig(clock, tmp_path)

    def spoil() -> None:
        (rig.directory / "bad.yaml").write_text("[\n")
        rig.daemon.rescan()

    def mend() -> None:
        (rig.directory / "bad.yaml").unlink()
        rig.daemon.rescan()

    assert rig.run(650, t50=spoil, t60=rig.daemon.rescan, t610=mend) == [0.0, 300.0, 600.0]
    assert rig.seen[0] == rig.seen[2]
    assert len(rig.said) == 3
    assert rig.said[0].startswith("bad.yaml:")
    assert "the last good ones stay" in rig.said[1]
    assert rig.said[2] == "the documents are valid again"


def test_another_fault_is_told_again(clock: VirtualClock, tmp_path: Path) -> None:
    rig = Rig(clock, tmp_path)

    def spoil(text: str) -> Callable[[], None]:
        return lambda: ((rig.directory / "bad.yaml").write_text(text), rig.daemon.rescan())  # type: ignore[return-value,func-returns-value]

    rig.run(290, t50=spoil("[\n"), t60=spoil("a: b\n"))
    assert len([line for line in rig.said if line.startswith("bad.yaml")]) == 2


def test_an_emptied_directory_is_not_an_empty_cloud(clock: VirtualClock, tmp_path: Path) -> None:
    rig = Rig(clock, tmp_path / "documents")

    def move() -> None:
        rig.directory.rename(tmp_path / "elsewhere")
        rig.daemon.rescan()

    assert rig.run(310, t50=move) == [0.0, 300.0]
    assert rig.seen[1].domains


def test_another_cluster_s_name_is_refused(clock: VirtualClock, tmp_path: Path) -> None:
    rig = Rig(clock, tmp_path)

    def rename() -> None:
        path = rig.directory / "cluster.yaml"
        path.write_text(path.read_text().replace("small-cloud", "other"))
        rig.daemon.rescan()

    assert rig.run(310, t50=rename) == [0.0, 300.0]
    assert "start the daemon anew" in rig.said[0]
    assert {desired.cluster_name for desired in rig.seen} == {"small-cloud"}


# --- stopping and changing one's mind are one thing ---------------------------------------


def test_a_running_pass_is_cut_short_for_new_documents(clock: VirtualClock, tmp_path: Path) -> None:
    rig = Rig(clock, tmp_path)

    def edit_once() -> None:
        if len(rig.passes) == 1:
            rig.memory("256MiB")
            rig.daemon.rescan()

    rig.during = edit_once
    assert rig.run(290) == [0.0, 0.0]
    assert rig.cut == [True, False]


def test_bad_documents_do_not_cut_a_pass_short(clock: VirtualClock, tmp_path: Path) -> None:
    rig = Rig(clock, tmp_path)

    def spoil() -> None:
        (rig.directory / "bad.yaml").write_text("[\n")
        rig.daemon.rescan()

    rig.during = spoil
    assert rig.run(290) == [0.0]
    assert rig.cut == [False]


def test_a_change_that_is_taken_back_cuts_nothing_short(clock: VirtualClock, tmp_path: Path) -> None:
    rig = Rig(clock, tmp_path)

    def there_and_back() -> None:
        path = rig.directory / "domains/web-1.yaml"
        before = path.read_text()
        rig.memory("256MiB")
        rig.daemon.rescan()
        path.write_text(before)
        rig.daemon.rescan()

    rig.during = there_and_back
    rig.run(290)
    assert not any(rig.cut)


def test_stop_ends_the_pass_and_the_daemon(clock: VirtualClock, tmp_path: Path) -> None:
    rig = Rig(clock, tmp_path)
    rig.during = rig.daemon.stop
    assert rig.run(290) == [0.0]
    assert rig.cut == [True]


# --- over passes ----------------------------------------------------------------------------


def test_history_is_kept_over_passes(clock: VirtualClock, tmp_path: Path) -> None:
    rig = Rig(clock, tmp_path, FAILED)
    rig.run(10)
    failure = rig.daemon.history.failures.get(POOL.id)
    assert failure
    assert failure.count == 1


def test_limits_count_by_the_rolling_hour(clock: VirtualClock, tmp_path: Path) -> None:
    from dataclasses import replace

    limited = replace(MOVE, limit="deletes")
    done = Report(Plan((limited,)), (StepReport(limited, Outcome.DONE),))
    not_begun = Report(Plan((limited,)), (StepReport(limited, Outcome.NOT_BEGUN),))
    rig = Rig(clock, tmp_path, done, not_begun)
    rig.run(4000)
    assert [dict(spent) for spent in rig.spent[:3]] == [{}, {"deletes": 1}, {"deletes": 1}]
    by_time = dict(zip(rig.passes, rig.spent, strict=True))
    assert {dict(s).get("deletes", 0) for t, s in by_time.items() if t > 3600} == {0}


# --- files and systemd ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "matters"),
    [
        ("/d/hosts/hv1.yaml", True),
        ("/d/hosts", True),
        ("/d/.git/index.lock", False),
        ("/d/hosts/.hv1.yaml.swp", False),
        ("/d/hosts/hv1.yaml~", False),
        ("/d/#hv1.yaml#", False),
    ],
)
def test_which_files_matter(path: str, matters: bool) -> None:
    assert is_document(Path("/d"), path) is matters


def test_a_directory_with_a_hidden_name_is_watched_all_the_same() -> None:
    assert is_document(Path("/home/me/.cloud"), "/home/me/.cloud/hosts/hv1.yaml")


def until(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_real_files_are_watched_also_behind_a_swapped_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "REARM_MS", 200)
    first, second = write(tmp_path / "one"), write(tmp_path / "two")
    link = tmp_path / "current"
    link.symlink_to(first)
    changes: list[float] = []
    threading.Thread(target=watch, args=(link, lambda: changes.append(0), RealClock()), daemon=True).start()
    time.sleep(0.5)
    assert not changes
    (first / "cluster.yaml").write_text("x")
    assert until(lambda: bool(changes))
    changes.clear()
    swap = tmp_path / "swap"
    swap.symlink_to(second)
    swap.rename(link)
    assert until(lambda: bool(changes))
    time.sleep(0.5)
    changes.clear()
    (second / "cluster.yaml").write_text("x")
    assert until(lambda: bool(changes))


def test_a_directory_that_goes_and_comes_is_watched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "REARM_MS", 200)
    directory = write(tmp_path / "documents")
    changes: list[float] = []
    threading.Thread(target=watch, args=(directory, lambda: changes.append(0), RealClock()), daemon=True).start()
    time.sleep(0.5)
    directory.rename(tmp_path / "away")
    assert until(lambda: bool(changes))
    (tmp_path / "away").rename(directory)
    time.sleep(1)
    changes.clear()
    (directory / "cluster.yaml").write_text("x")
    assert until(lambda: bool(changes))


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:
    name = f"@reconciler-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + name[1:] if abstract else name)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        sd_notify("READY=1")
        assert listener.recv(100) == b"READY=1"


@pytest.mark.parametrize("name", ["", "/nowhere/notify", "nonsense"])
def test_no_systemd_is_no_error(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    sd_notify("READY=1")


# --- the real process ---------------------------------------------------------------------------

PROGRAM = """
import sys, threading, time
sys.path.insert(0, {tests!r})
from tests.unit.test_cli_stubs import StillEdge, empty
from reconciler.cli import app, signals, world
from reconciler import reconcile
from reconciler.step import Plan, Report
signals.GRACE_S = 1.0
world.open_edge = lambda **_: StillEdge(empty())
mode = {mode!r}
def one_pass(desired, edge, clock, history, *, spent, tell, stop):
    print("pass", desired.domains["web-1"].spec.memory >> 20, flush=True)
    if mode == "hang":
        threading.Lock().acquire() or None
        lock = threading.Lock(); lock.acquire(); lock.acquire()
    if mode == "drain":
        while not stop():
            time.sleep(0.01)
    return Report(Plan())
def converge(desired, edge, clock, *, tell, stop):
    one_pass(desired, edge, clock, None, spent={{}}, tell=tell, stop=stop)
    return reconcile.Result((Report(Plan()),), "converged", 0)
reconcile.one_pass, reconcile.converge = one_pass, converge
sys.exit(app.run(sys.argv[1:]))
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    directory = write(tmp_path / "documents")
    environment = {**os.environ, lock.DIRECTORY_VARIABLE: str(tmp_path / "run"), "RECONCILE_DIR": str(directory)}

    def run(mode: str, *argv: str) -> subprocess.Popen[str]:
        code = PROGRAM.format(tests=str(Path(__file__).parent), mode=mode)
        process = subprocess.Popen(
            [sys.executable, "-c", code, *argv],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        started.append(process)
        assert process.stdout
        assert process.stdout.readline() == "pass 128\n"
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def end(process: subprocess.Popen[str], number: int) -> tuple[int, float, str]:
    began = time.monotonic()
    process.send_signal(number)
    _, told = process.communicate(timeout=15)
    return process.returncode, time.monotonic() - began, told


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("mode", ["idle", "drain", "hang"])
def test_the_daemon_ends_in_time_with_0(start: Callable[..., Any], mode: str, number: int) -> None:
    code, seconds, told = end(start(mode), number)
    assert code == 0
    assert seconds < 5
    assert "Traceback" not in told


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("mode", ["drain", "hang"])
def test_once_ends_in_time_with_the_signal_s_code(
    start: Callable[..., Any], mode: str, number: int, expected: int
) -> None:
    code, seconds, told = end(start(mode, "--once"), number)
    assert code == expected
    assert seconds < 5
    assert "Traceback" not in told


def test_a_second_signal_does_not_wait(start: Callable[..., Any]) -> None:
    process = start("hang")
    process.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    code, seconds, _ = end(process, signal.SIGTERM)
    assert code == 0
    assert seconds < 0.7


def test_the_daemon_takes_new_documents_and_hups(start: Callable[..., Any], tmp_path: Path) -> None:
    process = start("idle")
    path = tmp_path / "documents/domains/web-1.yaml"
    time.sleep(1)
    path.write_text(path.read_text().replace("128MiB", "256MiB"))
    assert process.stdout.readline() == "pass 256\n"
    process.send_signal(signal.SIGHUP)
    assert process.stdout.readline() == "pass 256\n"


def test_the_daemon_holds_the_lock_for_its_life(start: Callable[..., Any], tmp_path: Path) -> None:
    process = start("idle")
    os.environ[lock.DIRECTORY_VARIABLE] = str(tmp_path / "run")
    try:
        with pytest.raises(LockHeld), lock.held("small-cloud"):
            pass
        process.kill()
        process.wait(10)
        with lock.held("small-cloud"):
            pass
    finally:
        del os.environ[lock.DIRECTORY_VARIABLE]


def test_a_cut_pass_is_followed_by_another_with_the_new_documents(start: Callable[..., Any], tmp_path: Path) -> None:
    process = start("drain")
    path = tmp_path / "documents/domains/web-1.yaml"
    time.sleep(1)
    path.write_text(path.read_text().replace("128MiB", "256MiB"))
    assert process.stdout.readline() == "pass 256\n"


def test_problems_of_documents_are_an_error_family(tmp_path: Path) -> None:
    def broken() -> Desired:
        raise DesiredStateError((Problem("a.yaml", 1, 1, "bad"),))

    with pytest.raises(DesiredStateError):
        Documents(broken, lambda text: None)
