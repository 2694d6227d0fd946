"""`reconcile` without a command: the daemon."""

import signal
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import click

from reconciler.cli import exits, output, world
from reconciler.cli.options import Settings, with_settings
from reconciler.cli.signals import Stop, signals

if TYPE_CHECKING:
    from reconciler.daemon import Daemon, Pass
    from reconciler.desired import Desired
    from reconciler.history import History
    from reconciler.hypervisor import Clock, Edge
    from reconciler.step import Event, Report


@click.command(hidden=True)
@with_settings
def daemon(settings: Settings) -> int:
    """Make passes until told to stop (SIGTERM, SIGINT); SIGHUP looks again at once."""
    from reconciler import lock
    from reconciler.daemon import Daemon, Documents, sd_notify, watch

    documents = Documents(world.loader(settings), output.talk)
    clock, stop = world.open_clock(), Stop()
    with lock.held(documents.current.cluster_name), world.edge(runs_commands=True) as edge:
        running = Daemon(documents, _passes(settings, edge, clock), clock, output.talk)
        with signals(stop, lambda: exits.CONVERGED, lambda number: _told(running, clock, number)):
            clock.spawn(lambda: watch(settings.directory, running.rescan, clock), "watch")
            sd_notify("READY=1")
            output.talk(f"reconciling cluster {documents.current.cluster_name} from {settings.directory}")
            running.run()
            sd_notify("STOPPING=1")
    return exits.CONVERGED


def _told(running: "Daemon", clock: "Clock", number: int) -> None:
    """What a signal means; in the thread that listens, which must not be kept from hearing the next."""
    if number == signal.SIGHUP:
        clock.spawn(running.look_now, "signal")
    else:
        output.talk("told to stop: no new step begins")
        clock.spawn(running.stop, "signal")


def _passes(settings: Settings, edge: "Edge", clock: "Clock") -> "Pass":
    """One pass of the daemon: told as it happens, its end told where it differs from the last one's."""
    from reconciler.cli.progress import Lines
    from reconciler.reconcile import one_pass

    told = _Told(settings)
    lines = Lines(output.talk)

    def tell(event: "Event") -> None:
        lines(event)
        told.event(event)

    def make_pass(
        desired: "Desired", history: "History", spent: Mapping[str, int], stop: Callable[[], bool]
    ) -> "Report":
        report = one_pass(desired, edge, clock, history, spent=spent, tell=tell, stop=stop)
        told.end(report)
        return report

    return make_pass


class _Told:
    """Says what a pass ended with, once: nobody reads the same held lines every five minutes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._last = ""
        self._lock = threading.Lock()

    def event(self, event: "Event") -> None:
        """A line for scripts as a step begins, gets on and ends."""
        from reconciler.show.report import event_json

        line = event_json(event) if self._settings.json else None
        if line is not None:
            with self._lock:  # steps tell from threads of their own
                output.data_line(line)

    def end(self, report: "Report") -> None:
        from reconciler.show.plan import held_lines, remarks
        from reconciler.show.report import pass_json

        if report.steps:
            text = ""
        else:
            lines = [*held_lines(report.plan.held, color=False), *remarks(report.plan)]
            text = "\n".join(lines) or "converged"
        if text != self._last and text:
            output.talk(text)
        if self._settings.json and (report.steps or text != self._last):
            output.data_line({"schemaVersion": 1, **pass_json(report)})
        self._last = text or self._last
