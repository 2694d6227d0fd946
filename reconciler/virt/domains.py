"""All domains of one hypervisor, with one call for each definition and none twice.

The calls are those of a no-op pass and no others: getAllDomainStats(STATE), listAllDomains(AUTOSTART), XMLDesc. To tell
a transient domain (whose XML does not say so), listAllDomains(TRANSIENT): once per connection, and again when an active
domain's definition changed or went. Where there are many, other connections help, each with a thread of its own.
"""

import time
from collections import deque
from dataclasses import dataclass, field
from functools import partial

from reconciler.clock import Pending
from reconciler.errors import HostUnreachable
from reconciler.observed import Listing, SeenDomain, Unknown
from reconciler.virt import codes, lib
from reconciler.virt.caller import Hung
from reconciler.virt.connect import Link, Session
from reconciler.virt.parts import QUIET_S, TOTAL_S, attempt
from reconciler.virt.read import ListedDomain, ReadingRules, own_trouble, read_domain, unreadable, without_definition

DOMAINS_PER_HELPER = 75
DOMAINS_PER_SSH_HELPER = 300
"""Below that, opening another connection costs more than it brings; logging in costs most."""
HELPERS = 3
HANGS = 3
"""Single domains whose calls may hang in one look before the whole host counts as hung."""
NO_ANSWER = "libvirt does not answer when asked for its definition"


def read_domains(link: Link, rules: ReadingRules, at: float, purpose: str = "read") -> Listing[SeenDomain] | Unknown:
    """Every domain, active or not; one domain's own trouble stays its own. Raises: nothing."""
    reading = _Reading(link, rules, at)
    return attempt(link, reading.read, purpose, reading.spare)


@dataclass(eq=False)
class _Reading:
    """One look at all domains, shared by the threads that take part. `todo`, `taken`: places in `listed`."""

    link: Link
    rules: ReadingRules
    at: float
    lister: Session | None = None
    listed: list[ListedDomain] = field(default_factory=list)
    seen: dict[int, SeenDomain | None] = field(default_factory=dict)
    todo: deque[int] = field(default_factory=deque)
    taken: dict[Session, int] = field(default_factory=dict)
    hangs: int = 0
    hopeless: Hung | None = None

    def read(self, session: Session) -> Listing[SeenDomain]:
        """All of it; also the rest of it, over a new session after a hang."""
        if self.lister is None:
            self._list(session)
        for number in range(self._helpers()):
            Pending(partial(self._help, number), f"{self.link.host}-helper")
        while len(self.seen) < len(self.listed):
            self._take_part(session)
            if self.hopeless is not None:
                raise self.hopeless
            if len(self.seen) < len(self.listed):  # a helper is at the last ones; its own deadline ends it
                time.sleep(0.002)
                session.beat()
        seen = _without_definitions(session, [seen for _, seen in sorted(self.seen.items()) if seen is not None])
        self.link.memo.forget_others("domain/", {f"domain/{domain.uuid}" for domain in seen})
        return Listing({domain.name: domain for domain in sorted(seen, key=lambda domain: domain.name)}, self.at)

    def spare(self, session: Session, hung: Hung) -> bool:
        """Set aside the one domain in which `session` hangs; whether there is one, and the rest is worth a try."""
        place = self.taken.pop(session, None)
        if place is None or self.hangs >= HANGS:
            return False
        self.hangs += 1
        self.seen[place] = unreadable(self.listed[place], NO_ANSWER)
        self.link.hung_domains[self.listed[place].handle.UUIDString()] = hung.promise
        return True

    def _list(self, session: Session) -> None:
        """What there is, without any definition."""
        stats = session.connection.getAllDomainStats(codes.STATS_STATE, 0)
        session.beat()
        autostarted = session.connection.listAllDomains(codes.LIST_DOMAINS_AUTOSTART)
        autostart = {domain.UUIDString() for domain in autostarted}
        self.listed = [
            ListedDomain(
                handle, told.get("state.state", 0), told.get("state.reason", 0), handle.UUIDString() in autostart
            )
            for handle, told in stats
        ]
        hung = {uuid: promise for uuid, promise in self.link.hung_domains.items() if not promise.ended}
        self.link.hung_domains = hung
        for place, one in enumerate(self.listed):
            if one.handle.UUIDString() in hung:
                self.seen[place] = unreadable(one, NO_ANSWER)
            else:
                self.todo.append(place)
        self.lister = session

    def _helpers(self) -> int:
        """How many are worth it. Those that come too late find nothing left, and are there the next time."""
        if self.link.reach.is_test:
            return 0
        share = DOMAINS_PER_SSH_HELPER if self.link.reach.transport == "ssh" else DOMAINS_PER_HELPER
        return min(HELPERS, len(self.todo) // share)

    def _help(self, number: int) -> None:
        """Take part over another connection; what breaks or hangs there is for others to read."""
        try:
            session = self.link.session(f"helper-{number}")
        except HostUnreachable:
            return
        try:
            session.run(_know_handles, QUIET_S, TOTAL_S)
            session.run(self._take_part, QUIET_S, TOTAL_S)
        except Hung as hung:
            if not self.spare(session, hung):
                self.hopeless = hung
            session.end()
        except Exception as error:
            if lib.refusal(error) is None:
                raise
            session.end()

    def _take_part(self, session: Session) -> None:
        """Read domains until none is left. Raises: libvirt's errors about the connection."""
        while self.todo:
            try:
                place = self.todo.popleft()
            except IndexError:  # another thread was faster
                return
            self.taken[session] = place
            try:
                self.seen[place] = self._read_one(session, self.listed[place])
            except BaseException:
                self.todo.append(place)
                raise
            finally:
                self.taken.pop(session, None)
            session.beat()

    def _read_one(self, session: Session, listed: ListedDomain) -> SeenDomain | None:
        try:
            if session is not self.lister:
                listed = listed.by(_handle(session, listed.handle.UUIDString()))
            return read_domain(listed, self.link.memo, self.rules)
        except Exception as error:
            return own_trouble(listed, error)


def _know_handles(session: Session) -> None:
    """List once what a helping connection will be asked to read, again and again."""
    if not session.handles:
        session.handles = {domain.UUIDString(): domain for domain in session.connection.listAllDomains(0)}


def _handle(session: Session, uuid: str) -> lib.Domain:
    """A domain as another connection names it: from the list that it made once, or looked up since."""
    _know_handles(session)
    if uuid not in session.handles:
        session.handles[uuid] = session.connection.lookupByUUIDString(uuid)
    return session.handles[uuid]


def _without_definitions(session: Session, seen: list[SeenDomain]) -> list[SeenDomain]:
    """Tell the transient ones, asking only where that may have changed since it was last asked."""
    active = {domain.uuid: domain for domain in seen if domain.is_active and not domain.unknown}
    known = session.definitions
    if not active or (known is not None and all(known.get(uuid) is one.fields for uuid, one in active.items())):
        return seen
    # Noted before libvirt is asked, so that an event that comes in between is not lost.
    if known is not None:
        known.clear()
        known.update({uuid: domain.fields for uuid, domain in active.items()})
    listed = session.connection.listAllDomains(codes.LIST_DOMAINS_TRANSIENT)
    transient = {domain.UUIDString() for domain in listed}
    if known is not None:
        for uuid in transient:
            known.pop(uuid, None)
    return [without_definition(domain) if domain.uuid in transient else domain for domain in seen]
