"""Plays a scenario: a script of what people, the world and the reconciler do, and the log of what came of it.

A script line is `t=SECONDS COMMAND`. Commands of people and the world are those of reconciler/simulate/people.py; the
rest is here: `settle`, `once`, `plan`, `term`, edits of the documents, faults of the next run, and `end`.
"""

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ruamel.yaml import YAML

from reconciler.desired import Desired
from reconciler.errors import DesiredStateError
from reconciler.history import History
from reconciler.reconcile import Result, converge, make_plan
from reconciler.show import plan_text
from reconciler.simulate import Change, Crash, Fault, Faults, Outcome, SimEdge, VirtualClock, act, build
from reconciler.simulate.watch import Watch
from reconciler.step import Event, Plan
from reconciler.step import Outcome as StepOutcome
from tests.scenarios.documents import Documents, plain


@dataclass
class Story:
    """One playing of one case. `log` is what log.expect holds."""

    case: Path
    room: Path
    log: list[str] = field(default_factory=list)
    stopped: bool = False
    exit_code: int | None = None

    def __post_init__(self) -> None:
        spec = plain(self.case / "cluster.yaml")
        self.documents = Documents(self.case, self.room, spec.pop("documents", "small-cloud.yaml"))
        self.clock = VirtualClock()
        self.desired: Desired = self.documents.load()
        self.world = build(self.clock, self.desired, spec)
        self.watch = Watch(self.world, self.desired)
        self.faults = Faults()
        self.edge = SimEdge(self.world)
        self.held: set[str] = set()
        self.last: list[Change] = []
        self.world.told.append(self._change)

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
        self.watch.planned = (self.watch.planned or frozenset()) | {step.action for step in plan.steps}
        held = {f"held {item.object} {item.reason}: {item.message}" for item in plan.held}
        for line in sorted(held - self.held):
            self.write("plan", line)
        self.held = held

    # --- the script --------------------------------------------------------------------------

    def play(self) -> str:
        """Run the whole script. The log, checked against the laws."""
        try:
            lines = _lines(self.case / "script.txt")
            for moment, line in sorted(lines, key=lambda pair: _is_run(pair[1])):
                self._line(moment, line)
        finally:
            self.clock.close()
        return "".join(f"{line}\n" for line in self.log)

    def _line(self, moment: float, line: str) -> None:
        """Runs are played one after another; all else is due at its moment, whatever runs then."""
        verb, *words = line.split(maxsplit=3) if line.startswith("set ") else shlex.split(line)
        command: Callable[..., None] = getattr(self, f"do_{verb.replace('-', '_')}", lambda *_: act(self.world, line))
        if _is_run(line):
            self.clock.sleep(moment - self.clock.now())
            command(*words)
        else:
            self.clock.at(moment, lambda: command(*words))

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

    def _run(self) -> None:
        self.stopped, self.held, self.watch.planned = False, set(), None
        self.edge = SimEdge(self.world, self.faults, checkers=[self.watch.around])
        self.faults = Faults()
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

    def do_fault(self, outcome: str, *name: str) -> None:
        """fault OUTCOME[=SECONDS] NAME...: of the first call in the next run whose name begins so."""
        word, _, seconds = outcome.partition("=")
        self.faults.named.append((" ".join(name), Fault(Outcome(word), float(seconds or 20))))

    def do_crash_at(self, number: str) -> None:
        self.faults.at = {**self.faults.at, int(number): Fault(Outcome.CRASH_AFTER_EFFECT)}

    def do_cordon(self, host: str) -> None:
        self.do_set(f"host/{host}", "spec.cordoned", "true")

    def do_uncordon(self, host: str) -> None:
        self.do_set(f"host/{host}", "spec.cordoned", "false")

    def do_set(self, ref: str, path: str, value: str) -> None:
        """set KIND/NAME PATH VALUE, in YAML's words"""
        self.documents.edit(ref, path, YAML(typ="safe").load(value))
        self.write("edit", f"{ref} {path}: {value}")

    def do_remove(self, ref: str) -> None:
        self.documents.remove(ref)
        self.write("edit", f"{ref} removed")

    def do_add(self, name: str) -> None:
        self.documents.add(name)
        self.write("edit", f"{name} added")

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
    return line.split()[0] in ("settle", "once", "plan", "end")


def _lines(script: Path) -> list[tuple[float, str]]:
    lines = []
    for line in script.read_text().splitlines():
        text = line.partition("#")[0].strip()
        if text:
            moment, _, command = text.partition(" ")
            lines.append((float(moment.removeprefix("t=")), command.strip()))
    return lines
