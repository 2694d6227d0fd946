"""Moves that would even out memory and restore broken soft rules: pure advice, nothing moves by itself."""

from dataclasses import dataclass

from reconciler.desired import Desired
from reconciler.history import History
from reconciler.observed import Observed


@dataclass(frozen=True, slots=True)
class Advice:
    """A move that would do good.

    `evens`: by how many points the standard deviation of the hosts' memory use, in percent, would fall; `restores`:
    the soft rules that would hold again, as sentences; `reason`: both, for people.
    """

    domain: str
    source: str
    target: str
    evens: float
    restores: tuple[str, ...] = ()
    reason: str = ""


def rebalance(desired: Desired, observed: Observed, history: History) -> tuple[Advice, ...]:
    """Moves worth making, one after the other, each with its gain given those before it; the best first.

    So the first ones alone bring most of the good. Raises: nothing.
    """
    return ()
