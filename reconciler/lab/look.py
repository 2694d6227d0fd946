"""What a lab is doing now: which machines are on, which daemons live, who got which address."""

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.lab.files import LEASES_FILE
from reconciler.lab.node import DNSMASQ, expected_daemons
from reconciler.lab.paths import LAN, disks, node_key, records
from reconciler.lab.record import holder, is_complete, known_spec
from reconciler.lab.spec import Machine


@dataclass(frozen=True, slots=True)
class MachineStatus:
    """One machine. `daemons`: (name, lives), in the order of their start. `guests`: QEMU processes on it."""

    name: str
    address: str
    on: bool
    daemons: tuple[tuple[str, bool], ...]
    guests: int


@dataclass(frozen=True, slots=True)
class Lease:
    """An address that DHCP gave out. `expires`: Unix time in seconds, 0 = never. `hostname`: "" when it told none."""

    mac: str
    address: str
    hostname: str
    expires: int


@dataclass(frozen=True, slots=True)
class LabStatus:
    """A lab. `complete`: its `up` went through. `dhcp`: the LAN's DHCP server lives. Order: as in the documents."""

    name: str
    complete: bool
    dhcp: bool
    machines: tuple[MachineStatus, ...]
    leases: tuple[Lease, ...]
    limits: tuple[str, ...]


def status(name: str) -> LabStatus:
    """Look at a lab; changes nothing. Raises: LabError when there is none."""
    spec = known_spec(name)
    processes = _commands_by_namespace()
    return LabStatus(
        name=name,
        complete=is_complete(name),
        dhcp=DNSMASQ in _commands(records(name) / LAN, processes),
        machines=tuple(_machine_status(name, machine, processes) for machine in spec.machines),
        leases=read_leases(_read(disks(name) / LEASES_FILE)),
        limits=spec.limits,
    )


def read_leases(text: str) -> tuple[Lease, ...]:
    """dnsmasq's lease file: expiry, MAC (or IAID), address, name or *, client id. Order: by address."""
    rows = [line.split() for line in text.splitlines()]
    leases = [Lease(row[1], row[2], "" if row[3] == "*" else row[3], int(row[0])) for row in rows if len(row) >= 5]
    return tuple(sorted(leases, key=lambda lease: lease.address))


def _machine_status(name: str, machine: Machine, processes: Mapping[str, list[str]]) -> MachineStatus:
    node = records(name) / node_key(machine.name)
    commands = _commands(node, processes)
    daemons = tuple((daemon, daemon[:15] in commands) for daemon in expected_daemons(machine))
    guests = sum(command.startswith("qemu-system") for command in commands)
    return MachineStatus(machine.name, machine.address, holder(node) is not None, daemons, guests)


def _commands(node: Path, processes: Mapping[str, list[str]]) -> list[str]:
    found = holder(node)
    with contextlib.suppress(OSError):
        return processes.get(os.readlink(f"/proc/{found.pid}/ns/pid"), []) if found else []
    return []


def _commands_by_namespace() -> dict[str, list[str]]:
    """Pid namespace -> command names (15 bytes at most) of the living processes in it."""
    found: dict[str, list[str]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                command, state = (
                    Path("/proc", entry, "stat").read_text(errors="replace").partition("(")[2].rsplit(") ", 1)
                )
                if state[0] not in "ZX":
                    found.setdefault(os.readlink(f"/proc/{entry}/ns/pid"), []).append(command)
    return found


def _read(path: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        return path.read_text(errors="replace")
    return ""
