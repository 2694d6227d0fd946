"""Plays a scenario: a script of what people, the world and the reconciler do, and the log of what came of it.

A script line is `t=SECONDS COMMAND`. Commands of people and the world are those of reconciler/simulate/people.py; the
rest is here: `settle`, `once`, `daemon`, `plan`, `term`, edits of the documents, faults of the next run, and `end`.
"""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from reconciler.daemon import Daemon
from reconciler.daemon import Documents as DaemonDocuments
from reconciler.desired import Desired
from reconciler.errors import DesiredStateError, PermanentError
from reconciler.history import History
from reconciler.reconcile import Result, converge, make_plan, one_pass
from reconciler.show import plan_text
from reconciler.simulate import Change, Crash, Fault, Faults, Outcome, SimEdge, VirtualClock, act, build
from reconciler.simulate.watch import Watch
from reconciler.step import Event, Plan, Report
from reconciler.step import Outcome as StepOutcome
from tests.scenarios.documents import Documents, plain


@dataclass
class Story:
    """One playing of one case. `log` is what log.expect holds."""

    documents: Documents
    spec: Mapping[str, Any] = field(default_factory=dict)
    script: str = ""
    log: list[str] = field(default_factory=list)
    stopped: bool = False
    exit_code: int | None = None
    daemon: Daemon | None = None

    def __post_init__(self) -> None:
        self.clock = VirtualClock()
        self.desired: Desired = self.documents.load()
        self.world = build(self.clock, self.desired, self.spec)
        self.watch = Watch(self.world, self.desired)
        self.faults = Faults()
        self.edge = SimEdge(self.world)
        self.held: set[str] = set()
        self.last: list[Change] = []
        self.world.told.append(self._change)

    @classmethod
    def of(cls, case: Path, room: Path) -> "Story":
        spec = plain(case / "cluster.yaml")
        documents = Documents(case, room, spec.pop("documents", "small-cloud.yaml"))
        return cls(documents, spec, (case / "script.txt").read_text())

    # --- the log ---------------------------------------------------------------------------

    def write(self, who: str, text: str) -> None:
        self.log.append(f"{self.clock.now():5.0f} {who:<7}{text}".rstrip())

    def _change(self, change: Change) -> None:
        self.write(change.host, f"{change.object}: {change.text}")

    def _tell(self, event: Event) -> None:
        if event.kind == "pass":
            self._planned(event.values["plan"])
        if event.kind == "ended" and event.step and event.values["outcome"] is StepOutcome.DONE:
            self.watch.claimed(event.step.action)
        elif event.kind == "ended" and event.step:
            self.write("step", f"{event.step.id} {event.values['outcome']}: {event.values['message']}")

    def _planned(self, plan: Plan) -> None:
        self.watch.planned = (self.watch.planned or frozenset()) | plan.actions
        held = {f"held {item.object} {item.reason}: {item.message}" for item in plan.held}
        for line in sorted(held - self.held):
            self.write("plan", line)
        self.held = held

    # --- the script --------------------------------------------------------------------------

    def play(self) -> str:
        """Run the whole script. The log, checked against the laws."""
        try:
            for moment, line in sorted(_lines(self.script), key=lambda pair: _is_run(pair[1])):
                self.at(moment, line)
        finally:
            self.clock.close()
        return "".join(f"{line}\n" for line in self.log)

    def at(self, moment: float, line: str) -> None:
        """Runs are played one after another; all else is due at its moment, whatever runs then."""
        verb, *words = line.split(maxsplit=3) if line.startswith("set ") else shlex.split(line)
        command: Callable[..., None] = getattr(self, f"do_{verb.replace('-', '_')}", lambda *_: self.act(line))
        if _is_run(line):
            self.clock.sleep(moment - self.clock.now())
            command(*words)
        else:
            self.clock.at(moment, lambda: command(*words))

    def act(self, line: str) -> None:
        """What people and the world do."""
        act(self.world, line)

    def do_settle(self) -> None:
        """Converge before the story begins; nothing of it is told."""
        told = len(self.log)
        self._run()
        assert self.exit_code == 0, "\n".join(self.log)
        del self.log[told:]
        places = ", ".join(f"{d.name} at {h.name}" for h, d in self.world.all_domains() if d.runs)
        self.write("once", f"settled: {places}")

    def do_once(self, exit_code: str = "") -> None:
        """once [EXIT_CODE]: `reconcile --once`, a new process; it ends with this code"""
        self.write("once", "begins")
        self._run()
        assert not exit_code or self.exit_code == int(exit_code), f"not {exit_code}:\n" + "\n".join(self.log)

    def do_plan(self) -> None:
        """`reconcile plan`."""
        self.edge = SimEdge(self.world)
        for line in plan_text(make_plan(self.documents.load(), self.edge, self.clock, History())).splitlines():
            self.write("plan", line)

    def do_daemon(self, seconds: str) -> None:
        """daemon SECONDS: `reconcile`, a new process, told to stop after so long"""
        self.write("daemon", "begins")
        self._begin()
        documents = DaemonDocuments(self.documents.load, lambda text: self.write("daemon", text))
        self.daemon = Daemon(documents, self._pass, self.clock, lambda text: self.write("daemon", text))
        timer = self.clock.at(self.clock.now() + float(seconds), self.daemon.stop)
        try:
            self.daemon.run()
            self.write("daemon", f"ends; {len(self.edge.writes)} writes")
        except Crash as crash:
            self.clock.reap()
            self.write("daemon", f"dies at {crash}")
        finally:
            timer.cancel()
            self.daemon, self.exit_code = None, None

    def _pass(self, desired: Desired, history: History, spent: Mapping[str, int], stop: Callable[[], bool]) -> Report:
        self.desired = self.watch.desired = desired
        return one_pass(desired, self.edge, self.clock, history, spent=spent, tell=self._tell, stop=stop)

    def _begin(self) -> None:
        self.stopped, self.held, self.watch.planned = False, set(), None
        self.edge = SimEdge(self.world, self.faults, checkers=[self.watch.around])
        self.faults = Faults()

    def _run(self) -> None:
        self._begin()
        try:
            self.desired = self.watch.desired = self.documents.load()
            self._ended(converge(self.desired, self.edge, self.clock, tell=self._tell, stop=lambda: self.stopped))
        except DesiredStateError as error:
            self.exit_code = 65
            problems = [str(problem).rpartition("/")[2] for problem in error.problems]
            self.write("once", f"exit 65: {'; '.join(problems)}; {len(self.edge.calls)} calls made")
        except Crash as crash:
            self.exit_code = None
            self.clock.reap()
            self.write("once", f"dies at {crash}")

    def _ended(self, result: Result) -> None:
        self.exit_code, self.last = result.exit_code, self.world.journal[-1:]
        done = sum(step.outcome is StepOutcome.DONE for report in result.passes for step in report.steps)
        writes = len(self.edge.writes)
        self.write("once", f"exit {result.exit_code} ({result.result}): {done} steps done, {writes} writes")

    def do_term(self) -> None:
        """SIGTERM: no new step begins."""
        self.write("once", "is told to stop")
        self.stopped = True
        if self.daemon:
            self.daemon.stop()

    def do_fault(self, outcome: str, *name: str) -> None:
        """fault OUTCOME[=SECONDS] NAME...: of the first call in the next run whose name begins so; denied: for good."""
        word, _, seconds = outcome.partition("=")
        denied = Fault(Outcome.ERROR_WITHOUT_EFFECT, error=PermanentError)
        fault = denied if word == "denied" else Fault(Outcome(word), float(seconds or 20))
        self.faults.named.append((" ".join(name), fault))

    def do_fault_at(self, number: str, outcome: str, host: str = "") -> None:
        """fault-at NUMBER OUTCOME [HOST]: of that call of the next run; HOST is whom a read's trouble concerns."""
        self.faults.at = {**self.faults.at, int(number): Fault(Outcome(outcome), host=host)}

    def do_cordon(self, host: str) -> None:
        self.do_set(f"host/{host}", "spec.cordoned", "true")

    def do_uncordon(self, host: str) -> None:
        self.do_set(f"host/{host}", "spec.cordoned", "false")

    def do_set(self, ref: str, path: str, value: str) -> None:
        """set KIND/NAME PATH VALUE, in YAML's words"""
        self.documents.edit(ref, path, YAML(typ="safe").load(value))
        self._edited(f"{ref} {path}: {value}")

    def do_remove(self, ref: str) -> None:
        self.documents.remove(ref)
        self._edited(f"{ref} removed")

    def do_add(self, name: str) -> None:
        self.documents.add(name)
        self._edited(f"{name} added")

    def _edited(self, text: str) -> None:
        self.write("edit", text)
        if self.daemon:
            self.daemon.rescan()

    def do_end(self) -> None:
        """What is under way has ended; what runs where, and whether a law was broken."""
        for hypervisor, domain in self.world.all_domains():
            state = f"{domain.state} ({domain.reason})" if domain.reason else domain.state
            self.write("end", f"domain/{domain.name}@{hypervisor.name} is {state}")
        self.watch.at_end()
        assert self.watch.violations == []
        if self.exit_code == 0 and self.world.journal[-1:] == self.last:
            plan = make_plan(self.documents.load(), SimEdge(self.world), self.clock, History())
            assert (plan.steps, plan.held) == ((), ()), "a converged cloud has nothing more to do (law 7)"


def _is_run(line: str) -> bool:
    return line.split()[0] in ("settle", "once", "daemon", "plan", "end")


def _lines(script: str) -> list[tuple[float, str]]:
    lines = []
    for line in script.splitlines():
        text = line.partition("#")[0].strip()
        if text:
            moment, _, command = text.partition(" ")
            lines.append((float(moment.removeprefix("t=")), command.strip()))
    return lines
