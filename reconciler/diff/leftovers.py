"""What a move that was cut left behind."""

from collections.abc import Iterator

from reconciler.change import Change, DomainHusk, DomainLeftover
from reconciler.desired import Ref
from reconciler.whereabouts import Whereabouts


def left_behind(where: Whereabouts) -> Iterator[Change]:
    """Definitions and paused processes at other hosts than where the domain is. They go before all else of it."""
    for host in where.leftovers:
        reason = f"a cut move left a definition here; it is at host/{where.home}"
        yield DomainLeftover(Ref("domain", where.name, host), reason, where.uuid, where.home or "")
    for host in where.husks:
        reason = f"a migration was cut at its very end; the domain runs at host/{where.home}"
        yield DomainHusk(Ref("domain", where.name, host), reason, where.uuid, where.home or "")
