"""Live bars on a terminal: one for each running step. Loads rich, so only a terminal comes here."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from reconciler.cli.progress import ending, figures, pass_line, title
from reconciler.redact import redact
from reconciler.step import Event


@contextmanager
def bars(console: Console | None = None) -> Iterator["Bars"]:
    """Bars below the lines of what has ended, until the context ends."""
    drawn = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[figures]}", markup=False),
        TimeElapsedColumn(),
        console=console or Console(stderr=True, highlight=False),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with drawn:
        yield Bars(drawn)


class Bars:
    """Takes events from any thread."""

    def __init__(self, drawn: Progress) -> None:
        self._drawn = drawn
        self._lock = threading.Lock()
        self._tasks: dict[str, TaskID] = {}
        self._passes = 0

    def __call__(self, event: Event) -> None:
        with self._lock:
            if event.kind == "pass":
                self._pass(event)
            elif event.step is not None:
                self._step(event, event.step.id)

    def _pass(self, event: Event) -> None:
        self._passes += 1
        told = pass_line(event)
        if told:
            self._drawn.console.print(Text(f"pass {self._passes}: {told}"))

    def _step(self, event: Event, id_: str) -> None:
        assert event.step is not None
        if event.kind == "begun":
            self._tasks[id_] = self._drawn.add_task(title(event.step), total=None, figures="")
        elif event.kind == "progress" and id_ in self._tasks and "percent" in event.values:
            percent = float(event.values["percent"])
            shown = f"{percent:.0f} %{figures(event.values)}"
            self._drawn.update(self._tasks[id_], total=100.0, completed=percent, figures=shown)
        elif event.kind == "ended":
            if id_ in self._tasks:
                self._drawn.remove_task(self._tasks.pop(id_))
            self._drawn.console.print(Text.from_ansi(redact(f"  {title(event.step)} {ending(event, color=True)}")))
