"""All NFS servers of the documents: their exports, and whether they answer."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Protocol

from reconciler.action import Action, RemoveExport, WriteExport
from reconciler.clock import Pending
from reconciler.desired import Desired
from reconciler.desired.documents import Host
from reconciler.errors import HostUnreachable, PermanentError
from reconciler.nfs.exports import Line, normal_client, spelled
from reconciler.nfs.kernel import Exports, KernelServer
from reconciler.nfs.probe import ANSWER_S, answers
from reconciler.observed import Listing, SeenExport, Unknown
from reconciler.shell import Shell, ssh_argv

WHOLE_S = 60.0
"""No server takes so long; a bound in case one does."""


class ExportServer(Protocol):
    """Software that exports directories. Raises: HostUnreachable, PermanentError."""

    def read(self, dirs: tuple[str, ...] = ()) -> Exports: ...

    def write(self, action: WriteExport) -> None: ...

    def remove(self, action: RemoveExport) -> None: ...


SOFTWARE: Mapping[str, Callable[[str, Shell], ExportServer]] = {"kernel": KernelServer}


class _Server:
    """One server of the documents, with the shell that leads to it."""

    def __init__(self, host: Host) -> None:
        assert host.spec.nfs_server is not None
        self.spec = host.spec.nfs_server
        self.shell = Shell(ssh_argv(self.spec.ssh))
        self.exports = SOFTWARE[self.spec.software](host.name, self.shell)


class Servers:
    """The NFS half of the edge. Thread-safe. `now`: the clock that listings are dated by."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._servers: dict[str, _Server] = {}
        self._lock = threading.Lock()
        self._probes: dict[str, tuple[float, Pending[bool]]] = {}

    # --- exports -----------------------------------------------------------------

    def observe(self, desired: Desired, hosts: Iterable[str]) -> Mapping[str, Listing[SeenExport] | Unknown]:
        """What the servers named export, side by side. Raises: nothing."""
        self.know(desired)
        begun = {host: Pending(partial(self._observe, desired, host), host) for host in hosts if host in self._servers}
        seen: dict[str, Listing[SeenExport] | Unknown] = {}
        for host, pending in sorted(begun.items()):
            try:
                seen[host] = pending.result(WHOLE_S)
            except TimeoutError:
                seen[host] = Unknown(f"host/{host} gave no answer in {WHOLE_S:g} s")
        return seen

    def _observe(self, desired: Desired, host: str) -> Listing[SeenExport] | Unknown:
        at = self._now()
        pools = [pool for pool in desired.pools.values() if pool.spec.source and pool.spec.source.host == host]
        dirs = sorted({pool.spec.source.dir for pool in pools if pool.spec.source})
        clients = [client for pool in pools if pool.spec.export for client in pool.spec.export.clients]
        try:
            exports = self._servers[host].exports.read(tuple(dirs))
        except HostUnreachable as error:
            return Unknown(str(error))
        return Listing(seen_exports(exports, desired.cluster_name, spelled(clients)), at)

    def apply(self, action: Action) -> None:
        """Write or remove our exports. Raises: HostUnreachable, PermanentError."""
        server = self._servers.get(action.host)
        if server is None:
            raise HostUnreachable(f"cannot reach host/{action.host}: no document names it as an NFS server")
        if not server.spec.manage:
            raise PermanentError(f"cannot {action.verb} at host/{action.host}: its document says manage: false")
        match action:
            case WriteExport():
                server.exports.write(action)
            case RemoveExport():
                server.exports.remove(action)
            case _:
                raise PermanentError(f"cannot {action.verb} {action.object}: no NFS server can do that")

    # --- whether they answer ---------------------------------------------------------

    def answers(self, address: str, max_age_s: float = 2.0) -> bool:
        """Whether a server answers; a probe begun up to `max_age_s` ago counts, also one that still runs."""
        with self._lock:
            begun_at, probe = self._probes.get(address, (0.0, None))
            if probe is None or time.monotonic() - begun_at > max_age_s:
                probe = Pending(partial(answers, address), f"probe-{address}")
                self._probes[address] = (time.monotonic(), probe)
        try:
            return probe.result(ANSWER_S + 1)
        except TimeoutError:
            return False

    # --- servers -----------------------------------------------------------------------

    def know(self, desired: Desired) -> None:
        """Shells for the documents' servers, as they are named now, and for no others."""
        for name in set(self._servers) - set(desired.servers):
            self._servers.pop(name).shell.close()
        for name, host in desired.servers.items():
            known = self._servers.get(name)
            if known is None or known.spec != host.spec.nfs_server:
                self._servers[name] = _Server(host)
                if known is not None:
                    known.shell.close()

    def close(self) -> None:
        """End all shells; waits for nothing."""
        for server in self._servers.values():
            server.shell.close()


def seen_exports(exports: Exports, cluster: str, spellings: Mapping[str, str]) -> dict[str, SeenExport]:
    """What files and `exportfs -s` say together, keyed `dir client`, as the documents spell both. Pure."""
    dirs = {real: given for given, real in exports.real if real}

    def key(line: Line) -> tuple[str, str]:
        normal = normal_client(line.client)
        return dirs.get(line.dir, line.dir), spellings.get(normal, normal)

    ours = {key(line): pool for whose, pool, line in exports.ours if whose == cluster}
    written = {key(line): line.options for line in (*(line for _, _, line in exports.ours), *exports.foreign)}
    served = {key(line): line.options for line in exports.served}
    return {
        f"{dir_} {client}": SeenExport(
            dir_,
            client,
            served.get((dir_, client)) or written[dir_, client],
            ours=ours.get((dir_, client), ""),
            served=(dir_, client) in served,
        )
        for dir_, client in sorted({*written, *served})
    }
