"""From libvirt's objects to what we say was seen: the calls per object, and no others.

A domain: XMLDesc once (persistent), once more when active (live). A network: XMLDesc. Nothing is looked up again.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from reconciler.desired.documents import XmlEdit
from reconciler.errors import ReconcilerError
from reconciler.observed import DomainState, SeenDisk, SeenDomain, SeenJob, SeenNetwork
from reconciler.virt import codes, lib
from reconciler.virt.codes import Code
from reconciler.virt.memo import Memo
from reconciler.virt.translate import is_broken
from reconciler.xml.domain import DomainReading
from reconciler.xml.domain import read as read_domain_xml
from reconciler.xml.network import read_network as read_network_xml


@dataclass(frozen=True, slots=True)
class ReadingRules:
    """What is read of a domain beyond its definitions.

    `cluster`: whose mark is ours. `keeps_xml`: whether the text of a domain of that name is kept for merging.
    `edits`: what the document of a domain of that name says of its XML itself.
    `asks_obstacles`: whether snapshots and saved states of our domains matter now (the host is cordoned).
    `asks_bound`: whether they do because a domain of that name shall go, or be renamed.
    """

    cluster: str
    keeps_xml: Callable[[str], bool]
    asks_obstacles: bool = False
    asks_bound: Callable[[str], bool] = lambda name: False
    edits: Callable[[str], tuple[XmlEdit, ...]] = lambda name: ()


@dataclass(frozen=True, slots=True)
class ListedDomain:
    """A domain as the lists tell it, before its definitions are read."""

    handle: lib.Domain
    state: int
    reason: int
    autostart: bool

    def by(self, handle: lib.Domain) -> "ListedDomain":
        """The same, named by another connection."""
        return replace(self, handle=handle)


def read_domain(listed: ListedDomain, memo: Memo, rules: ReadingRules) -> SeenDomain:
    """Read one domain as if it were persistent (see `without_definition`). Raises: libvirt's errors."""
    handle, state = listed.handle, codes.state_of(listed.state)
    name, uuid = handle.name(), handle.UUIDString()
    key = f"domain/{uuid}"
    text = handle.XMLDesc(codes.DOMAIN_XML_INACTIVE)
    live_text = handle.XMLDesc(0) if state is not DomainState.SHUTOFF else None
    try:
        parse, tail = _reader(rules.edits(name))
        persistent = memo.reading(key, f"persistent{tail}", text, parse)
        live = memo.reading(key, f"live{tail}", live_text, parse) if live_text is not None else None
    except (ReconcilerError, ValueError) as error:
        return SeenDomain(name, uuid, state, unknown=f"cannot read its definition: {error}")
    ours = persistent.mark is not None and persistent.mark.cluster == rules.cluster
    kept = text if ours or rules.keeps_xml(name) else ""
    asked = _obstacles(handle) if ours and rules.asks_obstacles else ()
    obstacles = (*asked, *(live.hindrances if live else ()))
    bound = _obstacles(handle) if ours and rules.asks_bound(name) else ()
    backing = persistent.backing | (live.backing if live else frozenset())
    reason = codes.reason_of(listed.state, listed.reason)
    job = SeenJob() if (state, reason) == (DomainState.PAUSED, "migration") and has_job(handle) else None

    def make() -> SeenDomain:
        return SeenDomain(
            name,
            uuid,
            state,
            reason=reason,
            mark=persistent.mark,
            fields=persistent.fields,
            live=live.fields if live else None,
            disks=_disks(persistent, live),
            xml=kept,
            autostart=listed.autostart,
            job=job,
            obstacles=obstacles,
            spare_ports=live.spare_ports if live else None,
            agent_connected=live is not None and live.agent_connected,
            bound=bound,
            backing=backing,
        )

    parts = name, persistent, live, state, reason, listed.autostart, kept, job, obstacles, bound
    return memo.same(key, parts, make)


def _reader(edits: tuple[XmlEdit, ...]) -> tuple[Callable[[str], DomainReading], str]:
    """How a definition is read, and what tells this reading from one for another document."""
    if not edits:
        return read_domain_xml, ""
    return partial(read_domain_xml, edits=edits), repr(edits)


def unreadable(listed: ListedDomain, why: str) -> SeenDomain:
    """A domain whose own calls fail or hang, while its neighbours answer."""
    state = codes.state_of(listed.state)
    return SeenDomain(listed.handle.name(), listed.handle.UUIDString(), state, unknown=why)


def own_trouble(listed: ListedDomain, error: Exception) -> SeenDomain | None:
    """What a refusal says of one domain: it is gone since it was listed (None), or its own calls fail.

    Raises: what is not libvirt's, and what is about the connection.
    """
    said = lib.refusal(error)
    if said is None or is_broken(error):
        raise error
    return None if said.code == Code.NO_DOMAIN else unreadable(listed, f"libvirt says: {said.message}")


def without_definition(domain: SeenDomain) -> SeenDomain:
    """A transient domain: libvirt shows its live definition where it has no persistent one."""
    return replace(domain, fields=None, xml="")


def _disks(persistent: DomainReading, live: DomainReading | None) -> tuple[SeenDisk, ...]:
    """Of both definitions; the persistent one first, each once."""
    return tuple(dict.fromkeys((*persistent.disks, *(live.disks if live else ()))))


def has_job(handle: lib.Domain) -> bool:
    """virDomainGetJobInfo, which refuses to tell of an incoming migration: that is one too."""
    try:
        return bool(handle.jobInfo()[0] != codes.JOB_NONE)
    except Exception as error:
        if lib.is_refused(error, Code.OPERATION_INVALID, Code.OPERATION_UNSUPPORTED):
            return True
        raise


def _obstacles(handle: lib.Domain) -> tuple[str, ...]:
    saved = ("it has a managed save image",) if handle.hasManagedSaveImage(0) else ()
    snapshots = handle.snapshotNum(0)
    return (*saved, f"it has {snapshots} snapshot{'s' if snapshots > 1 else ''}") if snapshots else saved


def read_network(handle: lib.Network, memo: Memo, *, active: bool, persistent: bool, flags: int) -> SeenNetwork:
    """Read one network's persistent definition, or what is active where it has none.

    Raises: libvirt's errors, XmlError, TooMuch.
    """
    text = handle.XMLDesc(flags)
    key = f"network/{handle.UUIDString()}"
    reading = memo.reading(key, "persistent", text, read_network_xml)
    return memo.same(
        key,
        (reading, active, persistent, text),
        lambda: SeenNetwork(reading.name, reading.uuid, active, reading.mark, reading.fields, text, persistent),
    )
