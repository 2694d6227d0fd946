"""The whole error family. Messages read "cannot <verb> <thing>: <cause>; <way out>"."""

from dataclasses import dataclass


class ReconcilerError(Exception):
    """An error that a person can act on; shown as one line, never as a traceback."""


@dataclass(frozen=True, order=True, slots=True)
class Problem:
    """One thing that is wrong in the documents, with its place (line and column from 1)."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class DesiredStateError(ReconcilerError):
    """The documents are invalid; holds every problem at once, sorted (law 6)."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UsageError(ReconcilerError):
    """The command line asks for something that does not exist."""


class LockHeld(ReconcilerError):
    """Another reconciler works on this cluster (law 12)."""


class ActionError(ReconcilerError):
    """An action did not succeed."""


class TransientError(ActionError):
    """Likely to succeed when tried again within seconds."""


class PermanentError(ActionError):
    """Trying again in this pass is hopeless (law 14)."""


class Declined(PermanentError):
    """What was asked does not do it: nothing is broken, and a person or a document must say more."""


class HostUnreachable(TransientError):
    """The host did not answer within its deadline: what it holds is unknown (law 1)."""
