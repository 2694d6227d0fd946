"""A domain that shall have another name: nothing else is done to it before it has."""

from collections.abc import Iterator

from reconciler.change import Change, DomainOn, DomainRenamed
from reconciler.desired import Desired
from reconciler.desired.documents import Domain
from reconciler.diff.power import how_to_stop, nowhere_else
from reconciler.diff.removal import bound
from reconciler.observed import Observed, Standing
from reconciler.renaming import renamed_mark
from reconciler.step import Held, HeldReason
from reconciler.whereabouts import Whereabouts


def rename(desired: Desired, observed: Observed, domain: Domain, where: Whereabouts) -> Iterator[Change | Held]:
    """It is off, or its document wants it so: whereabouts holds any other."""
    assert where.home is not None
    assert where.seen is not None
    if held := bound(where, where.seen):
        yield held
        return
    nowhere = nowhere_else(desired, observed, domain, where.home, where.uuid, seen=where.seen)
    verdict = nowhere.check(observed)
    if verdict.holds is not True:
        yield Held(where.ref, HeldReason.HOST_UNKNOWN if verdict.holds is None else HeldReason.IN_USE, verdict.seen)
        return
    if where.seen.standing is Standing.RUNNING:
        yield DomainOn(where.ref, "power is stopped", where.uuid, how_to_stop(domain))
    assert where.seen.mark is not None
    mark = renamed_mark(where.seen.mark, domain, where.uuid)
    reason = f"it is domain/{where.renames} still"
    yield DomainRenamed(where.ref, reason, where.uuid, where.renames, mark, nowhere)
