"""Who wants to be apart from whom, and who with whom: what the documents' rules come to. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.desired import matches
from reconciler.desired.documents import Domain
from reconciler.place.ledger import FREE, Rules

SORTS = 4
"""Of each group the ledger counts its members, who must be apart from them, who would rather be, and who with them."""


@dataclass(slots=True, eq=False)
class Group:
    """Domains that some rule speaks of, by their labels.

    `members`, `averse` (which must be apart from them), `shy` (which would rather be), `keen` (which would rather be
    with them): numbers of the ledger's counts. `is_shunned`, `is_avoided`, `is_sought`: whether there is anybody such.
    """

    wanted: Mapping[str, str]
    members: int
    is_shunned: bool = False
    is_avoided: bool = False
    is_sought: bool = False

    @property
    def averse(self) -> int:
        return self.members + 1

    @property
    def shy(self) -> int:
        return self.members + 2

    @property
    def keen(self) -> int:
        return self.members + 3

    def has(self, domain: Domain) -> bool:
        """Whether the domain is a member."""
        return matches(self.wanted, domain.labels)


class Neighbours:
    """The rules of all domains.

    A hard rule binds both sides: what came to a guest that must be apart from it would only make that one move on.
    Togetherness that is required is not among these: such domains go as one (see together.py).
    """

    def __init__(self, domains: Iterable[Domain]) -> None:
        self._groups: dict[frozenset[tuple[str, str]], Group] = {}
        self._by_label: dict[tuple[str, str], list[Group]] = {}
        self._of_all: list[Group] = []
        self.apart: list[Domain] = []
        """Those with a hard rule to be apart from others."""
        self.joined: list[Domain] = []
        """Those with a hard rule to be together with others."""
        for domain in domains:
            self._note(domain)

    @property
    def sorts(self) -> int:
        """How many counts a ledger must keep."""
        return SORTS * len(self._groups)

    def _note(self, domain: Domain) -> None:
        placement = domain.spec.placement
        if placement.apart_from is not None:
            group = self.group(placement.apart_from.match_labels)
            if placement.apart_from.required:
                group.is_shunned = True
                self.apart.append(domain)
            else:
                group.is_avoided = True
        if placement.together_with is not None:
            group = self.group(placement.together_with.match_labels)
            if placement.together_with.required:
                self.joined.append(domain)
            else:
                group.is_sought = True

    def group(self, wanted: Mapping[str, str]) -> Group:
        """The group of all domains that carry `wanted`."""
        key = frozenset(wanted.items())
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(wanted, SORTS * len(self._groups))
            found = self._by_label.setdefault(min(key), []) if key else self._of_all
            found.append(group)
        return group

    def groups_of(self, labels: Mapping[str, str]) -> list[Group]:
        """The groups that a domain with `labels` is a member of."""
        groups = list(self._of_all)
        for item in labels.items():
            for group in self._by_label.get(item, ()):
                if len(group.wanted) == 1 or matches(group.wanted, labels):
                    groups.append(group)
        return groups

    def rules_of(self, domain: Domain) -> Rules:
        """What `domain` wants of its neighbours, and they of it."""
        placement, mine = domain.spec.placement, self.groups_of(domain.metadata.labels) if self._groups else ()
        apart, together = placement.apart_from, placement.together_with
        if not mine and apart is None and together is None:
            return FREE
        never = [group.averse for group in mine if group.is_shunned]
        rather_not = [group.shy for group in mine if group.is_avoided]
        counted = [group.members for group in mine]
        rather = [group.keen for group in mine if group.is_sought]
        if apart is not None:
            group = self.group(apart.match_labels)
            (never if apart.required else rather_not).append(group.members)
            counted.append(group.averse if apart.required else group.shy)
        if together is not None and not together.required:
            group = self.group(together.match_labels)
            rather.append(group.members)
            counted.append(group.keen)
        return Rules(tuple(never), tuple(rather_not), tuple(rather), tuple(counted))


def joint(rules: Iterable[Rules]) -> Rules:
    """What several guests that go as one want together."""
    all_ = tuple(rules)
    return Rules(
        tuple(sort for one in all_ for sort in one.never),
        tuple(sort for one in all_ for sort in one.rather_not),
        tuple(sort for one in all_ for sort in one.rather),
        tuple(sort for one in all_ for sort in one.counted_in),
    )
