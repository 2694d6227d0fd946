"""When guests may be restarted for a change: a stretch of the day, on some days of the week or on all. Always UTC.

UTC, because summer time would open a window twice in one night of the year and never in another.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY_MINUTES = 24 * 60

_DAY = f"({'|'.join(DAYS)})"
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9]"
WINDOW_PATTERN = rf"({_DAY}(-{_DAY})?(,{_DAY}(-{_DAY})?)* )?{_TIME}-({_TIME}|24:00)"

HOW = 'write for example "02:00-05:00" or "Sat,Sun 22:00-04:00"; times are UTC, and 24:00 is the end of a day'


@dataclass(frozen=True, slots=True)
class Window:
    """Open for `minutes` from `begin` on, minutes after midnight, beginning on `days` (0 is Monday)."""

    begin: int
    minutes: int
    days: frozenset[int]
    text: str
    """As the document has it."""

    def opens(self, at: datetime) -> datetime:
        """`at` itself where the window is open then; else when it opens next. `at` is aware."""
        midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
        for opening in self._openings(midnight):
            if at < opening + timedelta(minutes=self.minutes):
                return max(at, opening)
        raise AssertionError("it opens at least once a week")

    def _openings(self, midnight: datetime) -> Iterator[datetime]:
        """From the day before on: what opened then may still be open."""
        for offset in range(-1, 8):
            day = midnight + timedelta(days=offset)
            if day.weekday() in self.days:
                yield day + timedelta(minutes=self.begin)

    def __str__(self) -> str:
        return self.text


def a_window(value: str) -> str:
    """`value`, where it is one. Raises: as parse_window."""
    return str(parse_window(value))


def parse_window(value: str) -> Window:
    """A window as documents write it. Raises: ValueError that says of the value what is wrong, and what to write."""
    if not re.fullmatch(WINDOW_PATTERN, value):
        raise ValueError(f"is not a window of time; {HOW}")
    days, _, times = value.rpartition(" ")
    begin, end = (_minutes(time) for time in times.split("-"))
    if begin == end:
        raise ValueError('opens and closes at the same moment; write "00:00-24:00" for all day')
    length = end - begin if end > begin else end + DAY_MINUTES - begin
    return Window(begin, length, _days(days), value)


def _minutes(time: str) -> int:
    hours, minutes = time.split(":")
    return int(hours) * 60 + int(minutes)


def _days(text: str) -> frozenset[int]:
    if not text:
        return frozenset(range(len(DAYS)))
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += _span(DAYS.index(first), DAYS.index(last or first))
    twice = next((day for day in found if found.count(day) > 1), None)
    if twice is not None:
        raise ValueError(f"names {DAYS[twice]} twice")
    return frozenset(found)


def _span(first: int, last: int) -> list[int]:
    """Fri-Mon goes over the end of the week."""
    return [day % len(DAYS) for day in range(first, last + 1 if last >= first else last + len(DAYS) + 1)]
