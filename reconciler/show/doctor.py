"""What doctor found, for people and for scripts."""

from collections.abc import Sequence
from typing import Any

from reconciler.doctor.line import Level, Line
from reconciler.show.safe import safe
from reconciler.show.style import columns, paint, plural

COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.FAILED: "red", Level.UNREACHABLE: "red"}


def doctor_text(lines: Sequence[Line], *, color: bool = False) -> str:
    """A line each, what mends it below; then how many of each."""
    cells = columns((line.level.value, safe(line.object), safe(line.message)) for line in lines)
    shown: list[str] = []
    for line, text in zip(lines, cells, strict=True):
        shown.append(paint(text, COLOURS[line.level], color=color and line.level is not Level.OK))
        if line.mend:
            shown.append(f"    mend: {safe(line.mend)}")
    counts = {level: sum(line.level is level for line in lines) for level in Level}
    told = [f"{counts[Level.FAILED]} failed", plural(counts[Level.WARNING], "warning"), f"{counts[Level.OK]} ok"]
    unreachable = [f"{counts[Level.UNREACHABLE]} unreachable"] if counts[Level.UNREACHABLE] else []
    return "\n".join([*shown, "", f"Doctor: {', '.join([*unreachable, *told])}."])


def doctor_json(lines: Sequence[Line], exit_code: int) -> dict[str, Any]:
    """The lines as scripts read them; every key is always there."""
    rows = [
        {"level": line.level.value, "object": str(line.object), "message": line.message, "mend": line.mend}
        for line in lines
    ]
    return {"schemaVersion": 1, "lines": rows, "exitCode": exit_code}
