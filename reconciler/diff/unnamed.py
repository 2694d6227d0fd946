"""Devices that a domain's document named before and names no more: our mark lists the disks, our names the interfaces.

What another hand attached is none of them, and a disk that lies on another file than the one recorded (a snapshot) is
held: whoever detached it would lose what was written since.
"""

from collections.abc import Iterator

from reconciler.desired import Desired, Ref
from reconciler.desired.derive import volume_name
from reconciler.desired.documents import Domain
from reconciler.diff.volumes import disk_paths
from reconciler.mark import MadeDisk, Mark
from reconciler.observed import Observed, SeenDomain
from reconciler.step import Held, HeldReason
from reconciler.xml.devices import DeviceNames, device_names, has_document_name
from reconciler.xml.domain import Fields

Owner = tuple[str, str]
"""A device: the name of its list in a document, its name in a reading."""


def unnamed(desired: Desired, observed: Observed, domain: Domain, seen: SeenDomain, there: Fields) -> tuple[Owner, ...]:
    """Those of them that can be taken out of a definition with these fields. Order: disks, interfaces; by name."""
    disks = [disk for disk in unnamed_disks(domain, seen.mark) if not _clings_to_another_file(desired, disk, seen)]
    if not disks and there.get("interfaces", {}).keys() <= {interface.name for interface in domain.spec.interfaces}:
        return ()
    names = device_names(domain, there, seen.disks, disk_paths(desired, domain))
    found = (_name_of(desired, disk, seen, there, names) for disk in disks)
    cards = _interfaces(desired, observed, domain, seen, there, names)
    return (*(("disks", name) for name in sorted(filter(None, found))), *(("interfaces", name) for name in cards))


def unnamed_disks(domain: Domain, mark: Mark | None) -> tuple[MadeDisk, ...]:
    """Disks that were made for it, detached since or not, which its document does not name."""
    names = {disk.name for disk in domain.spec.disks}
    volumes = {(disk.pool, volume_name(domain.name, disk)) for disk in domain.spec.disks}
    made = mark.made if mark is not None else ()
    return tuple(disk for disk in made if disk.name not in names and (disk.pool, disk.volume) not in volumes)


def devices_of(desired: Desired, domain: Domain, seen: SeenDomain, disk: MadeDisk) -> tuple[str, str]:
    """Its names in the persistent and in the live definition; empty where it is not there."""
    paths = disk_paths(desired, domain)
    persistent, live = (
        _name_of(desired, disk, seen, there, device_names(domain, there, seen.disks, paths))
        for there in (seen.fields or {}, seen.live or {})
    )
    return persistent, live


def kept_disks(desired: Desired, domain: Domain, seen: SeenDomain, ref: Ref) -> Iterator[Held]:
    """Those that are in their place and cannot be taken out of it by us."""
    for disk in unnamed_disks(domain, seen.mark):
        if other := _clings_to_another_file(desired, disk, seen):
            message = f"disk {disk.name} is not in its document any more, and lies on {other}"
            way_out = "end its snapshot or backup, detach it by hand, or name it"
            yield Held(ref, HeldReason.CANNOT_CHANGE, f"{message}; {way_out}")


def _lies_there(desired: Desired, disk: MadeDisk, source: str) -> bool:
    pool = desired.pools.get(disk.pool)
    return source == f"{pool.spec.target}/{disk.volume}" if pool else source.rpartition("/")[2] == disk.volume


def _clings_to_another_file(desired: Desired, disk: MadeDisk, seen: SeenDomain) -> str:
    """The file beside the recorded one to which a device of that name writes, if any; of an old mark any file is."""
    sources = sorted({one.source for one in seen.disks if one.name == disk.name and one.source and not disk.detached})
    return next((source for source in sources if not disk.pool or not _lies_there(desired, disk, source)), "")


def _name_of(desired: Desired, disk: MadeDisk, seen: SeenDomain, there: Fields, names: DeviceNames) -> str:
    """By its name, else by what it lies on: an adopted one has no name of ours. Empty where it is not there."""
    disks, meant = there.get("disks", {}), set(names.disks.values())
    if disk.name in disks and disk.name not in meant and not disk.detached:
        return disk.name
    if disk.pool not in desired.pools:
        return ""
    alike = (one.name for one in seen.disks if one.name in disks and _lies_there(desired, disk, one.source))
    return next((name for name in alike if name not in meant), "")


def _interfaces(
    desired: Desired, observed: Observed, domain: Domain, seen: SeenDomain, there: Fields, names: DeviceNames
) -> list[str]:
    """Interfaces of a domain that we made, with a name of ours, on networks of ours."""
    if seen.mark is None or not seen.mark.is_whole or seen.mark.uuid:
        return []
    wanted = {names.interfaces.get(interface.name, interface.name) for interface in domain.spec.interfaces}
    cards = there.get("interfaces", {})
    left = sorted(set(filter(has_document_name, cards)) - wanted)
    return [name for name in left if _is_ours(desired, observed, cards[name].get("network"))]


def _is_ours(desired: Desired, observed: Observed, network: str | None) -> bool:
    """A network whose document went together with the interface still bears our mark."""
    if network is None or network in desired.networks:
        return network is not None
    seen = (observed.network(host, network) for host in desired.hypervisors)
    return any(one is not None and one.mark is not None and one.mark.cluster == desired.cluster_name for one in seen)
