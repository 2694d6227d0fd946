"""The global options, legal before and after every command; the last one written wins."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, TextIO

import click
from click.core import ParameterSource

if TYPE_CHECKING:  # `--help` comes by here: what is not needed for it waits
    from pathlib import Path

DEFAULT_DIRECTORY = "desired-state"
DIRECTORY_VARIABLE = "RECONCILE_DIR"
IMAGE_ROOTS_VARIABLE = "RECONCILE_IMAGE_ROOTS"
SECRET_ROOTS_VARIABLE = "RECONCILE_SECRET_ROOTS"
_META = "reconciler.cli."


@dataclass(frozen=True, slots=True)
class Settings:
    """What the global options say."""

    dir: str
    output: str = "text"
    color: str = "auto"
    verbose: bool = False
    image_root: tuple[str, ...] = ()
    secret_root: tuple[str, ...] = ()
    allow_deletes: int = 0
    """Deletions that this run may make, where that is more than the documents allow."""

    @property
    def directory(self) -> Path:
        from pathlib import Path

        return Path(self.dir)

    @property
    def image_roots(self) -> tuple[Path, ...]:
        """Directories beside the documents' from which the operator lets images come."""
        from pathlib import Path

        return tuple(Path(root) for root in self.image_root)

    @property
    def secret_roots(self) -> tuple[Path, ...]:
        """Directories beside the documents' from which the operator lets secrets come."""
        from pathlib import Path

        return tuple(Path(root) for root in self.secret_root)

    @property
    def json(self) -> bool:
        return self.output == "json"

    def colors(self, stream: TextIO) -> bool:
        """Whether `stream` gets colour (https://no-color.org)."""
        if self.color != "auto":
            return self.color == "always"
        return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


WAIT_S = 30.0
"""How long --wait waits where nothing is said; as kubectl."""


class Patience(click.ParamType[float]):
    """A duration as documents have it; 0 looks once, -1 waits for ever. In seconds."""

    name = "duration"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> float:
        from reconciler.desired.quantity import parse_duration

        if isinstance(value, float):
            return value
        if value in ("0", "0s"):
            return 0.0
        if value in ("-1", "-1s"):
            return float("inf")
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(f"{value!r} {error}", parameter, context)


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Keep what was written, in the dictionary that a command shares with its group.

    Not the environment: seen again after the command, it would win over an option written before it.
    """
    if context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE:
        context.meta[f"{_META}{parameter.name}"] = value


def _option(*names: str, **kwargs: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(*names, expose_value=False, callback=_remember, **kwargs)


_OPTIONS = (
    _option(
        *("-C", "--dir"),
        metavar="DIR",
        help=f"Directory of the documents.  [default: ${DIRECTORY_VARIABLE}, else {DEFAULT_DIRECTORY}]",
    ),
    _option(
        "--image-root",
        multiple=True,
        metavar="DIR",
        help=f"Base images may come from here too; may be repeated.  [default: ${IMAGE_ROOTS_VARIABLE}, by colons]",
    ),
    _option(
        "--secret-root",
        multiple=True,
        metavar="DIR",
        help=f"Files with secrets may lie here too; may be repeated.  [default: ${SECRET_ROOTS_VARIABLE}, by colons]",
    ),
    _option("-o", "--output", type=click.Choice(["text", "json"]), help="Form of stdout.  [default: text]"),
    _option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        help="When to use colour; auto honours NO_COLOR.  [default: auto]",
    ),
    _option("-v", "--verbose", is_flag=True, help="Say more on stderr."),
)


allow_deletes = _option(
    "--allow-deletes",
    type=click.IntRange(min=0),
    metavar="N",
    help="Let this run make up to N deletions, where limits.deletes is less.",
)
"""Of what may delete, and of `plan`, which shows it."""


def global_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the global options; it does not see their values (see `with_settings`)."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def with_settings(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the global options, `settings` as its first argument, and a line and a code for its errors."""

    def call(*args: Any, **kwargs: Any) -> int:
        from reconciler.cli.output import tell_error
        from reconciler.errors import ReconcilerError

        chosen = settings(click.get_current_context())
        if chosen.verbose:
            _log_everything()
        try:
            code: int = function(chosen, *args, **kwargs)
        except ReconcilerError as error:
            return tell_error(error, json=chosen.json, colors=chosen.colors(sys.stderr))
        return code

    return global_options(update_wrapper(call, function))


def _log_everything() -> None:
    import logging

    from reconciler.redact import redact

    class Redacted(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return redact(super().format(record))

    handler = logging.StreamHandler()
    handler.setFormatter(Redacted("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.DEBUG, handlers=[handler])


def settings(context: click.Context) -> Settings:
    """What the options before and after the command say together."""
    written = {key.removeprefix(_META): value for key, value in context.meta.items() if key.startswith(_META)}
    written.setdefault("dir", os.environ.get(DIRECTORY_VARIABLE) or DEFAULT_DIRECTORY)
    written.setdefault("image_root", _roots(IMAGE_ROOTS_VARIABLE))
    written.setdefault("secret_root", _roots(SECRET_ROOTS_VARIABLE))
    return Settings(**written)


def _roots(variable: str) -> tuple[str, ...]:
    return tuple(root for root in os.environ.get(variable, "").split(":") if root)
