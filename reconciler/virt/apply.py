"""One small function per action: the libvirt call behind it, and nothing that decides.

Long actions live in upload.py, shutdown.py and migrate.py.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from reconciler import action as verbs
from reconciler import live_action as live
from reconciler.action import Action
from reconciler.errors import PermanentError
from reconciler.mark import Mark
from reconciler.virt import codes, lib
from reconciler.virt.codes import Code
from reconciler.virt.devices import attach_device, detach_device, limit_disk, update_device
from reconciler.virt.tuning import pin_cpus, plug_memory, plug_vcpus, set_stats_period, set_texts
from reconciler.xml.domain import read
from reconciler.xml.mark import PREFIX, URI, mark_xml
from reconciler.xml.volume import read_volume, volume_xml

KEEPS_TPM_SINCE = 8_009_000
"""Earlier libvirts know no flag for it, and delete the state of an emulated TPM with its domain."""


@dataclass(frozen=True, slots=True)
class Short:
    """An action that is one run of calls. `words`: what it is called in errors; `timeout_s`: when it counts as hung.

    `storage`: it makes storage pool calls, which hang with a mount.
    """

    words: str
    call: Callable[[lib.Connection, Any], object]
    timeout_s: float = 60.0
    storage: bool = False


# --- pools and volumes ---------------------------------------------------------


def _define_pool(connection: lib.Connection, action: verbs.DefinePool) -> None:
    """virStoragePoolDefineXML"""
    connection.storagePoolDefineXML(action.xml, codes.DEFINE_VALIDATE)


def _build_pool(connection: lib.Connection, action: verbs.BuildPool) -> None:
    """virStoragePoolBuild: makes the target directory."""
    connection.storagePoolLookupByName(action.name).build(0)


def _start_pool(connection: lib.Connection, action: verbs.StartPool) -> None:
    """virStoragePoolCreate"""
    connection.storagePoolLookupByName(action.name).create(0)


def _refresh_pool(connection: lib.Connection, action: verbs.RefreshPool) -> None:
    """virStoragePoolRefresh"""
    connection.storagePoolLookupByName(action.name).refresh(0)


def _stop_pool(connection: lib.Connection, action: verbs.StopPool) -> None:
    """virStoragePoolDestroy, which unmounts and deletes nothing."""
    connection.storagePoolLookupByName(action.name).destroy()


def _undefine_pool(connection: lib.Connection, action: verbs.UndefinePool) -> None:
    """virStoragePoolUndefine"""
    connection.storagePoolLookupByName(action.name).undefine()


def _create_volume(connection: lib.Connection, action: verbs.CreateVolume) -> None:
    """virStorageVolCreateXML, which refuses a file that is there.

    Where qemu-img fails, libvirt leaves the empty file that it made, and does not list it (tried with 9.0): it goes.
    """
    pool = connection.storagePoolLookupByName(action.pool)
    try:
        pool.createXML(volume_xml(action), 0)
    except Exception as error:
        said = lib.refusal(error)
        if said is not None and said.code == Code.INTERNAL_ERROR and "qemu-img" in said.message:
            with suppress(Exception):
                _remove_empty(pool, action.volume)
        raise


def _make_claim(connection: lib.Connection, action: verbs.MakeClaim) -> None:
    """virStorageVolCreateXML of a raw volume: decided by the server, not by what this client has cached."""
    try:
        connection.storagePoolLookupByName(action.pool).createXML(volume_xml(action), 0)
    except Exception as error:
        said = lib.refusal(error)
        if said is not None and ("File exists" in said.message or said.code == Code.STORAGE_VOL_EXIST):
            raise PermanentError(f"cannot make {action.object}: {CLAIMED}") from None
        raise


def _grow_volume(connection: lib.Connection, action: verbs.GrowVolume) -> None:
    """virStorageVolResize, without the flag that lets it shrink."""
    connection.storagePoolLookupByName(action.pool).storageVolLookupByName(action.volume).resize(action.capacity, 0)


def _grow_disk(connection: lib.Connection, action: verbs.GrowDisk) -> None:
    """virDomainBlockResize, which would shrink a disk without a word: asked first (virDomainGetBlockInfo)."""
    domain = connection.lookupByUUIDString(action.uuid)
    capacity = domain.blockInfo(action.path, 0)[0]
    if capacity > action.capacity:
        raise PermanentError(f"cannot grow {action.object}: it has {capacity} bytes, more than {action.capacity}")
    domain.blockResize(action.path, action.capacity, codes.BLOCK_RESIZE_BYTES)


def _delete_volume(connection: lib.Connection, action: verbs.DeleteVolume) -> None:
    """virStorageVolDelete, which overwrites nothing: the file is unlinked."""
    connection.storagePoolLookupByName(action.pool).storageVolLookupByName(action.volume).delete(0)


def _remove_empty(pool: lib.Pool, name: str) -> None:
    pool.refresh(0)
    volume = pool.storageVolLookupByName(name)
    if read_volume(volume.XMLDesc(0)).capacity == 0:
        volume.delete(0)


CLAIMED = "it exists already: the domain was made through another host, and may run there"

# --- networks --------------------------------------------------------------------


def _define_network(connection: lib.Connection, action: verbs.DefineNetwork) -> None:
    """virNetworkDefineXMLFlags"""
    connection.networkDefineXMLFlags(action.xml, codes.DEFINE_VALIDATE)


def _start_network(connection: lib.Connection, action: verbs.StartNetwork) -> None:
    """virNetworkCreate"""
    connection.networkLookupByName(action.name).create()


def _stop_network(connection: lib.Connection, action: verbs.StopNetwork) -> None:
    """virNetworkDestroy"""
    connection.networkLookupByName(action.name).destroy()


def _undefine_network(connection: lib.Connection, action: verbs.UndefineNetwork) -> None:
    """virNetworkUndefine"""
    connection.networkLookupByName(action.name).undefine()


# --- domains -----------------------------------------------------------------------


def _define_domain(connection: lib.Connection, action: verbs.DefineDomain) -> None:
    """virDomainDefineXMLFlags"""
    connection.defineXMLFlags(action.xml, codes.DEFINE_VALIDATE)


def shown_definition(connection: lib.Connection, action: verbs.DomainAction) -> str:
    """virDomainGetXMLDesc(INACTIVE, SECURE): the definition with its passwords; empty where there is none."""
    domain = lib.found(connection.lookupByUUIDString, action.uuid, Code.NO_DOMAIN)
    return domain.XMLDesc(codes.DOMAIN_XML_INACTIVE | codes.DOMAIN_XML_SECURE) if domain else ""


def _record_disks(connection: lib.Connection, action: verbs.RecordDisks) -> None:
    """virDomainSetMetadata"""
    _mark(connection.lookupByUUIDString(action.uuid), action.mark)


def _record_restart(connection: lib.Connection, action: live.RecordRestart) -> None:
    """virDomainSetMetadata of the mark that is there by now."""
    domain = connection.lookupByUUIDString(action.uuid)
    mark = read(domain.XMLDesc(codes.DOMAIN_XML_INACTIVE)).mark
    if mark is None:
        raise PermanentError(f"cannot record the restart of {action.object}: it does not carry our mark")
    _mark(domain, replace(mark, restarted_for=action.cause))


def _mark(domain: lib.Domain, mark: Mark) -> None:
    """In the definition and, where it runs, in the live one that a migration carries."""
    flags = codes.AFFECT_CONFIG | (codes.AFFECT_LIVE if domain.isActive() else 0)
    domain.setMetadata(codes.METADATA_ELEMENT, mark_xml(mark), PREFIX, URI, flags)


def _start_domain(connection: lib.Connection, action: verbs.StartDomain) -> None:
    """virDomainCreate"""
    connection.lookupByUUIDString(action.uuid).create()


def _resume_domain(connection: lib.Connection, action: verbs.ResumeDomain) -> None:
    """virDomainResume"""
    connection.lookupByUUIDString(action.uuid).resume()


def _destroy_husk(connection: lib.Connection, action: verbs.DestroyHusk) -> None:
    """virDomainDestroy, only of what a migration left paused."""
    domain = connection.lookupByUUIDString(action.uuid)
    if tuple(domain.state(0)[:2]) != (codes.PAUSED, codes.PAUSED_MIGRATION):
        raise PermanentError(f"cannot end {action.object}: it is not what a migration left behind")
    domain.destroy()


def _clear_autostart(connection: lib.Connection, action: verbs.ClearAutostart) -> None:
    """virDomainSetAutostart"""
    connection.lookupByUUIDString(action.uuid).setAutostart(0)


def _rename_domain(connection: lib.Connection, action: verbs.RenameDomain) -> None:
    """virDomainRename, then virDomainSetMetadata: the mark alone where an earlier try got no further."""
    domain = connection.lookupByUUIDString(action.uuid)
    if domain.name() != action.name:
        domain.rename(action.name, 0)
    domain.setMetadata(codes.METADATA_ELEMENT, mark_xml(action.mark), PREFIX, URI, codes.AFFECT_CONFIG)


def _undefine_domain(connection: lib.Connection, action: verbs.UndefineDomain) -> None:
    """virDomainUndefineFlags with those that keep NVRAM and TPM state. It refuses where snapshots would be lost.

    We refuse where it runs. Without NVRAM and TPM there is nothing to keep, and some drivers know no such flags.
    """
    domain = connection.lookupByUUIDString(action.uuid)
    if domain.isActive():
        raise PermanentError(f"cannot undefine {action.object}: it is running")
    text = domain.XMLDesc(codes.DOMAIN_XML_INACTIVE)
    flags = codes.UNDEFINE_KEEP_NVRAM if "<nvram" in text or "firmware='efi'" in text else 0
    if "<tpm " in text:
        if connection.getLibVersion() < KEEPS_TPM_SINCE:
            raise PermanentError(f"cannot undefine {action.object}: its libvirt would delete the state of its TPM")
        flags |= codes.UNDEFINE_KEEP_TPM
    domain.undefineFlags(flags)


SHORT: Mapping[type[Action], Short] = {
    verbs.DefinePool: Short("define", _define_pool, 30.0, storage=True),
    verbs.BuildPool: Short("build", _build_pool, 30.0, storage=True),
    verbs.StartPool: Short("start", _start_pool, 90.0, storage=True),
    verbs.RefreshPool: Short("refresh", _refresh_pool, 60.0, storage=True),
    verbs.StopPool: Short("stop", _stop_pool, 60.0, storage=True),
    verbs.UndefinePool: Short("undefine", _undefine_pool, 30.0, storage=True),
    verbs.CreateVolume: Short("create", _create_volume, 120.0, storage=True),
    verbs.MakeClaim: Short("make", _make_claim, 60.0, storage=True),
    verbs.DeleteVolume: Short("delete", _delete_volume, 120.0, storage=True),
    verbs.GrowVolume: Short("grow", _grow_volume, 120.0, storage=True),
    verbs.GrowDisk: Short("grow", _grow_disk, 120.0),
    verbs.DefineNetwork: Short("define", _define_network),
    verbs.StartNetwork: Short("start", _start_network),
    verbs.StopNetwork: Short("stop", _stop_network),
    verbs.UndefineNetwork: Short("undefine", _undefine_network),
    verbs.DefineDomain: Short("define", _define_domain, 120.0),
    verbs.RecordDisks: Short("record the disks of", _record_disks, 45.0),
    verbs.AdoptDomain: Short("adopt", _record_disks, 45.0),
    verbs.RenameDomain: Short("rename", _rename_domain, 45.0),
    live.RecordRestart: Short("record the restart of", _record_restart, 45.0),
    verbs.StartDomain: Short("start", _start_domain, 120.0),
    verbs.ResumeDomain: Short("resume", _resume_domain, 45.0),
    verbs.DestroyHusk: Short("end", _destroy_husk, 60.0),
    verbs.ClearAutostart: Short("clear the autostart of", _clear_autostart, 45.0),
    verbs.UndefineDomain: Short("undefine", _undefine_domain, 45.0),
    verbs.ReleaseDisks: Short("record the disks of", _record_disks, 45.0),
    verbs.AttachDevice: Short("attach", attach_device, 60.0),
    verbs.DetachDevice: Short("detach", detach_device, 45.0),
    verbs.UpdateDevice: Short("change", update_device, 45.0),
    verbs.LimitDisk: Short("limit", limit_disk, 45.0),
    live.PlugVcpus: Short("give virtual CPUs to", plug_vcpus, 45.0),
    live.PlugMemory: Short("give memory to", plug_memory, 60.0),
    live.PinCpus: Short("pin the CPUs of", pin_cpus, 45.0),
    live.SetTexts: Short("write the texts of", set_texts, 45.0),
    live.SetStatsPeriod: Short("set the statistics' period of", set_stats_period, 45.0),
}
"""A start may wait for a slow QEMU, a first define for its probe (45 s under emulation), a pool for its mount. What
needs a domain's lock gets more than the 30 s after which libvirt itself gives up on it, and says so.
"""
