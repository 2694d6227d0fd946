"""The life of a cloud, all of it from one seed: which machines, which kinds of fault, what happens when.

`python -m tests.properties.life SEED...` lives it again and prints its log; where it goes wrong, its script too, in the
words of a scenario.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from reconciler.desired import Desired
from reconciler.errors import UsageError
from reconciler.load import load
from reconciler.simulate import Outcome, act
from reconciler.simulate.machines import Hand
from tests.properties import truth
from tests.properties.grammar import LINES, cloud, guest
from tests.scenarios.player import Story

STEPS = 40
RUNS_IN_TROUBLE = 4
MOST_RUNS = 8
"""Runs in which a cloud must converge once it is left alone: backoff takes some."""

LATEST_S = 30.0
"""How much later than our process something may happen that happens beside it."""

OFTEN = {"cordons": 0.7}
"""Kinds that bring so much about that few lives do without."""

MOST_CALLS = 60.0
"""A fault comes at one of so many first calls, the first ones most: most of our runs have little to do."""

COMMAND = "python -m tests.properties.life"


@dataclass(frozen=True)
class Options:
    """What a seed expands into. `kinds`: the faults of this life (swarm); all of them on would hide bugs."""

    seed: int
    hosts: int
    guests: tuple[tuple[int, int, str], ...]
    """(memory in MiB, disks, onDrain)"""
    parallel: int
    kinds: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    fault_rate: float
    """How many of our runs have a fault at one of their calls."""
    company_rate: float
    """How many of our runs are not alone: the world goes on between their calls."""
    settled: bool
    directory_cache_s: float
    """How long an NFS client goes on listing a directory as it was."""

    @classmethod
    def of(cls, seed: int) -> "Options":
        rng = Random(f"options of {seed}")
        guests = [
            (rng.choice((128, 256, 1024)), rng.choice((1, 1, 2)), rng.choice(("migrate", "migrate", "restart", "stop")))
            for _ in range(rng.randint(1, 5))
        ]
        share = rng.choice((0.15, 0.3, 0.5))
        return cls(
            seed=seed,
            hosts=rng.choice((2, 2, 3, 3, 4)),
            guests=tuple(guests),
            parallel=rng.choice((1, 2, 5)),
            kinds=tuple(kind for kind in LINES if rng.random() < max(share, OFTEN.get(kind, 0.0))) or ("virsh",),
            outcomes=tuple(outcome for outcome in Outcome if rng.random() < 0.5),
            fault_rate=rng.choice((0.0, 0.2, 0.5)),
            company_rate=rng.choice((0.0, 0.3, 0.6)),
            settled=rng.random() < 0.7,
            directory_cache_s=rng.choice((0.0, 60.0)),
        )

    def __str__(self) -> str:
        guests = ", ".join(f"{memory} MiB with {disks} disks ({drain})" for memory, disks, drain in self.guests)
        start = "settled" if self.settled else "empty"
        return (
            f"seed {self.seed}: {self.hosts} hosts, {start}; guests {guests}; {self.parallel} migrations at a time; "
            f"happening: {', '.join(self.kinds)}; calls end {', '.join(self.outcomes) or 'well'} "
            f"in {self.fault_rate:.0%} of our runs; {self.company_rate:.0%} of them are not alone; "
            f"directories are up to {self.directory_cache_s:.0f} s old"
        )

    def documents(self) -> list[dict[str, object]]:
        guests = [guest(memory, disks, on_drain) for memory, disks, on_drain in self.guests]
        return cloud(self.hosts, guests, {"parallel": self.parallel})


class Papers:
    """Documents in memory, edited in a scenario's words; each text is loaded once."""

    _loaded: dict[str, Desired] = {}  # noqa: RUF012 - shared by all lives on purpose

    def __init__(self, documents: list[dict[str, Any]]) -> None:
        self.all = json.loads(json.dumps(documents))

    def load(self) -> Desired:
        text = "".join(f"---\n{json.dumps(document)}\n" for document in self.all)
        if text not in self._loaded:
            with tempfile.TemporaryDirectory() as room:
                (Path(room) / "life.yaml").write_text(text)
                self._loaded[text] = load(Path(room))
        return self._loaded[text]

    def edit(self, ref: str, path: str, value: Any) -> None:
        kind, _, name = ref.partition("/")
        owner = next(d for d in self.all if d["kind"].lower() == kind and d["metadata"]["name"] == name)
        *parents, last = path.split(".")
        for key in parents:
            owner = owner.setdefault(key, {})
        owner[last] = value


