"""What guests that are about to move do to their memory: how much they hold, how fast they write to it.

virDomainStartDirtyRateCalc for all of them at once, a second later virDomainListGetStats(BALLOON, DIRTYRATE). Where the
measuring is refused (QEMU before 5.2, a paused guest), the rest is told without it.
"""

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from reconciler.observed import Listing, MemoryUse, Unknown
from reconciler.virt import codes, lib
from reconciler.virt.connect import Link, Session
from reconciler.virt.parts import aside

MEASURE_S = 1
SLACK_S = 0.5
"""How much longer than it should a measurement may take."""
POLL_S = 0.05
MIB, KIB = 1 << 20, 1 << 10


def read_memory(link: Link, uuids: Mapping[str, str], at: float) -> Listing[MemoryUse] | Unknown:
    """`uuids`: name -> UUID of each guest that is asked for. Takes MEASURE_S, however many they are."""

    def read(session: Session) -> Listing[MemoryUse]:
        handles = [handle for uuid in uuids.values() if (handle := _begin(session, uuid)) is not None]
        time.sleep(MEASURE_S)
        uses = {use.name: use for use in _uses(session.connection, handles)}
        return Listing(dict(sorted(uses.items())), at, only=frozenset(uuids))

    return aside(link, read)


def _begin(session: Session, uuid: str) -> lib.Domain | None:
    """Let the measuring begin; None where the guest is gone."""
    session.beat()
    try:
        handle = session.connection.lookupByUUIDString(uuid)
    except Exception as error:
        if lib.is_refused(error, codes.Code.NO_DOMAIN):
            return None
        raise
    with suppress(Exception):
        handle.startDirtyRateCalc(MEASURE_S, codes.DIRTYRATE_MODE_PAGE_SAMPLING)
    return handle


def _uses(connection: lib.Connection, handles: list[lib.Domain]) -> Iterable[MemoryUse]:
    if not handles:
        return []
    until = time.monotonic() + SLACK_S
    while True:
        told = connection.domainListGetStats(handles, codes.STATS_BALLOON | codes.STATS_DIRTYRATE, 0)
        measuring = any(stats.get("dirtyrate.calc_status") == codes.DIRTYRATE_MEASURING for _, stats in told)
        if not measuring or time.monotonic() > until:
            return [_use(handle.name(), stats) for handle, stats in told]
        time.sleep(POLL_S)


def _use(name: str, stats: Mapping[str, Any]) -> MemoryUse:
    """libvirt tells the resident set in KiB, the rate in MiB a second."""
    resident, rate = stats.get("balloon.rss"), stats.get("dirtyrate.megabytes_per_second")
    measured = stats.get("dirtyrate.calc_status") == codes.DIRTYRATE_MEASURED and rate is not None
    return MemoryUse(
        name,
        resident=int(resident) * KIB if resident else None,
        dirty_rate=int(rate) * MIB if measured and rate is not None else None,
    )
