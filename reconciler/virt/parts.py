"""The parts of one hypervisor that are read apart: facts, domains, networks. Each is a Listing, or Unknown and why.

The calls are those of a no-op pass and no others: getInfo; getAllDomainStats(STATE), listAllDomains(AUTOSTART),
XMLDesc; listAllNetworks twice, XMLDesc. Once per connection: capabilities, domain capabilities, versions, and, to tell
a transient domain (whose XML does not say so), listAllDomains(TRANSIENT): again only when an active domain's definition
changed or went.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from reconciler.clock import Pending
from reconciler.errors import HostUnreachable, ReconcilerError
from reconciler.observed import CpuFacts, HostFacts, Listing, SeenDomain, SeenNetwork, Unknown
from reconciler.virt import codes, lib
from reconciler.virt.codes import Code
from reconciler.virt.connect import Link, Session
from reconciler.virt.memo import Memo
from reconciler.virt.read import ListedDomain, ReadingRules, read_domain, read_network, unreadable, without_definition
from reconciler.virt.translate import is_broken
from reconciler.virt.workers import Hung
from reconciler.xml.capabilities import read_capabilities, read_domain_capabilities

T = TypeVar("T")

QUIET_S = 10.0
"""When no call has ended for so long, the host hangs; slow is not hung."""
TOTAL_S = 120.0
FACTS_S = 90.0
"""The first look at a QEMU that was never probed takes 6 s, under emulation 45 s."""
BYTES_PER_MIB = 1 << 20


def attempt(link: Link, read: Callable[[Session], T]) -> T | Unknown:
    """Read over the link's connection; over a new one, once, where libvirtd was restarted in between."""
    again = True
    while True:
        try:
            session = link.session()
        except HostUnreachable as error:
            return Unknown(str(error))
        try:
            return read(session)
        except HostUnreachable as error:  # given up by another part meanwhile
            return Unknown(str(error))
        except Hung:
            cause = f"libvirt at host/{link.host} does not answer"
            link.give_up(session, cause)
            return Unknown(cause)
        except Exception as error:
            said = lib.refusal(error)
            if said is None:
                raise
            if not (again and is_broken(error)):
                return Unknown(f"libvirt at host/{link.host} says: {said.message}")
            session.end()
            again = False


def _all(session: Session, *calls: Callable[[], Any]) -> list[Any]:
    """The results of a few calls. Raises: Hung, or what the first that failed raised."""
    results = session.readers.share(calls).results(QUIET_S, TOTAL_S)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


# --- facts -------------------------------------------------------------------


def read_facts(session: Session, host: str, boot_id: str, at: float) -> Listing[HostFacts]:
    """What the hypervisor is. Units: getInfo tells memory in MiB. Raises: Hung, libvirt's errors."""
    [info] = _all(session, session.connection.getInfo)
    if session.facts is None:
        session.facts = Pending(lambda: _read_fixed_facts(session.connection), f"{host}-facts")
    try:
        fixed = session.facts.result(FACTS_S)
    except TimeoutError:
        raise Hung from None
    except Exception:
        session.facts = None
        raise
    memory, cpus = int(info[1]) * BYTES_PER_MIB, int(info[2])
    return Listing({host: HostFacts(memory=memory, cpus=cpus, boot_id=boot_id, **fixed)}, at)


