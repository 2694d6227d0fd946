"""Devices of a domain that runs: libvirt's calls, with XML made of what the device is at that moment."""

from reconciler import action as verbs
from reconciler.errors import PermanentError
from reconciler.virt import codes, lib
from reconciler.xml.live import attachable, changed_device, detachable, disk_limits
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


def attach_device(connection: lib.Connection, action: verbs.AttachDevice) -> None:
    """virDomainAttachDeviceFlags of what the persistent definition has, to the live one alone."""
    domain = connection.lookupByUUIDString(action.uuid)
    persistent, live = domain.XMLDesc(codes.DOMAIN_XML_INACTIVE), domain.XMLDesc(0)
    try:
        devices = attachable(persistent, live, action.sort, action.device)
    except XmlError as error:
        raise PermanentError(f"cannot attach {action.object}: {error}") from None
    for xml in devices:
        domain.attachDeviceFlags(xml, codes.AFFECT_LIVE)


def detach_device(connection: lib.Connection, action: verbs.DetachDevice) -> None:
    """virDomainDetachDeviceFlags from the live definition; it returns after 5 s at most, whether the guest did it."""
    domain = connection.lookupByUUIDString(action.uuid)
    try:
        xml = detachable(domain.XMLDesc(0), action.sort, action.device)
    except XmlError:
        return  # it let go since somebody asked before
    domain.detachDeviceFlags(xml, codes.AFFECT_LIVE)
