"""What is seen of memory on its way to another host, and how long that takes. Pure.

Sizes in bytes, rates in bytes a second, times in seconds.
"""

import math
from dataclasses import dataclass

PROTOCOL_S = 1.0
"""What a migration takes beside the copy: begin, prepare, switch-over, confirm; 0.5 s to 2 s were seen."""
UNENDING = math.inf


@dataclass(frozen=True, slots=True)
class SeenJob:
    """A migration that libvirt is at work on. Without figures where only one end was asked, which cannot tell them.

    Source: virDomainGetJobStats at the source of the migration.
    """

    total: int = 0
    remaining: int = 0
    rate: int = 0
    dirty_rate: int = 0
    iteration: int = 0
    """How many times all memory was gone over."""
    elapsed_s: float = 0.0

    @property
    def is_measured(self) -> bool:
        return self.total > 0

    @property
    def percent(self) -> float:
        """Of what is to be sent now; at most 99 before the end."""
        return min(99.0, 100.0 * (self.total - self.remaining) / self.total) if self.total else 0.0

    @property
    def left_s(self) -> float | None:
        """When it is expected to end from now; inf where it does not converge, None where nothing flows yet."""
        if not self.is_measured or not self.rate:
            return None
        return copy_s(self.remaining, self.rate, self.dirty_rate)


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """What a running guest does to its memory. None: its hypervisor refuses to measure that.

    Source: virDomainListGetStats(BALLOON, DIRTYRATE) after virDomainStartDirtyRateCalc.
    """

    name: str
    resident: int | None = None
    """What its process holds of the host's memory."""
    dirty_rate: int | None = None


def copy_s(size: int, rate: float, dirty_rate: float) -> float:
    """How long `size` takes when what is written meanwhile is sent too; inf where it is written faster than sent."""
    return size / (rate - dirty_rate) if rate > dirty_rate else UNENDING


def expected_s(assigned: int, use: MemoryUse | None, rate: int | None, *, post_copy: bool = False) -> float | None:
    """How long a migration will take, in whole seconds, rounded up; inf where it does not converge.

    `assigned`: the guest's memory, of which what it never touched costs nothing to send. `rate`: the slower of the
    links and the bound that documents set; None, and so the answer, where nobody knows. A post-copy always ends.
    """
    if rate is None or rate <= 0:
        return None
    used = min(assigned, use.resident) if use and use.resident else assigned
    dirty_rate = use.dirty_rate or 0 if use else 0
    copied = copy_s(used, rate, dirty_rate)
    if math.isinf(copied) and post_copy:
        copied = 2 * used / rate
    return copied if math.isinf(copied) else float(math.ceil(PROTOCOL_S + copied))
