"""All hypervisors of the documents: observed side by side, looked at, acted upon."""

import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from reconciler.action import Action
from reconciler.clock import Pending
from reconciler.desired import Desired
from reconciler.errors import HostUnreachable
from reconciler.hypervisor import Progress
from reconciler.observed import Listing, Look, MemoryUse, Observed, Part, Unknown
from reconciler.presence import SeenGuest
from reconciler.secrets import Secrets
from reconciler.virt import lib
from reconciler.virt.connect import Link
from reconciler.virt.guests import Question, read_guests
from reconciler.virt.look import look_at_domain, look_at_network, look_at_pool
from reconciler.virt.memory import read_memory
from reconciler.virt.observe import HostSeen, Rules, finish, observe_host, unmade_volumes, with_details
from reconciler.virt.passwords import with_passwords_seen
from reconciler.virt.underway import with_jobs

PARTS = (Part.FACTS, Part.DOMAINS, Part.NETWORKS, Part.POOLS)


class Hypervisors:
    """The libvirt half of the edge. Thread-safe. `now`: the clock that listings are dated by."""

    def __init__(self, now: Callable[[], float], secrets: Secrets) -> None:
        lib.prepare()
        self._now = now
        self._secrets = secrets
        self._links: dict[str, Link] = {}
        self._unmade: Mapping[str, frozenset[str]] = {}
        self._stopping = threading.Event()

    # --- observing -----------------------------------------------------------

    def observe(self, desired: Desired, answers: Callable[[str], bool]) -> Observed:
        """Every hypervisor, in parallel. `answers`: NFS server's address -> whether it answers. Raises: nothing."""
        self._know(desired)
        hosts = sorted(desired.hypervisors)
        seen = _each(hosts, lambda host: self._observe(desired, host, answers))
        seen = with_jobs(self._links, seen)
        seen = with_passwords_seen(self._links, desired, self._secrets, seen)
        wanted = self._unmade = unmade_volumes(desired, seen)
        if wanted:
            seen = _each(hosts, lambda host: with_details(self._links[host], seen[host], wanted))
        return _joined(seen)

    def _observe(self, desired: Desired, host: str, answers: Callable[[str], bool]) -> HostSeen:
        return observe_host(self._links[host], Rules.of(desired, host, answers), self._now, PARTS)

    def look(self, desired: Desired, looks: tuple[Look, ...], answers: Callable[[str], bool]) -> Observed:
        """Only what `looks` name, each by itself and all at once. Raises: nothing."""
        self._know(desired)
        asked = [look for look in _widest(looks) if look.host in desired.hypervisors and look.part in PARTS]
        measured, asked_guests = self._measure(looks), self._ask_guests(desired, looks)
        begun = [Pending(partial(self._look, desired, look, answers), f"{look.host}-look") for look in asked]
        seen: dict[str, HostSeen] = {}
        for host, memory in measured.items():
            uses = finish(memory, f"host/{host}")
            seen[host] = HostSeen(memory=uses)
        for host, guests in asked_guests.items():
            signs = finish(guests, f"host/{host}")
            shown = HostSeen(guests=signs)
            seen[host] = seen[host].beside(shown) if host in seen else shown
        for look, pending in zip(asked, begun, strict=True):
            told = finish(pending, f"host/{look.host}")
            told = _blind(look, told) if isinstance(told, Unknown) else told
            seen[look.host] = seen[look.host].beside(told) if look.host in seen else told
        return _joined(with_passwords_seen(self._links, desired, self._secrets, seen))

    def _look(self, desired: Desired, look: Look, answers: Callable[[str], bool]) -> HostSeen:
        link, rules, at = self._links[look.host], Rules.of(desired, look.host, answers), self._now()
        if look.part is Part.DOMAINS and (look.name or look.uuid):
            return HostSeen(domains=look_at_domain(link, look, rules.domains, at))
        if look.part is Part.NETWORKS and look.name:
            return HostSeen(networks=look_at_network(link, look, at))
        if look.part is Part.POOLS and look.name:
            return self._detailed(link, look, HostSeen(pools=look_at_pool(link, look, rules.storage, at)))
        return self._detailed(link, look, observe_host(link, rules, self._now, (look.part,)))

    def _measure(self, looks: Iterable[Look]) -> dict[str, Pending[Listing[MemoryUse] | Unknown]]:
        """Guests' use of their memory: one measurement a host, for all of its that are named."""
        asked: dict[str, dict[str, str]] = {}
        for look in looks:
            if look.part is Part.MEMORY and look.host in self._links:
                asked.setdefault(look.host, {})[look.name] = look.uuid
        return {
            host: Pending(partial(read_memory, self._links[host], uuids, self._now()), f"{host}-memory")
            for host, uuids in sorted(asked.items())
        }

    def _ask_guests(self, desired: Desired, looks: Iterable[Look]) -> dict[str, Pending[Listing[SeenGuest] | Unknown]]:
        """What guests show of themselves: all that are named, one thread a host."""
        asked: dict[str, list[Question]] = {}
        for look in looks:
            if look.part is Part.GUESTS and look.host in self._links:
                asked.setdefault(look.host, []).append(Question(look.name, look.uuid, _port(desired, look.name)))
        return {
            host: Pending(partial(read_guests, self._links[host], questions, self._now()), f"{host}-guests")
            for host, questions in sorted(asked.items())
        }

    def _detailed(self, link: Link, look: Look, seen: HostSeen) -> HostSeen:
        """With details of the volumes that mattered in the last whole look, and anew of the one that is named."""
        named = {look.name: frozenset({look.volume})} if look.volume else {}
        wanted = {**self._unmade, **{pool: self._unmade.get(pool, frozenset()) | now for pool, now in named.items()}}
        return with_details(link, seen, wanted, anew=named)

    # --- acting ----------------------------------------------------------------

    def apply(self, action: Action, progress: Progress) -> None:
        """Do one thing. Raises: TransientError, PermanentError, HostUnreachable."""
        from reconciler.virt.act import Stage, act  # who only looks needs none of it

        act(Stage(self.link, self._stopping, self._secrets), action, progress)

    # --- links ----------------------------------------------------------------

    def _know(self, desired: Desired) -> None:
        """Links for the documents' hypervisors, by the URIs that they have now, and for no others."""
        for name in set(self._links) - set(desired.hypervisors):
            self._links.pop(name).close()
        for name, host in desired.hypervisors.items():
            assert host.spec.hypervisor is not None
            known = self._links.get(name)
            if known is None or known.uri != host.spec.hypervisor.uri:
                self._links[name] = Link(name, host.spec.hypervisor.uri)
                if known is not None:
                    known.close()

    def link(self, host: str) -> Link:
        """Raises: HostUnreachable where no document names the host."""
        try:
            return self._links[host]
        except KeyError:
            raise HostUnreachable(f"cannot reach host/{host}: no document names it") from None

    def close(self) -> None:
        """Tell long actions to end, and let go of all connections; waits for nothing that hangs."""
        self._stopping.set()
        for link in self._links.values():
            link.close()


