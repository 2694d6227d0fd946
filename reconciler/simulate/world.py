"""The simulated cloud as it really is, whoever sees it: machines, links, and a journal of every change."""

import ipaddress
import random
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from reconciler.simulate.clock import VirtualClock
from reconciler.simulate.machines import Daemon, Directory, Domain, File, Guest, Hand, Hypervisor, NfsServer
from reconciler.simulate.refusal import Code, Refusal, Stuck

if TYPE_CHECKING:
    from reconciler.simulate.migration import Migration, Phase

SEAT = "seat"
"""Where we sit: a node of the LAN like any other."""


@dataclass(frozen=True)
class Change:
    """Something that became different in the world."""

    at: float
    host: str
    object: str
    text: str
    by: Hand

    def __str__(self) -> str:
        return f"{self.at:5.0f} {self.host} {self.object}: {self.text}"


@dataclass(eq=False)
class World:
    """Everything that is there. Its rules live in domains.py, storage.py, networks.py and migration.py.

    `told` is called with each change, right after it; the checkers hang there.
    """

    clock: VirtualClock
    seed: int = 0
    hypervisors: dict[str, Hypervisor] = field(default_factory=dict)
    servers: dict[str, NfsServer] = field(default_factory=dict)
    off: set[str] = field(default_factory=set)
    """Machines without power."""
    cuts: set[frozenset[str]] = field(default_factory=set)
    """Pairs of nodes that cannot hear each other."""
    journal: list[Change] = field(default_factory=list)
    told: list[Callable[[Change], None]] = field(default_factory=list)
    disturbed: list[Callable[[], None]] = field(default_factory=list)
    """Called when a machine, a link or a daemon changed: what is under way may break."""
    ended: list[tuple[Guest, Hand]] = field(default_factory=list)
    """Guests whose life is over, and by whose hand."""
    backlog: dict[str, list[Callable[[], None]]] = field(default_factory=dict)
    """Host -> requests that its hung daemon has not read yet."""
    secrets: dict[str, str] = field(default_factory=dict)
    """Last word of a source -> what it holds, where that is not `WORD-0`; empty: it holds nothing."""
    directory_cache_s: float = 0.0
    """How long an NFS client goes on listing a directory as it was."""
    link_rate: int = 100 * 1024**2
    """Bytes a second between any two machines."""
    migrations: "list[Migration]" = field(default_factory=list)
    """Those under way."""
    dropped: set[str] = field(default_factory=set)
    """Hypervisors whose firewall drops what comes to the ports for migrations."""
    doomed: dict[str, "Phase"] = field(default_factory=dict)
    """Domain -> the phase in which its next migration loses its connection."""

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.hand = Hand.WORLD
        self._numbers = 0

    # --- who does it, and what came of it -----------------------------------------------

    @contextmanager
    def acting(self, hand: Hand) -> Iterator[None]:
        """What happens inside is `hand`'s doing."""
        before, self.hand = self.hand, hand
        try:
            yield
        finally:
            self.hand = before

    def tell(self, host: str, object_: str, text: str) -> None:
        """Write down a change."""
        change = Change(self.clock.now(), host, object_, text, self.hand)
        self.journal.append(change)
        for listener in self.told:
            listener(change)

    def after(self, seconds: float, happen: Callable[[], None]) -> None:
        """Let something happen later, still as the doing of who acts now."""
        hand = self.hand

        def later() -> None:
            with self.acting(hand):
                happen()

        self.clock.at(self.clock.now() + seconds, later)

    def disturb(self) -> None:
        for listener in list(self.disturbed):
            listener()

    def next_number(self) -> int:
        self._numbers += 1
        return self._numbers

    def new_uuid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    # --- links --------------------------------------------------------------------------

    def reaches(self, one: str, other: str) -> bool:
        """Whether packets go from one node to the other."""
        if one == other:
            return one not in self.off
        return not ({one, other} & self.off) and frozenset({one, other}) not in self.cuts

    def nodes(self) -> tuple[str, ...]:
        return (SEAT, *sorted({*self.hypervisors, *self.servers}))

    def hypervisor(self, name: str) -> Hypervisor:
        return self.hypervisors[name]

    def answers(self, hypervisor: Hypervisor) -> None:
        """Raises: Stuck where its libvirtd does not answer us, Refusal where nothing listens."""
        if not self.reaches(SEAT, hypervisor.name) or hypervisor.daemon is Daemon.HUNG:
            raise Stuck(f"no answer from {hypervisor.address}")
        if hypervisor.daemon is Daemon.DEAD:
            raise Refusal(Code.RPC, "Failed to connect socket to '/var/run/libvirt/libvirt-sock': Connection refused")

    # --- files ---------------------------------------------------------------------------

    def server_named(self, text: str) -> NfsServer | None:
        """The server that a mount's host part means: by address or name."""
        bare = text.strip("[]")
        return next((server for server in self.servers.values() if bare in (server.name, server.address)), None)

    def directory(self, hypervisor: Hypervisor, path: str) -> Directory | None:
        """What a process at `hypervisor` finds at `path`; None where there is nothing. Raises: Stuck, Refusal."""
        mount = hypervisor.mounts.get(path)
        if mount is None:
            return hypervisor.dirs.get(path)
        server = self.server_named(mount.server)
        if server is None or not self.serves(server, hypervisor.name):
            raise Stuck(f"{mount} does not answer")
        if not self.is_exported(server, mount.dir, hypervisor.address):
            raise Refusal(Code.SYSTEM_ERROR, f"cannot open path '{path}': Stale file handle")
        return server.others.get((hypervisor.name, mount.dir)) or server.dirs.get(mount.dir)

    def serves(self, server: NfsServer, node: str) -> bool:
        """Whether the server answers NFS calls of `node`."""
        return server.daemon is Daemon.ALIVE and self.reaches(node, server.name)

    def is_exported(self, server: NfsServer, dir_: str, address: str) -> bool:
        """Whether a directory is in force for a client's address."""
        return any(path == dir_ and _means(client, address) for path, client in server.served)

    def file(self, hypervisor: Hypervisor, path: str) -> File | None:
        """The file at a path, as a process there sees it. Raises: Stuck, Refusal."""
        parent, _, name = path.rpartition("/")
        directory = self.directory(hypervisor, parent)
        return directory.files.get(name) if directory else None

    def directories(self) -> Iterator[tuple[str, Directory]]:
        """Every directory of every machine, with a name for it; sorted."""
        dirs_of = [(server.name, server.dirs) for server in self.servers.values()]
        dirs_of += [(hypervisor.name, hypervisor.dirs) for hypervisor in self.hypervisors.values()]
        for name, dirs in sorted(dirs_of, key=lambda pair: pair[0]):
            yield from ((f"{name}:{path}", found) for path, found in sorted(dirs.items()))

    # --- guests ----------------------------------------------------------------------------

    def all_domains(self) -> Iterator[tuple[Hypervisor, Domain]]:
        """Every domain of every host, by host and name."""
        for _, hypervisor in sorted(self.hypervisors.items()):
            yield from ((hypervisor, d) for d in sorted(hypervisor.domains.values(), key=lambda d: d.name))

    def where(self, name: str) -> tuple[str, ...]:
        """The hosts at which a domain of that name runs, sorted."""
        return tuple(host.name for host, domain in self.all_domains() if domain.name == name and domain.runs)


@lru_cache(maxsize=1024)
def _means(client: str, address: str) -> bool:
    if client in ("*", address):
        return True
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(client, strict=False)
    except ValueError:
        return False
