"""Which host each domain shall be at, or why none; and what would be if. Pure and deterministic."""

from reconciler.place.alone import Way, ways
from reconciler.place.balance import Advice, rebalance
from reconciler.place.placing import Placements, place
from reconciler.place.settle import Placement
from reconciler.place.whatif import Fit, drainable, drainable_as_seen, host_loss

__all__ = [
    "Advice",
    "Fit",
    "Placement",
    "Placements",
    "Way",
    "drainable",
    "drainable_as_seen",
    "host_loss",
    "place",
    "rebalance",
    "ways",
]
