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

    write_schemas(target)
    if settings.json:
        files = sorted(str(path) for path in target.glob("*.json"))
        output.data_json({"schemaVersion": 1, "directory": str(target), "files": files})
    else:
        output.data(f"{target}: written")
    return exits.CONVERGED
