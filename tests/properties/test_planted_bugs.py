"""Bugs are planted, one at a time; what watches over that law or rule must then speak up, and only then."""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler import lock
from reconciler.errors import ActionError, LockHeld, PermanentError, TransientError
from reconciler.observed import Listing, Observed, Unknown
from reconciler.simulate import Fault, Faults, Outcome, act
from reconciler.simulate.domains import used_memory
from tests.properties import planted
from tests.scenarios.documents import CLOUDS
from tests.scenarios.player import Story
from tests.scenarios.rehearsal import Rehearsal, cloud, cordoned, from_nothing, golden

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


def another_story(case: str) -> Callable[[], Breaches]:
    """Where a scenario's log is not the one that was read and found right."""

    def play() -> Breaches:
        with tempfile.TemporaryDirectory() as room:
            story = Story.of(CLOUDS / case, Path(room))
            try:
                told = story.play()
            except Exception as error:  # one that cannot be played to its end is another one
                return [str(error)]
        expected = (CLOUDS / case / "log.expect").read_text()
        return [line for line in told.splitlines() if line not in expected.splitlines()]

    return play


def answers_older_than_their_question() -> Breaches:
    """What a look told is known after it, but for what it told of a time before it was asked."""
    told = Observed(domains={"hv1": Listing({}, at=5.0)})
    known = Observed().merged(told, asked_at=10.0).domains["hv1"]
    return [] if isinstance(known, Unknown) else [f"believed: {known}"]


def migrations_to_cordoned_hosts() -> Breaches:
    rehearsal = golden("drain")
    rehearsal.desired = cordoned(rehearsal.desired, "hv1", "hv2")
    rehearsal.once()
    rehearsal.clock.close()
    return rehearsal.watch.violations


def guests_beyond_the_memory() -> Breaches:
    rehearsal = golden("full-hosts")
    rehearsal.once()
    rehearsal.clock.close()
    target, reserved = rehearsal.world.hypervisors["hv2"], 512 << 20
    beyond = used_memory(target) - (target.memory - reserved)
    return [f"{beyond} B too much"] if beyond > 0 else []


def guests_left_paused() -> Breaches:
    """A migration that somebody else began was cut after the copy."""
    rehearsal = golden("paused-source")
    rehearsal.once()
    rehearsal.clock.close()
    rehearsal.watch.at_end()
    return rehearsal.watch.violations


def tries_within_a_pass(plan: str, call: str, error: type[ActionError]) -> Callable[[], Breaches]:
    """How often a call is made again at once after it failed."""

    def play() -> Breaches:
        rehearsal = golden(plan)
        fault = Fault(Outcome.ERROR_WITHOUT_EFFECT, error=error)
        rehearsal.once(Faults(named=[(f"apply {call}", fault)]))
        rehearsal.clock.close()
        tries = [write for write in rehearsal.edges[0].writes if str(write).endswith(call)]
        return [str(write) for write in tries[1:] if write.at - tries[0].at < PASS_S]

    return play


def second_writers() -> Breaches:
    hold = "import sys; from reconciler import lock\nwith lock.held('c'): print('held', flush=True); sys.stdin.read()"
    with tempfile.TemporaryDirectory() as room, pytest.MonkeyPatch.context() as patch:
        patch.setenv(lock.DIRECTORY_VARIABLE, room)
        with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdout
            holder.stdout.readline()
            try:
                with lock.held("c"):
                    return ["two hold it"]
            except LockHeld:
                return []


PASS_S = 10.0
MIGRATION_TRIES = tries_within_a_pass("drain", "migrate-domain domain/app-1@hv1", TransientError)
HOPELESS_TRIES = tries_within_a_pass("uncordoned", "start-domain domain/web-1@hv2", PermanentError)


@dataclass(frozen=True)
class Planted:
    """A bug, the law that it breaks or the rule, and who must notice."""

    rule: str
    plant: Callable[[pytest.MonkeyPatch], None]
    watch: Callable[[], Breaches]


