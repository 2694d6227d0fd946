"""Runs of `--once` on simulated clouds, with faults and deaths of our process in between."""

import tempfile
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from reconciler.desired import Desired
from reconciler.load import load
from reconciler.reconcile import Result, converge
from reconciler.simulate import Crash, Faults, SimEdge, VirtualClock, World, build
from reconciler.simulate.watch import Watch
from reconciler.step import Event, Outcome
from tests.scenarios.documents import CLOUDS

MOST_RUNS = 6
"""A cloud that has not converged after so many undisturbed runs never will."""


@cache
def cloud(name: str) -> Desired:
    """The documents of a file beside the scenarios."""
    with tempfile.TemporaryDirectory() as room:
        (Path(room) / name).write_text((CLOUDS / name).read_text())
        return load(Path(room))


def cordoned(desired: Desired, *hosts: str) -> Desired:
    """The same documents with exactly these hosts cordoned."""
    edited = {}
    for name, host in desired.hosts.items():
        spec = host.spec.model_copy(update={"cordoned": name in hosts})
        edited[name] = host.model_copy(update={"spec": spec})
    return replace(desired, hosts=edited)


@dataclass
class Rehearsal:
    """One world and the processes that live in it, one after another. `codes`: their exit codes, None for a death."""

    desired: Desired
    clock: VirtualClock = field(default_factory=VirtualClock)
    codes: list[int | None] = field(default_factory=list)
    edges: list[SimEdge] = field(default_factory=list)
    result: Result | None = None

    def __post_init__(self) -> None:
        self.world: World = build(self.clock, self.desired)
        self.watch = Watch(self.world, self.desired)

    def once(self, faults: Faults | None = None) -> int | None:
        """One process, from its start to its exit or death."""
        edge = SimEdge(self.world, faults or Faults(), checkers=[self.watch.around])
        self.edges.append(edge)
        self.watch.desired, self.watch.planned = self.desired, None
        try:
            self.result = converge(self.desired, edge, self.clock, tell=self._tell)
            self.codes.append(self.result.exit_code)
        except Crash:
            self.clock.reap()
            self.result = None
            self.codes.append(None)
        return self.codes[-1]

    def _tell(self, event: Event) -> None:
        if event.kind == "pass":
            steps = event.values["plan"].steps
            self.watch.planned = (self.watch.planned or frozenset()) | {step.action for step in steps}
        if event.kind == "ended" and event.step and event.values["outcome"] is Outcome.DONE:
            self.watch.claimed(event.step.action)

    def until_converged(self, faults: Faults | None = None) -> None:
        """A run with faults, then undisturbed ones: at once after a death, a minute after anything else."""
        self.once(faults)
        while self.codes[-1] != 0 and len(self.codes) < MOST_RUNS:
            self.clock.sleep(1.0 if self.codes[-1] is None else 60.0)
            self.once()
        self.clock.sleep(120.0)
        self.clock.close()

    def end(self) -> list[object]:
        """All that is there at the end, but for which host has a guest."""
        world = self.world
        found: list[object] = sorted((d.name, d.xml, d.live, d.state) for _, d in world.all_domains())
        for name, host in sorted(world.hypervisors.items()):
            networks = sorted((n.name, n.xml, n.live) for n in host.networks.values())
            pools = sorted((p.name, p.xml, p.active) for p in host.pools.values())
            found.append((name, networks, pools, sorted(host.mounts)))
        found += [(s.name, sorted(s.files), sorted(s.served)) for s in world.servers.values()]
        for where, directory in world.directories():
            files = directory.files.items()
            found.append((where, sorted((n, f.capacity, f.format, f.backing, f.complete) for n, f in files)))
        return found


def from_nothing() -> Rehearsal:
    return Rehearsal(cloud("small-cloud.yaml"))


def before_a_drain() -> Rehearsal:
    """All guests on hv1, which has just been cordoned."""
    desired = cloud("drain-cloud.yaml")
    rehearsal = Rehearsal(cordoned(desired, "hv2", "hv3"))
    assert rehearsal.once() == 0
    rehearsal.desired = cordoned(desired, "hv1")
    rehearsal.codes.clear()
    rehearsal.edges.clear()
    return rehearsal
