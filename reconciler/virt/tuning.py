"""What of a running domain changes that is no device of its document: processors, memory, pins, words."""

from reconciler import live_action as verbs
from reconciler.virt import codes, lib
from reconciler.xml.domain import read
from reconciler.xml.growth import cpu_map, module


def plug_vcpus(connection: lib.Connection, action: verbs.PlugVcpus) -> None:
    """virDomainSetVcpusFlags"""
    domain = connection.lookupByUUIDString(action.uuid)
    for _, count in action.values:
        domain.setVcpusFlags(count, codes.AFFECT_LIVE)


def plug_memory(connection: lib.Connection, action: verbs.PlugMemory) -> None:
    """virDomainAttachDeviceFlags of what is missing at that moment: a lost answer leads to no second module."""
    domain = connection.lookupByUUIDString(action.uuid)
    for path, size in action.values:
        missing = size - read(domain.XMLDesc(0)).fields[path[0]]
        if missing > 0:
            domain.attachDeviceFlags(module(missing), codes.AFFECT_LIVE)


def pin_cpus(connection: lib.Connection, action: verbs.PinCpus) -> None:
    """virDomainPinVcpuFlags for each virtual CPU that is named, virDomainPinEmulator"""
    domain = connection.lookupByUUIDString(action.uuid)
    for path, cpuset in action.values:
        if path[0] == "emulator_pin":
            domain.pinEmulator(cpu_map(cpuset), codes.AFFECT_LIVE)
        else:
            domain.pinVcpuFlags(int(path[1]), cpu_map(cpuset), codes.AFFECT_LIVE)


def set_texts(connection: lib.Connection, action: verbs.SetTexts) -> None:
    """virDomainSetMetadata"""
    domain = connection.lookupByUUIDString(action.uuid)
    for path, text in action.values:
        domain.setMetadata(codes.METADATA_TEXTS[path[0]], text, None, None, codes.AFFECT_LIVE)


def set_stats_period(connection: lib.Connection, action: verbs.SetStatsPeriod) -> None:
    """virDomainSetMemoryStatsPeriod"""
    domain = connection.lookupByUUIDString(action.uuid)
    for _, seconds in action.values:
        domain.setMemoryStatsPeriod(seconds, codes.AFFECT_LIVE)
