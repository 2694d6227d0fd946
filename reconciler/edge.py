"""The real edge: hypervisors and NFS servers, joined."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from reconciler.action import Action, RemoveExport, WriteExport
from reconciler.clock import Pending, RealClock
from reconciler.desired import Desired
from reconciler.hypervisor import Clock, Progress
from reconciler.nfs import Servers
from reconciler.observed import Listing, Look, Observed, Part, SeenPool, Unknown
from reconciler.secrets import Secrets
from reconciler.virt import Hypervisors
from reconciler.virt.mounts import Spellings

PROBES_S = 10.0


class RealEdge:
    """libvirt and NFS, as hypervisor.Edge says. Thread-safe; connects to nothing before it is asked.

    `clock`: listings are dated by it. `secrets`: fetches what documents name by `valueFrom`.
    Raises: ReconcilerError where libvirt's Python binding is not installed.
    """

    def __init__(self, clock: Clock | None = None, secrets: Secrets | None = None) -> None:
        now = (clock or RealClock()).now
        self._servers = Servers(now)
        self._hypervisors = Hypervisors(now, secrets or Secrets(runs_commands=False))

    def observe(self, desired: Desired) -> Observed:
        """Every host, in parallel, each within its deadlines. Raises: nothing."""
        probes = self._probe(desired, fresh=True)
        exports = Pending(partial(self._servers.observe, desired, tuple(desired.servers)), "exports")
        seen = self._hypervisors.observe(desired, self._servers.answers)
        return _joined(desired, replace(seen, exports=exports.result(PROBES_S * 10)), probes)

    def look(self, desired: Desired, looks: tuple[Look, ...]) -> Observed:
        """Only what `looks` name. Raises: nothing."""
        probes = self._probe(desired, fresh=False) if any(look.part is Part.POOLS for look in looks) else {}
        servers = sorted({look.host for look in looks if look.part is Part.EXPORTS})
        exports = Pending(partial(self._servers.observe, desired, servers), "exports")
        seen = self._hypervisors.look(desired, looks, self._servers.answers)
        return _joined(desired, replace(seen, exports=exports.result(PROBES_S * 10)), probes)

    def apply(self, action: Action, progress: Progress) -> None:
        """Do one thing. Raises: TransientError, PermanentError, HostUnreachable."""
        if isinstance(action, WriteExport | RemoveExport):
            self._servers.apply(action)
        else:
            self._hypervisors.apply(action, progress)

    def close(self) -> None:
        """Let go of connections; waits for nothing that hangs."""
        self._hypervisors.close()
        self._servers.close()

    def _probe(self, desired: Desired, *, fresh: bool) -> Mapping[str, Pending[bool]]:
        """A probe of each NFS server that a pool names, by its address."""
        age = 0.0 if fresh else 2.0
        sources = [pool.spec.source for pool in desired.pools.values() if pool.spec.source]
        addresses = sorted({Spellings.of(desired).server(source.host) for source in sources})
        return {a: Pending(partial(self._servers.answers, a, age), f"probe-{a}") for a in addresses}


def _joined(desired: Desired, seen: Observed, probes: Mapping[str, Pending[bool]]) -> Observed:
    """The snapshot with what the probes said; a pool whose server is silent has contents that nobody knows."""
    answering = {address: _said(probe) for address, probe in probes.items()}
    spellings = Spellings.of(desired)
    pools: dict[str, Listing[SeenPool] | Unknown] = {}
    for host, listing in seen.pools.items():
        if isinstance(listing, Listing):
            items = {name: _judged(pool, spellings, answering) for name, pool in listing.items.items()}
            pools[host] = replace(listing, items=items)
        else:
            pools[host] = listing
    return replace(seen, pools=pools, answering=answering)


def _said(probe: Pending[bool]) -> bool:
    try:
        return probe.result(PROBES_S)
    except TimeoutError:
        return False


def _judged(pool: SeenPool, spellings: Spellings, answering: Mapping[str, bool]) -> SeenPool:
    source = pool.fields.get("source_host")
    if not pool.active or not source or answering.get(spellings.server(str(source)), True):
        return pool
    return replace(pool, volumes=None, trouble=pool.trouble or f"its NFS server {source} does not answer")
