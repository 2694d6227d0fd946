"""Paths between hosts along which guests shall move, and that nobody has shown to work yet."""

from collections.abc import Iterable, Iterator

from reconciler.action import SharedPool
from reconciler.change import Change, DomainMisplacedRunning, PathUnproven
from reconciler.desired import Desired, Ref
from reconciler.desired.documents import Transport
from reconciler.history import History
from reconciler.step import Held


def paths(desired: Desired, changes: Iterable[Change | Held], history: History) -> Iterator[PathUnproven]:
    """One change for each pair of hosts, with every shared pool that those who move along it use. Order: by hosts."""
    along: dict[tuple[str, str], list[DomainMisplacedRunning]] = {}
    for change in changes:
        if isinstance(change, DomainMisplacedRunning):
            along.setdefault((change.ref.host, change.target), []).append(change)
    for (source, target), movers in sorted(along.items()):
        path = _path(desired, source, target, movers)
        if not history.is_proven(source, target, path.peer_uri, path.address, path.pools):
            yield path


def _path(desired: Desired, source: str, target: str, movers: list[DomainMisplacedRunning]) -> PathUnproven:
    native = [mover for mover in movers if mover.transport is not Transport.TUNNELLED]
    names = sorted({name for mover in movers for name in mover.pools if desired.pools[name].is_shared})
    return PathUnproven(
        Ref("host", target, source),
        "guests shall move there; login, ports and shared files are tried first",
        movers[0].peer_uri,
        native[0].address if native else "",
        tuple(_shared(desired, name) for name in names),
    )


def _shared(desired: Desired, name: str) -> SharedPool:
    spec = desired.pools[name].spec
    source = f"{spec.source.host}:{spec.source.dir}" if spec.source else ""
    return SharedPool(name, spec.target, source)