def _port(desired: Desired, name: str) -> int | None:
    """The TCP port that says whether the guest is ready."""
    ready = desired.domains[name].spec.ready if name in desired.domains else None
    return ready.tcp if ready else None


def _each(hosts: list[str], work: Callable[[str], HostSeen]) -> dict[str, HostSeen]:
    begun = {host: Pending(partial(work, host), host) for host in hosts}
    seen = {}
    for host, pending in begun.items():
        told = finish(pending, f"host/{host}")
        seen[host] = told if isinstance(told, HostSeen) else HostSeen(told, told, told, told)
    return seen


def _widest(looks: Iterable[Look]) -> list[Look]:
    """Each look once, without those at single objects of a part that is read whole."""
    whole = {(look.host, look.part) for look in looks if not (look.name or look.uuid)}
    return [k for k in dict.fromkeys(looks) if (k.host, k.part) not in whole or not (k.name or k.uuid)]


def _blind(look: Look, unknown: Unknown) -> HostSeen:
    """A look that gave no answer at all."""
    match look.part:
        case Part.FACTS:
            return HostSeen(facts=unknown)
        case Part.DOMAINS:
            return HostSeen(domains=unknown)
        case Part.NETWORKS:
            return HostSeen(networks=unknown)
        case _:
            return HostSeen(pools=unknown)


def _joined(seen: Mapping[str, HostSeen]) -> Observed:
    def of(part: str) -> dict[str, Any]:
        told = {host: getattr(one, part) for host, one in sorted(seen.items())}
        return {host: value for host, value in told.items() if value is not None}

    return Observed(
        facts=of("facts"),
        domains=of("domains"),
        networks=of("networks"),
        pools=of("pools"),
        targets=of("targets"),
        memory=of("memory"),
        guests=of("guests"),
    )
