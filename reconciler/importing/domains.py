"""Documents for domains: what the table reads, with disks and interfaces that other documents can satisfy. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.desired import Desired, Ref
from reconciler.desired.documents import Cdrom, Disk, DomainSpec, Interface, Pool
from reconciler.desired.quantity import format_size
from reconciler.desired.rules import interface_name
from reconciler.importing.draft import Draft, LeftOut, illegal
from reconciler.importing.fields import in_order, in_words
from reconciler.observed import Observed, SeenDisk, SeenDomain, SeenVolume, Standing
from reconciler.ours import is_ours
from reconciler.screen import Password
from reconciler.xml.field import Fields
from reconciler.xml.table import DISK, DOMAIN, DRIVE, INTERFACE
from reconciler.xml.unspoken import unspoken, unspoken_of_device


def domains(desired: Desired, documents: Desired, observed: Observed) -> Iterator[Draft | LeftOut]:
    """Every domain without a document; `documents`: with the pools and networks that get one. Order: by name."""
    found: dict[str, list[tuple[str, SeenDomain]]] = {}
    for host, seen in observed.all_domains():
        if seen.name not in desired.domains:
            found.setdefault(seen.name, []).append((host, seen))
    for name, at in sorted(found.items()):
        ref = Ref("domain", name)
        if reason := illegal(name) or _unclear(at):
            yield LeftOut(ref, reason, tuple(host for host, _ in at))
            continue
        host, seen = next(((host, seen) for host, seen in at if seen.is_active), at[0])
        yield _draft(documents, observed, ref, host, seen)


def _unclear(at: list[tuple[str, SeenDomain]]) -> str:
    """Why it cannot be said which domain, and where, is meant."""
    hosts = " and ".join(f"host/{host}" for host, _ in at)
    unknown = next((seen.unknown for _, seen in at if seen.unknown), "")
    if unknown:
        return f"it cannot be read: {unknown}"
    if len({seen.uuid for _, seen in at}) > 1:
        return f"{hosts} have different domains of that name; rename one"
    if sum(seen.is_active for _, seen in at) > 1:
        return f"it is active at {hosts}: a migration, or it runs twice"
    if all(seen.fields is None for _, seen in at):
        return "it has no persistent definition; define it first"
    return ""


def _draft(documents: Desired, observed: Observed, ref: Ref, host: str, seen: SeenDomain) -> Draft:
    fields = seen.fields or {}
    said, unsaid = in_words(DomainSpec, DOMAIN, fields)
    drives = fields.get("cdroms", {})
    lying = persistent_disks(seen)
    disks = [_disk(documents, observed, host, seen, disk) for disk in lying if disk.name not in drives]
    cdroms = [_cdrom(documents, host, drives[disk.name], disk) for disk in lying if disk.name in drives]
    interfaces = list(_interfaces(documents, host, fields.get("interfaces", {})))
    said["power"] = "running" if seen.is_active else "stopped"
    if kept := [disk for disk in disks if not isinstance(disk, str)]:
        said["disks"] = kept
    if media := [drive for drive in cdroms if not isinstance(drive, str)]:
        said["cdroms"] = media
    if cards := [interface for interface in interfaces if not isinstance(interface, str)]:
        said["interfaces"] = cards
    draft = Draft(ref, (host,), in_order(DomainSpec, said), not is_ours(seen, documents.cluster_name))
    left = [one for one in (*disks, *cdroms, *interfaces) if isinstance(one, str)]
    state = "" if seen.standing in (Standing.RUNNING, Standing.OFF) else f"; it is {seen.state.value}: {seen.reason}"
    draft = draft.saying(f"at host/{host}{state}", *(f"left out: {one}" for one in left))
    unsaid = (*unsaid, *_unsaid_of_devices(fields))
    if unsaid:
        draft = draft.saying(f"no field takes: {', '.join(unsaid)}")
    if seen.password is not None and seen.password.persistent is not Password.NONE:
        draft = draft.saying("its screen has a password, which stays as it is; a document can say where it comes from")
    others = (*unspoken(seen.xml), *_of_devices(seen)) if seen.xml else ()
    return draft.saying(f"without a field, left as it is: {', '.join(others)}") if others else draft


def _unsaid_of_devices(fields: Fields) -> Iterator[str]:
    for name, disk in fields.get("disks", {}).items():
        yield from (f"{name}/{one}" for one in in_words(Disk, DISK, disk)[1])
    for name, drive in fields.get("cdroms", {}).items():
        yield from (f"{name}/{one}" for one in in_words(Cdrom, DRIVE, drive)[1])
    for name, interface in fields.get("interfaces", {}).items():
        yield from (f"{name}/{one}" for one in in_words(Interface, INTERFACE, interface)[1])


def _of_devices(seen: SeenDomain) -> Iterator[str]:
    fields = seen.fields or {}
    lying = (*fields.get("disks", {}), *fields.get("cdroms", {}))
    for tag, names in (("disk", lying), ("interface", fields.get("interfaces", {}))):
        for name in names:
            yield from (f"{name}/{inner}" for inner in unspoken_of_device(seen.xml, tag, name))


# --- disks --------------------------------------------------------------------------


def persistent_disks(seen: SeenDomain) -> tuple[SeenDisk, ...]:
    """The disks of its definition, each once."""
    fields = seen.fields or {}
    named = {**fields.get("disks", {}), **fields.get("cdroms", {})}
    return tuple({disk.name: disk for disk in reversed(seen.disks) if disk.name in named}.values())[::-1]


def lies_in(pools: Mapping[str, Pool], desired: Desired, host: str, source: str) -> tuple[str, str] | None:
    """(pool, volume) of a disk's source at `host`; None where it lies in no pool."""
    if source.startswith("volume:"):
        pool, _, volume = source.removeprefix("volume:").partition("/")
        return (pool, volume) if pool in pools else None
    directory, _, volume = source.rpartition("/")
    for name, pool_document in sorted(pools.items()):
        if pool_document.spec.target == directory and host in desired.selected(pool_document.spec.hosts):
            return name, volume
    return None


