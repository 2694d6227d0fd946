"""`reconcile status [REF]`, and waiting for a condition"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from reconciler.cli import exits, output, world
from reconciler.cli.options import WAIT_S, Patience, Settings, with_settings

if TYPE_CHECKING:
    from reconciler.desired import Desired
    from reconciler.hypervisor import Edge
    from reconciler.observed import Observed
    from reconciler.status import ObjectStatus
    from reconciler.step import Plan


@click.command()
@click.argument("ref", required=False)
@click.option("--wait", "condition", metavar="CONDITION", help="Look again and again until this condition is True.")
@click.option(
    "--timeout",
    type=Patience(),
    metavar="DURATION",
    help="How long to wait, for example 90s or 1h; 0 looks once, -1 waits for ever.  [default: 30s]",
)
@with_settings
def status(settings: Settings, ref: str | None, condition: str | None, timeout: float | None) -> int:
    """Show what is there, and whether it is well.

    With REF (host/hv1, domain/web-1, or a name that only one object has) every condition of that object.
    Exit code 0; 4: a host could not be reached. With --wait: 0 once the condition is True; 3: the time ran out;
    4: it ran out, and a host cannot be reached.
    """
    if condition is None and timeout is not None:
        raise click.UsageError("--timeout says how long to --wait for a condition; name one")
    if condition is not None and ref is None:
        raise click.UsageError("--wait needs a REF whose condition it waits for, for example host/hv1")
    if condition is not None and ref is not None:
        from reconciler.cli.wait import wait
        from reconciler.status.names import find

        reached, waiting = wait(settings, ref, condition, WAIT_S if timeout is None else timeout)
        _show(settings, find(waiting.statuses, ref), waiting.plan, ref)
        return exits.of_wait(waiting.plan, reached=reached)
    return _once(settings, ref)


def _once(settings: Settings, ref: str | None) -> int:
    from reconciler import reconcile
    from reconciler import status as conditions
    from reconciler.history import History
    from reconciler.status.names import find

    desired = world.documents(settings)
    with world.edge() as edge:
        surveyed = reconcile.survey(desired, edge, world.open_clock(), History())
        observed = _look_closer(desired, edge, surveyed.observed, ref)
    statuses = conditions.status(desired, observed, surveyed.plan)
    _show(settings, find(statuses, ref) if ref else statuses, surveyed.plan, ref)
    return exits.of_reach(surveyed.plan)


def _look_closer(desired: Desired, edge: Edge, observed: Observed, ref: str | None) -> Observed:
    """What guests show of themselves; of one domain also what stands against moving it."""
    from reconciler.desired import Ref
    from reconciler.reconcile import with_guests, with_obstacles
    from reconciler.status.names import is_meant

    if ref is None:
        return with_guests(desired, edge, observed)
    names = [name for name in desired.domains if is_meant(Ref("domain", name), ref)]
    return with_obstacles(desired, edge, with_guests(desired, edge, observed, names), names)


def _show(settings: Settings, shown: tuple[ObjectStatus, ...], plan: Plan, ref: str | None) -> None:
    from reconciler.show.status import conditions_text, status_json, status_text

    orphans = () if ref else plan.orphans
    colors = settings.colors(sys.stdout)
    if settings.json:
        output.data_json(status_json(shown, orphans))
    else:
        output.data(conditions_text(shown, color=colors) if ref else status_text(shown, orphans, color=colors))
