"""An in-memory cluster with faults and a virtual clock, held to the same contract tests as the real edge."""

from reconciler.simulate.clock import Deadlock, VirtualClock
from reconciler.simulate.cluster import build
from reconciler.simulate.edge import SimEdge, Write
from reconciler.simulate.faults import Crash, Endless, Fault, Faults, Outcome
from reconciler.simulate.people import act
from reconciler.simulate.watch import Watch
from reconciler.simulate.world import SEAT, Change, World

__all__ = [
    "SEAT",
    "Change",
    "Crash",
    "Deadlock",
    "Endless",
    "Fault",
    "Faults",
    "Outcome",
    "SimEdge",
    "VirtualClock",
    "Watch",
    "World",
    "Write",
    "act",
    "build",
]
