"""The directory's files, read so that no half of two commits is ever seen.

Everything is read twice, until two reads agree; while git rewrites the work tree (it holds `index.lock` from before the
first file to after the last) no read counts. Opens nothing but regular files below the directory.
"""

import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.errors import DesiredStateError, Problem
from reconciler.load.words import escaped, quoted

LARGEST_FILE = 4 * 1024**2
MOST_BYTES = 64 * 1024**2
"""Of all documents together: a hundred thousand of them, and still read within seconds."""
MOST_ENTRIES = 50_000
"""Names below the directory, whatever they are; beyond it somebody named the wrong directory."""
PATIENCE_S = 5.0
"""How long we wait for a directory that keeps changing."""
LOCK_PATIENCE_S = 1.0
"""How long a lock of git counts while no file changes: a crashed git leaves one, `git commit -a` holds one."""
PAUSE_S = 0.02

ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True)
class Source:
    """One file's content.

    `name` is its path below the directory, `file` the same made safe to show, `real` where the content lies.
    """

    name: str
    file: str
    real: str
    data: bytes


@dataclass
class Files:
    """One reading of the directory; two are equal when they saw the same."""

    name: str
    """The directory as the user gave it."""
    root: str
    """Its real path."""
    sources: list[Source] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    git: tuple[object, ...] = ()


def read(directory: Path) -> Files:
    """Every document file below `directory`, in the order of their names.

    Raises: DesiredStateError where there is no such directory, or it does not come to rest.
    """
    begin = calm_since = time.monotonic()
    before = _once(directory)
    while True:
        now = _once(directory)
        instant = time.monotonic()
        if now != before:
            calm_since = instant
        elif not _is_locked(now) or instant - calm_since > LOCK_PATIENCE_S:
            return now
        if instant - begin > PATIENCE_S:
            raise _refused(directory, "keeps changing while it is read; try again when it is at rest")
        time.sleep(PAUSE_S)
        before = now


def _refused(directory: Path, message: str) -> DesiredStateError:
    return DesiredStateError((Problem(escaped(str(directory)), 1, 1, message),))


def _once(directory: Path) -> Files:
    """One reading, as it comes."""
    try:
        root = os.path.realpath(directory, strict=True)
        if not stat.S_ISDIR(os.stat(root).st_mode):
            raise _refused(directory, "is not a directory; name the directory that holds the documents")
        os.scandir(root).close()
    except OSError as error:
        raise _refused(directory, f"cannot be read: {_reason(error)}; name the directory with -C") from None
    files = Files(escaped(str(directory)), root, git=_git_state(root))
    _Walk(files).all()
    files.sources.sort(key=lambda source: source.file)
    if _git_state(root) != files.git:
        files.git = ("changed", time.monotonic_ns())
    return files


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _git_state(root: str) -> tuple[object, ...]:
    """What git's index looks like, and whether somebody is changing it; empty outside of a work tree."""
    index = _git_index(root)
    if not index or "GIT_INDEX_FILE" in os.environ:  # a hook runs under git's own lock
        return ()
    return (_mark(index), _mark(index + ".lock"))


def _is_locked(files: Files) -> bool:
    return len(files.git) == 2 and (files.git[0] == "changed" or files.git[1] is not None)


def _mark(path: str) -> tuple[int, ...] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def _git_index(root: str) -> str | None:
    """The index of the work tree that holds `root`."""
    for above in (root, *map(str, Path(root).parents)):
        entry = os.path.join(above, ".git")
        try:
            mode = os.lstat(entry).st_mode
            if stat.S_ISDIR(mode):
                return os.path.join(entry, "index")
            if stat.S_ISREG(mode):  # a linked work tree
                with open(entry, encoding="utf-8", errors="replace") as pointer:
                    target = pointer.read(4096).removeprefix("gitdir:").strip()
                return os.path.join(above, target, "index") if "\0" not in target else None
        except OSError:
            continue
    return None


