"""What a running domain lacks: what libvirt can change now, and what waits until it is started again."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from reconciler.change import Change, DiskMissing, DisksUnrecorded, Field
from reconciler.desired import Desired, Ref
from reconciler.desired.documents import Domain
from reconciler.diff.fields import differing
from reconciler.diff.power import nowhere_else, said
from reconciler.diff.unnamed import Owner, devices_of, unnamed_disks
from reconciler.diff.volumes import disk_paths
from reconciler.fact import NowhereElse, value_at
from reconciler.live import Way
from reconciler.live_change import DeviceMissing, DeviceUnwanted, DisksTakenOut, DomainLiveDiffers
from reconciler.observed import Observed, SeenDomain
from reconciler.step import Held, HeldReason
from reconciler.xml.domain import Fields
from reconciler.xml.live import can_be_plugged, needs_port, owner_of, way_of

LiveChange = DomainLiveDiffers | DeviceMissing | DeviceUnwanted


@dataclass(frozen=True, slots=True)
class Lacking:
    """What a running domain does not have as it shall: `now`, by a call each; `staged`; and what is held for itself."""

    now: tuple[LiveChange, ...] = ()
    staged: tuple[Field, ...] = ()
    stopped: tuple[Held, ...] = ()

    @property
    def paths(self) -> frozenset[tuple[str, ...]]:
        """Of the fields that it can get now."""
        return frozenset(field.path for change in self.now for field in change.fields)


@dataclass(frozen=True, slots=True)
class Subject:
    """A domain that is there. `disks`: what is to be done for its volumes in this pass.

    `crowded`: its host has no room for all that is there, as large as documents say.
    """

    desired: Desired
    observed: Observed
    domain: Domain
    seen: SeenDomain
    ref: Ref
    disks: tuple[Change | Held, ...]
    crowded: bool = False


def lacking(subject: Subject) -> Lacking:
    """Compare the live definition with the document.

    One change for each call that libvirt needs. Order: what changes, what comes, what goes; within each by field.
    """
    seen = subject.seen
    if seen.live is None:
        return Lacking()
    wanted = said(subject.desired, subject.observed, subject.domain, seen, seen.live)
    there = seen.live
    new: dict[Owner, list[Field]] = {}
    groups: dict[tuple[Way, tuple[str, ...]], list[Field]] = {}
    gone, staged = [], []
    for field in differing(there, wanted):
        owner = owner_of(field.path)
        comes, goes = owner and value_at(there, owner) is None, owner == field.path
        way = way_of(field.path, there, wanted) if not comes and not goes else None
        if way is not None:
            groups.setdefault((way, owner), []).append(field)
        elif comes and can_be_plugged(owner, wanted):
            new.setdefault((owner[0], owner[1]), []).append(field)
        elif goes and can_be_plugged(owner, there):
            gone.append(_unwanted(subject, (owner[0], owner[1]), field))
        else:
            staged.append(field)
    for owner in _without_room(new, wanted, there, seen.spare_ports):
        staged += new.pop(owner)
    found: list[LiveChange | Held | None] = [
        *(_differs(subject, way, owner, tuple(fields)) for (way, owner), fields in groups.items()),
        *(_added(subject, owner, tuple(fields)) for owner, fields in new.items()),
    ]
    now = (item for item in found if item is not None and not isinstance(item, Held))
    stopped = tuple(item for item in found if isinstance(item, Held))
    return Lacking((*now, *gone), tuple(staged), stopped)


def _differs(subject: Subject, way: Way, owner: tuple[str, ...], fields: tuple[Field, ...]) -> DomainLiveDiffers | Held:
    reason = ", ".join(str(field) for field in fields)
    if way is Way.MEMORY and subject.crowded:
        message = f"{reason}: host/{subject.ref.host} has no room left for that; move a guest away, or this one"
        return Held(subject.ref, HeldReason.NO_HOST_FITS, message)
    return DomainLiveDiffers(subject.ref, reason, subject.seen.uuid, way, owner, fields)


def _without_room(new: Iterable[Owner], wanted: Fields, there: Fields, ports: int | None) -> list[Owner]:
    """Those for which the running machine has no port any more; it gets ports for them when it is started again."""
    needy = [owner for owner in new if needs_port(owner, wanted, there)]
    return needy[ports:] if ports is not None else []


# --- devices that come ---------------------------------------------------------------


def _added(subject: Subject, owner: Owner, fields: tuple[Field, ...]) -> DeviceMissing | Held | None:
    """None: a disk whose volume is not there and not made in this pass, which says why itself."""
    ref, uuid, reason = subject.ref, subject.seen.uuid, "its document names it"
    if owner[0] != "disks":
        networks = tuple(str(field.new) for field in fields if field.path[2:] == ("network",))
        return DeviceMissing(ref, reason, uuid, owner, fields, networks=networks)
    disk = next(disk for disk in subject.domain.spec.disks if disk.name == owner[1])
    if disk.name not in _recorded(subject):
        return None
    nowhere = _nowhere_else(subject, disk.name)
    verdict = nowhere.check(subject.observed)
    if verdict.holds is not True:
        why = HeldReason.HOST_UNKNOWN if verdict.holds is None else HeldReason.IN_USE
        return Held(ref, why, f"disk {disk.name} is not attached while it may be in use elsewhere: {verdict.seen}")
    return DeviceMissing(ref, reason, uuid, owner, fields, pools=(disk.pool,), nowhere=nowhere)


def _recorded(subject: Subject) -> frozenset[str]:
    """Disks that the mark lists as the domain's, or will when this pass has made them."""
    marks = [subject.seen.mark, *(item.mark for item in subject.disks if isinstance(item, DisksUnrecorded))]
    return frozenset(made.name for mark in marks if mark is not None for made in mark.made if not made.detached)


