"""Runs of `--once` on simulated clouds, with faults and deaths of our process in between."""

import copy
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from reconciler.desired import Desired
from reconciler.desired.derive import claim_size
from reconciler.load import load
from reconciler.reconcile import Result, converge
from reconciler.simulate import Crash, Faults, SimEdge, VirtualClock, World, act, build
from reconciler.simulate.machines import File
from reconciler.simulate.watch import Watch
from reconciler.step import Event, Outcome
from reconciler.xml.domain import read
from tests.scenarios.documents import CLOUDS, Documents, plain

MOST_RUNS = 6
"""A cloud that has not converged after so many undisturbed runs never will."""

GOLDEN = Path(__file__).parents[1] / "golden"
GOLDEN_CASES = sorted(file.parent.name for file in GOLDEN.glob("*/plan.txt"))


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
    spec: dict[str, Any] = field(default_factory=dict)
    clock: VirtualClock = field(default_factory=VirtualClock)
    codes: list[int | None] = field(default_factory=list)
    edges: list[SimEdge] = field(default_factory=list)
    result: Result | None = None

    def __post_init__(self) -> None:
        self.world: World = build(self.clock, self.desired, self.spec)
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
        """A run with faults, then undisturbed ones until one ends with 0."""
        self.until(lambda: self.codes[-1] == 0, faults)

    def until(self, is_well: Callable[[], bool], faults: Faults | None = None) -> None:
        """A run with faults, then undisturbed ones: at once after a death, a minute after anything else."""
        self.once(faults)
        while not is_well() and len(self.codes) < MOST_RUNS:
            self.clock.sleep(1.0 if self.codes[-1] is None else 60.0)
            self.once()
        self.clock.sleep(120.0)
        self.clock.close()

    def copied(self) -> "Rehearsal":
        """The same world at the same moment, with a life of its own. Nothing may be under way."""
        clock = VirtualClock(self.clock.now())
        return copy.deepcopy(self, {id(self.clock): clock, id(self.desired): self.desired})

    def end(self) -> list[object]:
        """All that is there at the end, but for which host has a guest."""
        world = self.world
        found: list[object] = sorted(
            (d.name, _anyones(d.xml), _anyones(d.live), d.state) for _, d in world.all_domains()
        )
        for name, host in sorted(world.hypervisors.items()):
            networks = sorted((n.name, n.xml or "", n.live or "") for n in host.networks.values())
            pools = sorted((p.name, p.xml, p.active) for p in host.pools.values())
            found.append((name, networks, pools, sorted(host.mounts)))
        found += [(s.name, sorted(s.files), sorted(s.served)) for s in world.servers.values()]
        for where, directory in world.directories():
            files = directory.files.items()
            found.append((where, sorted((n, *self._size(n, f), f.format, f.backing, f.complete) for n, f in files)))
        return found

    def _size(self, name: str, file: File) -> tuple[int, bool]:
        """Its capacity; of a claim, whether it is the one that its domain's mark names."""
        domain, dot, suffix = name.rpartition(".")
        if not dot or suffix != "claim":
            return file.capacity, True
        marks = [read(d.xml).mark for _, d in self.world.all_domains() if d.name == domain and d.xml]
        cluster = self.desired.cluster_name
        return 0, {file.capacity} == {claim_size(cluster, domain, mark.claimed_by) for mark in marks if mark}


def _anyones(xml: str | None) -> str:
    """A definition without the host where it was made first."""
    return re.sub(r' claimedBy="[^"]*"', "", xml or "")


def from_nothing() -> Rehearsal:
    return Rehearsal(cloud("small-cloud.yaml"))


def golden(name: str) -> Rehearsal:
    """The cloud of a golden plan, at the moment in which it is planned."""
    return _golden(name).copied()


@cache
def _golden(name: str) -> Rehearsal:
    with tempfile.TemporaryDirectory() as room:
        return staged(GOLDEN / name, Path(room))


def staged(case: Path, room: Path) -> Rehearsal:
    """A case of tests/golden, whose cluster.yaml holds what reconciler/simulate/cluster.py knows, and in this order:

    `documents` (a file beside the scenarios, where the case has no desired.yaml of its own); `first` (edits); `settled:
    true` (the documents are converged); `edits` ([ref, path, value]); `removed` (refs of documents that go); `then`
    (what people and the world did, in the words of reconciler/simulate/people.py).
    """
    spec = plain(case / "cluster.yaml")
    own = {key: spec.pop(key, ()) for key in ("first", "settled", "edits", "removed", "then")}
    documents = Documents(case, room, spec.pop("documents", "small-cloud.yaml"))
    for ref, path, value in own["first"]:
        documents.edit(ref, path, value)
    rehearsal = Rehearsal(documents.load(), spec)
    if own["settled"]:
        assert rehearsal.once() == 0
    for ref, path, value in own["edits"]:
        documents.edit(ref, path, value)
    for ref in own["removed"]:
        documents.remove(ref)
    rehearsal.desired = documents.load()
    for line in own["then"]:
        act(rehearsal.world, line)
    rehearsal.clock.sleep(60.0)
    rehearsal.codes.clear()
    rehearsal.edges.clear()
    return rehearsal
