"""When a restart window is open, and what is no window."""

from datetime import UTC, datetime

import pytest

from reconciler.desired.window import parse_window

DAY = {"Mon": 1, "Tue": 2, "Wed": 3, "Thu": 4, "Fri": 5, "Sat": 6, "Sun": 7}
"""Of January 2024."""


def moment(text: str) -> datetime:
    """`Tue 02:30`, of a week that begins on Monday, the first of January 2024; `next Tue`: a week later."""
    *later, day, time = text.split()
    hours, minutes = time.split(":")
    return datetime(2024, 1, DAY[day] + 7 * len(later), int(hours), int(minutes), tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "at", "opens"),
    [
        ("02:00-05:00", "Tue 01:59", "Tue 02:00"),
        ("02:00-05:00", "Tue 02:00", "Tue 02:00"),
        ("02:00-05:00", "Tue 04:59", "Tue 04:59"),
        ("02:00-05:00", "Tue 05:00", "Wed 02:00"),
        ("22:00-04:00", "Tue 23:00", "Tue 23:00"),
        ("22:00-04:00", "Wed 03:59", "Wed 03:59"),
        ("22:00-04:00", "Wed 04:00", "Wed 22:00"),
        ("22:00-24:00", "Wed 00:00", "Wed 22:00"),
        ("22:00-00:00", "Wed 00:00", "Wed 22:00"),
        ("00:00-24:00", "Wed 23:59", "Wed 23:59"),
        ("Sat,Sun 02:00-05:00", "Fri 03:00", "Sat 02:00"),
        ("Sat,Sun 02:00-05:00", "Sun 06:00", "next Sat 02:00"),
        ("Tue 23:00-01:00", "Wed 00:30", "Wed 00:30"),
        ("Tue 23:00-01:00", "Tue 00:30", "Tue 23:00"),
        ("Tue 23:00-01:00", "Wed 01:00", "next Tue 23:00"),
        ("Sun 23:00-01:00", "next Mon 00:30", "next Mon 00:30"),
        ("Mon-Fri 12:00-13:00", "Sat 12:30", "next Mon 12:00"),
        ("Fri-Mon 12:00-13:00", "Tue 12:30", "Fri 12:00"),
        ("Fri-Mon 12:00-13:00", "Mon 12:30", "Mon 12:30"),
    ],
)
def test_when_a_window_opens(window, at, opens):
    assert parse_window(window).opens(moment(at)) == moment(opens)


def test_a_moment_keeps_its_seconds():
    at = moment("Tue 02:30").replace(second=12)
    assert parse_window("02:00-05:00").opens(at) == at


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("2:00-5:00", "is not a window"),
        ("02:00 - 05:00", "is not a window"),
        ("02:00-25:00", "is not a window"),
        ("24:00-02:00", "is not a window"),
        ("02:00-05:00 UTC", "is not a window"),
        ("sat 02:00-05:00", "is not a window"),
        ("Sat 02:00-05:00\n", "is not a window"),
        ("٠2:00-05:00", "is not a window"),
        ("02:00-02:00", "at the same moment"),
        ("Sat,Fri-Sun 02:00-05:00", "names Sat twice"),
    ],
)
def test_what_is_no_window(value, message):
    with pytest.raises(ValueError, match=message):
        parse_window(value)
