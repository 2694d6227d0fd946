"""An in-memory cluster with faults and a virtual clock, held to the same contract tests as the real edge."""

from reconciler.simulate.clock import Deadlock, VirtualClock
from reconciler.simulate.cluster import build
from reconciler.simulate.edge import SimEdge, Write
from reconciler.simulate.faults import Crash, Fault, Faults, Outcome
from reconciler.simulate.people import act
from reconciler.simulate.world import SEAT, Change, World

__all__ = [
    "SEAT",
    "Change",
    "Crash",
    "Deadlock",
    "Fault",
    "Faults",
    "Outcome",
    "SimEdge",
    "VirtualClock",
    "World",
    "Write",
    "act",
    "build",
]
