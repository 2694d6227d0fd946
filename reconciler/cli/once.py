"""`reconcile --once`, and waiting for all domains after it"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from reconciler.cli import exits, output, world
from reconciler.cli.options import WAIT_S, Settings, with_settings
from reconciler.cli.progress import progress
from reconciler.cli.signals import Stop, signals

if TYPE_CHECKING:
    from reconciler.cli.wait import Waiting
    from reconciler.desired import Desired
    from reconciler.hypervisor import Edge
    from reconciler.reconcile import Result


@click.command(hidden=True)
@with_settings
def once(settings: Settings, condition: str | None, timeout: float | None) -> int:
    """Converge, then exit: passes until nothing more can be done."""
    from reconciler import lock
    from reconciler.reconcile import converge

    desired, stop, waiting = world.documents(settings), Stop(), _waiting(condition)
    with world.edge(runs_commands=True) as edge, signals(stop, lambda: stop.code):
        with lock.held(desired.cluster_name), progress(settings) as tell:
            result = converge(desired, edge, world.open_clock(), tell=tell, stop=stop)
        if waiting and not stop():
            result = _wait(desired, edge, result, waiting, WAIT_S if timeout is None else timeout, stop)
    _show(settings, result, waiting)
    return stop.code if stop() else result.exit_code


def _waiting(condition: str | None) -> Waiting | None:
    """Raises: UsageError where no domain has such a condition."""
    if condition is None:
        return None
    from reconciler.cli.wait import for_domains

    return for_domains(condition)


def _wait(desired: Desired, edge: Edge, result: Result, waiting: Waiting, timeout_s: float, stop: Stop) -> Result:
    """How it ends, the wait included. What did not converge is not waited for: the code tells of that."""
    from dataclasses import replace

    if result.exit_code != exits.CONVERGED:
        output.talk(f"not waiting for {waiting.kind}: the run ended {result.result}")
        return result
    if waiting.wait(lambda: desired, edge, world.open_clock(), timeout_s, stop):
        return result
    code = exits.of_wait(waiting.plan, reached=False)
    return replace(result, result="unreachable" if code == exits.UNREACHABLE else "held", exit_code=code)


def _show(settings: Settings, result: Result, waiting: Waiting | None) -> None:
    from reconciler.show.report import report_json, report_text
    from reconciler.show.status import lacking_json, lacking_text

    lacking = (waiting.kind, waiting.chosen, waiting.lacking) if waiting and waiting.chosen else None
    if settings.json:
        output.data_json({**report_json(result), "waited": lacking_json(*lacking) if lacking else None})
        return
    colors = settings.colors(sys.stdout)
    told = [lacking_text(*lacking, color=colors)] if lacking else []
    output.data("\n".join([*told, report_text(result, color=colors)]))