class _Walk:
    """Reads what lies below one root, each real file and directory once."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._entries = 0
        self._bytes = 0
        self._seen: set[tuple[int, int]] = set()
        self._links: list[tuple[str, str]] = []

    def all(self) -> None:
        """Real files first, then what links add to them."""
        self._directory(self._files.root, "")
        while self._links:
            links, self._links = sorted(self._links), []
            for path, name in links:
                self._link(path, name)

    def _problem(self, name: str, message: str) -> None:
        self._files.problems.append(Problem(escaped(name or "."), 1, 1, message))

    def _directory(self, path: str, name: str) -> None:
        """Everything below `path`, which is called `name` below the root."""
        waiting = [(path, name)]
        while waiting and self._entries <= MOST_ENTRIES:
            path, name = waiting.pop()
            try:
                if not self._is_new(os.stat(path)):
                    continue
                with os.scandir(path) as found:
                    waiting.extend(self._entries_of(found, name))
            except OSError as error:
                self._problem(name, f"cannot be read: {_reason(error)}")

    def _entries_of(self, found: Iterator["os.DirEntry[str]"], name: str) -> Iterator[tuple[str, str]]:
        """Read the files among `found`; yield the directories."""
        for entry in found:
            self._entries += 1
            if self._entries > MOST_ENTRIES:
                self._problem("", f"holds more than {MOST_ENTRIES} files; is this the right directory?")
                return
            if entry.name[0] in ".#" or entry.name[-1] in "~#":
                continue
            below = f"{name}/{entry.name}" if name else entry.name
            if entry.is_symlink():
                self._links.append((entry.path, below))
            elif entry.is_dir(follow_symlinks=False):
                yield entry.path, below
            elif self._is_wanted(below):
                self._file(entry.path, below)

    def _is_new(self, found: os.stat_result) -> bool:
        key = (found.st_dev, found.st_ino)
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    def _is_wanted(self, name: str) -> bool:
        if name.endswith(ENDINGS):
            return True
        if name.lower().endswith(ENDINGS):
            self._files.warnings.append(f"{escaped(name)}: is not read; write its ending in small letters")
        return False

    def _link(self, path: str, name: str) -> None:
        """A link counts when it stays below the root; what is no document file and no directory is not ours."""
        wanted = self._is_wanted(name)
        try:
            target = os.readlink(path)
            real = os.path.realpath(path, strict=True)
            is_directory = os.path.isdir(real)
        except OSError as error:
            if wanted:
                self._problem(name, f"is a link that cannot be followed, to {quoted(_target(path))}: {_reason(error)}")
            return
        if not (wanted or is_directory):
            return
        if not is_below(real, self._files.root):
            self._problem(name, f"is a link that leaves the directory, to {quoted(target)}")
        elif is_directory:
            self._directory(real, name)
        else:
            self._file(real, name)

    def _file(self, path: str, name: str) -> None:
        """Read one regular file; `path` holds no link at its end."""
        try:
            found = os.lstat(path)
            if not stat.S_ISREG(found.st_mode):
                self._problem(name, f"is {kind_of(found.st_mode)}, not a file")
            elif found.st_size > LARGEST_FILE:
                self._problem(name, "is larger than 4 MiB")
            elif self._is_new(found):
                self._keep(path, name)
        except FileNotFoundError:
            self._problem(name, "vanished while it was read")
        except OSError as error:
            self._problem(name, f"cannot be read: {_reason(error)}")

    def _keep(self, path: str, name: str) -> None:
        data = _content(path)
        if data is None:
            self._problem(name, "is larger than 4 MiB, or not a file any more")
            return
        self._bytes += len(data)
        if self._bytes > MOST_BYTES:
            if self._bytes - len(data) <= MOST_BYTES:
                self._problem(name, "with this file the documents are larger than 64 MiB; the rest is not read")
            return
        self._files.sources.append(Source(name, escaped(name), path, data))


def _target(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return "?"


def _content(path: str) -> bytes | None:
    """The bytes of a regular file that is not too large. Never waits, never follows a link."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            return None
        data = os.read(handle, found.st_size + 1 if found.st_size else LARGEST_FILE + 1)
        while len(data) <= LARGEST_FILE and (more := os.read(handle, LARGEST_FILE + 1 - len(data))):
            data += more
        return data if len(data) <= LARGEST_FILE else None
    finally:
        os.close(handle)


class Refused(Exception):
    """Why a file that a document names is not read; nothing of what it holds."""


def read_below(path: str, root: str) -> bytes:
    """A file below the real directory `root`, whole. Raises: Refused."""
    path = os.path.normpath(path)
    try:
        real = os.path.realpath(path, strict=True)
        mode = os.stat(real).st_mode
    except (OSError, ValueError):
        real, mode = path, 0
    if not is_below(path, root) or not is_below(real, root):
        raise Refused("lies outside of the documents' directory")
    if not mode:
        raise Refused("does not exist")
    if not stat.S_ISREG(mode):
        raise Refused(f"is {kind_of(mode)}, not a file")
    try:
        data = _content(real)
    except OSError as error:
        raise Refused(f"cannot be read: {_reason(error)}") from None
    if data is None:
        raise Refused("is larger than 4 MiB, or not a file any more")
    return data


def kind_of(mode: int) -> str:
    """What a file that is not regular is."""
    kinds = {
        stat.S_IFIFO: "a FIFO",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
        stat.S_IFSOCK: "a socket",
        stat.S_IFDIR: "a directory",
        stat.S_IFLNK: "a link",
    }
    return kinds.get(stat.S_IFMT(mode), "something special")


def is_below(real: str, root: str) -> bool:
    """Whether `real` lies in the directory `root`; both are real paths."""
    return os.path.commonpath((real, root)) == root
