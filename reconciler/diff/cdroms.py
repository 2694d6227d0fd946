"""What differs in a domain's drives for read-only media, and what shall lie in them."""

from collections.abc import Iterator, Mapping

from reconciler.change import Change
from reconciler.desired import Desired, Ref
from reconciler.desired.derive import image_marker, medium
from reconciler.desired.documents import SEED_DRIVE, Cdrom, Domain
from reconciler.diff.pools import stale
from reconciler.diff.seeds import new_seeding, seeding
from reconciler.diff.volumes import media_paths
from reconciler.history import History
from reconciler.observed import Listing, Observed, SeenDomain, Standing
from reconciler.step import Held, HeldReason
from reconciler.xml.field import Fields


def media(desired: Desired, observed: Observed, domain: Domain, seen: SeenDomain) -> dict[str, str]:
    """drive -> path of what shall lie in it.

    Nothing is said of one whose volume is not there: it is held; nor, while the domain runs, of one whose image still
    has to be uploaded.
    """
    lacking = {drive.name for drive in _lacking(desired, observed, domain)}
    if seen.is_active:
        there = {pool: observed.listed(pool) for pool in {drive.pool for drive in domain.spec.cdroms if drive.pool}}
        lacking |= {drive.name for drive in domain.spec.cdroms if not _is_uploaded(desired, drive, there)}
    lies = seeding(desired, domain, seen).lies if domain.spec.cloud_init else None
    return {
        **{name: path for name, path in media_paths(desired, domain).items() if name not in lacking},
        **({SEED_DRIVE: lies} if lies is not None else {}),
    }


def new_media(desired: Desired, domain: Domain) -> dict[str, str]:
    """drive -> path of what lies in it from the first definition on."""
    lies = new_seeding(desired, domain).lies
    return {**media_paths(desired, domain), **({SEED_DRIVE: lies} if lies is not None else {})}


def _is_uploaded(desired: Desired, drive: Cdrom, there: Mapping[str, frozenset[str] | None]) -> bool:
    """Whether its medium is complete; unknown counts as yes, and what is no image of ours too."""
    image = (
        next((one for one in desired.pools[drive.pool].spec.images if one.name == drive.image), None)
        if drive.pool
        else None
    )
    listed = there.get(drive.pool or "")
    return image is None or listed is None or image_marker(image) in listed


def images(desired: Desired, domain: Domain) -> tuple[str, ...]:
    """Media that this reconciler uploads, as pool/volume: they must be there before the domain starts."""
    return tuple(f"{drive.pool}/{medium(drive, desired.pools)}" for drive in domain.spec.cdroms if drive.image)


def missing_media(
    desired: Desired, observed: Observed, domain: Domain, ref: Ref, seen: SeenDomain | None, history: History
) -> Iterator[Change | Held]:
    """Media that no host lists: one look at what the pool really holds, then held."""
    there = (seen.fields or {}).get("cdroms", {}) if seen is not None else {}
    paths = media_paths(desired, domain)
    for drive in _lacking(desired, observed, domain):
        lies_in_it = there.get(drive.name, {}).get("medium") == paths[drive.name]
        if lies_in_it and seen is not None and seen.standing is not Standing.OFF:
            continue
        pool = drive.pool or ""
        listing = observed.domains.get(ref.host)
        at = listing.at if isinstance(listing, Listing) else 0.0
        if not history.is_recent(f"refresh-pool:pool/{pool}@{ref.host}", at):
            yield from stale(desired, observed, pool, ref.host, f"no host lists volume {drive.volume}")
        message = f"volume {drive.volume}, the medium of cdrom {drive.name}, is not in pool/{pool}; put it there"
        yield Held(ref, HeldReason.MEDIUM_MISSING, message)


def _lacking(desired: Desired, observed: Observed, domain: Domain) -> Iterator[Cdrom]:
    for drive in domain.spec.cdroms:
        listed = observed.listed(drive.pool) if drive.pool and drive.volume else None
        if listed is not None and drive.volume not in listed:
            yield drive


def withdrawn(domain: Domain, seen: SeenDomain, there: Fields) -> tuple[str, ...]:
    """Drives that were made for a domain of ours, and that its document names no more; by name."""
    if seen.mark is None or not seen.mark.is_whole or (seen.mark.uuid and not seen.mark.former):
        return ()
    by_alias = {disk.name for disk in seen.disks if disk.name != disk.target and "#" not in disk.name}
    named = {drive.name for drive in domain.spec.drives}
    return tuple(sorted((by_alias & set(there.get("cdroms", {}))) - named))
