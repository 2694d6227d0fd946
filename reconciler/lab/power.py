"""Switching nodes on and off: the plug of one machine, and of the whole lab."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from select import select
from time import monotonic, sleep

from reconciler.lab.errors import LabError
from reconciler.lab.node import Boot
from reconciler.lab.paths import LAN, PROGRAMS, node_key, records
from reconciler.lab.record import (
    BOOT_MODULE,
    READY,
    Holder,
    holder,
    known_spec,
    last_lines,
    locked,
    start_time,
    write_json,
)
from reconciler.lab.spec import LabSpec, Machine

Say = Callable[[str], None]

BOOT_S = 90.0
DEATH_S = 20.0


def start_node(node: Path, boot: Boot) -> None:
    """Begin to boot a node; returns when it has its place on the LAN. Raises: LabError."""
    node.mkdir(parents=True, exist_ok=True)
    for stale in ("state", "holder.json"):
        (node / stale).unlink(missing_ok=True)
    write_json(node / "boot.json", asdict(boot))
    package = str(Path(__file__).parents[2])
    result = subprocess.run(
        [sys.executable, "-P", "-m", BOOT_MODULE, str(node)],
        env={**os.environ, "PYTHONPATH": package},
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if result.returncode != 0:
        cause = last_lines(Path(boot.logs, "boot.log"), 1)
        hint = "; a container must be allowed all (--privileged)" if "not permitted" in cause else ""
        raise LabError(f"cannot boot {boot.hostname}: {cause}{hint}")


def await_node(node: Path, boot: Boot) -> None:
    """Wait until all daemons of a node answer. Raises: LabError."""
    deadline = monotonic() + BOOT_S
    while True:
        with contextlib.suppress(FileNotFoundError):
            state = (node / "state").read_text()
            if state == READY:
                return
            raise LabError(f"cannot boot {boot.hostname}: {state}")
        if holder(node) is None:
            words = last_lines(Path(boot.logs, "boot.log"), 1)
            raise LabError(f"cannot boot {boot.hostname}: its first process ended; {words}")
        if monotonic() > deadline:
            raise LabError(f"cannot boot {boot.hostname}: it was not ready after {BOOT_S:.0f} s; is the computer busy?")
        sleep(0.02)


def kill_holders(holders: Iterable[Holder]) -> None:
    """SIGKILL to the first process of each node, hence to all that lives in it; waits for the end. Raises: LabError."""
    open_fds = [fd for fd in map(_kill, holders) if fd is not None]
    deadline = monotonic() + DEATH_S
    try:
        for fd in open_fds:
            if not select([fd], [], [], max(0.0, deadline - monotonic()))[0]:
                raise LabError(
                    f"cannot end a process of the lab within {DEATH_S:.0f} s: the kernel holds it; try again"
                )
    finally:
        for fd in open_fds:
            os.close(fd)


def _kill(holder: Holder) -> int | None:
    """Kill exactly this process, never one that got its number later; returns a pidfd that tells its end."""
    try:
        fd = os.pidfd_open(holder.pid)
    except ProcessLookupError:
        return None
    if start_time(holder.pid) != holder.started:
        os.close(fd)
        return None
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(fd, signal.SIGKILL)
    return fd


def off(name: str, host: str, say: Say) -> None:
    """Pull a machine's plug: its link falls silent, then all in it dies at once. Raises: LabError."""
    machine = find_machine(known_spec(name), host)
    with locked(name):
        node = records(name) / node_key(machine.name)
        alive = holder(node)
        if alive is None:
            say(f"{machine.name} is off already")
            return
        _cut_links(name, node)
        kill_holders([alive])
        (node / "holder.json").unlink(missing_ok=True)
        (node / "state").unlink(missing_ok=True)
        say(f"{machine.name} is off")


def on(name: str, host: str, say: Say) -> None:
    """Boot a machine with the disks and definitions it had. Raises: LabError."""
    machine = find_machine(known_spec(name), host)
    with locked(name):
        node = records(name) / node_key(machine.name)
        if holder(node) is not None:
            say(f"{machine.name} is on already")
            return
        boot = read_boot(node)
        try:
            start_node(node, boot)
            await_node(node, boot)
        except BaseException:
            kill_holders(filter(None, [holder(node)]))
            raise
        say(f"{machine.name} is on")


def find_machine(spec: LabSpec, host: str) -> Machine:
    """The machine that goes by `host` (its name, another name, or its address). Raises: LabError."""
    for machine in spec.machines:
        if host in (machine.name, machine.address, *machine.names, *machine.addresses):
            return machine
    known = ", ".join(sorted(machine.name for machine in spec.machines))
    raise LabError(f"cannot find machine {host} in lab {spec.name}: it has {known}")


def read_boot(node: Path) -> Boot:
    """The order that a node was last booted with."""
    return Boot.from_json(json.loads((node / "boot.json").read_text()))


def _cut_links(name: str, node: Path) -> None:
    """Take the switch's ends away first: a machine without power sends no farewell to its TCP peers."""
    switch = holder(records(name) / LAN)
    if switch is None:
        return
    for port in read_boot(node).ports:
        subprocess.run(
            ["nsenter", f"--net=/proc/{switch.pid}/ns/net", "ip", "link", "del", port],
            env={"PATH": PROGRAMS},
            stderr=subprocess.DEVNULL,
            check=False,
        )
