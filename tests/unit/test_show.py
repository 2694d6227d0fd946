"""What people and scripts read: every character counts."""

import json
import math
from dataclasses import dataclass, replace
from typing import Any

import pytest

from reconciler import show
from reconciler.action import DefineDomain, MigrateDomain, StartPool, UndefineDomain, WriteExport
from reconciler.desired import Ref
from reconciler.doctor.line import Level, Line
from reconciler.fact import AllOf
from reconciler.show.doctor import doctor_json, doctor_text
from reconciler.show.plan import summary_line
from reconciler.show.status import human_size
from reconciler.show.style import columns, plural
from reconciler.status import Condition, ObjectStatus, Truth
from reconciler.status.why import Reason, Why
from reconciler.step import Held, HeldReason, Impact, Outcome, Plan, Report, Sign, Step, StepReport

NASTY = "evil\x1b[2J\r\n\u202etxt.\u2066\x9b\u2028::error::%0A\x00"

MIGRATE = MigrateDomain(
    "hv1",
    "web-1",
    "u-1",
    "hv2",
    "qemu+ssh://root@hv2/system",
    "10.77.0.13",
    128 * 1024**2,
    None,
    0.3,
    150.0,
    150.0,
    expected_s=12.0,
)


def step(
    action: Any, sign: Sign, impact: Impact = Impact.LIVE, reason: str = "so", needs: tuple[str, ...] = ()
) -> Step:
    id_ = f"{action.verb}:{action.object}"
    return Step(id_, action, (), AllOf(()), impact, reason, sign, needs)


EXPORT = step(
    WriteExport("nas", "images", "c", "/srv/images", ("10.77.0.0/24",), ("rw",)),
    Sign.CREATE,
    reason="it is not exported",
)
POOL = step(StartPool("hv1", "images"), Sign.CREATE, reason="it is not active", needs=(EXPORT.id,))
DEFINE = step(DefineDomain("hv2", "db-1", "u-2", "<domain/>"), Sign.UPDATE, Impact.NEXT_BOOT, "memory: 1 -> 2")
MOVE = step(MIGRATE, Sign.MIGRATE, Impact.MIGRATE, "host/hv1 is cordoned")
DELETE = step(UndefineDomain("hv2", "old", "u-3"), Sign.DELETE, Impact.DELETE, "its document says absent")
STUCK = Held(Ref("domain", "web-2", "hv1"), HeldReason.CANNOT_MIGRATE, "no host fits: host/hv2: it is cordoned")

PLAN = Plan(
    (EXPORT, POOL, DEFINE, MOVE, DELETE),
    (STUCK,),
    silent={"hv3": "no route to host"},
    orphans=(Ref("domain", "x", "hv1"),),
)


def test_plan_as_text() -> None:
    assert (
        show.plan_text(PLAN)
        == """\
  + export/images@nas   write-export      live        because it is not exported
  + pool/images@hv1     start-pool        live        because it is not active
  ~ domain/db-1@hv2     define-domain     next-boot   because memory: 1 -> 2
  > domain/web-1@hv1    migrate-domain    migrate     because host/hv1 is cordoned; in about 12 s
  - domain/old@hv2      undefine-domain   delete      because its document says absent
  ! domain/web-2@hv1   CannotMigrate   no host fits: host/hv2: it is cordoned
  ? host/hv3 cannot be reached: no route to host
  . domain/x@hv1 is ours and has no document; left alone, since prune is off

Plan: 2 to create, 1 to update, 1 to migrate, 1 to delete, 1 held. 1 host could not be reached."""
    )


def test_plan_as_json_has_all_keys_in_their_form() -> None:
    assert show.plan_json(PLAN) == {
        "schemaVersion": 1,
        "steps": [
            {
                "id": s.id,
                "action": s.action.verb,
                "object": str(s.object),
                "impact": s.impact.value,
                "reason": s.reason,
                "needs": list(s.needs),
                "expectedSeconds": 12.0 if s is MOVE else None,
                "converges": True,
                "recovery": "",
            }
            for s in PLAN.steps
        ],
        "held": [
            {
                "object": "domain/web-2@hv1",
                "reason": "CannotMigrate",
                "message": "no host fits: host/hv2: it is cordoned",
            }
        ],
        "unreachable": [{"object": "host/hv3", "message": "no route to host"}],
        "orphans": ["domain/x@hv1"],
        "advice": [],
        "undrainable": [],
        "summary": {"create": 2, "update": 1, "migrate": 1, "delete": 1, "held": 1, "expectedSeconds": None},
    }


def test_an_empty_plan_has_the_same_keys() -> None:
    assert show.plan_json(Plan()).keys() == show.plan_json(PLAN).keys()
    assert show.plan_json(Plan())["summary"].keys() == show.plan_json(PLAN)["summary"].keys()


