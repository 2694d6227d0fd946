"""The first process of a node: makes its namespaces, mounts and network, starts its daemons, then reaps.

Started by power.py as `python -m reconciler.lab.boot RECORDS-OF-THE-NODE`. It outlives `up`, and reports through files
in the node's records: `holder.json` (who to kill) and `state` ("ready", or what went wrong).
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import NoReturn

from reconciler.lab import kernel
from reconciler.lab.mounts import make_mounts
from reconciler.lab.node import Boot, Daemon
from reconciler.lab.paths import PROGRAMS
from reconciler.lab.record import READY, last_lines, start_time, write_json

READY_S = 60.0  # a daemon that has not answered after this will not
ENVIRONMENT = {"PATH": PROGRAMS, "HOME": "/root", "LANG": "C.UTF-8"}


def main() -> int:
    """Make the namespaces, join the LAN, and leave a child that is the node's first process."""
    node = Path(sys.argv[1])
    try:
        _begin(node, Boot.from_json(json.loads((node / "boot.json").read_text())))
    except (OSError, RuntimeError) as error:
        print(error, file=sys.stderr)  # the starter reads the log's last line
        return 1
    return 0


def _begin(node: Path, boot: Boot) -> None:
    os.setsid()
    _log_to(Path(boot.logs))
    kernel.unshare(kernel.NEW_NETWORK | kernel.NEW_MOUNTS | kernel.NEW_HOSTNAME | kernel.NEW_IPC)
    kernel.mount("none", "/", flags=kernel.RECURSIVE | kernel.PRIVATE)
    _join_lan(node, boot)
    kernel.unshare(kernel.NEW_PIDS)
    recorded, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(tell)
        if not os.read(recorded, 1):
            os._exit(1)
        _live(os.open(node, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC), boot)
    write_json(node / "holder.json", {"pid": pid, "started": start_time(pid)})
    os.write(tell, b"1")


def _log_to(logs: Path) -> None:
    """Own log, nothing of the terminal: a daemon that kept a pipe open would make the caller wait for ever."""
    fd = os.open(logs / "boot.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (fd, 1), (fd, 2)):
        os.dup2(source, target)
    os.chdir("/")
    os.umask(0o022)


def _join_lan(node: Path, boot: Boot) -> None:
    """Make the node's links. The switch's ends go by way of its process id, so this is before our own pid namespace."""
    switch = json.loads((node.parent / "lan" / "holder.json").read_text())["pid"] if boot.ports else 0
    at_switch = ["nsenter", f"--net=/proc/{switch}/ns/net"]
    for port in boot.ports:
        subprocess.run([*at_switch, "ip", "link", "del", port], capture_output=True, check=False, env=ENVIRONMENT)
    _ip(["ip"], [line.format(lan=switch) for line in boot.network])
    if boot.ports:
        _ip([*at_switch, "ip"], [f"link set {port} master lan up" for port in boot.ports])


def _ip(command: list[str], lines: list[str]) -> None:
    """Run ip(8) on some lines. Raises: RuntimeError with what it said."""
    done = subprocess.run(
        [*command, "-batch", "-"], input="\n".join(lines), capture_output=True, text=True, check=False, env=ENVIRONMENT
    )
    if done.returncode != 0:
        raise RuntimeError(f"cannot make the network: {' '.join(done.stderr.split())}")


def _live(records: int, boot: Boot) -> NoReturn:
    """Be the first process: never returns, and takes the whole node along when it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        socket.sethostname(boot.hostname)
        make_mounts(boot)
        _make_runtime(boot)
        for daemon in boot.daemons:
            _start(daemon, Path(boot.logs))
        state = READY
    except (OSError, RuntimeError, subprocess.SubprocessError, LookupError) as error:
        state = str(error)
    _report(records, state)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    while True:
        _reap()
        signal.sigwait({signal.SIGCHLD})


def _reap() -> None:
    """Take in every orphan that has ended: to libvirt a QEMU that is a zombie would still be there."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def _report(records: int, state: str) -> None:
    fd = os.open("state.draft", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600, dir_fd=records)
    os.write(fd, state.encode())
    os.close(fd)
    os.replace("state.draft", "state", src_dir_fd=records, dst_dir_fd=records)


def _make_runtime(boot: Boot) -> None:
    for name, owner in boot.runtime.items():
        directory = Path("/run", name)
        directory.mkdir(mode=0o755)
        shutil.chown(directory, owner)


def _start(daemon: Daemon, logs: Path) -> None:
    """Start a daemon and wait until it answers. Raises: RuntimeError with the end of its log."""
    with (logs / f"{daemon.name}.log").open("ab") as log:
        child = subprocess.Popen(
            daemon.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=ENVIRONMENT, start_new_session=True
        )
    deadline = monotonic() + READY_S
    while not _is_ready(daemon, child):
        code = child.poll()
        if code is not None or monotonic() > deadline:
            cause = f"did not answer within {READY_S:.0f} s" if code is None else f"ended with {code}"
            raise RuntimeError(f"{daemon.name} {cause}: {last_lines(Path(log.name))}")
        sleep(0.02)


def _is_ready(daemon: Daemon, child: "subprocess.Popen[bytes]") -> bool:
    how, _, where = daemon.ready.partition(":")
    if not how:
        return True
    if how == "exit":
        return child.poll() == 0
    family, address = (socket.AF_UNIX, where) if how == "unix" else (socket.AF_INET, ("127.0.0.1", int(where)))
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex(address) == 0


if __name__ == "__main__":
    sys.exit(main())
