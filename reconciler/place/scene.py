"""A pass's world as placement sees it: where everybody is, and what each host still has to give. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from reconciler.desired import Desired
from reconciler.desired.documents import Domain, Host, Power, State
from reconciler.history import History
from reconciler.observed import Listing, Observed, SeenDomain, Standing
from reconciler.place.asks import Asks, asks
from reconciler.place.demand import Judge, Verdict, demand_live
from reconciler.place.ledger import FREE, Guest, Ledger, Rules
from reconciler.whereabouts import Whereabouts, whereabouts

NOWHERE: frozenset[int] = frozenset()


@dataclass
class Scene:
    """What stages of placement share; hosts are numbers into `hosts`, which is sorted by name."""

    desired: Desired
    observed: Observed
    history: History

    @cached_property
    def located(self) -> Mapping[str, Whereabouts]:
        return whereabouts(self.desired, self.observed)

    @cached_property
    def hosts(self) -> tuple[Host, ...]:
        return tuple(host for _, host in sorted(self.desired.hypervisors.items()))

    @cached_property
    def number(self) -> Mapping[str, int]:
        return {host.name: number for number, host in enumerate(self.hosts)}

    @cached_property
    def asks(self) -> Asks:
        return asks(self.desired)

    @cached_property
    def judge(self) -> Judge:
        return Judge(self.desired, self.observed, self.hosts)

    # --- what hosts have to give ------------------------------------------------------

    @cached_property
    def ledger(self) -> Ledger:
        """All that runs is counted where it runs, moves under way on both ends, and what is off and will start."""
        facts = [self.observed.host_facts(host.name) for host in self.hosts]
        overcommit = self.desired.policy.placement.cpu_overcommit
        memory = [self.capacity(number) for number in range(len(self.hosts))]
        vcpus = [told.cpus * overcommit if told else 0.0 for told in facts]
        present = list(self._present())
        for guest_memory, guest_vcpus, host, _ in present:
            memory[host] -= guest_memory
            vcpus[host] -= guest_vcpus
        ledger = Ledger(memory, vcpus, self.asks.neighbours.sorts)
        for _, _, host, rules in present:
            ledger.count(rules, host, 1)
        return ledger

    def capacity(self, host: int) -> int:
        """Bytes of memory that a host has for guests; 0 where nobody knows."""
        hypervisor, facts = self.hosts[host].spec.hypervisor, self.observed.host_facts(self.hosts[host].name)
        if facts is None or hypervisor is None:
            return 0
        return int(facts.memory * self.desired.policy.placement.memory_overcommit) - hypervisor.reserved.memory

    def _present(self) -> Iterator[tuple[int, int, int, Rules]]:
        """Memory, vCPUs, host and rules of all that runs or will start where it is."""
        documents, located, asks_of = self.desired.domains, self.located, self.asks.of
        for host, listing in self.observed.domains.items():
            number = self.number.get(host)
            if number is None or not isinstance(listing, Listing):
                continue
            for seen in listing.items.values():
                domain = documents.get(seen.name)
                if seen.is_active:
                    ours = domain if domain is not None and located[seen.name].home == host else None
                    memory, vcpus = size_of(ours, seen)
                    yield memory, vcpus, number, asks_of[seen.name].rules if domain is not None else FREE
                elif domain is not None and located[seen.name].home == host and will_start(domain, located[seen.name]):
                    yield domain.spec.memory, domain.spec.vcpus, number, asks_of[seen.name].rules

    # --- guests ------------------------------------------------------------------------

    def verdict(self, where: Whereabouts) -> Verdict:
        """Which hosts would do for a domain by itself."""
        demand = self.asks.of[where.name].demand
        if where.seen is not None and where.home is not None and runs(where):
            home = self.observed.host_facts(where.home)
            demand = demand_live(demand, self.desired.domains[where.name], where.seen, home)
        return self.judge.verdict(demand)

    def guest(self, where: Whereabouts) -> Guest:
        """The domain as it would go elsewhere: never to where it is."""
        name = where.name
        ask, domain = self.asks.of[name], self.desired.domains[name]
        memory, vcpus = size_of(domain, where.seen) if self.needs_room(where) else (0, 0)
        hosts = self._elsewhere(self.verdict(where), where.home)
        failed = self._failed.get(name, NOWHERE) | self._pathless.get(where.home or "", NOWHERE)
        return Guest(name, memory, vcpus, hosts, ask.rules, failed, (ask.priority, int(where.home is not None)))

    def guest_anew(self, where: Whereabouts) -> Guest:
        """The domain as it would be started anew, wherever it is now."""
        name = where.name
        ask = self.asks.of[name]
        memory, vcpus = size_of(self.desired.domains[name], where.seen)
        hosts = self.judge.verdict(ask.demand).candidates
        return Guest(name, memory, vcpus, hosts, ask.rules, NOWHERE, (ask.priority, 0))

    def guests(self, names: Iterable[str]) -> dict[str, Guest]:
        """The same of many, most of which may be nowhere yet."""
        located, asks_of, failed, verdict = self.located, self.asks.of, self._failed, self.judge.verdict
        guests = {}
        for name in names:
            demand, rules, memory, vcpus, priority, starts = asks_of[name]
            if starts and located[name].home is None and name not in failed:
                guests[name] = Guest(name, memory, vcpus, verdict(demand).candidates, rules, NOWHERE, (priority, 0))
            else:
                guests[name] = self.guest(located[name])
        return guests

    def needs_room(self, where: Whereabouts) -> bool:
        """Whether it will run where it goes."""
        return runs(where) or self.desired.domains[where.name].spec.power is Power.RUNNING

    @cached_property
    def _without(self) -> dict[tuple[frozenset[int], int], frozenset[int]]:
        return {}

    def _elsewhere(self, verdict: Verdict, home: str | None) -> frozenset[int]:
        number = self.number.get(home) if home is not None else None
        if number is None:
            return verdict.candidates
        key = (verdict.candidates, number)
        hosts = self._without.get(key)
        if hosts is None:
            hosts = self._without[key] = verdict.candidates - {number}
        return hosts

    @cached_property
    def _failed(self) -> Mapping[str, frozenset[int]]:
        """domain -> hosts towards which it failed to move."""
        names = {failure.object.name for failure in self.history.failures.values() if failure.object.kind == "domain"}
        failed = {name: self.history.failed_targets(name) for name in sorted(names)}
        return {
            name: frozenset(self.number[host] for host in hosts if host in self.number)
            for name, hosts in failed.items()
            if hosts
        }

    @cached_property
    def _pathless(self) -> Mapping[str, frozenset[int]]:
        """host -> hosts to which no guest could be moved from there."""
        paths = self.history.failed_paths
        return {host: frozenset(self.number[to] for to in found if to in self.number) for host, found in paths.items()}


def runs(where: Whereabouts) -> bool:
    return where.home is not None and where.seen is not None and where.seen.is_active


def will_start(domain: Domain, where: Whereabouts) -> bool:
    """Whether it is off where it is and will be started there."""
    if where.held or where.seen is None or domain.spec.state is State.ABSENT:
        return False
    return where.seen.standing is Standing.OFF and domain.spec.power is Power.RUNNING


def size_of(domain: Domain | None, seen: SeenDomain | None) -> tuple[int, int]:
    """Memory and vCPUs: the greater of what runs and what its document wants, which comes when it starts again."""
    live = (seen.live or seen.fields or {}) if seen is not None and seen.is_active else {}
    memory, vcpus = int(live.get("memory", 0)), int(live.get("vcpus", 0))
    if domain is None:
        return memory, vcpus
    return max(memory, domain.spec.memory), max(vcpus, domain.spec.vcpus)
