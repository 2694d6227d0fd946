"""What documents say of each other: which domains must share a host, and which must not. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from reconciler.desired import matches
from reconciler.desired.documents import Domain


class Carriers:
    """Domains by the labels that they carry."""

    def __init__(self, domains: Mapping[str, Domain]) -> None:
        self._domains = domains
        self._by_label: dict[tuple[str, str], list[str]] = {}
        for name, domain in domains.items():
            for item in domain.labels.items():
                self._by_label.setdefault(item, []).append(name)

    def of(self, wanted: Mapping[str, str]) -> Iterator[str]:
        """Names of those that carry all that is wanted."""
        likely = self._by_label.get(min(wanted.items()), []) if wanted else self._domains
        return (name for name in likely if matches(wanted, self._domains[name].labels))


def must_be_apart(one: Domain, other: Domain) -> bool:
    """Whether a hard rule of one of the two keeps them from sharing a host."""
    return _shuns(one, other) or _shuns(other, one)


def _shuns(one: Domain, other: Domain) -> bool:
    apart = one.spec.placement.apart_from
    return apart is not None and apart.required and matches(apart.match_labels, other.labels)


def components(joined: Iterable[Domain], domains: Mapping[str, Domain]) -> Iterator[tuple[str, ...]]:
    """Sets of domains that required togetherness makes one, each sorted; by first name."""
    root: dict[str, str] = {}

    def find(name: str) -> str:
        while root.setdefault(name, name) != name:
            root[name] = name = root[root[name]]
        return name

    carriers = Carriers(domains)
    for domain in joined:
        together = domain.spec.placement.together_with
        assert together is not None
        for other in carriers.of(together.match_labels):
            root[find(other)] = find(domain.name)
    found: dict[str, list[str]] = {}
    for name in sorted(root):
        found.setdefault(find(name), []).append(name)
    yield from (tuple(names) for names in found.values() if len(names) > 1)
