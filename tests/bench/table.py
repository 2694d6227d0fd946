"""Rounds of measurements to rows, and rows to text."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean, median
from typing import Any

NOISY = 1.5


@dataclass(frozen=True)
class Row:
    """What one contender needed for one piece of work, over all rounds that count. Units: seconds.

    `ratio`: of its median to the bare script's; `beside`: to that of the same script in the product's own process.
    """

    work: str
    name: str
    median: float
    least: float
    most: float
    cpu: float
    libvirtd: float
    ratio: float | None = None
    beside: float | None = None
    must: float | None = None
    aim: float | None = None

    @property
    def verdict(self) -> str:
        if self.ratio is None or self.must is None or self.aim is None:
            return "noisy" if self.most > NOISY * self.least else ""
        return "over" if self.ratio > self.must else "within" if self.ratio > self.aim else "as aimed"


def row(work: str, name: str, answers: Sequence[Mapping[str, float]]) -> Row:
    """The row of one contender; `answers`: one per round, the first of them dropped."""
    counting = answers[1:]
    seconds = [answer["seconds"] for answer in counting]
    cpu, libvirtd = (fmean(answer[key] for answer in counting) for key in ("cpu", "libvirtd"))
    return Row(work, name, median(seconds), min(seconds), max(seconds), cpu, libvirtd)


def over(ours: Row, floor: Row, beside: Row | None, targets: tuple[float, float]) -> Row:
    """The product's row with its ratios to the floors; `targets`: what the first must be, and what is aimed at."""
    must, aim = targets
    second = ours.median / beside.median if beside else None
    return replace(ours, ratio=ours.median / floor.median, beside=second, must=must, aim=aim)


def measured_text(title: str, rows: Iterable[Row]) -> str:
    """A table of rows; a line for each contender."""
    head = (title, "", "median", "min", "max", "cpu", "libvirtd", "ratio", "beside", "must", "aim", "")
    lines: list[tuple[str, ...]] = [head]
    last = ""
    for one in rows:
        times = [f"{1000 * value:.0f}" for value in (one.median, one.least, one.most, one.cpu, one.libvirtd)]
        ratios = ["" if value is None else f"{value:.2f}" for value in (one.ratio, one.beside, one.must, one.aim)]
        lines.append(("" if one.work == last else one.work, one.name, *times, *ratios, one.verdict))
        last = one.work
    return _aligned(lines, words=2)


def calls_text(made: Mapping[str, Mapping[str, int]], listed: Mapping[str, int]) -> str:
    """The calls of a later pass beside perf.md's list, then those that only a first pass makes."""
    later, first = made["later"], made["first"]
    lines: list[tuple[str, ...]] = [("LIBVIRT CALLS of a later pass", "made", "listed", "")]
    for name in sorted({*later, *listed}):
        differs = "" if later.get(name, 0) == listed.get(name, 0) else "differs"
        lines.append((name, str(later.get(name, 0)), str(listed.get(name, 0)), differs))
    total = sum(later.values()), sum(listed.values())
    lines.append(("all", str(total[0]), str(total[1]), "" if dict(later) == dict(listed) else "differs"))
    more = {name: count - later.get(name, 0) for name, count in first.items() if count > later.get(name, 0)}
    extra = ", ".join(f"{name} {count}" for name, count in sorted(more.items())) or "none"
    return f"{_aligned(lines, words=1)}\nonly in a first pass: {extra}"


def pure_text(pure: Mapping[str, float]) -> str:
    """What needs no machine."""
    lines = [("BY ITSELF", "median"), *((name, f"{1000 * seconds:.0f}") for name, seconds in pure.items())]
    return _aligned(lines, words=1)


def _aligned(lines: Sequence[tuple[str, ...]], *, words: int) -> str:
    """Columns, the first `words` to the left, numbers to the right."""
    widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
    rows = (
        "  ".join(
            c.ljust(w) if n < words or n == len(widths) - 1 else c.rjust(w)
            for n, (c, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )
    return "\n".join(row.rstrip() for row in rows)


def as_json(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """The same rows as scripts read them. Units: seconds."""
    return [{**asdict(one), "verdict": one.verdict} for one in rows]
