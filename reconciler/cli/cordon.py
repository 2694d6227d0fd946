"""`reconcile cordon HOST`, `reconcile uncordon HOST`"""

import click

from reconciler.cli import exits, output
from reconciler.cli.options import Settings, with_settings


@click.command()
@click.argument("host")
@with_settings
def cordon(settings: Settings, host: str) -> int:
    """Say in HOST's document that it shall be emptied.

    The next pass moves every guest of ours away, and nothing new is placed there. Only the one word in the file
    changes: comments and layout stay. `reconcile status host/HOST` tells when it is SafeToPowerOff.
    """
    return _edit(settings, host, cordoned=True)


@click.command()
@click.argument("host")
@with_settings
def uncordon(settings: Settings, host: str) -> int:
    """Say in HOST's document that it takes guests again."""
    return _edit(settings, host, cordoned=False)


def _edit(settings: Settings, host: str, *, cordoned: bool) -> int:
    from reconciler.load.edit import set_cordoned

    name = host.removeprefix("host/")
    path = set_cordoned(settings.directory, name, cordoned)
    if settings.json:
        output.data_json({"schemaVersion": 1, "object": f"host/{name}", "cordoned": cordoned, "file": str(path)})
    else:
        then = "the next pass moves its guests away" if cordoned else "it takes guests again"
        output.data(f"{path}: host/{name} has cordoned: {str(cordoned).lower()}; {then}")
    return exits.CONVERGED
