"""Showing that guests can be moved from one hypervisor to another, through both their shells.

As root, since libvirtd is: it logs in to the other host as it will for a migration, tries the ports that memory goes
to, and reads through the one what it wrote through the other. Without a shell of root nothing can be tried: a note.
"""

import re
import shlex
from contextlib import ExitStack
from dataclasses import dataclass
from secrets import token_hex

from reconciler import proof
from reconciler.action import ProvePath, SharedPool
from reconciler.clock import Pending
from reconciler.errors import HostUnreachable, PermanentError
from reconciler.hypervisor import Progress
from reconciler.shell import Answer, Shell
from reconciler.virt.connect import Link
from reconciler.virt.uri import quiet, reach

LOGIN_S = 40.0
SHORT_S = 20.0
TIMED_OUT = 124
"""What timeout(1) ends with."""
LAST_PORT = 49215
"""libvirt gives migrations ports from the lowest on, so that nobody waits at the last one: a connection to a port where
QEMU waits for memory would end that migration."""

LOGIN = """
if command -v virsh >/dev/null; then
    told=$(timeout 30 virsh -q -c "$1" capabilities 2>&1) || { code=$?; printf '%s\\n' "$told"; exit $code; }
    printf '%s\\n' "$told" | sed -n 's:.*<uuid>\\(.*\\)</uuid>.*:\\1:p' | head -n 1
else
    timeout 30 ssh -o BatchMode=yes -o ConnectTimeout=5 ${3:+-p "$3"} -- "$2" true
fi
"""
"""$1: libvirt's URI; $2, $3: ssh's destination and port, for a host without libvirt's clients."""
CONNECT = """timeout 5 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" """
PORTS = r"""
sed -n 's/^[[:space:]]*migration_port_max[[:space:]]*=[[:space:]]*\([0-9]\{1,5\}\).*/\1/p' /etc/libvirt/qemu.conf
"""
WRITE = """
cd -- "$1" && find . -maxdepth 1 -name '.reconciler-path.*' -mmin +60 -delete 2>/dev/null
cd -- "$1" && set -C && printf %s "$3" >".reconciler-path.$2"
"""
"""Exclusive, by a name never used before, so that no host remembers that it is not there. What a crash left goes."""
READ = """head -c 64 -- "$1/.reconciler-path.$2" """
REMOVE = """rm -f -- "$1/.reconciler-path.$2" """
MOUNTED = """
while read -r source path type rest; do [ "$path" = "$1" ] && found="$source ($type)"; done </proc/self/mounts
printf %s "$found"
"""
REFUSED = re.compile(r"Permission denied|Operation not permitted|Read-only file system")
"""To root, by an export that squashes it: says nothing about sharing."""


def prove(link: Link, target: Link, action: ProvePath, progress: Progress) -> None:
    """Raises: PermanentError with the cause and the way out; HostUnreachable where a shell falls silent."""
    with ExitStack() as shells:
        here, there = (_shell_of(one, shells) for one in (link, target))
        if here is None:
            progress(note=f"nothing was tried: host/{action.host} is reached by libvirt alone, not by ssh")
        elif here.run("id -u", SHORT_S).text.strip() != "0":
            progress(note=f"nothing was tried: we are not root at host/{action.host}, as its libvirtd is")
        else:
            notes = _Path(action, here, there, target).prove()
            if notes:
                progress(note="; ".join(notes))


def _shell_of(link: Link, shells: ExitStack) -> Shell | None:
    """One of our own: what takes seconds must not keep those waiting who look at the host."""
    shell = link.new_shell()
    if shell is not None:
        shells.callback(shell.close)
    return shell


@dataclass(frozen=True)
class _Path:
    action: ProvePath
    here: Shell
    there: Shell | None
    target: Link

    def prove(self) -> list[str]:
        """Try all of it; what could not be tried, and why. The login takes longest, so all else goes on beside it."""
        login = Pending(self._log_in, f"{self.action.host}-login")
        notes, trouble = [], None
        try:
            if self.action.address:
                self._try_port()
            notes = [note for pool in self.action.pools if (note := self._share(pool))]
        except (PermanentError, HostUnreachable) as error:
            trouble = error
        login.result(LOGIN_S + SHORT_S)
        if trouble is not None:
            raise trouble
        return notes

    def _no(self, cause: str) -> PermanentError:
        return PermanentError(f"cannot prove path {self.action.object}: {cause}")

    def _log_in(self) -> None:
        """libvirt of the target answers root of the source, and is the one that we know."""
        where = reach(self.action.peer_uri)
        port = str(where.port) if where.transport == "ssh" and where.port else ""
        answer = self.here.once(LOGIN, (quiet(self.action.peer_uri), where.ssh_target, port), "", LOGIN_S)
        if answer.code:
            raise self._no(proof.no_login(self.action, _cause(answer)))
        facts = self.target.session("read").facts
        told = answer.last_line if answer.text.strip() else ""
        if facts and told and told != facts["uuid"]:
            raise self._no(proof.other_machine(self.action))

    def _try_port(self) -> None:
        """Refused is well: nobody listens there now."""
        port = self._last_port()
        answer = _run(self.here, CONNECT, self.action.address, str(port))
        if answer.code and "refused" not in answer.text:
            raise self._no(proof.no_ports(self.action, port, _cause(answer)))

    def _last_port(self) -> int:
        told = _run(self.there, PORTS).text.split() if self.there else []
        return int(told[-1]) if told and told[-1].isdigit() else LAST_PORT

    def _share(self, pool: SharedPool) -> str:
        """Read through the target what is written through the source; why that could not be tried, if so."""
        if self.there is None:
            return f"pool/{pool.name} was not tried: host/{self.action.target} is reached by libvirt alone"
        name, content = token_hex(8), token_hex(16)
        written = _run(self.here, WRITE, pool.target, name, content)
        if written.code and REFUSED.search(written.text):
            return f"pool/{pool.name} was not tried: root of host/{self.action.host} may not write there"
        if written.code:
            raise self._no(f"host/{self.action.host} cannot write into pool/{pool.name}: {_cause(written)}")
        try:
            if _run(self.there, READ, pool.target, name).text != content:
                mounts = [_run(shell, MOUNTED, pool.target).text for shell in (self.here, self.there)]
                raise self._no(proof.not_shared(self.action, pool, *mounts))
        finally:
            _run(self.here, REMOVE, pool.target, name)
        return ""


def _run(shell: Shell, script: str, *words: str) -> Answer:
    """Run it with `words` as $1, $2, ..."""
    return shell.run(f"set -- {shlex.join(words)}\n{script}", SHORT_S)


def _cause(answer: Answer) -> str:
    return "no answer in time" if answer.code == TIMED_OUT and not answer.text.strip() else answer.last_line