@pytest.mark.parametrize(
    ("plan", "line"),
    [
        (Plan(), "No changes."),
        (Plan(silent={"hv1": "x"}), "No changes. 1 host could not be reached."),
        (Plan(silent={"hv1": "x", "hv2": "x"}), "No changes. 2 hosts could not be reached."),
        (Plan(held=(STUCK,)), "Plan: 0 to create, 0 to update, 0 to migrate, 0 to delete, 1 held."),
        (Plan((MOVE,)), "Plan: 0 to create, 0 to update, 1 to migrate, 0 to delete, 0 held."),
    ],
)
def test_summary_line(plan: Plan, line: str) -> None:
    assert summary_line(plan) == line
    assert show.plan_text(plan).splitlines()[-1] == line


def test_colour_only_where_asked() -> None:
    assert "\x1b" not in show.plan_text(PLAN)
    assert "\x1b[32m+\x1b[0m export/images@nas" in show.plan_text(PLAN, color=True)


# --- safe ---------------------------------------------------------------------------


def test_nothing_that_acts_on_a_terminal_passes() -> None:
    assert show.safe(NASTY) == "evil\\x1b[2J\\r\\n\\u202etxt.\\u2066\\x9b\\u2028::error::%0A\\x00"


@pytest.mark.parametrize("text", ["", "plain", "Grüße", "日本語", "a b", "50 %", r"a\b"])
def test_ordinary_text_passes_unchanged(text: str) -> None:
    assert show.safe(text) == text


def test_long_text_is_cut() -> None:
    assert len(show.safe("x" * 5000)) == 1000
    assert show.safe("x" * 5000).endswith("...")
    assert show.safe("abcdefgh", 6) == "abc..."


def test_surrogates_and_the_far_planes_are_shown() -> None:
    assert show.safe("a\udc80b\U000e0041c") == "a\\udc80b\\U000e0041c"


@dataclass(frozen=True)
class Ended:
    passes: tuple[Report, ...]
    result: str
    exit_code: int


def _every_sink(nasty: str) -> list[str]:
    """The same text through everything that is shown."""
    ref = Ref("domain", nasty, nasty)
    held = Held(ref, HeldReason.PAUSED, nasty)
    action = DefineDomain(nasty, nasty, "u", "<domain/>")
    bad = replace(step(action, Sign.CREATE), reason=nasty)
    plan = Plan((bad,), (held,), silent={nasty: nasty}, orphans=(ref,))
    ended = Ended((Report(plan, (StepReport(bad, Outcome.FAILED, nasty),)),), "failed", 1)
    status = ObjectStatus(ref, "Running", (Condition("InSync", Truth.FALSE, "Pending", nasty),), nasty)
    lines = [Line(Level.FAILED, ref, nasty, nasty)]
    why = Why(
        status, tuple(Reason(topic, ref, "R", nasty) for topic in ("where", "rejected", "guest", "wrong", "held"))
    )
    texts = [
        show.plan_text(plan),
        show.report_text(ended),
        show.status_text((status,), (ref,)),
        show.conditions_text((status,)),
        show.why_text(why),
        doctor_text(lines),
    ]
    objects = [
        show.plan_json(plan),
        show.report_json(ended),
        show.status_json((status,), (ref,)),
        show.why_json(why),
        doctor_json(lines, 1),
    ]
    return texts + [json.dumps(one) for one in objects]


def test_one_nasty_name_through_every_sink() -> None:
    for shown in _every_sink(NASTY):
        assert all(line.isprintable() for line in shown.split("\n")), repr(shown)
        assert not any(line.startswith(("::", "##")) for line in shown.splitlines())


def test_the_sinks_are_told_apart_from_the_text() -> None:
    assert len(_every_sink("x")) == len(_every_sink(NASTY)) == 11
    assert [len(s.splitlines()) for s in _every_sink("x")] == [len(s.splitlines()) for s in _every_sink(NASTY)]


# --- report -------------------------------------------------------------------------

TOLD = {"percent": 100.0, "total": 0.9, "downtime": 0.193, "expected": math.inf}
DONE = StepReport(MOVE, Outcome.DONE, "", 0.91234, values=TOLD)
TIMED = {"total": 0.9, "downtime": 0.193}
UNTIMED = {"total": None, "downtime": None, "expected": None}
FAILED = StepReport(POOL, Outcome.FAILED, "cannot start it", 2.0)
BEFORE = Report(PLAN, (DONE, FAILED))


def test_report_as_json() -> None:
    assert show.report_json(Ended((BEFORE, Report(Plan(held=(STUCK,)))), "held", 3)) == {
        "schemaVersion": 1,
        "passes": [
            {
                "steps": [
                    {"id": MOVE.id, "outcome": "done", "message": "", "seconds": 0.912, **UNTIMED, **TIMED},
                    {"id": POOL.id, "outcome": "failed", "message": "cannot start it", "seconds": 2.0, **UNTIMED},
                ],
                "held": show.plan_json(PLAN)["held"],
            },
            {"steps": [], "held": show.plan_json(PLAN)["held"]},
        ],
        "result": "held",
        "exitCode": 3,
    }


