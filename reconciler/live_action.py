"""What we can do to a running domain beside stopping and moving it; its devices are in action.py."""

from dataclasses import dataclass

from reconciler.action import DomainAction
from reconciler.live import Values


@dataclass(frozen=True, slots=True)
class ChangeLive(DomainAction):
    """Give a running domain other values; its persistent definition has them already."""

    values: Values
    """By their paths."""


@dataclass(frozen=True, slots=True)
class PlugVcpus(ChangeLive):
    """Let the guest have more virtual CPUs, up to the most that it was started with (virDomainSetVcpusFlags)."""


@dataclass(frozen=True, slots=True)
class PlugMemory(ChangeLive):
    """Give the guest a module with what it lacks of its memory (virDomainAttachDeviceFlags)."""

    retriable = False


@dataclass(frozen=True, slots=True)
class PinCpus(ChangeLive):
    """Bind virtual CPUs and the emulator to CPUs of the host (virDomainPinVcpuFlags, virDomainPinEmulator)."""


@dataclass(frozen=True, slots=True)
class SetTexts(ChangeLive):
    """Write title and description (virDomainSetMetadata)."""


@dataclass(frozen=True, slots=True)
class SetStatsPeriod(ChangeLive):
    """Let the guest tell of its memory so often (virDomainSetMemoryStatsPeriod)."""


@dataclass(frozen=True, slots=True)
class RecordRestart(DomainAction):
    """Write into our mark, which else stays as it is, what a domain was restarted for (virDomainSetMetadata)."""

    cause: str
