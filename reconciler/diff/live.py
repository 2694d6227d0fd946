"""What a running domain lacks: what libvirt can change now, and what waits until it is started again."""

from typing import NamedTuple

from reconciler.change import DomainLiveDiffers, Field
from reconciler.desired import Ref
from reconciler.diff.fields import differing
from reconciler.live import Way
from reconciler.observed import SeenDomain
from reconciler.xml.domain import Fields
from reconciler.xml.live import owner_of, way_of


class Lacking(NamedTuple):
    """What a running domain does not have yet: by the way in which it can get it, and what is staged."""

    now: tuple[DomainLiveDiffers, ...] = ()
    staged: tuple[Field, ...] = ()

    @property
    def paths(self) -> frozenset[tuple[str, ...]]:
        """Of the fields that it can get now."""
        return frozenset(field.path for change in self.now for field in change.fields)


def lacking(seen: SeenDomain, ref: Ref, said: Fields) -> Lacking:
    """Compare the live definition with what is said. One change for each call that libvirt needs; order: by field."""
    if seen.live is None:
        return Lacking()
    groups: dict[tuple[Way, tuple[str, ...]], list[Field]] = {}
    staged = []
    for field in differing(seen.live, said):
        way = way_of(field.path, seen.live, said)
        if way is None:
            staged.append(field)
        else:
            groups.setdefault((way, owner_of(field.path)), []).append(field)
    now = (_differs(seen, ref, way, owner, tuple(fields)) for (way, owner), fields in groups.items())
    return Lacking(tuple(now), tuple(staged))


def _differs(
    seen: SeenDomain, ref: Ref, way: Way, owner: tuple[str, ...], fields: tuple[Field, ...]
) -> DomainLiveDiffers:
    return DomainLiveDiffers(ref, ", ".join(str(field) for field in fields), seen.uuid, way, owner, fields)