PLANTED = (
    Planted("law-1", planted.silence_means_absence, broken(1, "definition-left-behind-and-silent")),
    Planted("law-1", planted.late_answers_are_answers, answers_older_than_their_question),
    Planted("law-2", planted.nobody_looks_elsewhere, broken(2, "started-by-hand-meanwhile")),
    Planted("law-2", planted.old_facts_are_facts, another_story("moved-by-hand")),
    Planted("law-2", planted.one_look_is_enough, another_story("moved-while-being-read")),
    Planted("law-2", planted.nobody_claims_anything, broken(2, "directory-cache")),
    Planted("law-2", planted.every_claim_is_ours, broken(2, "directory-cache")),
    Planted("law-3", planted.no_paused_source_is_resumed, guests_left_paused),
    Planted("law-4", planted.everything_is_ours, broken(4, "name-taken")),
    Planted("law-4", planted.whatever_lies_there_is_mounted_over, another_story("target-occupied")),
    Planted("law-5", planted.nobody_claims_anything, broken(5, "directory-cache")),
    Planted("law-5", planted.a_lost_disk_is_a_missing_disk, broken(5, "disk-lost")),
    Planted("law-5", planted.nothing_is_protected, another_story("absent")),
    Planted("law-5", planted.no_limit_holds, another_story("over-the-limit")),
    Planted("law-5", planted.nobody_else_has_the_disk, broken(5, "disk-of-another")),
    Planted("law-5", planted.nothing_stands_on_a_disk, broken(5, "disk-below-another")),
    Planted("law-5", planted.an_empty_directory_is_a_wish, another_story("prune-and-a-broken-checkout")),
    Planted("law-5", planted.a_mark_forgets_protection, broken(5, "pruned")),
    Planted("law-5", planted.another_name_is_another_disk, another_story("renamed")),
    Planted("law-5", planted.any_guest_may_be_forced_off, broken(5, "deaf-guest")),
    Planted("law-6", planted.what_is_broken_is_left_out, calls_on_bad_documents),
    Planted("law-7", planted.all_of_libvirt_is_compared, writes_of_a_second_run),
    Planted("law-8", planted.leftovers_are_left, definitions_after_a_death),
    Planted("law-9", planted.returned_means_done, untrue_claims),
    Planted("law-9", planted.an_error_means_undone, another_story("error-that-took-effect")),
    Planted("law-9", planted.what_a_person_paused_is_resumed, another_story("paused-by-a-person")),
    Planted("law-10", planted.a_definition_is_written_anew, broken(10, "devices-of-others")),
    Planted("law-11", planted.an_edit_makes_another_network_card, broken(11, "vcpus-in-the-document")),
    Planted("law-11", planted.an_edit_takes_another_disk, broken(11, "vcpus-in-the-document")),
    Planted("law-12", planted.two_may_write, second_writers),
    Planted("law-13", planted.slots_have_room_for_all, broken(13, "drain")),
    Planted("law-13", planted.what_was_shown_is_changed, broken(13, "drain")),
    Planted("law-14", planted.a_migration_is_tried_again_at_once, MIGRATION_TRIES),
    Planted("law-14", planted.the_hopeless_is_tried_again, HOPELESS_TRIES),
    Planted("law-14", planted.nothing_is_tried_later, another_story("busy-guest")),
    Planted("drain", planted.a_cordoned_host_takes_guests, migrations_to_cordoned_hosts),
    Planted("drain", planted.every_host_has_room, guests_beyond_the_memory),
    Planted("drain", planted.one_failure_ends_the_drain, another_story("failed-migration")),
    Planted("drain", planted.the_big_ones_go_first, another_story("drain")),
    Planted("drain", planted.the_same_target_again, another_story("link-cut-in-mid-copy")),
    Planted("drain", planted.nobody_changes_his_mind, another_story("uncordoned-in-mid-drain")),
    Planted("drain", planted.on_drain_is_always_migrate, another_story("on-drain-stay")),
)


@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: f"{bug.rule}-{bug.plant.__name__}")
def test_a_planted_bug_is_caught(bug, monkeypatch):
    assert bug.watch() == []
    bug.plant(monkeypatch)
    assert bug.watch() != []


def test_every_law_has_one():
    assert {f"law-{number}" for number in range(1, 15)} <= {bug.rule for bug in PLANTED}
