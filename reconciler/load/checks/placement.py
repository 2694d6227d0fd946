"""Rules between domains: that they speak of somebody, do not contradict each other, and leave enough hosts."""

from itertools import combinations

from reconciler.desired import matches
from reconciler.desired.company import Carriers, components, must_be_apart
from reconciler.desired.documents import ApartFrom, Domain, State, TogetherWith
from reconciler.load.checks.world import Entry, World

Present = dict[str, tuple[Entry, Domain]]


def check(world: World) -> None:
    """Complain about rules that cannot be kept, whatever the hosts are like."""
    everybody, carriers = world.of(Domain), Carriers(world.desired.domains)
    certain = all(one.model for one in world.by_kind["Domain"].values())
    for entry, domain in everybody:
        if certain:
            _speaks_of_somebody(world, carriers, entry, "apartFrom", domain.spec.placement.apart_from)
            _speaks_of_somebody(world, carriers, entry, "togetherWith", domain.spec.placement.together_with)
    present = {domain.name: (entry, domain) for entry, domain in everybody if domain.spec.state is State.PRESENT}
    _sets_are_possible(world, present)
    _enough_hosts(world, present)


def _speaks_of_somebody(
    world: World, carriers: Carriers, entry: Entry, field: str, rule: ApartFrom | TogetherWith | None
) -> None:
    if rule is not None and next(carriers.of(rule.match_labels), None) is None:
        where = (entry, ("spec", "placement", field, "matchLabels"))
        world.complain(where, "means no domain; no Domain document carries these labels", quote=False)


def _sets_are_possible(world: World, present: Present) -> None:
    """Domains that must share a host may, and have one in common."""
    domains = {name: domain for name, (_, domain) in present.items()}
    joined = [domain for domain in domains.values() if _must_be_together(domain)]
    for names in components(joined, domains):
        where = (present[_first_joined(domains, names)][0], ("spec", "placement", "togetherWith"))
        apart = [pair for pair in combinations(names, 2) if must_be_apart(domains[pair[0]], domains[pair[1]])]
        if apart:
            one, other = apart[0]
            message = f"contradicts apartFrom: the domains {one} and {other} must share a host, and must not"
            world.complain(where, message, of_key=True)
        selected = [world.selected(domains[name].spec.placement.hosts) for name in names]
        if world.knows_hosts and all(selected) and not frozenset.intersection(*selected):
            message = f"leaves no host: no hypervisor is for all of {', '.join(names)}"
            world.complain(where, message, of_key=True)


def _must_be_together(domain: Domain) -> bool:
    together = domain.spec.placement.together_with
    return together is not None and together.required


def _first_joined(domains: dict[str, Domain], names: tuple[str, ...]) -> str:
    return next(name for name in names if _must_be_together(domains[name]))


def _enough_hosts(world: World, present: Present) -> None:
    """Domains that must all be apart are not more than the hypervisors that are for them."""
    if not world.knows_hosts:
        return
    sets: dict[frozenset[tuple[str, str]], list[str]] = {}
    for name, (_, domain) in present.items():
        apart = domain.spec.placement.apart_from
        if apart is not None and apart.required and matches(apart.match_labels, domain.labels):
            sets.setdefault(frozenset(apart.match_labels.items()), []).append(name)
    for names in sets.values():
        hosts = frozenset[str]().union(*(world.selected(present[name][1].spec.placement.hosts) for name in names))
        for name in names[len(hosts) :] if hosts else ():
            where = (present[name][0], ("spec", "placement", "apartFrom"))
            message = (
                f"cannot be kept: {len(names)} domains must all be apart, and {len(hosts)} hypervisors are for them"
            )
            world.complain(where, message, of_key=True)
