"""From two looks at the world to documents that are valid beside those that are there."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from pydantic import ValidationError

from reconciler.desired import Desired
from reconciler.desired.documents import Document, Domain, Network, Pool
from reconciler.hypervisor import Edge
from reconciler.importing.domains import domains, lies_in, persistent_disks
from reconciler.importing.draft import MODELS, Draft, LeftOut, illegal
from reconciler.importing.selection import Selection
from reconciler.importing.shared import networks, pools
from reconciler.load.drafts import Documents, Objection
from reconciler.load.words import field
from reconciler.observed import Observed, SeenDomain
from reconciler.plan import silent_hosts

SCREEN = {"type": "vnc", "password": {"valueFrom": {"command": ("false",)}}}
"""For an edge that runs no commands: then it tells whether there is a password, and no more."""

DocumentT = TypeVar("DocumentT", bound=Document)


@dataclass(frozen=True)
class Imported:
    """Drafts in the order in which they should stand; what got none; hosts that were not asked, with the cause."""

    drafts: tuple[Draft, ...]
    left_out: tuple[LeftOut, ...]
    silent: Mapping[str, str]


def discover(documents: Documents, edge: Edge, selection: Selection, *, adopt: bool) -> Imported:
    """Look, and write what `selection` means; pools, networks, domains, each by name.

    Two looks: the second one knows which pools and domains matter, and sees what lies in them.
    Raises: UsageError where the selection names what is not there.
    """
    desired = documents.desired
    selection.check_host(desired)
    first = edge.observe(desired)
    shared = (*pools(desired, first), *networks(desired, first))
    observed = edge.observe(_curious(desired, first, shared))
    settled, left = _settle(documents, (), _chosen(selection, shared), adopt=adopt)
    machines = tuple(domains(desired, _with(desired, settled), observed))
    whole, left_machines = _settle(documents, settled, _chosen(selection, machines), adopt=adopt)
    silent = {host: why for host, why in silent_hosts(desired, observed).items() if selection.host in ("", host)}
    there = [one.ref.at(host) for one in (*shared, *machines) for host in one.hosts]
    selection.check_refs(desired, there, is_whole=not silent)
    return Imported(whole, (*left, *left_machines), silent)


def _chosen(selection: Selection, found: Iterable[Draft | LeftOut]) -> tuple[Draft | LeftOut, ...]:
    return tuple(one for one in found if selection.means(one.ref, one.hosts))


def _settle(
    documents: Documents, settled: tuple[Draft, ...], chosen: Iterable[Draft | LeftOut], *, adopt: bool
) -> tuple[tuple[Draft, ...], tuple[LeftOut, ...]]:
    """`settled` and the drafts among `chosen`, without what the documents beside them do not allow; what got none."""
    drafts, left = list(settled), []
    for one in chosen:
        if isinstance(one, Draft):
            drafts.append(one)
        else:
            left.append(one)
    while objections := documents.objections([draft.document(adopt=adopt) for draft in drafts]):
        first = {one.draft: one for one in reversed(objections)}
        kept: list[Draft] = []
        for number, draft in enumerate(drafts):
            mended = _mended(draft, first[number]) if number in first else draft
            if isinstance(mended, Draft):
                kept.append(mended)
            else:
                left.append(mended)
        drafts = kept
    return tuple(drafts), tuple(sorted(left))


def _mended(draft: Draft, objection: Objection) -> Draft | LeftOut:
    """The draft without the part that is objected to; where that is all of it, why there is none."""
    reason = f"{field(objection.path)}: {objection.message}"
    rest = draft.without(objection.path)
    return LeftOut(draft.ref, reason, draft.hosts) if rest is None else rest.saying(f"left out: {reason}")


# --- documents for the second look --------------------------------------------------


def _curious(desired: Desired, observed: Observed, shared: Iterable[Draft | LeftOut]) -> Desired:
    """Documents for which the edge reads all that matters: the pools' volumes, the disks' sizes, the definitions."""
    pools = {**desired.pools, **_models(Pool, shared, adopt=True)}
    found = replace(desired, pools=dict(sorted(pools.items())))
    machines = {
        seen.name: _reading_aid(found, host, seen)
        for host, seen in observed.all_domains()
        if seen.name not in desired.domains and not illegal(seen.name)
    }
    return replace(found, domains=dict(sorted({**desired.domains, **machines}.items())))


def _reading_aid(desired: Desired, host: str, seen: SeenDomain) -> Domain:
    """A document that names the volumes of its disks, and asks whether its screen has a password."""
    places = [lies_in(desired.pools, desired, host, disk.source) for disk in persistent_disks(seen)]
    disks = [
        {"name": f"import-{number}", "pool": place[0], "volume": place[1], "size": "1GiB"}
        for number, place in enumerate(places)
        if place and not illegal(place[1])
    ]
    screen = {"graphics": SCREEN} if "graphics" in (seen.fields or {}) else {}
    return Domain.model_validate(
        {
            "apiVersion": "reconciler/v1",
            "kind": "Domain",
            "metadata": {"name": seen.name},
            "spec": {"vcpus": 1, "memory": "1MiB", "disks": disks, **screen},
        }
    )


def _with(desired: Desired, drafts: Iterable[Draft]) -> Desired:
    """The documents, and those of pools and networks that are drafted."""
    pools = {**desired.pools, **_models(Pool, drafts)}
    networks = {**desired.networks, **_models(Network, drafts)}
    return replace(desired, pools=dict(sorted(pools.items())), networks=dict(sorted(networks.items())))


def _models(model: type[DocumentT], drafts: Iterable[Draft | LeftOut], *, adopt: bool = False) -> dict[str, DocumentT]:
    """The drafts of one kind that are valid by themselves, by name."""
    found = {}
    for draft in drafts:
        if isinstance(draft, Draft) and MODELS[draft.ref.kind] is model:
            with suppress(ValidationError):
                found[draft.ref.name] = model.model_validate(replace(draft, foreign=True).document(adopt=adopt))
    return found
