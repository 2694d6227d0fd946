"""Domains that shall be gone, and the disks of theirs whose documents say so in words (law 5).

A disk is deleted by what a definition of ours says, never by what a name looks like: our mark lists it as made, the
domain lies on it, and nobody else has it, anywhere. Where one that shall go must be kept, the domain stays whole: once
its definition is gone nobody knows the rest.
"""

from collections.abc import Iterator

from reconciler.change import Change, ClaimUnwanted, DiskUnwanted, DomainUnwanted
from reconciler.desired import Desired
from reconciler.desired.derive import claim, claim_size, doomed_disks, image_marker, image_volume, medium, volume_name
from reconciler.desired.documents import Disk, Domain, Pool
from reconciler.diff.claims import details
from reconciler.diff.pools import stale
from reconciler.diff.power import how_to_stop
from reconciler.mark import MadeDisk, Mark
from reconciler.observed import Observed, SeenDomain
from reconciler.readiness import pool_trouble, wanted_pools
from reconciler.step import Held, HeldReason
from reconciler.volume import NothingStandsOn, UsedByNoOther
from reconciler.whereabouts import Whereabouts

ABSENT = "its document says absent"


def removal(desired: Desired, observed: Observed, domain: Domain, where: Whereabouts) -> Iterator[Change | Held]:
    """What ends a domain that its document wants absent."""
    if where.home is None or where.seen is None:
        return
    if domain.spec.protected:
        yield Held(where.ref, HeldReason.PROTECTED, "state is absent, but protected is true; nothing is deleted")
        return
    if held := bound(where, where.seen):
        yield held
        return
    if doomed_disks(domain) and (where.leftovers or where.husks):
        return  # what a cut move left behind goes first, and the next pass looks again
    data = tuple(_data(desired, observed, domain, where, where.seen))
    kept = tuple(item for item in data if isinstance(item, Held))
    yield from kept or data
    if not kept:
        disks = tuple(item for item in data if isinstance(item, DiskUnwanted))
        yield DomainUnwanted(where.ref, ABSENT, where.uuid, where.seen.is_active, how_to_stop(domain), disks)


def bound(where: Whereabouts, seen: SeenDomain) -> Held | None:
    """What libvirt would lose with the definition, and therefore refuses."""
    if not seen.bound:
        return None
    ways = f"virsh snapshot-delete {seen.name}, virsh managedsave-remove {seen.name}"
    message = f"{'; '.join(seen.bound)}, which would be lost with its definition; delete them first with: {ways}"
    return Held(where.ref, HeldReason.CANNOT_CHANGE, message)


def _data(
    desired: Desired, observed: Observed, domain: Domain, where: Whereabouts, seen: SeenDomain
) -> Iterator[Change | Held]:
    """Volumes that go with it, and at last its claim."""
    mark = seen.mark or Mark(desired.cluster_name, domain.name)
    doomed = doomed_disks(domain)
    for disk in doomed:
        yield from _disk(desired, observed, domain, disk, mark.disk(disk.name), where)
    if doomed:
        yield from _claim(desired, observed, domain, mark, where)


def _disk(
    desired: Desired, observed: Observed, domain: Domain, disk: Disk, made: MadeDisk | None, where: Whereabouts
) -> Iterator[Change | Held]:
    assert where.home is not None
    assert where.seen is not None
    pool, volume = desired.pools[disk.pool], volume_name(domain.name, disk)
    if made is None and volume not in (observed.listed(pool.name) or {volume}):
        return  # it was never made
    path = f"{pool.spec.target}/{volume}"
    unused = UsedByNoOther(where.home, where.uuid, pool.name, volume, path, tuple(sorted(desired.hypervisors)))
    bare = NothingStandsOn(path, _places(desired, observed, pool, where.home))
    if trouble := _unusable(desired, observed, pool, where.home):
        message = f"pool/{pool.name}@{where.home}, where disk {disk.name} shall be deleted: {trouble}"
        yield Held(where.ref, HeldReason.POOL_NOT_READY, message)
        return
    if held := _kept(desired, observed, domain, disk, made, where.seen, unused, bare):
        reason, why = held
        message = f"disk {disk.name} says onDelete: delete, and is kept: {why}"
        yield Held(where.ref, reason, f"{message}; the domain stays whole; end that, or write onDelete: keep")
        return
    yield from stale(desired, observed, pool.name, where.home, f"volume {volume} is about to be deleted")
    yield DiskUnwanted(
        where.ref, f"{ABSENT}, and of disk {disk.name} onDelete: delete", where.uuid, pool.name, volume, unused, bare
    )


