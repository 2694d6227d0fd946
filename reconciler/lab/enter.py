"""Running a command inside a node, by entering its namespaces: works with the node's network and daemons dead."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence

from reconciler.lab import kernel, terminal
from reconciler.lab.errors import CommandNotRunnable, EnterError, LabError
from reconciler.lab.paths import SEAT, node_key, records
from reconciler.lab.power import find_machine
from reconciler.lab.record import Holder, holder, known_spec

# The pid namespace comes apart: it takes effect for children only.
_NAMESPACES = (
    ("ipc", kernel.NEW_IPC),
    ("uts", kernel.NEW_HOSTNAME),
    ("net", kernel.NEW_NETWORK),
    ("mnt", kernel.NEW_MOUNTS),
)
_FORWARDED = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def exec_(name: str, argv: Sequence[str], on: str | None = None) -> int:
    """Run `argv` on the seat, or on the machine `on`, in the current directory; returns its exit code.

    stdin, stdout, stderr and the environment are handed through. A death by signal N gives 128 + N. When this process
    is killed, so is the command; SIGTERM and the like are handed on. Raises: EnterError (the lab failed, 125),
    CommandNotRunnable (126, 127).
    """
    where = on or SEAT
    target = _find(name, on)
    lends = terminal.is_ours()
    try:
        with _children_in(target.pid):
            child = _start(argv, target.pid, where, lends=lends)
    except OSError as error:
        raise EnterError(f"cannot enter {where} of lab {name}: {error}") from error
    code = _await(child, lent=lends)
    return code if code >= 0 else 128 - code


def _find(name: str, on: str | None) -> Holder:
    try:
        spec = known_spec(name)
        key = node_key(find_machine(spec, on).name) if on else SEAT
    except LabError as error:
        raise EnterError(str(error)) from error
    found = holder(records(name) / key)
    if found is None:
        way_out = f"run `reconcile lab on {on}`" if on else "run `reconcile lab down`, then `reconcile lab up`"
        raise EnterError(f"cannot enter {on or SEAT} of lab {name}: it is off; {way_out}")
    return found


@contextlib.contextmanager
def _children_in(pid: int) -> Iterator[None]:
    """Put the children that this thread makes into the process namespace of `pid`."""
    own, other = (os.open(f"/proc/{who}/ns/pid", os.O_RDONLY | os.O_CLOEXEC) for who in ("self", pid))
    try:
        kernel.enter(other, kernel.NEW_PIDS)
        yield
    finally:
        kernel.enter(own, kernel.NEW_PIDS)
        os.close(own)
        os.close(other)


def _start(argv: Sequence[str], pid: int, where: str, *, lends: bool) -> "subprocess.Popen[bytes]":
    """Start the command in a process group of its own; `lends`: with the terminal."""
    cwd = os.getcwd()
    fds = [(os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC), flag) for kind, flag in _NAMESPACES]

    def enter() -> None:
        kernel.die_with_parent()
        if lends:
            terminal.give(os.getpgrp())
        for fd, flag in fds:
            kernel.enter(fd, flag)
        os.chdir(cwd)

    child = None
    try:
        child = subprocess.Popen(list(argv), preexec_fn=enter, process_group=0)
    except FileNotFoundError as error:
        raise CommandNotRunnable(f"cannot run {argv[0]} on {where}: no such command", exit_code=127) from error
    except PermissionError as error:
        raise CommandNotRunnable(f"cannot run {argv[0]} on {where}: not executable", exit_code=126) from error
    except subprocess.SubprocessError as error:
        raise EnterError(f"cannot enter {where}: {cwd} is not there, or the machine has just gone off") from error
    finally:
        if lends and child is None:
            terminal.give(os.getpgrp())
        for fd, _ in fds:
            os.close(fd)
    return child


def _await(child: "subprocess.Popen[bytes]", *, lent: bool) -> int:
    """Wait for the command, handing on the signals that are meant for it."""
    numbers = _FORWARDED if threading.current_thread() is threading.main_thread() else ()
    old = {number: signal.signal(number, lambda got, _: child.send_signal(got)) for number in numbers}
    try:
        return terminal.wait(child) if lent else child.wait()
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
