"""Each law's check is taken out, one at a time; what watches over that law must then speak up, and only then."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import reconciler.execute
import reconciler.plan
import reconciler.whereabouts
from reconciler.change import DomainLeftover
from reconciler.errors import DesiredStateError
from reconciler.fact import YES, NowhereElse, Verdict
from reconciler.simulate import Fault, Faults, Outcome, act
from tests.scenarios import documents
from tests.scenarios.documents import CLOUDS
from tests.scenarios.player import Story
from tests.scenarios.rehearsal import Rehearsal, cloud, cordoned, from_nothing

DISKS, POWER, FIELDS = (import_module(f"reconciler.diff.{name}") for name in ("disks", "power", "fields"))
"""As modules: the package has functions of these names."""

Patch = pytest.MonkeyPatch
Breaches = list[str]


# --- what watches ---------------------------------------------------------------------


def broken(law: int, case: str) -> Callable[[], Breaches]:
    """What the watch over a scenario's world says of one law."""

    def play() -> Breaches:
        with tempfile.TemporaryDirectory() as room:
            story = Story.of(CLOUDS / case, Path(room))
            try:
                story.play()
            except AssertionError:
                story.watch.at_end()
        return [sentence for sentence in story.watch.violations if sentence.startswith(f"law {law}:")]

    return play


def calls_on_bad_documents() -> Breaches:
    with tempfile.TemporaryDirectory() as room:
        story = Story.of(CLOUDS / "bad-documents", Path(room))
        try:
            story.play()
        except AssertionError:
            return [f"exit {story.exit_code} after {len(story.edge.calls)} calls"]
    return []


def writes_of_a_second_run() -> Breaches:
    rehearsal = from_nothing()
    rehearsal.once()
    rehearsal.once()
    rehearsal.clock.close()
    return [str(write) for write in rehearsal.edges[1].writes]


def definitions_after_a_death() -> Breaches:
    """Our process dies between the two halves of a stopped domain's move."""
    rehearsal = Rehearsal(cloud("small-cloud.yaml"))
    rehearsal.once()
    act(rehearsal.world, "virsh shutdown web-1@hv2")
    rehearsal.clock.sleep(10.0)
    rehearsal.desired = cordoned(rehearsal.desired, "hv2")
    rehearsal.until_converged(Faults(named=[("apply undefine-domain", Fault(Outcome.CRASH_BEFORE))]))
    found = [host.name for host, domain in rehearsal.world.all_domains() if domain.name == "web-1"]
    return [] if len(found) == 1 and rehearsal.codes[-1] == 0 else [f"web-1 at {found}, exits {rehearsal.codes}"]


def untrue_claims() -> Breaches:
    rehearsal = from_nothing()
    rehearsal.once(Faults(named=[("apply start-domain", Fault(Outcome.SUCCESS_WITHOUT_EFFECT))]))
    rehearsal.clock.close()
    return [sentence for sentence in rehearsal.watch.violations if sentence.startswith("law 9:")]


# --- what is taken out -----------------------------------------------------------------


def silence_means_absence(patch: Patch) -> None:
    def check(self: NowhereElse, observed: Any) -> Verdict:
        conflicts = (self._conflict(host, domain) for host, domain in observed.all_domains())
        return next((Verdict(False, conflict) for conflict in conflicts if conflict), YES)

    patch.setattr(NowhereElse, "check", check)


def nobody_looks_elsewhere(patch: Patch) -> None:
    patch.setattr(NowhereElse, "check", lambda self, observed: YES)


def no_paused_source_is_resumed(patch: Patch) -> None:
    patch.setattr(POWER, "_halted", lambda *_: iter(()))


def everything_is_ours(patch: Patch) -> None:
    patch.setattr(reconciler.whereabouts, "is_ours", lambda domain, cluster: True)


def a_lost_disk_is_a_missing_disk(patch: Patch) -> None:
    def gone(desired: Any, observed: Any, domain: Any, disk: Any, where: Any, history: Any) -> Iterator[Any]:
        return DISKS._unrecorded(desired, observed, domain, disk, where)

    patch.setattr(DISKS, "_gone", gone)


def what_is_broken_is_left_out(patch: Patch) -> None:
    load = documents.load

    def lenient(directory: Path) -> Any:
        try:
            return load(directory)
        except DesiredStateError:
            return cloud("small-cloud.yaml")

    patch.setattr(documents, "load", lenient)


def all_of_libvirt_is_compared(patch: Patch) -> None:
    patch.setattr(FIELDS, "_narrowed", lambda seen, wanted: seen)


def leftovers_are_left(patch: Patch) -> None:
    patch.setitem(reconciler.plan.BUILDERS, DomainLeftover, lambda change: ())  # type: ignore[arg-type]


def returned_means_done(patch: Patch) -> None:
    patch.setattr(reconciler.execute, "_await", lambda crew, goal, patience_s: YES)


def slots_have_room_for_all(patch: Patch) -> None:
    capacities = reconciler.plan._capacities
    patch.setattr(reconciler.plan, "_capacities", lambda *known: dict.fromkeys(capacities(*known), 99))


@dataclass(frozen=True)
class Planted:
    """A bug, the law that it breaks, and who must notice."""

    law: int
    plant: Callable[[Patch], None]
    watch: Callable[[], Breaches]


PLANTED = (
    Planted(1, silence_means_absence, broken(1, "definition-left-behind-and-silent")),
    Planted(2, nobody_looks_elsewhere, broken(2, "started-by-hand-meanwhile")),
    Planted(3, no_paused_source_is_resumed, broken(3, "paused-source")),
    Planted(4, everything_is_ours, broken(4, "name-taken")),
    Planted(5, a_lost_disk_is_a_missing_disk, broken(5, "disk-lost")),
    Planted(6, what_is_broken_is_left_out, calls_on_bad_documents),
    Planted(7, all_of_libvirt_is_compared, writes_of_a_second_run),
    Planted(8, leftovers_are_left, definitions_after_a_death),
    Planted(9, returned_means_done, untrue_claims),
    Planted(13, slots_have_room_for_all, broken(13, "drain")),
)


@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: f"law-{bug.law}-{bug.plant.__name__}")
def test_a_planted_bug_is_caught(bug, monkeypatch):
    assert bug.watch() == []
    bug.plant(monkeypatch)
    assert bug.watch() != []
