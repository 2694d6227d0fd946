"""A domain whose document gives it another name than it has. Pure.

It keeps its UUID, so its mark vouches for that as for an adopted one's; and it keeps its volumes, which bear the name
that it was made under.
"""

from dataclasses import replace

from reconciler.desired import Desired
from reconciler.desired.documents import Disk, Domain
from reconciler.mark import Mark
from reconciler.observed import Observed, SeenDomain
from reconciler.ours import is_marked_as, is_ours


def found_by_former_name(desired: Desired, observed: Observed, domain: Domain) -> tuple[tuple[str, SeenDomain], ...]:
    """(host, domain): what our mark still calls by the name that the document says is the former one.

    It may bear the new name already, where an earlier try got no further than that.
    """
    former, cluster = domain.metadata.renamed_from, desired.cluster_name
    if not former:
        return ()
    named = ((host, seen) for host, seen in observed.all_domains() if seen.name in (former, domain.name))
    return tuple((host, seen) for host, seen in named if is_marked_as(seen, cluster, former))


def renamed_mark(mark: Mark, domain: Domain, uuid: str) -> Mark:
    """The mark of a domain once it has its document's name."""
    return replace(mark, name=domain.name, former=mark.first_name, uuid=uuid, protected=domain.spec.protected)


def with_volumes_as_made(desired: Desired, observed: Observed) -> Desired:
    """These documents; those of renamed domains name the volumes that they were made with, but for what they name."""
    changed = {}
    for _, seen in observed.all_domains():
        document = desired.domains.get(seen.name) if seen.mark and seen.mark.former else None
        if document and seen.mark and is_ours(seen, desired.cluster_name):
            disks = tuple(_as_made(disk, seen.mark) for disk in document.spec.disks)
            spec = document.spec.model_copy(update={"disks": disks})
            changed[seen.name] = document.model_copy(update={"spec": spec})
    return replace(desired, domains={**desired.domains, **changed}) if changed else desired


def _as_made(disk: Disk, mark: Mark) -> Disk:
    made = mark.disk(disk.name)
    if made is None or made.pool != disk.pool or "volume" in disk.model_fields_set:
        return disk
    return disk.model_copy(update={"volume": made.volume})
