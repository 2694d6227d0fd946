"""Parts of one hypervisor that are read apart: facts and networks here, domains and storage in their own files.

The calls are those of a no-op pass and no others: getInfo; listAllNetworks twice, XMLDesc once per network. Once per
connection: capabilities, domain capabilities, versions.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import NAMESPACE_URL, uuid5

from reconciler.errors import HostUnreachable, ReconcilerError
from reconciler.observed import CpuFacts, HostFacts, Listing, SeenNetwork, Unknown
from reconciler.virt import codes, lib
from reconciler.virt.caller import Hung
from reconciler.virt.codes import Code
from reconciler.virt.connect import Link, Session
from reconciler.virt.read import read_network
from reconciler.virt.translate import is_broken
from reconciler.xml.capabilities import read_capabilities, read_domain_capabilities

T = TypeVar("T")

QUIET_S = 10.0
"""When no call has ended for so long, the host hangs; slow is not hung."""
ASIDE_S = 5.0
"""The same, for what nothing depends on."""
TOTAL_S = 120.0
FACTS_S = 90.0
"""The first look at a QEMU that was never probed takes 6 s, under emulation 45 s."""
BYTES_PER_MIB = 1 << 20


def attempt(
    link: Link,
    read: Callable[[Session], T],
    purpose: str = "read",
    spare: Callable[[Session, Hung], bool] = lambda session, hung: False,
    quiet_s: float = QUIET_S,
) -> T | Unknown:
    """Read over a session of the link; over a new one, once, where libvirtd was restarted in between.

    Purpose "": over one of those for single looks. A hang costs the session, and the host a while of peace; where
    `spare` says that only one object hangs, the reading goes on over a new session.
    """
    again = True
    while True:
        try:
            with _session(link, purpose) as session:
                try:
                    return session.run(read, quiet_s, TOTAL_S)
                except Hung as hung:
                    if spare(session, hung):
                        session.end()
                        continue
                    cause = f"libvirt at host/{link.host} does not answer"
                    link.give_up(session, cause)
                    return Unknown(cause)
                except Exception as error:
                    said = lib.refusal(error)
                    if said is None:
                        raise
                    if not (again and is_broken(error)):
                        return Unknown(f"libvirt at host/{link.host} says: {said.message}")
                    again = False
                    session.end()
        except HostUnreachable as error:
            return Unknown(str(error))


def aside(link: Link, read: Callable[[Session], T]) -> T | Unknown:
    """Read what is good to know and no more, over the session of whole looks: a hang costs that session alone.

    So that a guest whose monitor is stuck does not make its host look silent.
    """
    try:
        session = link.session("read")
        try:
            return session.run(read, ASIDE_S, TOTAL_S)
        except Hung:
            session.end()
            return Unknown(f"libvirt at host/{link.host} does not answer")
    except Exception as error:
        return unread(link, error)


def unread(link: Link, error: Exception) -> Unknown:
    """Why a reading came to nothing. Raises: `error` itself, where neither libvirt nor the way there made it."""
    if isinstance(error, HostUnreachable):
        return Unknown(str(error))
    said = lib.refusal(error)
    if said is None:
        raise error
    return Unknown(f"libvirt at host/{link.host} says: {said.message}")


@contextmanager
def _session(link: Link, purpose: str) -> Iterator[Session]:
    if purpose:
        yield link.session(purpose)
    else:
        with link.borrowed() as session:
            yield session


# --- facts -------------------------------------------------------------------


def read_facts(
    session: Session, link: Link, at: float, boot_id: str = "", speed: int | None = None
) -> Listing[HostFacts]:
    """What the hypervisor is. `boot_id`, `speed`: what its shell told. getInfo tells MiB. Raises: libvirt's errors."""
    info = session.connection.getInfo()
    if session.facts is None:
        session.facts = _read_fixed_facts(session.connection, link.uri)
    memory, cpus = int(info[1]) * BYTES_PER_MIB, int(info[2])
    return Listing({link.host: HostFacts(memory=memory, cpus=cpus, boot_id=boot_id, link=speed, **session.facts)}, at)


def _read_fixed_facts(connection: lib.Connection, uri: str) -> dict[str, Any]:
    """What cannot change while a connection lives. A driver that tells no host UUID is known by its URI."""
    capabilities = read_capabilities(connection.getCapabilities())
    virt_type, cpu = _guests_cpu(connection, capabilities.arch, capabilities.virt_types)
    return {
        "uuid": capabilities.uuid or str(uuid5(NAMESPACE_URL, uri)),
        "arch": capabilities.arch,
        "virt_type": virt_type,
        "offers": capabilities.offers,
        "cells": capabilities.cells,
        "cpu": cpu,
        "libvirt_version": connection.getLibVersion(),
        "qemu_version": connection.getVersion(),
    }


def _guests_cpu(connection: lib.Connection, arch: str, virt_types: tuple[str, ...]) -> tuple[str, CpuFacts]:
    """The best kind of guest that works, and its CPU. A kvm that cannot even show kvm64 is there, but does not work."""
    for virt_type in virt_types:
        try:
            cpu = read_domain_capabilities(connection.getDomainCapabilities(None, None, None, virt_type))
        except Exception as error:
            if not lib.is_refused(error, Code.NO_SUPPORT):
                raise
            return virt_type, CpuFacts("")
        if virt_type != "kvm" or arch != "x86_64" or "kvm64" in cpu.usable:
            return virt_type, cpu
    return (virt_types[-1], CpuFacts("")) if virt_types else ("", CpuFacts(""))


# --- networks --------------------------------------------------------------------


def read_networks(session: Session, link: Link, at: float) -> Listing[SeenNetwork]:
    """Every network, by its persistent definition. Raises: libvirt's errors."""
    persistent, active = (
        {handle.name(): handle for handle in session.connection.listAllNetworks(flag)}
        for flag in (codes.LIST_NETWORKS_PERSISTENT, codes.LIST_NETWORKS_ACTIVE)
    )
    seen = {}
    for name, handle in {**active, **persistent}.items():
        network = network_seen(handle, link, active=name in active, persistent=name in persistent)
        if network is not None:
            seen[network.name] = network
        session.beat()
    link.memo.forget_others("network/", {f"network/{network.uuid}" for network in seen.values()})
    return Listing(dict(sorted(seen.items())), at)


def network_seen(handle: lib.Network, link: Link, *, active: bool, persistent: bool) -> SeenNetwork | None:
    """One network; None where it is gone meanwhile. One that cannot be understood is nobody's: hands off."""
    try:
        flags = codes.NETWORK_XML_INACTIVE if link.reach.takes_flags else 0
        return read_network(handle, link.memo, active=active, persistent=persistent, flags=flags)
    except (ReconcilerError, ValueError):
        return SeenNetwork(handle.name(), handle.UUIDString(), active, persistent=persistent)
    except Exception as error:
        if lib.is_refused(error, Code.NO_NETWORK):
            return None
        raise
