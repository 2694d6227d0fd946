"""`reconcile --once`"""

import sys

import click

from reconciler.cli import output, world
from reconciler.cli.options import Settings, with_settings
from reconciler.cli.progress import progress
from reconciler.cli.signals import Stop, signals


@click.command(hidden=True)
@with_settings
def once(settings: Settings) -> int:
    """Converge, then exit: passes until nothing more can be done."""
    from reconciler import lock
    from reconciler.reconcile import converge
    from reconciler.show.report import report_json, report_text

    desired, stop = world.documents(settings), Stop()
    with (
        lock.held(desired.cluster_name),
        world.edge(runs_commands=True) as edge,
        signals(stop, lambda: stop.code),
        progress(settings) as tell,
    ):
        result = converge(desired, edge, world.open_clock(), tell=tell, stop=stop)
    if settings.json:
        output.data_json(report_json(result))
    else:
        output.data(report_text(result, color=settings.colors(sys.stdout)))
    return stop.code if stop() else result.exit_code