def _unusable(desired: Desired, observed: Observed, pool: Pool, host: str) -> str:
    if host not in desired.selected(pool.spec.hosts):
        return f"host/{host} is none of its hosts"
    trouble = pool_trouble(desired, observed, pool, host)
    return trouble[1] if trouble else ""


def _places(desired: Desired, observed: Observed, own: Pool, home: str) -> tuple[tuple[str, str], ...]:
    """(host, pool) in which an overlay on the volume could lie: shared pools once, hosts' own directories each."""
    places = [(home, own.name)]
    for pool in wanted_pools(desired):
        hosts = desired.selected(pool.spec.hosts)
        if pool.is_shared:
            hosts = (home,) if home in hosts else hosts[:1]
        places += [(host, pool.name) for host in hosts]
    return tuple(sorted(set(places)))


def _kept(
    desired: Desired,
    observed: Observed,
    domain: Domain,
    disk: Disk,
    made: MadeDisk | None,
    seen: SeenDomain,
    unused: UsedByNoOther,
    bare: NothingStandsOn,
) -> tuple[HeldReason, str] | None:
    """Why the disk must not go; None where it may."""
    if why := _not_its_own(domain, disk, made, seen, unused) or _of_others(desired, domain, unused):
        return HeldReason.DISK_KEPT, why
    for fact, unknown in ((unused, HeldReason.HOST_UNKNOWN), (bare, HeldReason.POOL_NOT_READY)):
        verdict = fact.check(observed)
        if verdict.holds is not True:
            return HeldReason.DISK_KEPT if verdict.holds is False else unknown, verdict.seen
    return None


def _not_its_own(domain: Domain, disk: Disk, made: MadeDisk | None, seen: SeenDomain, unused: UsedByNoOther) -> str:
    """Why the volume is not known to be this domain's alone, by the document, by the mark, by the definition."""
    if disk.shareable or disk.read_only:
        return "it is shareable" if disk.shareable else "it is read-only"
    if made is None:
        return f"volume {unused.volume} exists, and is not recorded as made for this domain"
    was = made.volume or volume_name(domain.name, disk), made.pool or disk.pool
    if was != (unused.volume, unused.pool):
        return f"it was made as volume {was[0]} in pool/{was[1]}, which its document does not say"
    lies = [one for one in seen.disks if one.source == unused.path]
    if not lies:
        files = ", ".join(sorted({one.source for one in seen.disks if one.source}))
        return f"the domain does not lie on {unused.path} but on {files or 'no file'}"
    alone = all(one.writable and not one.shareable for one in lies)
    return "" if alone else "its definition says that others may use it"


def _of_others(desired: Desired, domain: Domain, unused: UsedByNoOther) -> str:
    """Which other document names the volume."""
    images = desired.pools[unused.pool].spec.images
    if unused.volume in {name for image in images for name in (image_volume(image), image_marker(image))}:
        return f"it is a base image of pool/{unused.pool}"
    for name, other in desired.domains.items():
        volumes = {(disk.pool, volume_name(name, disk)) for disk in other.spec.disks} if name != domain.name else set()
        volumes |= {(drive.pool, medium(drive, desired.pools)) for drive in other.spec.cdroms if drive.pool}
        if (unused.pool, unused.volume) in volumes:
            return f"the document of domain/{name} names volume {unused.volume} too"
    return ""


def _claim(
    desired: Desired, observed: Observed, domain: Domain, mark: Mark, where: Whereabouts
) -> Iterator[ClaimUnwanted]:
    """It goes with the last of the shared disks: as long as one stays, it says whose that is (law 2)."""
    own = claim(domain, desired.pools, mark.first_name)
    doomed = {disk.name for disk in doomed_disks(domain)}
    kept = {disk.name for disk in domain.spec.disks if desired.is_shared(disk.pool)} - doomed
    kept |= {made.name for made in mark.made if made.name not in doomed and desired.is_shared(made.pool)}
    if own is None or kept:
        return
    hosts = {*desired.hypervisors, mark.claimed_by}
    sizes = frozenset(claim_size(desired.cluster_name, mark.first_name, host) for host in hosts)
    there = details(desired, observed, *own)
    if there is not None and there.capacity in sizes:
        volumes = tuple((disk.pool, volume_name(domain.name, disk)) for disk in doomed_disks(domain))
        reason = "no disk is left that it stands for"
        yield ClaimUnwanted(where.ref, reason, where.uuid, *own, sizes, volumes)
