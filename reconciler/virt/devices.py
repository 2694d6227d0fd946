"""Devices of a domain that runs: libvirt's calls, with XML made of what the device is at that moment."""

from reconciler import action as verbs
from reconciler.errors import PermanentError
from reconciler.virt import codes, lib
from reconciler.xml.live import changed_device, disk_limits
from reconciler.xml.tree import XmlError


def update_device(connection: lib.Connection, action: verbs.UpdateDevice) -> None:
    """virDomainUpdateDeviceFlags of the device as it is, but for what shall be otherwise."""
    domain = connection.lookupByUUIDString(action.uuid)
    try:
        xml = changed_device(domain.XMLDesc(0), action.sort, action.device, action.values)
    except XmlError as error:
        raise PermanentError(f"cannot change {action.object}: {error}") from None
    domain.updateDeviceFlags(xml, codes.AFFECT_LIVE)


def limit_disk(connection: lib.Connection, action: verbs.LimitDisk) -> None:
    """virDomainSetBlockIoTune, with every limit: one that is not said would be cleared."""
    domain = connection.lookupByUUIDString(action.uuid)
    try:
        target, limits = disk_limits(domain.XMLDesc(0), action.device, action.values)
    except XmlError as error:
        raise PermanentError(f"cannot limit {action.object}: {error}") from None
    domain.setBlockIoTune(target, limits, codes.AFFECT_LIVE)
