"""`reconcile schema`"""

from pathlib import Path

import click

from reconciler.cli import exits, output
from reconciler.cli.options import Settings, with_settings


@click.command()
@click.argument("target", type=click.Path(file_okay=False, path_type=Path), default=Path("schemas"))
@with_settings
def schema(settings: Settings, target: Path) -> int:
    """Write the documents' JSON Schemas, for editors and for CI.

    They go into TARGET; without it, into schemas.
    """
    from reconciler.schema import write_schemas

    files = [str(path) for path in write_schemas(target)]
    if settings.json:
        output.data_json({"schemaVersion": 1, "files": files})
    else:
        output.data("\n".join(files))
    return exits.CONVERGED
