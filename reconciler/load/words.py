"""How a problem is worded: quoted values, field paths, the nearest known name."""

import re
from typing import NamedTuple

from reconciler.errors import DesiredStateError

LONGEST_VALUE = 80
"""A value in a message is cut here: enough to recognise it, too little to flood a terminal."""
MOST_COMPARED = 500
"""Names that a misspelt one is compared with."""
MOST_LINES = 100
"""Nobody reads more problems than this at once; the count says how many there are."""

DEEPEST_SHOWN = 12
"""Parts of a field's path; no field of ours lies deeper."""

Path = tuple[str | int, ...]

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff\ud800-\udfff]"
)


def escaped(text: str) -> str:
    """`text` with what a terminal would act on, or hide, written out: `\\x1b`, `\\u2066`."""
    return text if text.isprintable() else _HIDDEN.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is not UTF-8
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def cut(text: str) -> str:
    """`text` as far as a message may carry it."""
    short = text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "..."
    return escaped(short)


def quoted(text: str) -> str:
    """A value from outside, as messages show it."""
    return f'"{cut(text)}"'


def field(path: Path) -> str:
    """`("spec", "disks", 1, "size")` as `spec.disks[1].size`."""
    words = ""
    for part in path[:DEEPEST_SHOWN]:
        if isinstance(part, int):
            words += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            words += f".{cut(part)}" if words else cut(part)
        else:
            words += f"[{quoted(part)}]"
    return words if len(path) <= DEEPEST_SHOWN else f"{words}..."


def at(path: Path, message: str) -> str:
    """`message`, said of the field at `path`."""
    return f"{field(path)}: {message}" if path else message


class Hint(NamedTuple):
    """An unknown name and the known ones: a way out that is only searched for what a person will read."""

    name: str
    known: tuple[str, ...]
    are_listed: bool = False
    """Whether the message names the known ones already."""


def way_out(hint: Hint) -> str:
    """The known name that is like the unknown one, else all that are known."""
    from difflib import get_close_matches  # only bad documents pay for it

    names = sorted(hint.known[:MOST_COMPARED])
    close = get_close_matches(hint.name[:LONGEST_VALUE], names, n=1, cutoff=0.6) or [
        name for name in names if name.lower() == hint.name.lower()
    ]
    if close:
        return f'; did you mean "{close[0]}"?'
    if hint.are_listed:
        return ""
    return f"; known are {', '.join(names[:20])}{', ...' if len(names) > 20 else ''}" if names else "; none is known"


def lines(error: DesiredStateError, most: int = MOST_LINES) -> tuple[str, ...]:
    """What a person is shown: the first problems, then how many there are."""
    shown = tuple(str(problem) for problem in error.problems[:most])
    count = len(error.problems)
    return shown if count <= most else (*shown, f"{count} problems, of which the first {most} are shown")
