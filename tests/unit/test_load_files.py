"""The directory is read so that no half of two commits is ever seen (fault 43)."""

import os
import subprocess
import threading
from pathlib import Path

import pytest

from reconciler.errors import DesiredStateError
from reconciler.load import files, load

HOST = """\
apiVersion: reconciler/v1
kind: Host
metadata: {{name: {name}, labels: {{commit: "{commit}"}}}}
spec: {{address: {address}, hypervisor: {{uri: "qemu+ssh://root@{name}/system"}}}}
"""
COUNT = 40


def write(directory: Path, commit: int) -> None:
    for number in range(1, COUNT):
        text = HOST.format(name=f"hv{number}", commit=commit, address=f"10.0.0.{number}")
        (directory / f"hv{number}.yaml").write_text(text)


def git(directory: Path, *words: str) -> None:
    environment = {
        **os.environ,
        **dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "x"),
        "GIT_CONFIG_GLOBAL": "/dev/null",
    }
    subprocess.run(["git", *words], cwd=directory, env=environment, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits, `one` and `two`, that differ in every file."""
    git(tmp_path, "init", "-q", "-b", "one")
    for commit, branch in ((1, "one"), (2, "two")):
        if commit == 2:
            git(tmp_path, "checkout", "-q", "-b", branch)
        write(tmp_path, commit)
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "-q", "-m", branch)
    return tmp_path


def test_a_checkout_while_we_read_never_gives_half_of_two_commits(repository: Path) -> None:
    stop = threading.Event()

    def switch() -> None:
        while not stop.is_set():
            for branch in ("one", "two"):
                git(repository, "checkout", "-q", branch)
                stop.wait(0.03)

    switching = threading.Thread(target=switch)
    switching.start()
    seen: set[str] = set()
    try:
        for _ in range(60):
            commits = {host.labels["commit"] for host in load(repository).hosts.values()}
            assert len(commits) == 1
            seen |= commits
    finally:
        stop.set()
        switching.join()
    assert seen == {"1", "2"}, "the test saw no checkout at all"


def test_no_read_counts_while_git_holds_its_lock(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that stays while nothing changes was left by a crash: it delays, and no more."""
    monkeypatch.setattr(files, "LOCK_PATIENCE_S", 0.2)
    lock = repository / ".git" / "index.lock"
    lock.touch()
    naps: list[float] = []
    monkeypatch.setattr(files.time, "sleep", naps.append)  # type: ignore[attr-defined]
    load(repository)
    assert naps
    naps.clear()
    monkeypatch.setenv("GIT_INDEX_FILE", str(repository / ".git" / "index"))  # a hook runs under git's own lock
    load(repository)
    assert not naps


def test_the_lock_of_a_linked_work_tree_is_found(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    tree = tmp_path_factory.mktemp("tree") / "linked"
    git(repository, "worktree", "add", "-q", str(tree), "one")
    index = files._git_index(str(tree))
    assert index is not None
    assert Path(index).is_file()


def test_a_file_that_changes_between_two_reads_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, 1)
    once = files._once
    reads: list[None] = []

    def changing(directory: Path) -> files.Files:
        reads.append(None)
        if len(reads) == 2:
            write(tmp_path, 2)
        return once(directory)

    monkeypatch.setattr(files, "_once", changing)
    assert {host.labels["commit"] for host in load(tmp_path).hosts.values()} == {"2"}
    assert len(reads) == 3


def test_a_directory_that_never_rests_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PATIENCE_S", 0.2)
    once = files._once
    commit = iter(range(10**6))

    def changing(directory: Path) -> files.Files:
        write(tmp_path, next(commit))
        return once(directory)

    monkeypatch.setattr(files, "_once", changing)
    with pytest.raises(DesiredStateError, match="keeps changing while it is read"):
        load(tmp_path)


def test_a_file_that_vanishes_is_left_out_or_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, 1)
    content = files._content
    gone = tmp_path / "hv7.yaml"

    def vanishing(path: str) -> bytes | None:
        gone.unlink(missing_ok=True)
        return content(path)

    monkeypatch.setattr(files, "_content", vanishing)
    assert "hv7" not in load(tmp_path).hosts


def test_a_swapped_link_to_the_directory_is_seen(tmp_path: Path) -> None:
    for name, commit in (("old", 1), ("new", 2)):
        (tmp_path / name).mkdir()
        write(tmp_path / name, commit)
    current = tmp_path / "current"
    current.symlink_to("old")
    assert load(current).directory.endswith("/old")
    current.unlink()
    current.symlink_to("new")
    assert {host.labels["commit"] for host in load(current).hosts.values()} == {"2"}
