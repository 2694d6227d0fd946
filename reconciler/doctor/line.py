"""What doctor says. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from reconciler.desired import Ref


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """Works, or will once a pass has been made; worth knowing."""
    FAILED = "failed"
    """The main job cannot be done until a person mends it."""
    UNREACHABLE = "unreachable"
    """The host cannot be asked."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at. `mend`: the command that mends it."""

    level: Level
    object: Ref
    message: str
    mend: str = ""
