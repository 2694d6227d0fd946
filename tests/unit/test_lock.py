"""One writer (law 12), with real processes."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler import lock
from reconciler.errors import LockHeld, ReconcilerError

HOLD = """
import sys, time
from reconciler import lock
with lock.held("small-cloud"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def run_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(lock.DIRECTORY_VARIABLE, str(tmp_path / "run"))
    return tmp_path / "run"


@pytest.fixture
def holder() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, "--once"], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait(10)
    process.stdout.close()


def take() -> Path:
    with lock.held("small-cloud") as path:
        return path


def test_second_process_is_refused_and_told_who_works(holder: subprocess.Popen[str]) -> None:
    with pytest.raises(LockHeld) as refused:
        take()
    assert f"another reconciler (pid {holder.pid}, since " in str(refused.value)
    assert "reconcile --once) works on cluster small-cloud" in str(refused.value)


def test_same_process_is_refused_too() -> None:
    with lock.held("small-cloud"), pytest.raises(LockHeld):
        take()


def test_another_cluster_has_its_own_lock(holder: subprocess.Popen[str]) -> None:
    with lock.held("other"):
        pass


def test_is_free_at_once_after_kill_9(holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait(10)
    began = time.monotonic()
    take()
    assert time.monotonic() - began < 1


def test_is_free_after_use_and_the_file_stays(run_directory: Path) -> None:
    path = take()
    assert path.exists()
    assert path.read_bytes() == b""
    assert take() == path
    assert stat.S_IMODE(run_directory.stat().st_mode) == 0o750


def test_a_child_that_outlives_us_does_not_keep_it() -> None:
    with lock.held("small-cloud"):
        child = subprocess.Popen(["sleep", "30"], close_fds=False)
    try:
        take()
    finally:
        child.kill()
        child.wait(10)


def test_a_planted_link_is_refused_by_name_and_its_target_untouched(run_directory: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    run_directory.mkdir()
    (run_directory / "small-cloud.lock").symlink_to(victim)
    with pytest.raises(ReconcilerError, match=r"small-cloud\.lock is a symbolic link") as refused:
        take()
    assert not isinstance(refused.value, LockHeld)
    assert victim.read_text() == "precious"


def test_a_dangling_link_makes_nothing(run_directory: Path, tmp_path: Path) -> None:
    run_directory.mkdir()
    (run_directory / "small-cloud.lock").symlink_to(tmp_path / "nothing")
    with pytest.raises(ReconcilerError, match="symbolic link"):
        take()
    assert not (tmp_path / "nothing").exists()


def test_a_hard_link_is_refused(run_directory: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    run_directory.mkdir()
    os.link(victim, run_directory / "small-cloud.lock")
    with pytest.raises(ReconcilerError, match="hard link"):
        take()
    assert victim.read_text() == "precious"


def test_a_fifo_is_refused_without_waiting(run_directory: Path) -> None:
    run_directory.mkdir()
    os.mkfifo(run_directory / "small-cloud.lock")
    with pytest.raises(ReconcilerError, match="a FIFO"):
        take()


def test_a_directory_in_its_place_is_refused(run_directory: Path) -> None:
    (run_directory / "small-cloud.lock").mkdir(parents=True)
    with pytest.raises(ReconcilerError, match="not a regular file"):
        take()


def test_a_linked_directory_is_refused(run_directory: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    run_directory.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ReconcilerError, match="symbolic link"):
        take()


def test_a_directory_open_to_all_is_refused(run_directory: Path) -> None:
    run_directory.mkdir()
    run_directory.chmod(0o777)
    with pytest.raises(ReconcilerError, match="everybody may write"):
        take()


@pytest.mark.parametrize("name", ["../x", "a/b", "", "a\nb", ".hidden", "a" * 64])
def test_a_name_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ReconcilerError, match="not a name"), lock.held(name):
        pass


def test_a_file_removed_under_us_is_no_second_lock(run_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([False, True])
    monkeypatch.setattr(lock, "_is_still", lambda handle, path: next(answers))
    take()
    assert next(answers, "both asked") == "both asked"


def test_lies_in_run_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(lock.DIRECTORY_VARIABLE)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert lock.directory() == Path("/run/reconciler")


def test_a_user_without_run_has_a_place_of_their_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(lock.DIRECTORY_VARIABLE)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr(lock, "RUN", tmp_path / "missing" / "reconciler")
    assert lock.directory() == tmp_path / "reconciler"
    (tmp_path / "missing" / "reconciler").mkdir(parents=True)
    assert lock.directory() == tmp_path / "missing" / "reconciler"
