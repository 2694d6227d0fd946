"""How a guest is brought to power off: what it is asked and when, until its time is over. Pure; both edges go by it."""

from dataclasses import dataclass
from enum import StrEnum

from reconciler.desired.quantity import format_duration

AGENT_SHARE = 0.5
"""Of its time a guest has as much for what its agent was asked, before the power button is pressed too."""


@dataclass(frozen=True, slots=True)
class Stop:
    """How a guest is stopped: asked for `timeout_s`, then left alone, or ended where its document says `force`."""

    timeout_s: float = 120.0
    force: bool = False


class Ask(StrEnum):
    """What is done next."""

    AGENT = "agent"
    """The guest agent shuts the system down, whatever that makes of a power button."""
    ACPI = "acpi"
    """The power button; once, for a second press means other things to some guests."""
    FORCE = "force"
    GIVE_UP = "give-up"


@dataclass(slots=True)
class Asking:
    """One guest being stopped. `agent_failed`: its agent is not there, or refuses."""

    stop: Stop
    agent_failed: bool = False
    _agent_asked: bool = False
    _pressed: bool = False

    def next(self, waited_s: float) -> Ask | None:
        """What to do when it runs on after so long; None: wait. FORCE and GIVE_UP are last words."""
        if waited_s >= self.stop.timeout_s:
            return Ask.FORCE if self.stop.force else Ask.GIVE_UP
        if not self._agent_asked and not self.agent_failed:
            self._agent_asked = True
            return Ask.AGENT
        agent_is_over = self.agent_failed or waited_s >= self.stop.timeout_s * AGENT_SHARE
        if not self._pressed and agent_is_over:
            self._pressed = True
            return Ask.ACPI
        return None

    def percent(self, waited_s: float) -> float:
        """How much of its time is over; at most 99 before the end."""
        return min(99.0, 100.0 * waited_s / self.stop.timeout_s)

    @property
    def declined_words(self) -> str:
        """That it runs on, by what it was asked, and the way out."""
        agent = ["its agent"] if self._agent_asked and not self.agent_failed else []
        by = " and ".join([*agent, *(["its power button"] if self._pressed else [])])
        asked = f"it was asked for {format_duration(self.stop.timeout_s)}, by {by}, and runs on"
        return f"{asked}; power it off from within, raise shutdownTimeout, or set onShutdownTimeout: force"

    @property
    def forced_words(self) -> str:
        """What the report says of a guest whose plug was pulled."""
        return f"it did not power off within {format_duration(self.stop.timeout_s)}, and was forced off"
