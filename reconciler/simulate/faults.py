"""What can go wrong at one call of the edge, and when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.errors import ActionError, ReconcilerError, TransientError


class Crash(BaseException):
    """Our process dies here (kill -9): it unwinds everything and is caught by nobody but the harness."""


class Endless(ReconcilerError):
    """One process made more calls than any honest run needs: it goes in circles."""


class Outcome(StrEnum):
    """How a call can end other than well."""

    CRASH_BEFORE = "crash-before"
    """We die before the request leaves."""
    CRASH_AFTER_EFFECT = "crash-after-effect"
    """The request is taken, we die before the answer; what takes time goes on without us."""
    CRASH_AFTER_ANSWER = "crash-after-answer"
    """The answer came, we die before we look."""
    ERROR_WITHOUT_EFFECT = "error-without-effect"
    ERROR_WITH_EFFECT = "error-with-effect"
    SUCCESS_WITHOUT_EFFECT = "success-without-effect"
    SLOW = "slow"
    HANG = "hang"
    """No answer until our deadline; the request is lost."""
    STALE = "stale"
    """A read gives what the read before gave, with its age. After a write: the next read does."""
    PARTIAL = "partial"
    """A read lacks a part of a host. After a write: the next read does."""


CRASHES = frozenset({Outcome.CRASH_BEFORE, Outcome.CRASH_AFTER_EFFECT, Outcome.CRASH_AFTER_ANSWER})


@dataclass(frozen=True)
class Fault:
    """One outcome. `host`: whom a read's trouble concerns; where it is empty the first one asked, or (slow) all."""

    outcome: Outcome
    seconds: float = 20.0
    """How long a slow call takes more."""
    host: str = ""
    error: type[ActionError] = TransientError


@dataclass
class Faults:
    """Which call has which fault: by its number from 1, or the first one whose name begins so."""

    at: Mapping[int, Fault] = field(default_factory=dict)
    named: list[tuple[str, Fault]] = field(default_factory=list)

    def of(self, number: int, name: str) -> Fault | None:
        """The fault of a call; one that is found by name is used up."""
        for item in self.named:
            if name.startswith(item[0]):
                self.named.remove(item)
                return item[1]
        return self.at.get(number)