def _read_fixed_facts(connection: lib.Connection) -> dict[str, Any]:
    """What cannot change while a connection lives."""
    capabilities = read_capabilities(connection.getCapabilities())
    virt_type, cpu = _guests_cpu(connection, capabilities.arch, capabilities.virt_types)
    return {
        "uuid": capabilities.uuid,
        "arch": capabilities.arch,
        "virt_type": virt_type,
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


# --- domains -------------------------------------------------------------------


def read_domains(session: Session, memo: Memo, rules: ReadingRules, at: float) -> Listing[SeenDomain]:
    """Every domain, active or not. Raises: Hung, libvirt's errors; one domain's own trouble stays its own."""
    connection = session.connection
    stats, autostarted = _all(
        session,
        lambda: connection.getAllDomainStats(codes.STATS_STATE, 0),
        lambda: connection.listAllDomains(codes.LIST_DOMAINS_AUTOSTART),
    )
    autostart = {domain.UUIDString() for domain in autostarted}
    listed = [
        ListedDomain(handle, told.get("state.state", 0), told.get("state.reason", 0), handle.UUIDString() in autostart)
        for handle, told in stats
    ]
    seen = _without_definitions(session, read_each(session, listed, memo, rules))
    memo.forget_others("domain/", {f"domain/{domain.uuid}" for domain in seen})
    return Listing({domain.name: domain for domain in sorted(seen, key=lambda domain: domain.name)}, at)


def read_each(session: Session, listed: list[ListedDomain], memo: Memo, rules: ReadingRules) -> list[SeenDomain]:
    """Read listed domains side by side. One that is gone meanwhile is left out."""

    def reader(one: ListedDomain) -> Callable[[], SeenDomain]:
        return lambda: read_domain(one, memo, rules)

    results = session.readers.share([reader(one) for one in listed]).results(QUIET_S, TOTAL_S)
    if results and all(isinstance(result, Hung) for result in results):
        raise Hung
    if any(isinstance(result, Hung) for result in results):
        session.end()  # its threads are stuck; the next pass takes new ones
    return [seen for one, result in zip(listed, results, strict=True) if (seen := _domain_of(one, result)) is not None]


def _domain_of(listed: ListedDomain, result: SeenDomain | BaseException) -> SeenDomain | None:
    if isinstance(result, SeenDomain):
        return result
    if isinstance(result, Hung):
        return unreadable(listed, "libvirt does not answer when asked for its definition")
    said = lib.refusal(result)
    if said is None or is_broken(result):
        raise result
    return None if said.code == Code.NO_DOMAIN else unreadable(listed, f"libvirt says: {said.message}")


def _without_definitions(session: Session, seen: list[SeenDomain]) -> list[SeenDomain]:
    """Tell the transient ones, asking only when that may have changed since it was last asked."""
    active = {domain.uuid: domain for domain in seen if domain.is_active and not domain.unknown}
    known = session.definitions
    if all(known.get(uuid) is domain.fields for uuid, domain in active.items()):
        return seen
    # Before the answer is used, so that an event that comes in between is not lost.
    known.update({uuid: domain.fields for uuid, domain in active.items()})
    [listed] = _all(session, lambda: session.connection.listAllDomains(codes.LIST_DOMAINS_TRANSIENT))
    transient = {domain.UUIDString() for domain in listed}
    for uuid in transient:
        known.pop(uuid, None)
    return [without_definition(domain) if domain.uuid in transient else domain for domain in seen]


# --- networks --------------------------------------------------------------------


def read_networks(session: Session, memo: Memo, at: float) -> Listing[SeenNetwork]:
    """Every network, by its persistent definition. Raises: Hung, libvirt's errors."""
    connection = session.connection
    lists = _all(
        session,
        lambda: connection.listAllNetworks(codes.LIST_NETWORKS_ACTIVE),
        lambda: connection.listAllNetworks(codes.LIST_NETWORKS_INACTIVE),
    )

    def reader(handle: lib.Network, active: bool) -> Callable[[], SeenNetwork | None]:
        return lambda: network_seen(handle, memo, active=active)

    calls = [reader(handle, active) for handles, active in zip(lists, (True, False), strict=True) for handle in handles]
    seen = [network for network in _all(session, *calls) if network is not None]
    memo.forget_others("network/", {f"network/{network.uuid}" for network in seen})
    return Listing({network.name: network for network in sorted(seen, key=lambda network: network.name)}, at)


def network_seen(handle: lib.Network, memo: Memo, *, active: bool) -> SeenNetwork | None:
    """One network; None where it is gone meanwhile. One that cannot be understood is nobody's: hands off."""
    try:
        return read_network(handle, memo, active=active)
    except (ReconcilerError, ValueError):
        return SeenNetwork(handle.name(), handle.UUIDString(), active)
    except Exception as error:
        if lib.is_refused(error, Code.NO_NETWORK):
            return None
        raise
