"""What is said while it happens."""

from __future__ import annotations

import io
import math
from typing import Any

import pytest
from rich.console import Console

from reconciler.action import DefineDomain
from reconciler.cli.bars import bars
from reconciler.cli.options import Settings
from reconciler.cli.progress import LINE_S, Lines, progress, title
from reconciler.step import Event, Outcome, Plan, Sign
from tests.unit.test_show import FAILED, MOVE, NASTY, PLAN, POOL, step

DONE = {"outcome": Outcome.DONE, "message": "", "seconds": 0.9}
NO = {"outcome": Outcome.FAILED, "message": "no route", "seconds": 2.0}


class Told:
    """Lines, and a clock to turn."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.now = 100.0
        self.lines = Lines(self.said.append, now=lambda: self.now)

    def tell(self, kind: str, step: Any = None, **values: Any) -> None:
        self.lines(Event(kind, step, values))


@pytest.fixture
def told() -> Told:
    return Told()


def test_a_pass_in_plain_lines(told: Told) -> None:
    told.tell("pass", plan=PLAN)
    told.tell("begun", MOVE)
    told.tell("ended", MOVE, **DONE)
    told.tell("begun", POOL)
    told.tell("ended", POOL, **NO)
    told.tell("pass", plan=Plan())
    assert told.said == [
        "pass 1: 5 steps, 1 held",
        "  > domain/web-1@hv1 migrate-domain to hv2 ...",
        "  > domain/web-1@hv1 migrate-domain to hv2 done in 0.9 s",
        "  + pool/images@hv1 start-pool ...",
        "  + pool/images@hv1 start-pool failed in 2.0 s: no route",
    ]


def test_a_line_for_every_tenth_at_most(told: Told) -> None:
    told.tell("begun", MOVE)
    for percent in range(100):
        told.tell("progress", MOVE, percent=percent)
    assert len(told.said) == 1 + 9
    assert told.said[1].endswith(" 10 %")


def test_a_slow_one_is_told_every_two_seconds(told: Told) -> None:
    told.tell("progress", MOVE, percent=0.0)
    for second in range(1, 11):
        told.now = 100.0 + second
        told.tell("progress", MOVE, percent=second * 0.5)
    assert len(told.said) == 10 / LINE_S


def test_one_that_stands_still_is_silent(told: Told) -> None:
    for second in range(100):
        told.now = 100.0 + second
        told.tell("progress", MOVE, percent=55.0)
    assert len(told.said) == 1


def test_a_pass_over_memory_that_begins_anew_is_told(told: Told) -> None:
    for second, percent in enumerate((90.0, *range(10, 50, 2))):
        told.now = 100.0 + second
        told.tell("progress", MOVE, percent=percent, iteration=1 if second == 0 else 2)
    assert [line.partition("hv2 ")[2] for line in told.said[:2]] == ["90 %", "28 %, pass 2"]


@pytest.mark.parametrize(
    ("left", "said"), [(12.4, "ends in 12 s"), (600.0, "ends in 10 min"), (math.inf, "does not converge")]
)
def test_when_it_is_expected_to_end(told: Told, left: float, said: str) -> None:
    told.tell("progress", MOVE, percent=50.0, dirty_rate=4 << 20, left=left)
    assert told.said[0].endswith(f"50 %, 4MiB/s written anew, {said}")


def test_a_migration_ends_with_its_times(told: Told) -> None:
    told.tell("ended", MOVE, **DONE, total=0.8, downtime=0.193, expected=3.0)
    assert told.said == [
        "  > domain/web-1@hv1 migrate-domain to hv2 done in 0.9 s (3 s expected; the guest stood still for 0.19 s)"
    ]


def test_figures_have_units(told: Told) -> None:
    told.tell("progress", MOVE, percent=50.0, remaining=1288490189, rate=115343360)
    assert told.said == ["  > domain/web-1@hv1 migrate-domain to hv2 50 %, 1.20GiB left, 110MiB/s"]


def test_what_is_not_known_is_let_pass(told: Told) -> None:
    told.tell("progress", MOVE, bytes=5)
    told.tell("weather")
    told.tell("pass")
    assert told.said == []


def test_two_at_once_do_not_mix(told: Told) -> None:
    told.tell("progress", MOVE, percent=35)
    told.tell("progress", POOL, percent=15)
    told.tell("progress", MOVE, percent=36)
    assert [line[-4:] for line in told.said] == ["35 %", "15 %"]


def test_outside_text_is_made_safe(told: Told) -> None:
    evil = step(DefineDomain(NASTY, NASTY, "u", "<domain/>"), Sign.UPDATE)
    told.tell("begun", evil)
    told.tell("ended", evil, outcome=Outcome.FAILED, message=NASTY, seconds=0.0)
    assert all(line.isprintable() for line in told.said)


def test_bars_on_a_terminal() -> None:
    stream = io.StringIO()
    with bars(Console(file=stream, force_terminal=True, width=120, color_system=None)) as live:
        live(Event("pass", values={"plan": PLAN}))
        live(Event("pass", values={"plan": Plan()}))
        live(Event("begun", MOVE))
        live(Event("progress", MOVE, {"percent": 42.0, "rate": 115343360}))
        live(Event("progress", POOL, {"percent": 42.0}))
        live(Event("ended", MOVE, DONE))
        live(Event("ended", POOL, NO))
        live(Event("weather"))
    shown = stream.getvalue()
    assert "pass 1: 5 steps, 1 held" in shown
    assert "> domain/web-1@hv1 migrate-domain to hv2 done in 0.9 s" in shown
    assert "failed in 2.0 s: no route" in shown


def test_bars_do_not_read_markup_or_escapes() -> None:
    stream = io.StringIO()
    evil = step(DefineDomain("hv1", "[red]x[/red]\x1b[2J", "u", "<domain/>"), Sign.UPDATE)
    with bars(Console(file=stream, force_terminal=True, width=120, color_system=None)) as live:
        live(Event("begun", evil))
        live(Event("ended", evil, DONE))
    assert "[red]x[/red]\\x1b[2J" in stream.getvalue()
    assert "\x1b[2J" not in stream.getvalue()


@pytest.mark.parametrize(
    ("tty", "color", "bars_wanted"), [(True, "auto", True), (True, "never", False), (False, "auto", False)]
)
def test_bars_only_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tty: bool, color: str, bars_wanted: bool
) -> None:
    import sys

    monkeypatch.setattr(sys.stderr, "isatty", lambda: tty, raising=False)
    with progress(Settings(".", color=color)) as tell:
        assert isinstance(tell, Lines) is not bars_wanted


def test_a_title_without_a_target() -> None:
    assert title(FAILED.step) == "+ pool/images@hv1 start-pool"
