"""A step before the others are known: what it offers to them and after what it comes, in tokens instead of ids."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reconciler.action import Action
from reconciler.desired.ref import Ref
from reconciler.desired.window import Window
from reconciler.fact import Fact
from reconciler.step import Held, Impact, Recovery, Sign, Step


@dataclass(frozen=True, slots=True)
class Draft:
    """`provides` and `after` are tokens such as "pool:images@hv1"; a token that no draft provides is there already."""

    action: Action
    goal: Fact
    reason: str
    impact: Impact = Impact.LIVE
    sign: Sign = Sign.CREATE
    requires: tuple[Fact, ...] = ()
    provides: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()
    slots: tuple[str, ...] = ()
    limit: str = ""
    recovery: Recovery | None = None
    part_of: Ref | None = None
    window: Window | None = None
    instead: Held | None = None

    @property
    def id(self) -> str:
        """The same for the same action in every plan: verb:object."""
        return f"{self.action.verb}:{self.action.object}"

    def step(self, needs: tuple[str, ...]) -> Step:
        return Step(
            self.id,
            self.action,
            self.requires,
            self.goal,
            self.impact,
            self.reason,
            self.sign,
            needs,
            self.slots,
            self.limit,
            self.recovery,
            self.part_of,
            self.window,
            self.instead,
        )


Builder = Callable[[Any], tuple[Draft, ...]]
"""Makes the steps of one class of change."""


def token(kind: str, name: str, host: str = "") -> str:
    """What one step offers and another waits for."""
    return f"{kind}:{name}@{host}" if host else f"{kind}:{name}"


def pool_ready(pools: tuple[str, ...], host: str) -> frozenset[str]:
    """What must be over before guests find their disks there."""
    return tokens("export", pools) | tokens("pool", pools, host)


def contents_known(pools: tuple[str, ...], host: str) -> frozenset[str]:
    """What must be over before a pool's list of volumes can be believed there."""
    return pool_ready(pools, host) | tokens("fresh", pools, host)


def left(leaving: tuple[tuple[str, str], ...]) -> frozenset[str]:
    """Memory that a move frees counts only behind that move."""
    return frozenset(token("left", name, host) for name, host in leaving)


def tokens(kind: str, names: tuple[str, ...], host: str = "") -> frozenset[str]:
    return frozenset(token(kind, name, host) for name in names)
