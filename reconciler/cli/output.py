"""The only way out: data to stdout, talk to stderr, neither with a secret in it.

A reader who had enough (a closed pipe) is no error.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

import click

from reconciler.cli import exits
from reconciler.redact import redact, redact_values
from reconciler.show.safe import safe
from reconciler.show.style import paint

if TYPE_CHECKING:  # `--help` comes by here
    from reconciler.errors import Problem, ReconcilerError

MOST_PROBLEMS = 100


def prepare() -> None:
    """Let no character of a name, whatever the locale, end the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def finish() -> None:
    """Write out what waits, so that the interpreter has nothing to complain about at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            _close(stream)


def data(text: str) -> None:
    """What was asked for."""
    _write(sys.stdout, redact(text))


def data_json(value: dict[str, Any]) -> None:
    """One object; in ASCII, so that no outside text acts on a terminal."""
    import json

    _write(sys.stdout, json.dumps(redact_values(value), indent=2))


def data_line(value: dict[str, Any]) -> None:
    """One object of a stream of them."""
    import json

    _write(sys.stdout, json.dumps(redact_values(value)))


def talk(text: str) -> None:
    """What a person may want to know beside it."""
    _write(sys.stderr, redact(text))


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(f"{text}\n")
        stream.flush()
    except BrokenPipeError:
        _close(stream)


def _close(stream: TextIO) -> None:
    """Send the rest nowhere."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def tell_usage(error: click.ClickException) -> int:
    """Wrong usage, with a hint at the help; click itself would end with 2."""
    told = io.StringIO()
    error.show(file=told)
    talk(told.getvalue().rstrip())
    return exits.USAGE


def tell_os_error(error: OSError) -> int:
    """An error of the operating system that nothing below understood, such as a full disk behind stdout."""
    talk(f"error: {safe(error)}")
    return exits.FAILED


def tell_error(error: ReconcilerError, *, json: bool = False, colors: bool = False) -> int:
    """Say what went wrong, without a traceback; the exit code."""
    from reconciler.errors import DesiredStateError

    if isinstance(error, DesiredStateError):
        _tell_problems(error.problems, json=json, colors=colors)
    else:
        talk(f"{paint('error:', 'red', color=colors)} {safe(error)}")
    return code_of(error)


def _tell_problems(problems: tuple[Problem, ...], *, json: bool, colors: bool) -> None:
    if json:
        data_json(problems_json(problems))
    for problem in problems[:MOST_PROBLEMS]:
        talk(safe(problem))
    more = f" ({len(problems) - MOST_PROBLEMS} not shown)" if len(problems) > MOST_PROBLEMS else ""
    count = f"{len(problems)} problem{'' if len(problems) == 1 else 's'}"
    talk(f"{paint('error:', 'red', color=colors)} the documents have {count}{more}; nothing was touched")


def problems_json(problems: tuple[Problem, ...], warnings: tuple[str, ...] = ()) -> dict[str, Any]:
    """The documents' problems as scripts read them."""
    rows = [{"file": p.file, "line": p.line, "column": p.column, "message": p.message} for p in problems]
    return {"schemaVersion": 1, "problems": rows, "warnings": list(warnings)}


def code_of(error: ReconcilerError) -> int:
    """The exit code that stands for `error`; an error may carry one of its own."""
    from reconciler.errors import DesiredStateError, LockHeld, UsageError

    if isinstance(error, DesiredStateError):
        return exits.INVALID
    if isinstance(error, UsageError):
        return exits.USAGE
    if isinstance(error, LockHeld):
        return exits.LOCKED
    code = getattr(error, "exit_code", exits.FAILED)
    return code if isinstance(code, int) else exits.FAILED
