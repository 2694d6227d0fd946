"""What becomes of a running domain without a restart: by which of libvirt's calls, and the fact that it is so."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from reconciler.fact import YES, DomainFact, Verdict, value_at
from reconciler.observed import SeenDomain

Values = tuple[tuple[tuple[str, ...], Any], ...]
"""Paths, as in a reading, with what stands there; None: nothing does."""


class Way(StrEnum):
    """By which call a field of a running domain gets another value; plan/live.py says which action that is."""

    DEVICE = "device"
    """virDomainUpdateDeviceFlags"""
    IOTUNE = "iotune"
    """virDomainSetBlockIoTune"""
    VCPUS = "vcpus"
    """virDomainSetVcpusFlags"""
    MEMORY = "memory"
    """virDomainAttachDeviceFlags of a memory module"""
    PINS = "pins"
    """virDomainPinVcpuFlags, virDomainPinEmulator"""
    TEXTS = "texts"
    """virDomainSetMetadata"""
    STATS = "stats"
    """virDomainSetMemoryStatsPeriod"""


@dataclass(frozen=True, slots=True)
class LiveIs(DomainFact):
    """The domain runs at `host`, and its live definition has these values."""

    values: Values

    def judge(self, domain: SeenDomain) -> Verdict:
        if domain.live is None:
            return Verdict(False, "it is not running")
        other = next((path for path, value in self.values if value_at(domain.live, path) != value), None)
        if other is None:
            return YES
        if dict(self.values)[other] is None:
            way_out = "let it unmount or release that, or power it off: it starts without"
            return Verdict(False, f"it still has {'.'.join(other)}, which its guest does not let go of; {way_out}")
        return Verdict(False, f"its {'.'.join(other)} is {value_at(domain.live, other)!r} while it runs")
