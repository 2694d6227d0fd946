"""`reconcile plan`"""

import sys

import click

from reconciler.cli import exits, output, world
from reconciler.cli.options import Settings, with_settings


@click.command()
@with_settings
def plan(settings: Settings) -> int:
    """Show what a pass would do, and change nothing.

    \b
    + create, ~ update, - delete, > migrate, ! held. Each line tells the impact on what runs
    (live, next-boot, restart, migrate, delete) and the reason.

    Exit code 0: nothing to do; 2: changes are pending; 3: something is held; 4: a host could not be reached.
    """
    from reconciler.show.plan import plan_json, plan_text

    made = world.survey(world.documents(settings)).plan
    if settings.json:
        output.data_json(plan_json(made))
    else:
        output.data(plan_text(made, color=settings.colors(sys.stdout)))
    return exits.of_plan(made)