@dataclass
class Life(Story):
    """A story that is made up while it is played. `told` is its script so far; `void` are lines that had no object."""

    rng: Random = field(default_factory=Random)
    options: Options = field(default_factory=lambda: Options.of(0))
    told: list[tuple[float, str]] = field(default_factory=list)
    void: set[str] = field(default_factory=set)
    steps: int = 0

    @classmethod
    def born(cls, options: Options) -> "Life":
        papers = Papers(options.documents())
        life = cls(papers, options=options, rng=Random(f"life of {options.seed}"))  # type: ignore[arg-type]
        life.hosts, life.names = sorted(life.desired.hypervisors), sorted(life.desired.domains)
        life.world.directory_cache_s = options.directory_cache_s
        life.log.append(str(options))
        return life

    hosts: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    # --- what happens --------------------------------------------------------------------------

    def live(self, steps: int = STEPS) -> None:
        """All of it, to the end. Raises: AssertionError where a law is broken, or nothing ends well."""
        try:
            if self.options.settled:
                self.now("settle")
            for _ in range(steps):
                self.step(self.rng)
            self.end()
        finally:
            self.clock.close()

    def step(self, rng: Random) -> None:
        """One thing happens: mostly our process runs, disturbed or not; else the world, people, or time."""
        self.steps += 1
        chance = rng.random()
        if chance < 0.5:
            self._process(rng)
        elif chance < 0.95:
            self.happens(rng, 0.0)
        else:
            self.clock.sleep(rng.choice((1.0, 30.0, 300.0, 4000.0)))
        self.check()

    def _process(self, rng: Random) -> None:
        if rng.random() < self.options.fault_rate and self.options.outcomes:
            outcome, host = rng.choice(self.options.outcomes), rng.choice(("", *self.hosts))
            self.now(f"fault-at {int(MOST_CALLS ** rng.random())} {outcome} {host}".rstrip())
        if rng.random() < self.options.company_rate:
            for _ in range(rng.randint(1, 3)):
                self.happens(rng, rng.choice((0.0, 0.3, 2.0, 8.0, LATEST_S)) * rng.random())
            if rng.random() < 0.2:
                self.later(LATEST_S * rng.random(), "term")
        before = len(self.world.journal)
        self.now("daemon 900" if rng.random() < 0.15 else "once")
        alone = all(change.by is Hand.US for change in self.world.journal[before:])
        if self.exit_code == 0 and alone and not self.world.migrations:
            untrue = truth.differences(self.world, self.desired)
            assert not untrue, f"exit 0, although {untrue[0]}"

    def happens(self, rng: Random, delay: float) -> None:
        """One line of one of this life's kinds."""
        line = self._filled(rng, rng.choice(LINES[rng.choice(self.options.kinds)]))
        if line:
            self.later(delay, line)

    def _filled(self, rng: Random, line: str) -> str:
        """The line with a guest that is somewhere and hosts; empty where there is no such guest."""
        machine = rng.choice(self.hosts)
        words = {"machine": machine, "name": rng.choice(self.names)}
        if "{guest}" in line:
            found = [(host.name, domain.name) for host, domain in self.world.all_domains()]
            if not found:
                return ""
            words["host"], words["guest"] = machine, _ = rng.choice(found)
        words["other"] = rng.choice([name for name in self.hosts if name != machine])
        return line.format(**words)

    # --- doing it, and writing it down -----------------------------------------------------------

    def now(self, line: str) -> None:
        self.later(0.0, line)
        self.clock.sleep(0.0)

    def later(self, delay: float, line: str) -> None:
        moment = self.clock.now() + delay
        self.told.append((moment, line))
        self.at(moment, line)

    def act(self, line: str) -> None:
        try:
            act(self.world, line)
        except UsageError:
            self.void.add(line)

    def script_text(self) -> str:
        return "".join(f"t={moment:.3f} {line}\n" for moment, line in self.told if line not in self.void)

    def check(self) -> None:
        assert not self.watch.violations, self.watch.violations

    # --- the end -----------------------------------------------------------------------------------

    def end(self) -> None:
        """Liveness: a healthy core converges while the rest stays broken, then everything does."""
        self.clock.sleep(LATEST_S)
        core = self.rng.sample(self.hosts, self.rng.randint(1, len(self.hosts)))
        self._heal(sorted(core))
        self._settle(sorted(core))
        self._heal(self.hosts)
        self._converge()

    def _heal(self, core: list[str]) -> None:
        """These hosts, the server and all guests on them work again; the documents want no more than can be done."""
        for line in self._remedies(core):
            self.now(line)
        self.world.doomed.clear()
        self.clock.sleep(700.0)
        self._nurse(core)
        there = {found.name for _, found in self.world.all_domains()}
        for name in self.names:
            if name not in there:
                self.now(f'set domain/{name} metadata.annotations {{reconciler/adopt: "true"}}')

    def _nurse(self, core: list[str]) -> None:
        """A person does for the guests what only a person may."""
        for host, found in list(self.world.all_domains()):
            for line in truth.remedies(host, found) if host.name in core else ():
                self.now(line)

    def _remedies(self, core: list[str]) -> Iterator[str]:
        yield "nfs resume nas"
        yield "set cluster/life spec.suspend false"
        yield "set cluster/life spec.limits {restarts: 99}"
        yield from (f"uncordon {host}" for host in (self.hosts if core == self.hosts else core[:1]))
        for host in core:
            yield from (f"link seat {host} mend", f"link {host} nas mend", f"host {host} on", f"libvirtd {host} start")
            yield from (f"link {host} {other} mend" for other in core if other != host)
        yield "link seat nas mend"
        for migration in list(self.world.migrations):
            yield f"virsh domjobabort {migration.domain.name}@{migration.source.name}"

    def _settle(self, core: list[str]) -> None:
        """The rest stays broken: after a few runs nothing can still be done, only tried; and the core is well."""
        for _ in range(RUNS_IN_TROUBLE):
            self.clock.sleep(700.0)
            before = len(self.world.journal)
            self.now("once")
            self.check()
            self._nurse(core)
        restless = truth.still_changing(self.world.journal[before:])
        assert not restless, f"a cloud in trouble is changed on and on: {restless}"
        unwell = truth.unwell(self.world, self.desired, core)
        assert not unwell, f"the core {core} is not well: {unwell}"

    def _converge(self) -> None:
        for _ in range(MOST_RUNS):
            self.now("once")
            if self.exit_code == 0:
                break
            self.clock.sleep(60.0)
            self._nurse(self.hosts)
        assert self.exit_code == 0, "\n".join(sorted(self.held)) or self.log[-3:]
        self.now("once")
        assert (self.exit_code, self.edge.writes) == (0, [])
        untrue = truth.differences(self.world, self.desired)
        assert not untrue, f"converged, although {untrue}"
        self.check()


def lived(seed: int, steps: int = STEPS) -> Life:
    """That life, lived. Raises: AssertionError, which says how to see it again."""
    life = Life.born(Options.of(seed))
    try:
        life.live(steps)
    except AssertionError as error:
        revision = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True
        ).stdout.strip()
        again = f"at {revision}, again by: {COMMAND} {seed}"
        raise AssertionError(f"{error}\n{life.options}\n{again}") from error
    return life


def main(seeds: list[str]) -> None:
    for seed in seeds:
        life = Life.born(Options.of(int(seed)))
        try:
            life.live()
        except AssertionError as error:
            life.log.append(f"AssertionError: {error}; its script:\n{life.script_text()}")
        print(*life.log, sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
