"""What a lab writes down about itself, and which processes are really its own.

Every node is held by one process, the first of a process namespace: when it dies, the kernel kills all in it. It is
known by process id and start time, and by its command line where no record was written (after kill -9 of `up`).
"""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from reconciler.lab.errors import LabError
from reconciler.lab.paths import RECORDS, check_name, records
from reconciler.lab.spec import LabSpec, Machine

BOOT_MODULE = "reconciler.lab.boot"
READY = "ready"  # a node's state when all its daemons answer; any other text says what went wrong
LOCK_WAIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Holder:
    """A process, named so that a recycled process id is never taken for it.

    `started`: clock ticks since boot. `node`: the directory name of its node's records.
    """

    pid: int
    started: int
    node: str


def write_json(path: Path, value: Any) -> None:
    """Write all or nothing: a reader, or the next command after a kill -9, never sees half a file."""
    draft = path.with_name(path.name + ".draft")
    draft.write_text(json.dumps(value, indent=1))
    draft.replace(path)


def write_spec(spec: LabSpec) -> None:
    """Record what the lab is to be, before anything is built."""
    write_json(records(spec.name) / "lab.json", asdict(spec))


def read_spec(lab: str) -> LabSpec | None:
    """What `up` was asked to build, or None when there is no such lab."""
    try:
        record = json.loads((records(lab) / "lab.json").read_text())
    except FileNotFoundError:
        return None
    machines = tuple(Machine(**{k: _frozen(v) for k, v in machine.items()}) for machine in record["machines"])
    return LabSpec(**{**record, "machines": machines, "limits": tuple(record["limits"])})


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def known_spec(lab: str) -> LabSpec:
    """As read_spec, but a lab that is not there is an error. Raises: LabError."""
    spec = read_spec(lab)
    if spec is None:
        raise LabError(f"cannot find lab {lab}: it is not up on this computer; run `reconcile lab up`")
    return spec


def is_complete(lab: str) -> bool:
    """Whether `up` went through to its end."""
    return (records(lab) / "complete").exists()


def mark_complete(lab: str) -> None:
    """Record that `up` went through to its end."""
    (records(lab) / "complete").touch()


def start_time(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None when there is none, or only its zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def holder(node: Path) -> Holder | None:
    """The process that holds a node (the directory of its records), or None when the node is off."""
    try:
        record = json.loads((node / "holder.json").read_text())
    except FileNotFoundError:
        return None
    found = Holder(record["pid"], record["started"], node.name)
    return found if start_time(found.pid) == found.started else None


def holders_by_command(lab: str) -> Iterator[Holder]:
    """Every process of this computer that boots or holds a node of `lab`, recorded or not."""
    prefix = f"{records(lab)}/".encode()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                words = Path("/proc", entry, "cmdline").read_bytes().split(b"\0")
                nodes = [word.removeprefix(prefix).decode() for word in words if word.startswith(prefix)]
                started = start_time(int(entry))
                if BOOT_MODULE.encode() in words and nodes and started is not None:
                    yield Holder(int(entry), started, nodes[0])


@contextlib.contextmanager
def locked(lab: str) -> Iterator[None]:
    """One command at a time changes a lab. Ends with the process, also by kill -9. Raises: LabError after 2 minutes."""
    path = RECORDS / f".{check_name(lab)}.lock"  # no lab's name begins with a dot
    fd = _take_lock(lab, path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(fd)
        with contextlib.suppress(OSError):
            RECORDS.rmdir()


def _take_lock(lab: str, path: Path) -> int:
    deadline = monotonic() + LOCK_WAIT_S
    while monotonic() < deadline:
        RECORDS.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # the last holder has just removed the directory
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if _is_locked_now(fd, path):
                return fd
            os.close(fd)
        sleep(0.05)
    raise LabError(f"cannot change lab {lab}: another `reconcile lab` is at work on it; wait for it, or end it")


def _is_locked_now(fd: int, path: Path) -> bool:
    """Whether we got the lock on the file that still has the name (its last holder removes it)."""
    try:
        flock(fd, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return False
    return path.exists() and os.fstat(fd).st_ino == path.stat().st_ino


def last_lines(log: Path, lines: int = 3) -> str:
    """The end of a log as one line, for a message."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return "; ".join(line.strip() for line in text.strip().splitlines()[-lines:]) or "it said nothing"
