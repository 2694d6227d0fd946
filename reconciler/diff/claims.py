"""Who made a domain's volumes (law 2).

An NFS client may list a directory as it was a minute ago, and a qcow2 volume is not made exclusively over NFS (libvirt
looks whether the file exists, then runs qemu-img). A raw one is: open(O_CREAT | O_EXCL) is decided by the server. So
before a domain's first volume an empty raw one is made beside it, its claim, whose capacity says at which host the
domain was defined. Who finds the claim of another has no right to the volumes: their guest may run there.
"""

from collections.abc import Iterator

from reconciler.change import Change, ClaimMissing, DomainDisowned
from reconciler.desired import Desired, Ref
from reconciler.desired.derive import claim, claim_size, volume_name
from reconciler.desired.documents import Domain
from reconciler.diff.pools import stale
from reconciler.mark import Mark
from reconciler.observed import Observed, SeenVolume, Standing
from reconciler.readiness import pool_trouble
from reconciler.step import Held, HeldReason
from reconciler.whereabouts import Whereabouts

NO_DOCUMENT = "a host that has no document"
VOUCH = 'if it does not, annotate it with reconciler/adopt: "true"'


def volumes_of(desired: Desired, domain: Domain) -> tuple[tuple[str, str], ...]:
    """(pool, volume) of every disk, then of the claim: each says that the domain was made already."""
    disks = tuple((disk.pool, volume_name(domain.name, disk)) for disk in domain.spec.disks)
    own = claim(domain, desired.pools)
    return (*disks, own) if own else disks


def existing_volume(desired: Desired, observed: Observed, domain: Domain) -> str:
    """The first of the domain's volumes that a host lists, for people; empty where none does."""
    own = claim(domain, desired.pools)
    for pool, volume in volumes_of(desired, domain):
        if volume in (observed.listed(pool) or ()):
            kind = "claim" if (pool, volume) == own else "volume"
            return f"{kind} {volume} in pool/{pool}"
    return ""


def vouched_for(desired: Desired, observed: Observed, domain: Domain) -> bool:
    """A person says that what exists of it is ours, or that a host that had the definition is dead."""
    dead = [h for h, host in desired.hypervisors.items() if host.spec.fenced and not observed.is_reachable(h)]
    return domain.adopted or bool(dead)


def maker(desired: Desired, observed: Observed, domain: Domain) -> str:
    """Through which host its volumes were made first, as its claim says; empty where none can be read."""
    own = claim(domain, desired.pools)
    seen = details(desired, observed, *own) if own else None
    if seen is None or not seen.capacity:
        return ""
    sizes = {claim_size(desired.cluster_name, domain.name, host): host for host in desired.hypervisors}
    return f"host/{sizes[seen.capacity]}" if seen.capacity in sizes else NO_DOCUMENT


def details(desired: Desired, observed: Observed, pool: str, volume: str) -> SeenVolume | None:
    """What is known of a volume through any host."""
    for host in desired.selected(desired.pools[pool].spec.hosts):
        seen = observed.pool(host, pool)
        if seen and seen.volumes and seen.volumes.get(volume):
            return seen.volumes[volume]
    return None


def new_claim(desired: Desired, observed: Observed, domain: Domain, ref: Ref, uuid: str) -> Iterator[Change]:
    """The claim of a domain that this pass defines; none over one that is there, which a person vouches for."""
    own = claim(domain, desired.pools)
    if own and own[1] not in (observed.listed(own[0]) or ()):
        yield _missing(desired, ref, uuid, *own)


def _missing(desired: Desired, ref: Ref, uuid: str, pool: str, volume: str) -> ClaimMissing:
    size = claim_size(desired.cluster_name, ref.name, ref.host)
    return ClaimMissing(ref, "its volumes are made here, and nowhere else", uuid, pool, volume, size)


def existing_claim(desired: Desired, observed: Observed, domain: Domain, where: Whereabouts) -> Iterator[Change | Held]:
    """Whether the volumes that the mark does not list may be taken for the definition's own.

    Held: they may not. A ClaimMissing: they may, once the claim is made. Nothing: they may.
    """
    assert where.seen is not None
    assert where.home is not None
    own = claim(domain, desired.pools)
    if own is None or _has_made_shared(desired, where.seen.mark):
        return
    if own[1] not in (observed.listed(own[0]) or ()):
        yield from _unclaimed(desired, observed, domain, where, own)
    elif not vouched_for(desired, observed, domain):
        yield from _compared(desired, observed, domain, where, own)


def _has_made_shared(desired: Desired, mark: Mark | None) -> bool:
    """A shared disk that the mark lists proves as much; of what an earlier version recorded the pool is not known."""
    made = mark.made if mark else ()
    return any(disk.pool not in desired.pools or desired.pools[disk.pool].is_shared for disk in made)


def _unclaimed(
    desired: Desired, observed: Observed, domain: Domain, where: Whereabouts, own: tuple[str, str]
) -> Iterator[Change | Held]:
    """No claim is listed. A volume that is, without one, is not of this definition: the claim comes first."""
    assert where.home is not None
    pool, volume = own
    there = existing_volume(desired, observed, domain)
    if trouble := pool_trouble(desired, observed, desired.pools[pool], where.home):
        message = f"pool/{pool}@{where.home}, where claim {volume} shall be made: {trouble[1]}"
        yield Held(where.ref, HeldReason.POOL_NOT_READY, message)
    elif there and not vouched_for(desired, observed, domain):
        message = f"its {there} exists, and was not made for this definition; it may run elsewhere on it; {VOUCH}"
        yield Held(where.ref, HeldReason.VOLUME_WITHOUT_DOMAIN, message)
    else:
        yield from stale(desired, observed, pool, where.home, f"no host lists claim {volume}")
        yield _missing(desired, where.ref, where.uuid, pool, volume)


def _compared(
    desired: Desired, observed: Observed, domain: Domain, where: Whereabouts, own: tuple[str, str]
) -> Iterator[Change | Held]:
    """A claim is listed: whose is it? One of another takes a definition back that never had a disk (law 2)."""
    assert where.seen is not None
    assert where.home is not None
    pool, volume = own
    mark, seen = where.seen.mark, details(desired, observed, pool, volume)
    hosts = {where.home, mark.claimed_by if mark else ""}
    if seen and seen.capacity in {claim_size(desired.cluster_name, domain.name, host) for host in hosts}:
        return
    made = maker(desired, observed, domain)
    if seen is None or not made:
        message = f"its claim {volume} in pool/{pool} does not say whose it is: it may run elsewhere"
        yield Held(where.ref, HeldReason.VOLUME_WITHOUT_DOMAIN, f"{message}; {VOUCH}, or delete the claim")
        return
    message = f"its volumes were made through {made}: it may run there, or where it went from there"
    yield Held(where.ref, HeldReason.VOLUME_WITHOUT_DOMAIN, f"{message}; {VOUCH}")
    if where.seen.standing is Standing.OFF and not (mark and (mark.made or mark.uuid)):
        if volume not in (_listed_at(observed, where.home, pool) or ()):
            yield from stale(desired, observed, pool, where.home, f"claim {volume} is not listed here")
        yield DomainDisowned(where.ref, message, where.uuid, pool, volume, seen.capacity)


def _listed_at(observed: Observed, host: str, pool: str) -> frozenset[str] | None:
    seen = observed.pool(host, pool)
    return frozenset(seen.volumes) if seen and seen.volumes is not None else None
