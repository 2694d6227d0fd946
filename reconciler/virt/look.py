"""Reading single objects anew, before and after a step: by name, a domain by its UUID too."""

from typing import Any

from reconciler.observed import Listing, Look, SeenDomain, SeenNetwork, SeenPool, Unknown
from reconciler.virt import lib
from reconciler.virt.codes import Code
from reconciler.virt.connect import Link, Session
from reconciler.virt.memo import Memo
from reconciler.virt.mounts import HostSide
from reconciler.virt.observe import ask_host
from reconciler.virt.parts import attempt, network_seen
from reconciler.virt.read import ListedDomain, ReadingRules, own_trouble, read_domain, without_definition
from reconciler.virt.storage import StorageRules, ask_storage, pool_seen, silent_server

SINGLE = ""
"""Over one of the link's few sessions for single looks, so that the steps of a plan do not wait for each other."""


def _listing(look: Look, found: dict[str, Any], at: float) -> Listing[Any]:
    names = frozenset({look.name, *found} - {""})
    return Listing(dict(sorted(found.items())), at, only=names)


# --- domains -------------------------------------------------------------------


def look_at_domain(link: Link, look: Look, rules: ReadingRules, at: float) -> Listing[SeenDomain] | Unknown:
    """The domain of that name and that of that UUID: none, one, or two different ones."""

    def read(session: Session) -> Listing[SeenDomain]:
        seen = _read_named(session.connection, look, link.memo, rules)
        return _listing(look, {domain.name: domain for domain in seen}, at)

    return attempt(link, read, SINGLE)


def _read_named(connection: lib.Connection, look: Look, memo: Memo, rules: ReadingRules) -> list[SeenDomain]:
    handles = {}
    for lookup, key in ((connection.lookupByName, look.name), (connection.lookupByUUIDString, look.uuid)):
        handle = lib.found(lookup, key, Code.NO_DOMAIN) if key else None
        if handle is not None:
            handles[handle.UUIDString()] = handle
    seen = (_read_one(handle, memo, rules) for handle in handles.values())
    return [domain for domain in seen if domain is not None]


def _read_one(handle: lib.Domain, memo: Memo, rules: ReadingRules) -> SeenDomain | None:
    listed = ListedDomain(handle, 0, 0, autostart=False)
    try:
        state, reason = handle.state(0)[:2]
        persistent = bool(handle.isPersistent())
        listed = ListedDomain(handle, state, reason, autostart=persistent and bool(handle.autostart()))
        seen = read_domain(listed, memo, rules)
    except Exception as error:
        return own_trouble(listed, error)
    return seen if persistent or not seen.is_active else without_definition(seen)


# --- networks ------------------------------------------------------------------


def look_at_network(link: Link, look: Look, at: float) -> Listing[SeenNetwork] | Unknown:
    def read(session: Session) -> Listing[SeenNetwork]:
        handle = lib.found(session.connection.networkLookupByName, look.name, Code.NO_NETWORK)
        if handle is None:
            return _listing(look, {}, at)
        active, persistent = bool(handle.isActive()), bool(handle.isPersistent())
        seen = network_seen(handle, link, active=active, persistent=persistent)
        return _listing(look, {seen.name: seen} if seen else {}, at)

    return attempt(link, read, SINGLE)


# --- pools ---------------------------------------------------------------------


def look_at_pool(link: Link, look: Look, rules: StorageRules, at: float) -> Listing[SeenPool] | Unknown:
    """One pool. As in a whole look, none is asked for while a server that the host mounts from is silent."""
    side = ask_host(link)
    if isinstance(side, Unknown):
        return side
    silence = silent_server(side, rules)
    if silence:
        return Unknown(silence)

    def read(session: Session) -> Listing[SeenPool]:
        handle = lib.found(session.connection.storagePoolLookupByName, look.name, Code.NO_STORAGE_POOL)
        seen = _pool(handle, side, link.memo, rules) if handle is not None else None
        return _listing(look, {seen.name: seen} if seen else {}, at)

    return ask_storage(link, read)


def _pool(handle: lib.Pool, side: HostSide | None, memo: Memo, rules: StorageRules) -> SeenPool | None:
    return pool_seen(handle, memo, side, rules, active=bool(handle.isActive()))
