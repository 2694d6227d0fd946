"""`reconcile validate`"""

import click

from reconciler.cli import exits, output, world
from reconciler.cli.options import Settings, with_settings


@click.command()
@with_settings
def validate(settings: Settings) -> int:
    """Check the documents; contact nothing.

    Every problem is told at once with file, line and column. Exit code 0, or 65.
    """
    desired = world.documents(settings)
    if settings.json:
        output.data_json(output.problems_json((), desired.warnings))
    else:
        output.data(f"{len(desired.places)} documents are valid")
    return exits.CONVERGED
