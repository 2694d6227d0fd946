"""The group `reconcile`, and what an argv ends with."""

from typing import ClassVar

import click

from reconciler.cli import exits, output
from reconciler.cli.groups import LazyGroup
from reconciler.cli.options import Patience, allow_deletes, global_options, settings

EPILOG = """Exit codes: 0 converged, or nothing to do; 1 failed; 2 changes are pending (plan only); 3 something is held
and needs a person; 4 a host could not be reached; 64 wrong usage; 65 documents invalid; 75 another reconciler holds the
lock."""

HELP_NAMES = {"help_option_names": ["-h", "--help"]}


class Commands(LazyGroup):
    """All commands. Daemon and `--once` are not among them: they are what the group itself does."""

    table: ClassVar = {
        "plan": ("reconciler.cli.plan", "Show what a pass would do, and change nothing."),
        "validate": ("reconciler.cli.validate", "Check the documents; contact nothing."),
        "status": ("reconciler.cli.status", "Show what is there, and whether it is well."),
        "why": ("reconciler.cli.why", "Explain why an object is as it is."),
        "import": ("reconciler.cli.importing", "Print documents for what is there and has none."),
        "cordon": ("reconciler.cli.cordon", "Say in HOST's document that it shall be emptied."),
        "uncordon": ("reconciler.cli.cordon", "Say in HOST's document that it takes guests again."),
        "doctor": ("reconciler.cli.doctor", "Ask every machine whether it can do its part; change nothing."),
        "schema": ("reconciler.cli.schema", "Write the documents' JSON Schemas, for editors and for CI."),
        "lab": ("reconciler.cli.lab", "A disposable replica of the documents' machines on this computer."),
    }


def _show_version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            output.data(f"reconcile {version('reconciler')}")
        except PackageNotFoundError:
            output.data("reconcile, not installed")
        context.exit(exits.CONVERGED)


@click.group("reconcile", cls=Commands, invoke_without_command=True, epilog=EPILOG, context_settings=HELP_NAMES)
@click.option("--once", is_flag=True, help="Converge, then exit: passes until nothing more can be done.")
@click.option("--wait", "condition", metavar="CONDITION", help="With --once: wait until all domains have reached this.")
@click.option("--timeout", type=Patience(), metavar="DURATION", help="How long to --wait.  [default: 30s]")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version."
)
@allow_deletes
@global_options
@click.pass_context
def cli(context: click.Context, once: bool, condition: str | None, timeout: float | None) -> int | None:
    """Make a small libvirt cloud be what its YAML documents say.

    Without a command it runs as a daemon: a pass at start, at every change of the documents, and at the interval.
    """
    if context.invoked_subcommand is not None:
        if once or condition or timeout is not None:
            word = "--once" if once else "--wait" if condition else "--timeout"
            raise click.UsageError(f"{word} stands alone: it takes no command")
        if settings(context).allow_deletes and context.invoked_subcommand != "plan":
            raise click.UsageError("--allow-deletes is for the daemon, for --once and for plan")
        return None
    if condition is None and timeout is not None:
        raise click.UsageError("--timeout says how long to --wait for a condition; name one")
    if condition is not None and not once:
        raise click.UsageError("--wait belongs to --once, or to `reconcile status REF`")
    if once:
        from reconciler.cli.once import once as run_once

        return int(context.invoke(run_once, condition=condition, timeout=timeout))
    from reconciler.cli.daemon import daemon

    return int(context.invoke(daemon))


def run(argv: list[str]) -> int:
    """Run one command line; its exit code. Raises nothing, and shows a traceback only for a bug of ours."""
    output.prepare()
    try:
        code = cli.main(args=argv, prog_name="reconcile", standalone_mode=False)
    except click.ClickException as error:
        return output.tell_usage(error)
    except (click.Abort, KeyboardInterrupt):
        return exits.INTERRUPTED
    except SystemExit:  # so click ends when nobody reads its help any more
        return exits.CONVERGED
    except OSError as error:
        return output.tell_os_error(error)
    except Exception:
        import traceback

        output.talk(f"{traceback.format_exc()}error: this is a bug of ours; please report it with the lines above")
        return exits.FAILED
    finally:
        output.finish()
    return code if isinstance(code, int) else exits.CONVERGED
