"""`reconcile doctor`"""

import sys

import click

from reconciler.cli import output, world
from reconciler.cli.options import Settings, with_settings


@click.command()
@with_settings
def doctor(settings: Settings) -> int:
    """Ask every machine whether it can do its part; change nothing.

    Connections, ssh and ports between hypervisors, versions, KVM, bridges, pools, NFS. Each line that is not ok tells
    what mends it. Exit code 0; 1: a line failed; 4: a host could not be reached.
    """
    from reconciler.doctor import ask, exit_code, judge
    from reconciler.show.doctor import doctor_json, doctor_text

    desired = world.documents(settings)
    with world.edge() as edge:
        lines = judge(desired, ask(desired, edge))
    code = exit_code(lines)
    if settings.json:
        output.data_json(doctor_json(lines, code))
    else:
        output.data(doctor_text(lines, color=settings.colors(sys.stdout)))
    return code