def test_ids_are_the_same_in_plan_and_report() -> None:
    planned = {s["id"] for s in show.plan_json(PLAN)["steps"]}
    assert {s["id"] for s in show.report_json(Ended((BEFORE,), "failed", 1))["passes"][0]["steps"]} <= planned


def test_report_as_text_tells_the_end_not_the_way() -> None:
    ended = Ended((BEFORE, Report(Plan())), "converged", 0)
    assert show.report_text(ended) == "Converged: 1 step done, 1 failed in 2 passes."


def test_report_as_text_names_what_is_left() -> None:
    assert (
        show.report_text(Ended((BEFORE,), "failed", 1))
        == """\
  + pool/images@hv1   start-pool   failed   cannot start it
  ! domain/web-2@hv1   CannotMigrate   no host fits: host/hv2: it is cordoned
  ? host/hv3 cannot be reached: no route to host
  . domain/x@hv1 is ours and has no document; left alone, since prune is off

Failed: 1 step done, 1 failed, 1 held in 1 pass."""
    )


# --- status and doctor ------------------------------------------------------------------

HOST = ObjectStatus(
    Ref("host", "hv1"),
    "Draining",
    (
        Condition("Reachable", Truth.TRUE, "Answers"),
        Condition("Drained", Truth.FALSE, "GuestsRemain", "still there: domain/web-1"),
    ),
    "10.77.0.12",
    4,
    8 * 1024**3,
)
POOL_STATUS = ObjectStatus(Ref("pool", "images", "hv1"), "Ready", (Condition("Ready", Truth.TRUE, "Mounted"),), "hv1")


def test_status_as_text() -> None:
    assert (
        show.status_text((HOST, POOL_STATUS), (Ref("domain", "x", "hv1"),))
        == """\
NAME        KIND  STATE     WHERE       VCPUS  MEMORY  ADDRESS  NOTE
hv1         host  Draining  10.77.0.12  4      8GiB    -        still there: domain/web-1
images@hv1  pool  Ready     hv1         -      -       -

domain/x@hv1 is ours and has no document; left alone, since prune is off"""
    )


def test_conditions_as_text() -> None:
    assert (
        show.conditions_text((HOST,))
        == """\
host/hv1: Draining
CONDITION  STATUS  REASON        MESSAGE
Reachable  True    Answers
Drained    False   GuestsRemain  still there: domain/web-1"""
    )


def test_status_as_json() -> None:
    assert show.status_json((HOST,)) == {
        "schemaVersion": 1,
        "objects": [
            {
                "object": "host/hv1",
                "kind": "host",
                "name": "hv1",
                "state": "Draining",
                "where": "10.77.0.12",
                "vcpus": 4,
                "memory": 8 * 1024**3,
                "migration": None,
                "addresses": [],
                "disks": [],
                "images": [],
                "conditions": [
                    {"type": "Reachable", "status": "True", "reason": "Answers", "message": ""},
                    {
                        "type": "Drained",
                        "status": "False",
                        "reason": "GuestsRemain",
                        "message": "still there: domain/web-1",
                    },
                ],
            }
        ],
        "orphans": [],
    }


def test_doctor_as_text() -> None:
    lines = [
        Line(Level.OK, Ref("host", "hv1"), "KVM is usable"),
        Line(Level.FAILED, Ref("network", "lan", "hv1"), "bridge br0 is not there", "on hv1: ip link add br0"),
        Line(Level.UNREACHABLE, Ref("host", "hv2"), "no route to host"),
    ]
    assert (
        doctor_text(lines)
        == """\
ok           host/hv1         KVM is usable
failed       network/lan@hv1  bridge br0 is not there
    mend: on hv1: ip link add br0
unreachable  host/hv2         no route to host

Doctor: 1 unreachable, 1 failed, 0 warnings, 1 ok."""
    )


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (1024**3, "1GiB"),
        (1536 * 1024**2, "1536MiB"),
        (8_123_456_789, "7.57GiB"),
        (0, "0B"),
        (100, "100B"),
        (1500, "1500B"),
    ],
)
def test_sizes_for_people(size: int, text: str) -> None:
    assert human_size(size) == text


def test_columns_and_plurals() -> None:
    assert columns([("a", "bbb", "c"), ("aaaa", "b")]) == ["a     bbb  c", "aaaa  b"]
    assert columns([]) == []
    assert [plural(1, "pass"), plural(2, "pass"), plural(0, "host")] == ["1 pass", "2 passes", "0 hosts"]


def test_unknown_names_of_the_package_are_refused() -> None:
    with pytest.raises(AttributeError):
        _ = show.nothing


def test_a_guest_that_did_not_stop_is_held_and_not_counted_as_a_failure() -> None:
    first = Report(Plan((POOL,)), (StepReport(POOL, Outcome.FAILED, "it runs on", declined=True),))
    told = show.report_text(Ended((first, Report(Plan(held=(STUCK,)))), "held", 3))
    assert told.splitlines()[-1] == "Held: 0 steps done, 1 held in 2 passes."
