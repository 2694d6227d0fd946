"""Asking the machines, all at once: libvirt and NFS through the edge, the rest by a script over ssh."""

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from reconciler.clock import Pending
from reconciler.desired import Desired
from reconciler.desired.documents import Host
from reconciler.errors import HostUnreachable
from reconciler.hypervisor import Edge
from reconciler.observed import Observed, Unknown
from reconciler.shell import Shell, ssh_argv
from reconciler.virt.uri import Reach, reach

PORTS = (49152, 49183, 49215)
"""libvirt's range for memory traffic: its first, middle and last port."""
SCRIPT_S = 40.0


@dataclass(frozen=True, slots=True)
class Tried:
    """How a try from one machine to another ended: the exit code, and the last line that was said."""

    code: int
    said: str = ""


@dataclass(frozen=True)
class Probe:
    """What a hypervisor's own shell tells. `by_ssh`: peer -> as root; `ports`: (peer, port)."""

    user: str = ""
    is_root: bool = True
    bridges: frozenset[str] = frozenset()
    by_ssh: Mapping[str, Tried] = field(default_factory=dict)
    ports: Mapping[tuple[str, int], Tried] = field(default_factory=dict)


@dataclass(frozen=True)
class Answers:
    """All that was asked. `probes`: by hypervisor; missing where its URI leads to no shell."""

    observed: Observed
    probes: Mapping[str, Probe | Unknown] = field(default_factory=dict)


def ask(desired: Desired, edge: Edge) -> Answers:
    """Ask everything, in parallel. Raises: nothing; what does not answer is Unknown."""
    scripts = {name: _script(desired, host) for name, host in desired.hypervisors.items() if shell_of(host)}
    pending = {
        name: Pending(_asking(desired.hosts[name], script), f"doctor {name}") for name, script in scripts.items()
    }
    observed = edge.observe(desired)
    return Answers(observed, {name: _result(work) for name, work in pending.items()})


def shell_of(host: Host) -> Shell | None:
    """A shell at the hypervisor; None where its URI does not lead to one (tcp, tls, libvirt's test driver)."""
    where = _reach(host)
    if where is None or where.is_test:
        return None
    if where.transport == "ssh":
        return Shell(ssh_argv(where.ssh_target, port=where.port, keyfile=where.keyfile))
    return Shell() if where.is_local or where.transport == "unix" else None


def _reach(host: Host) -> Reach | None:
    return reach(host.spec.hypervisor.uri) if host.spec.hypervisor else None


def _asking(host: Host, script: str) -> Callable[[], Probe]:
    def work() -> Probe:
        shell = shell_of(host)
        assert shell is not None
        return read_probe(shell.once(script, (), "", SCRIPT_S).text)

    return work


def _result(work: Pending[Probe]) -> Probe | Unknown:
    try:
        return work.result(SCRIPT_S + 5.0)
    except HostUnreachable as error:
        return Unknown(str(error))
    except TimeoutError:
        return Unknown("its shell did not answer in time")


# --- the script ------------------------------------------------------------------------

_HEAD = """\
export LC_ALL=C
echo "user $(id -un)"
for bridge in /sys/class/net/*/bridge; do
  [ -d "$bridge" ] && echo "bridge $(basename "${bridge%/bridge}")"
done
as_root=
if [ "$(id -u)" != 0 ]; then
  if sudo -n true 2>/dev/null; then as_root="sudo -n"; else echo notroot; wait; exit 0; fi
fi
try() { said=$("$@" </dev/null 2>&1); code=$?; echo "$label $code $(printf %s "$said" | tail -n 1 | cut -c 1-300)"; }
"""


def _script(desired: Desired, source: Host) -> str:
    """What to run on `source`; every word from a document is quoted."""
    lines = [_HEAD]
    for name, peer in desired.hypervisors.items():
        if name != source.name and peer.spec.hypervisor:
            lines += _tries(name, peer)
    return "\n".join([*lines, "wait"])


def _tries(name: str, peer: Host) -> list[str]:
    assert peer.spec.hypervisor is not None
    where = reach(peer.spec.hypervisor.peer)
    address = peer.spec.hypervisor.migration_address or peer.spec.address
    tries = [_try(f"port {name} {port}", _connect(address, port)) for port in PORTS]
    if where.transport == "ssh":
        words = peer_ssh(peer)
        tries.append(_try(f"ssh {name}", f"timeout 12 $as_root {shlex.join(words)}"))
    return tries


def peer_ssh(peer: Host) -> tuple[str, ...]:
    """The ssh command by which another hypervisor's root reaches `peer`, as libvirt would."""
    assert peer.spec.hypervisor is not None
    parts = urlsplit(peer.spec.hypervisor.peer)
    port = ("-p", str(parts.port)) if parts.port else ()
    target = f"{parts.username}@{parts.hostname}" if parts.username else str(parts.hostname)
    return ("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", *port, "--", target, "true")


def _connect(address: str, port: int) -> str:
    return f"timeout 10 bash -c {shlex.quote(f': </dev/tcp/{address}/{port}')}"


def _try(label: str, command: str) -> str:
    return f"( label={shlex.quote(label)}; try {command} ) &"


# --- its answer ------------------------------------------------------------------------

_SSH = re.compile(r"ssh (\S+) (\d+) ?(.*)")
_PORT = re.compile(r"port (\S+) (\d+) (\d+) ?(.*)")


def read_probe(text: str) -> Probe:
    """The script's answer as data; lines of others (a login banner) are not ours. Raises: nothing."""
    lines = text.splitlines()
    words = [line.split(" ", 1) for line in lines if " " in line]
    return Probe(
        user=next((rest for word, rest in words if word == "user"), ""),
        is_root="notroot" not in lines,
        bridges=frozenset(rest for word, rest in words if word == "bridge"),
        by_ssh={m[1]: Tried(int(m[2]), m[3]) for line in lines if (m := _SSH.fullmatch(line))},
        ports={(m[1], int(m[2])): Tried(int(m[3]), m[4]) for line in lines if (m := _PORT.fullmatch(line))},
    )