def _nowhere_else(subject: Subject, disk: str) -> NowhereElse:
    """Law 2 for one disk; of one whose volume is made in this pass, silent hosts can know nothing."""
    desired, domain, seen = subject.desired, subject.domain, subject.seen
    is_new = any(isinstance(item, DiskMissing) and item.disk == disk for item in subject.disks)
    host, known = subject.ref.host, None if is_new else seen
    nowhere = nowhere_else(desired, subject.observed, domain, host, seen.uuid, seen=known)
    return replace(nowhere, disks=frozenset({disk_paths(desired, domain)[disk]}), defined=False)


# --- devices that go ------------------------------------------------------------------


def _unwanted(subject: Subject, owner: Owner, field: Field) -> DeviceUnwanted:
    return DeviceUnwanted(subject.ref, "its document does not name it any more", subject.seen.uuid, owner, (field,))


def taken_out_disks(subject: Subject, changes: tuple[LiveChange, ...]) -> Iterator[DisksTakenOut]:
    """The mark without the disks that leave both definitions in this pass, or left them by another hand.

    `changes`: what is done to the running domain in this pass; its persistent definition is rid of them in any case.
    """
    seen = subject.seen
    going = {change.owner for change in changes if isinstance(change, DeviceUnwanted)}
    marks = [item.mark for item in subject.disks if isinstance(item, DisksUnrecorded)]
    mark = marks[-1] if marks else seen.mark
    gone: dict[str, str] = {}
    for disk in unnamed_disks(subject.domain, mark):
        persistent, live = devices_of(subject.desired, subject.domain, seen, disk)
        if not disk.detached and (not live or ("disks", live) in going):
            gone[disk.name] = persistent or disk.name
    if gone and mark is not None:
        made = tuple(replace(disk, detached=True) if disk.name in gone else disk for disk in mark.made)
        reason = f"{', '.join(gone)} taken out; what is on it stays"
        yield DisksTakenOut(subject.ref, reason, seen.uuid, replace(mark, made=made), tuple(gone.values()))
