"""What is seen of a screen's password: whether it is right, never what it is. No I/O."""

from dataclasses import dataclass
from enum import StrEnum


class Password(StrEnum):
    """A password of a definition beside the one that the document means."""

    NONE = "none"
    """There is none, or no screen."""
    SOME = "some"
    """There is one; it was not compared, for the secret may not be fetched now."""
    WRONG = "wrong"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class SeenPassword:
    """The password in the persistent definition, and in the live one of what is active."""

    persistent: Password
    live: Password | None = None
    trouble: str = ""
    """Why the secret could not be fetched."""
