"""What commands join: the documents, the edge, the clock. Tests put a simulator in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from reconciler.cli import output
from reconciler.cli.options import Settings
from reconciler.show.safe import safe

if TYPE_CHECKING:  # pydantic is slow to import, and `--help` comes by here
    from reconciler.desired import Desired
    from reconciler.hypervisor import Clock, Edge
    from reconciler.reconcile import Survey


def documents(settings: Settings) -> Desired:
    """All documents, checked; their warnings go to stderr. Raises: DesiredStateError."""
    desired = loader(settings)()
    for warning in desired.warnings:
        output.talk(f"warning: {safe(warning)}")
    return desired


def loader(settings: Settings) -> Callable[[], Desired]:
    """Reads the documents, again and again; what a file says is remembered by its content."""
    from reconciler.load import load

    cache: dict[Any, Any] = {}

    def documents() -> Desired:
        found = load(
            settings.directory, cache=cache, image_roots=settings.image_roots, secret_roots=settings.secret_roots
        )
        return found.allowing(settings.allow_deletes)

    return documents


def open_edge(*, runs_commands: bool = False) -> Edge:
    """libvirt and NFS; connects nowhere yet. `runs_commands`: those that documents name as sources of secrets."""
    from reconciler.edge import RealEdge
    from reconciler.secrets import Secrets

    return RealEdge(secrets=Secrets(runs_commands=runs_commands))


def open_clock() -> Clock:
    from reconciler.clock import RealClock

    return RealClock()


@contextmanager
def edge(*, runs_commands: bool = False) -> Iterator[Edge]:
    """An edge that lets go of its connections at the end."""
    opened = open_edge(runs_commands=runs_commands)
    try:
        yield opened
    finally:
        opened.close()


def survey(desired: Desired, *, runs_commands: bool = False) -> Survey:
    """One look at everything, and what would be done; changes nothing."""
    from reconciler import reconcile
    from reconciler.history import History

    with edge(runs_commands=runs_commands) as opened:
        return reconcile.survey(desired, opened, open_clock(), History())
