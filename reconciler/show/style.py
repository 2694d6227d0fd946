"""Colour and columns for a terminal. Pure."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

_CODES = {"red": 31, "green": 32, "yellow": 33, "magenta": 35, "cyan": 36, "dim": 2, "bold": 1}


def paint(text: str, colour: str, *, color: bool) -> str:
    """`text` in a colour, where colour is wanted."""
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if color and colour else text


def columns(rows: Iterable[Sequence[str]], gap: str = "  ") -> list[str]:
    """Rows as lines whose cells stand below each other; the last cell is as long as it is."""
    table = [list(row) for row in rows]
    count = max((len(row) for row in table), default=0)
    widths = [max((len(row[i]) for row in table if i < len(row)), default=0) for i in range(count)]
    return [gap.join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in table]


def plural(count: int, noun: str) -> str:
    """`1 step`, `2 steps`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}{'es' if noun.endswith('s') else 's'}"


def finite(value: Any) -> Any:
    """The value, or None for a number that JSON has no word for."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