def _disk(documents: Desired, observed: Observed, host: str, seen: SeenDomain, disk: SeenDisk) -> dict[str, Any] | str:
    """The disk as its document says it, or why none does."""
    what = f"disk {disk.name} ({disk.source or 'an empty drive'})"
    if reason := illegal(disk.name):
        return f"{what}: {reason}"
    place = lies_in(documents.pools, documents, host, disk.source)
    if place is None:
        return f"{what}: it lies in no pool that has a document"
    pool, volume = place
    details = _details(observed, host, pool, volume)
    if isinstance(details, str):
        return f"{what}: {details}"
    said, _ = in_words(Disk, DISK, (seen.fields or {})["disks"][disk.name])
    own = {"name": disk.name, "pool": pool, "volume": volume, "size": format_size(details.capacity)}
    return in_order(Disk, {**own, **said})


def _cdrom(documents: Desired, host: str, fields: Mapping[str, Any], disk: SeenDisk) -> dict[str, Any] | str:
    """The drive as its document says it, or why none does."""
    what = f"cdrom {disk.name} ({disk.source or 'empty'})"
    if reason := illegal(disk.name):
        return f"{what}: {reason}"
    said, _ = in_words(Cdrom, DRIVE, fields)
    if not disk.source:
        return in_order(Cdrom, {"name": disk.name, **said})
    place = lies_in(documents.pools, documents, host, disk.source)
    if place is None:
        return f"{what}: its medium lies in no pool that has a document"
    if reason := illegal(place[1]):
        return f"{what}: its volume {reason}"
    return in_order(Cdrom, {"name": disk.name, "pool": place[0], "volume": place[1], **said})


def _details(observed: Observed, host: str, pool: str, volume: str) -> SeenVolume | str:
    """What its volume is, as any host tells it; else why it is not known."""
    seen = observed.pool(host, pool)
    if seen is None or seen.volumes is None:
        return f"the contents of pool/{pool}@{host} are not known"
    details = seen.volumes.get(volume)
    return details or f"pool/{pool}@{host} does not list it; refresh the pool: virsh pool-refresh {pool}"


# --- interfaces ---------------------------------------------------------------------


def _interfaces(
    documents: Desired, host: str, there: Mapping[str, Mapping[str, Any]]
) -> Iterator[dict[str, Any] | str]:
    """Each interface as its document says it, or why none does."""
    taken: set[str] = set()
    for key, fields in there.items():
        said, _ = in_words(Interface, INTERFACE, fields)
        network = documents.networks.get(str(said.get("network", "")))
        if network is None or host not in documents.selected(network.spec.hosts):
            named = f"network {fields['network']} has no document" if fields.get("network") else "it is on no network"
            yield f"interface {key}: {named}"
        elif "mac" not in said:
            yield f"interface {key}: its MAC is none that a document can say"
        else:
            name = _free_name(key, network.name, taken)
            taken.add(name)
            yield in_order(Interface, {"name": name, **said})


def _free_name(key: str, network: str, taken: set[str]) -> str:
    """The alias where it has one, else the network's name, else a number."""
    for name in (key, network):
        try:
            if name not in taken:
                return interface_name(name)
        except ValueError:
            continue
    return next(name for name in (f"nic{number}" for number in range(len(taken) + 1)) if name not in taken)
