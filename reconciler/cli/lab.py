"""`reconcile lab up|down|status|exec|off|on`"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import exits, output, world
from reconciler.cli.groups import OrderedGroup
from reconciler.cli.options import Settings, global_options, with_settings
from reconciler.errors import DesiredStateError
from reconciler.show.safe import safe
from reconciler.show.style import columns

if TYPE_CHECKING:
    from reconciler.lab import LabStatus

lab_name = click.option(
    "--name", metavar="NAME", help="Name of the lab.  [default: the cluster's, and four hex digits of DIR]"
)


@click.group(cls=OrderedGroup)
@global_options
def lab() -> None:
    """A disposable replica of the documents' machines on this computer."""


def _say(text: str) -> None:
    output.talk(safe(text))


def _name(settings: Settings, name: str | None) -> str:
    """The lab that DIR's `up` built, whatever the documents say today; else the name that an `up` would give."""
    from reconciler.lab import default_name
    from reconciler.lab.paths import RECORDS

    if name:
        return name
    tail = default_name("", settings.directory)
    built = [path.name for path in RECORDS.glob(f"*{tail}")] if re.fullmatch("-[0-9a-f]{4}", tail) else []
    return built[0] if len(built) == 1 else default_name(world.documents(settings).cluster_name, settings.directory)


@lab.command()
@lab_name
@with_settings
def up(settings: Settings, name: str | None) -> int:
    """Build the machines of the Host documents; done when all of them answer. Twice is no error."""
    from reconciler.lab import default_name
    from reconciler.lab import up as build
    from reconciler.lab.spec import from_desired

    desired = world.documents(settings)
    spec = from_desired(desired, name or default_name(desired.cluster_name, settings.directory))
    for limit in spec.limits:
        _say(f"warning: {limit}")
    build(spec, _say)
    return exits.CONVERGED


@lab.command()
@lab_name
@with_settings
def down(settings: Settings, name: str | None) -> int:
    """End everything in the lab, and remove it with its disks."""
    from reconciler.lab import down as remove

    remove(_name(settings, name), _say)
    return exits.CONVERGED


@lab.command()
@lab_name
@with_settings
def status(settings: Settings, name: str | None) -> int:
    """Show the lab's machines, and the addresses that guests were given."""
    from reconciler.lab import status as look

    seen = look(_name(settings, name))
    if settings.json:
        output.data_json(status_json(seen))
    else:
        output.data(status_text(seen))
    return exits.CONVERGED


@lab.command(
    "exec",
    context_settings={"allow_interspersed_args": False},
    options_metavar="[OPTIONS] [--]",
    short_help="Run a command in the lab; its exit code comes through.",
)
@lab_name
@click.option("--on", "host", metavar="HOST", help="Run it on this machine, not on the seat.")
@click.argument("argv", metavar="CMD...", nargs=-1, required=True, type=click.UNPROCESSED)
@with_settings
def execute(settings: Settings, name: str | None, host: str | None, argv: tuple[str, ...]) -> int:
    """Run CMD on the operator's seat of the lab's LAN, or on HOST.

    Its arguments, stdin, stdout, stderr and exit code come through untouched; 125: the lab itself failed.
    """
    from reconciler.lab import exec_

    try:
        lab = _name(settings, name)
    except DesiredStateError as error:
        output.tell_error(error)
        return exits.LAB_FAILED
    return exec_(lab, argv, on=host)


def _power(verb: str, text: str) -> Callable[..., Any]:
    @with_settings
    def switch(settings: Settings, host: str, name: str | None) -> int:
        from reconciler import lab as labs

        power: Callable[[str, str, Callable[[str], None]], None] = getattr(labs, verb)
        power(_name(settings, name), host, _say)
        return exits.CONVERGED

    return lab.command(verb, help=text)(click.argument("host")(lab_name(switch)))


off = _power("off", "Pull HOST's plug: its guests die with it.")
on = _power("on", "Boot HOST again, with the disks and definitions that it had.")


def status_text(seen: "LabStatus") -> str:
    """A table of machines, then one of leases."""
    rows = [("NAME", "ADDRESS", "POWER", "GUESTS", "DAEMONS")]
    for machine in seen.machines:
        daemons = " ".join(daemon if lives else f"{daemon}(dead)" for daemon, lives in machine.daemons)
        rows.append((machine.name, machine.address, "on" if machine.on else "off", str(machine.guests), daemons))
    leases = [("LEASE", "MAC", "HOSTNAME"), *((x.address, x.mac, x.hostname or "-") for x in seen.leases)]
    state = "complete" if seen.complete else "incomplete: its `up` did not go through"
    dhcp = "" if seen.dhcp else "\nits DHCP server is dead"
    tables = "\n\n".join(
        "\n".join(columns(tuple(safe(c) for c in row) for row in t)) for t in (rows, leases) if len(t) > 1
    )
    limits = "".join(f"\nlimit: {safe(limit)}" for limit in seen.limits)
    return f"lab {safe(seen.name)} is {state}{dhcp}{limits}\n\n{tables}"


def status_json(seen: "LabStatus") -> dict[str, Any]:
    """The lab as scripts read it; every key is always there. `expires`: Unix time, 0 = never."""
    return {
        "schemaVersion": 1,
        "name": seen.name,
        "complete": seen.complete,
        "dhcp": seen.dhcp,
        "machines": [
            {
                "name": machine.name,
                "address": machine.address,
                "on": machine.on,
                "guests": machine.guests,
                "daemons": [{"name": daemon, "lives": lives} for daemon, lives in machine.daemons],
            }
            for machine in seen.machines
        ],
        "leases": [
            {"address": x.address, "mac": x.mac, "hostname": x.hostname, "expires": x.expires} for x in seen.leases
        ],
        "limits": list(seen.limits),
    }
