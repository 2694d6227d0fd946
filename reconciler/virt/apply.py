"""One small function per action: the libvirt call behind it, and nothing that decides.

What is already as asked counts as done (a start of what runs, an undefine of what is gone): whether the goal is reached
is for the next observation to say. Long actions live in upload.py, shutdown.py and migrate.py.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from reconciler import action as verbs
from reconciler.action import Action
from reconciler.observed import Mark
from reconciler.virt import codes, lib
from reconciler.virt.codes import Code
from reconciler.xml.mark import PREFIX, URI, mark_xml
from reconciler.xml.volume import read_volume, volume_xml


@dataclass(frozen=True, slots=True)
class Short:
    """An action that is one run of calls. `words`: what it is called in errors; `timeout_s`: when it counts as hung.

    `storage`: it makes storage pool calls, which hang with a mount.
    """

    words: str
    call: Callable[[lib.Connection, Any], object]
    timeout_s: float = 60.0
    storage: bool = False


@contextmanager
def _done_already(words: str, *codes_that_say_so: int) -> Iterator[None]:
    """Take a refusal that means "it is so already" for success."""
    try:
        yield
    except Exception as error:
        said = lib.refusal(error)
        if said is None:
            raise
        if said.code not in codes_that_say_so and not (words and words in said.message):
            raise


# --- pools and volumes ---------------------------------------------------------


def _define_pool(connection: lib.Connection, action: verbs.DefinePool) -> None:
    """virStoragePoolDefineXML"""
    connection.storagePoolDefineXML(action.xml, codes.DEFINE_VALIDATE)


def _build_pool(connection: lib.Connection, action: verbs.BuildPool) -> None:
    """virStoragePoolBuild: makes the target directory."""
    connection.storagePoolLookupByName(action.name).build(0)


def _start_pool(connection: lib.Connection, action: verbs.StartPool) -> None:
    """virStoragePoolCreate"""
    pool = connection.storagePoolLookupByName(action.name)
    with _done_already("is already active"):
        pool.create(0)


def _refresh_pool(connection: lib.Connection, action: verbs.RefreshPool) -> None:
    """virStoragePoolRefresh"""
    connection.storagePoolLookupByName(action.name).refresh(0)


def _stop_pool(connection: lib.Connection, action: verbs.StopPool) -> None:
    """virStoragePoolDestroy, which unmounts and deletes nothing."""
    pool = connection.storagePoolLookupByName(action.name)
    with _done_already("is not active"):
        pool.destroy()


def _undefine_pool(connection: lib.Connection, action: verbs.UndefinePool) -> None:
    """virStoragePoolUndefine"""
    with _done_already("", Code.NO_STORAGE_POOL):
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


def _remove_empty(pool: lib.Pool, name: str) -> None:
    pool.refresh(0)
    volume = pool.storageVolLookupByName(name)
    if read_volume(volume.XMLDesc(0)).capacity == 0:
        volume.delete(0)


# --- networks --------------------------------------------------------------------


def _define_network(connection: lib.Connection, action: verbs.DefineNetwork) -> None:
    """virNetworkDefineXMLFlags"""
    connection.networkDefineXMLFlags(action.xml, codes.DEFINE_VALIDATE)


def _start_network(connection: lib.Connection, action: verbs.StartNetwork) -> None:
    """virNetworkCreate"""
    network = connection.networkLookupByName(action.name)
    with _done_already("is already active"):
        network.create()


def _stop_network(connection: lib.Connection, action: verbs.StopNetwork) -> None:
    """virNetworkDestroy"""
    network = connection.networkLookupByName(action.name)
    with _done_already("is not active"):
        network.destroy()


def _undefine_network(connection: lib.Connection, action: verbs.UndefineNetwork) -> None:
    """virNetworkUndefine"""
    with _done_already("", Code.NO_NETWORK):
        connection.networkLookupByName(action.name).undefine()


# --- domains -----------------------------------------------------------------------


def _define_domain(connection: lib.Connection, action: verbs.DefineDomain) -> None:
    """virDomainDefineXMLFlags"""
    connection.defineXMLFlags(action.xml, codes.DEFINE_VALIDATE)


def _record_disks(connection: lib.Connection, action: verbs.RecordDisks) -> None:
    """virDomainSetMetadata, in the definition and, where it runs, in the live one that a migration carries."""
    domain = connection.lookupByUUIDString(action.uuid)
    mark = mark_xml(Mark(action.cluster, action.name, frozenset(action.disks)))
    flags = codes.AFFECT_CONFIG | (codes.AFFECT_LIVE if domain.isActive() else 0)
    domain.setMetadata(codes.METADATA_ELEMENT, mark, PREFIX, URI, flags)


def _start_domain(connection: lib.Connection, action: verbs.StartDomain) -> None:
    """virDomainCreate"""
    domain = connection.lookupByUUIDString(action.uuid)
    with _done_already("domain is already running"):
        domain.create()


def _resume_domain(connection: lib.Connection, action: verbs.ResumeDomain) -> None:
    """virDomainResume"""
    domain = connection.lookupByUUIDString(action.uuid)
    with _done_already("domain is already running"):
        domain.resume()


def _undefine_domain(connection: lib.Connection, action: verbs.UndefineDomain) -> None:
    """virDomainUndefine, without flags: it refuses where state would be lost."""
    with _done_already("", Code.NO_DOMAIN):
        connection.lookupByUUIDString(action.uuid).undefine()


SHORT: Mapping[type[Action], Short] = {
    verbs.DefinePool: Short("define", _define_pool, 30.0, storage=True),
    verbs.BuildPool: Short("build", _build_pool, 30.0, storage=True),
    verbs.StartPool: Short("start", _start_pool, 90.0, storage=True),
    verbs.RefreshPool: Short("refresh", _refresh_pool, 60.0, storage=True),
    verbs.StopPool: Short("stop", _stop_pool, 60.0, storage=True),
    verbs.UndefinePool: Short("undefine", _undefine_pool, 30.0, storage=True),
    verbs.CreateVolume: Short("create", _create_volume, 120.0, storage=True),
    verbs.DefineNetwork: Short("define", _define_network),
    verbs.StartNetwork: Short("start", _start_network),
    verbs.StopNetwork: Short("stop", _stop_network),
    verbs.UndefineNetwork: Short("undefine", _undefine_network),
    verbs.DefineDomain: Short("define", _define_domain, 120.0),
    verbs.RecordDisks: Short("record the disks of", _record_disks, 30.0),
    verbs.StartDomain: Short("start", _start_domain, 120.0),
    verbs.ResumeDomain: Short("resume", _resume_domain, 30.0),
    verbs.UndefineDomain: Short("undefine", _undefine_domain, 30.0),
}
"""A start may wait for a slow QEMU, a first define for its probe (45 s under emulation), a pool for its mount."""
