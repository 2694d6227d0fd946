"""`reconcile why REF`"""

import sys

import click

from reconciler.cli import exits, output, world
from reconciler.cli.options import Settings, with_settings


@click.command()
@click.argument("ref")
@with_settings
def why(settings: Settings, ref: str) -> int:
    """Explain why an object is as it is.

    A domain: where it is, why there, why not elsewhere, what is held and what is pending. A host: its guests, and what
    keeps it from being empty. A pool or network: what is wrong with it. Exit code 0; 4: a host could not be reached.
    """
    from reconciler import status as conditions
    from reconciler.show.why import why_json, why_text
    from reconciler.status.names import find
    from reconciler.status.why import why as explain

    desired = world.documents(settings)
    surveyed = world.survey(desired)
    statuses = conditions.status(desired, surveyed.observed, surveyed.plan)
    rejections = surveyed.placements.rejections
    explained = explain(desired, surveyed.observed, surveyed.plan, rejections, find(statuses, ref))
    if settings.json:
        output.data_json(why_json(explained))
    else:
        output.data(why_text(explained, color=settings.colors(sys.stdout)))
    return exits.of_reach(surveyed.plan)
