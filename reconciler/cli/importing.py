"""`reconcile import [REF...]`"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli import exits, output, world
from reconciler.cli.options import Settings, with_settings
from reconciler.show.safe import safe

if TYPE_CHECKING:
    from reconciler.importing import Imported

MODELINE = "yaml-language-server: $schema=../schemas/{kind}.schema.json"


@click.command("import")
@click.argument("refs", metavar="[REF]...", nargs=-1)
@click.option("--host", default="", metavar="HOST", help="Only what is at HOST.")
@click.option("--adopt", is_flag=True, help="Say in each document that what is there is taken over.")
@with_settings
def import_(settings: Settings, refs: tuple[str, ...], host: str, adopt: bool) -> int:
    """Print documents for what is there and has none.

    Pools, networks, domains; with REF (domain/web-1, pool/images, network/lan) only these. What a document cannot say
    is named in a comment and stays as it is in libvirt. Changes nothing, neither here nor there.

    \b
    reconcile import --adopt > desired-state/imported.yaml
    reconcile plan            # nothing but the marks of what is taken over

    Exit code 0; 4: a host could not be reached; 64: a REF or HOST that is not there; 65: documents invalid.
    """
    from reconciler.importing import Selection, discover
    from reconciler.load.drafts import Documents

    documents = Documents(settings.directory, settings.image_roots, settings.secret_roots)
    selection = Selection(refs, host.removeprefix("host/"))
    with world.edge() as opened:
        found = discover(documents, opened, selection, adopt=adopt)
    if settings.json:
        output.data_json(_as_json(found, adopt=adopt))
    else:
        output.data(_as_stream(found, adopt=adopt).rstrip())
    for name, why in found.silent.items():
        output.talk(f"host/{name} cannot be reached: {safe(why)}")
    return exits.UNREACHABLE if found.silent else exits.CONVERGED


def _as_stream(found: Imported, *, adopt: bool) -> str:
    from reconciler.load.writer import stream

    documents = [
        ((MODELINE.format(kind=draft.ref.kind), *draft.comments), draft.document(adopt=adopt)) for draft in found.drafts
    ]
    left = [f"no document for {left.ref}: {left.reason}" for left in found.left_out]
    silent = [f"host/{name} cannot be reached; what it has is not here: {why}" for name, why in found.silent.items()]
    nothing = [] if documents or left else ["everything that is there has a document"]
    return stream(documents, (*nothing, *left, *silent))


def _as_json(found: Imported, *, adopt: bool) -> dict[str, object]:
    return {
        "schemaVersion": 1,
        "documents": [draft.document(adopt=adopt) for draft in found.drafts],
        "comments": [{"object": str(draft.ref), "comments": list(draft.comments)} for draft in found.drafts],
        "leftOut": [{"object": str(left.ref), "reason": left.reason} for left in found.left_out],
        "silent": dict(found.silent),
    }
