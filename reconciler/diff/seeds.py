"""What becomes of a domain's seed, from which cloud-init sets its guest up.

A seed's volume says by its name which instance it is for, and what it was made of; the one that a guest got is in our
mark. Data that differ are for a new instance only: to cloud-init that is another machine, so a person must say it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.change import Change, SeedMissing
from reconciler.desired import Desired, Ref
from reconciler.desired.derive import seed_instance, seed_marker, seed_pool, seed_volume
from reconciler.desired.documents import SEED_DRIVE, Domain
from reconciler.diff.pools import stale
from reconciler.guest import has_come_up
from reconciler.observed import Observed, SeenDomain, Standing
from reconciler.readiness import pool_trouble
from reconciler.step import Held, HeldReason
from reconciler.whereabouts import Whereabouts
from reconciler.xml.field import Fields


@dataclass(frozen=True, slots=True)
class Seeding:
    """`given`: the seed that the domain shall have got, as pool/volume. `differs`: why it gets no other one.

    `lies`: the path of what shall lie in its drive, empty for an empty tray; None: whatever lies there.
    """

    given: str = ""
    lies: str | None = None
    differs: str = ""


def new_seeding(desired: Desired, domain: Domain) -> Seeding:
    """Of a domain that is defined now."""
    given = _wanted(desired, domain)
    return Seeding(given, _path(desired, given) if given else None)


def seeding(desired: Desired, domain: Domain, seen: SeenDomain) -> Seeding:
    """Of a domain that is there."""
    given, wanted = _given(desired, seen), _wanted(desired, domain)
    if not wanted:
        return Seeding(given)
    if given.partition("/")[2] == wanted.partition("/")[2]:
        return Seeding(given, "" if _is_over(desired, domain, seen, given) else _path(desired, given))
    if _is_of_former_name(domain, seen, given):
        return Seeding(given)
    if differs := _why_not(domain, seen, given):
        return Seeding(given, differs=differs)
    return new_seeding(desired, domain)


def drawn(desired: Desired, domain: Domain, seen: SeenDomain, there: Fields) -> Domain:
    """The document, without a drive that is not there and would get no seed."""
    if domain.spec.cloud_init is None or SEED_DRIVE in there.get("cdroms", {}):
        return domain
    if seeding(desired, domain, seen).lies is not None:
        return domain
    return domain.model_copy(update={"spec": domain.spec.model_copy(update={"cloud_init": None})})


def _wanted(desired: Desired, domain: Domain) -> str:
    """The seed that the document describes, as pool/volume; empty where there is none."""
    seed = desired.seeds.get(domain.name)
    return (
        f"{seed_pool(domain, desired.pools)}/{seed_volume(domain.name, seed)}"
        if seed and domain.spec.cloud_init
        else ""
    )


def _given(desired: Desired, seen: SeenDomain) -> str:
    """The seed that the domain was given last: as the mark says, else as the medium in its drive is called."""
    if seen.mark and seen.mark.seed:
        return seen.mark.seed
    directory, _, volume = _medium(seen.fields).rpartition("/")
    pools = (name for name, pool in sorted(desired.pools.items()) if pool.spec.target == directory)
    pool = next(pools, "")
    return f"{pool}/{volume}" if pool and seed_instance(volume) is not None else ""


def _path(desired: Desired, given: str) -> str | None:
    pool, _, volume = given.partition("/")
    return f"{desired.pools[pool].spec.target}/{volume}" if pool in desired.pools else None


def _medium(fields: Fields | None) -> str:
    return str((fields or {}).get("cdroms", {}).get(SEED_DRIVE, {}).get("medium", ""))


def _is_over(desired: Desired, domain: Domain, seen: SeenDomain, given: str) -> bool:
    """Whether the seed has done its work, and shall not be in the drive any more."""
    init = domain.spec.cloud_init
    if init is None or not init.eject_after_boot:
        return False
    if not _medium(seen.fields):
        return True
    return has_come_up(seen) and _medium(seen.live) == _path(desired, given)


def _is_of_former_name(domain: Domain, seen: SeenDomain, given: str) -> bool:
    """Whether a renamed guest was set up under its former name, which its seed says: it is not set up anew for that."""
    assert domain.spec.cloud_init is not None
    former = seen.mark.former if seen.mark else ""
    of_it = bool(former) and given.partition("/")[2].startswith(f"{former}.seed-")
    return of_it and seed_instance(given) == domain.spec.cloud_init.instance


def _why_not(domain: Domain, seen: SeenDomain, given: str) -> str:
    """Why another seed is not given to the guest; empty where it is."""
    init = domain.spec.cloud_init
    assert init is not None
    has_lived = seen.standing is not Standing.OFF or seen.mark is None or bool(seen.mark.made)
    was = seed_instance(given)
    if not has_lived or (was is None and "instance" in init.model_fields_set):
        return ""
    if was is None:
        return "it was made without cloud-init; write cloudInit.instance: 1 to have its guest set itself up by it"
    if was != init.instance:
        return ""
    way_out = f"write cloudInit.instance: {was + 1} to have its guest set itself up anew, or write what it was"
    return f"cloudInit is not what its seed was made of; {way_out}"


# --- changes ---------------------------------------------------------------------------------


def new_seed(desired: Desired, observed: Observed, domain: Domain, ref: Ref, uuid: str) -> Iterator[Change]:
    """The seed of a domain that this pass defines."""
    given = new_seeding(desired, domain).given
    if given and not _is_there(observed, given):
        yield _missing(desired, ref, uuid, given)


def existing_seed(desired: Desired, observed: Observed, domain: Domain, where: Whereabouts) -> Iterator[Change | Held]:
    """The seed of a domain that is there: to be made, or not what its document says now."""
    assert where.seen is not None
    assert where.home is not None
    found = seeding(desired, domain, where.seen)
    if found.differs:
        yield Held(where.ref, HeldReason.SEED_DIFFERS, found.differs)
    if not found.lies or _is_there(observed, found.given) or _medium(where.seen.live) == found.lies:
        return
    pool, _, volume = found.given.partition("/")
    if trouble := pool_trouble(desired, observed, desired.pools[pool], where.home):
        message = f"pool/{pool}@{where.home}, where its seed shall be made: {trouble[1]}"
        yield Held(where.ref, HeldReason.POOL_NOT_READY, message)
        return
    yield from stale(desired, observed, pool, where.home, f"no host lists seed {volume}")
    yield _missing(desired, where.ref, where.uuid, found.given)


def _is_there(observed: Observed, given: str) -> bool:
    pool, _, volume = given.partition("/")
    return {volume, seed_marker(volume)} <= (observed.listed(pool) or frozenset())


def _missing(desired: Desired, ref: Ref, uuid: str, given: str) -> SeedMissing:
    pool, _, volume = given.partition("/")
    reason = "cloud-init sets its guest up from it"
    return SeedMissing(ref, reason, uuid, pool, volume, seed_marker(volume), desired.seeds[ref.name])
