"""`reconcile plan`"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from reconciler.cli import exits, output, world
from reconciler.cli.options import Settings, allow_deletes, with_settings
from reconciler.show.safe import safe

if TYPE_CHECKING:
    from reconciler.desired import Desired


@click.command()
@click.option("--cordon", "cordon", metavar="HOST", multiple=True, help="As if HOST were cordoned; no file changes.")
@click.option(
    "--require-drainable",
    is_flag=True,
    help="End with 3 where the documents would keep a host from being emptied that can be emptied now.",
)
@click.option(
    "--rebalance", is_flag=True, help="Show moves that would do good, with their gain; none is made by itself."
)
@click.option(
    "--allow-commands",
    is_flag=True,
    help="Run the commands that documents name as sources of secrets, to compare what they print.",
)
@allow_deletes
@with_settings
def plan(
    settings: Settings, cordon: tuple[str, ...], require_drainable: bool, rebalance: bool, allow_commands: bool
) -> int:
    """Show what a pass would do, and change nothing.

    \b
    + create, ~ update, - delete, > migrate, ! held. Each line tells the impact on what runs
    (live, next-boot, restart, migrate, delete) and the reason.

    Exit code 0: nothing to do; 2: changes are pending; 3: something is held, or --require-drainable was not met;
    4: a host could not be reached. Advice (--rebalance) is not pending, and changes no code.
    """
    from reconciler.history import History
    from reconciler.place import rebalance as worth_moving
    from reconciler.show.plan import plan_json, plan_text
    from reconciler.status.drain import made_undrainable

    desired = _documents(settings, cordon)
    surveyed = world.survey(desired, runs_commands=allow_commands)
    made, observed = surveyed.plan, surveyed.observed
    advice = worth_moving(desired, observed, History()) if rebalance else None
    undrainable = made_undrainable(desired, observed) if require_drainable else ()
    if settings.json:
        output.data_json(plan_json(made, advice or (), undrainable))
    else:
        output.data(plan_text(made, advice, color=settings.colors(sys.stdout)))
    for one in (*undrainable, *(() if allow_commands else _not_compared(desired))):
        output.talk(safe(one))
    return exits.of_plan(made, drainable=not undrainable)


def _documents(settings: Settings, cordon: tuple[str, ...]) -> Desired:
    """The documents, as if some hosts of theirs were cordoned too. Raises: UsageError."""
    from reconciler.status.names import hypervisor

    desired = world.documents(settings)
    return desired.cordoning({hypervisor(desired, host) for host in cordon})


def _not_compared(desired: Desired) -> tuple[str, ...]:
    """What a plan cannot tell without running what documents name."""
    from reconciler.password import FIELD, password_ref

    refs = {name: password_ref(desired, domain) for name, domain in desired.domains.items()}
    names = [f"domain/{name}" for name, ref in refs.items() if ref is not None and ref.kind == "command"]
    told = f"{FIELD} comes from a command, which is not run; compare it with --allow-commands"
    return (f"{', '.join(names)}: {told}",) if names else ()
