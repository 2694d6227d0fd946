"""Removals of domains, and another name for one, as steps.

Volumes go before the definition, which alone knows them; the claim goes after them.
"""

from collections.abc import Mapping

from reconciler.action import DeleteVolume, RenameDomain
from reconciler.change import Change, ClaimUnwanted, DiskUnwanted, DomainRenamed, DomainUnwanted
from reconciler.fact import DomainIs, Fact, VolumesAbsent
from reconciler.observed import Standing
from reconciler.ours import CarriesOurMark
from reconciler.plan.draft import Builder, Draft, contents_known, token
from reconciler.plan.stopping import domain_unwanted
from reconciler.step import Impact, Sign
from reconciler.volume import CapacityAmong

OFF = frozenset({Standing.OFF})


def disk_unwanted(change: DiskUnwanted) -> tuple[Draft, ...]:
    return (_deleted(change, (change.unused, change.bare), "emptied", frozenset({"stopped"})),)


def claim_unwanted(change: ClaimUnwanted) -> tuple[Draft, ...]:
    """What a crash leaves before it is a definition without disks under its own claim, which is removed on."""
    host = change.ref.host
    own = CapacityAmong(host, change.pool, change.volume, change.sizes)
    gone = tuple(VolumesAbsent(host, pool, frozenset({volume})) for pool, volume in change.disks)
    return (_deleted(change, (own, *gone), "unclaimed", frozenset({"stopped", "emptied"})),)


def _deleted(
    change: DiskUnwanted | ClaimUnwanted, requires: tuple[Fact, ...], kind: str, after: frozenset[str]
) -> Draft:
    name, host = change.ref.name, change.ref.host
    return Draft(
        DeleteVolume(host, change.pool, change.volume),
        VolumesAbsent(host, change.pool, frozenset({change.volume})),
        change.reason,
        Impact.DELETE,
        Sign.DELETE,
        requires=(DomainIs(host, name, change.uuid, OFF), *requires),
        provides=frozenset({token(kind, name)}),
        after=contents_known((change.pool,), host) | {token(one, name) for one in after},
        part_of=change.ref,
    )


def domain_renamed(change: DomainRenamed) -> tuple[Draft, ...]:
    """All else that is done to it waits for the next pass, which finds it by its new name."""
    name, host = change.ref.name, change.ref.host
    return (
        Draft(
            RenameDomain(host, name, change.uuid, change.former, change.mark),
            CarriesOurMark(host, name, change.uuid, change.mark.cluster),
            change.reason,
            sign=Sign.UPDATE,
            requires=(DomainIs(host, name, change.uuid, OFF), change.nowhere),
            after=frozenset({token("stopped", name)}),
        ),
    )


REMOVAL: Mapping[type[Change], Builder] = {
    DomainUnwanted: domain_unwanted,
    DiskUnwanted: disk_unwanted,
    ClaimUnwanted: claim_unwanted,
    DomainRenamed: domain_renamed,
}
