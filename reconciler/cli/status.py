"""`reconcile status [REF]`"""

import sys

import click

from reconciler.cli import exits, output, world
from reconciler.cli.options import Settings, with_settings


@click.command()
@click.argument("ref", required=False)
@with_settings
def status(settings: Settings, ref: str | None) -> int:
    """Show what is there, and whether it is well.

    With REF (host/hv1, domain/web-1, or a name that only one object has) every condition of that object.
    Exit code 0; 4: a host could not be reached.
    """
    from reconciler import status as conditions
    from reconciler.show.status import conditions_text, status_json, status_text
    from reconciler.status.names import find

    desired = world.documents(settings)
    surveyed = world.survey(desired)
    statuses = conditions.status(desired, surveyed.observed, surveyed.plan)
    shown = find(statuses, ref) if ref else statuses
    orphans = () if ref else surveyed.plan.orphans
    colors = settings.colors(sys.stdout)
    if settings.json:
        output.data_json(status_json(shown, orphans))
    else:
        output.data(conditions_text(shown, color=colors) if ref else status_text(shown, orphans, color=colors))
    return exits.of_reach(surveyed.plan)
