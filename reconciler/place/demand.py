"""What a domain asks of a host by itself, and each host's reason against it. Asked once for all that ask alike."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from reconciler.desired import Desired, is_selected
from reconciler.desired.derive import pools_of
from reconciler.desired.documents import Domain, Host, HostSelector, LabelSelector
from reconciler.observed import HostFacts, Observed, SeenDomain
from reconciler.ours import is_or_becomes_ours
from reconciler.readiness import pool_trouble
from reconciler.whereabouts import twins

MIB = 1024**2
Selector = str | tuple[str, ...] | frozenset[tuple[str, str]]


NONE: frozenset[int] = frozenset()
_SPANS = r"[0-9]{1,5}(-[0-9]{1,5})?(,[0-9]{1,5}(-[0-9]{1,5})?)*"


class Demand(NamedTuple):
    """What counts beside room and neighbours. `least_qemu`: the version that it runs on and must not go below.

    `arch`, `machine`, `emulator`: empty where any will do. `cpus`, `nodes`: numbers of the host's that it is bound to.
    `pages`: bytes of a huge page and of all that it takes of them; 0, 0 for plain memory. `same_cpu`: the model of the
    host's CPU that it sees as its own while it runs; empty where it sees none, or nobody knows.
    """

    hosts: Selector
    pools: tuple[str, ...]
    networks: tuple[str, ...]
    cpu: str
    least_qemu: int = 0
    arch: str = ""
    machine: str = ""
    emulator: str = ""
    cpus: frozenset[int] = NONE
    nodes: frozenset[int] = NONE
    pages: tuple[int, int] = (0, 0)
    same_cpu: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`candidates`: numbers of the hosts that will do; `reasons`: host -> the first reason against it."""

    candidates: frozenset[int]
    reasons: Mapping[str, str]


def demand_of(domain: Domain) -> Demand:
    """What a domain asks that is started anew."""
    spec = domain.spec
    pins = (spec.cpuset, *spec.vcpu_pins, spec.emulator_pin)
    return Demand(
        selector_key(spec.placement.hosts),
        pools_of(domain),
        tuple(sorted({interface.network for interface in spec.interfaces})),
        spec.cpu,
        arch=spec.arch or "",
        machine=spec.machine or "",
        emulator=spec.emulator or "",
        cpus=_bound(pins),
        nodes=numbers(spec.numatune.nodeset) if spec.numatune else NONE,
        pages=(spec.hugepages, spec.memory) if spec.hugepages else (0, 0),
    )


def _bound(pins: Iterable[str | None]) -> frozenset[int]:
    """All CPUs of the host that pins speak of."""
    return frozenset(number for pin in pins if pin for number in numbers(pin))


def numbers(cpuset: str) -> frozenset[int]:
    """The numbers that libvirt writes as 0-3,8; none where it is written otherwise."""
    if not re.fullmatch(_SPANS, cpuset):
        return NONE
    spans = (part.partition("-") for part in cpuset.split(","))
    return frozenset(number for first, _, last in spans for number in range(int(first), int(last or first) + 1))


def demand_live(anew: Demand, domain: Domain, running: SeenDomain, home: HostFacts | None) -> Demand:
    """What it asks while it runs: its live definition counts, for that is what moves."""
    live = running.live or {}
    keeps_qemu = home is not None and not domain.spec.placement.allow_older_qemu
    least = home.qemu_version if home is not None and keeps_qemu else 0
    pins = (live.get("cpuset"), *live.get("vcpu_pins", ()), live.get("emulator_pin"))
    cpu = str(live.get("cpu") or anew.cpu)
    nodes, page = live.get("numatune", {}).get("nodeset"), int(live.get("hugepages", 0))
    return anew._replace(
        cpu=cpu,
        same_cpu=home.cpu.model if home is not None and cpu == "host-passthrough" else "",
        least_qemu=least,
        arch=str(live.get("arch", anew.arch)),
        machine=str(live.get("machine", anew.machine)),
        emulator=str(live.get("emulator", anew.emulator)),
        cpus=_bound(pins) or anew.cpus,
        nodes=numbers(nodes) if nodes else anew.nodes,
        pages=(page, int(live.get("memory", 0))) if page else anew.pages,
    )


def selector_key(selector: HostSelector) -> Selector:
    """The selector, as something that can be a key."""
    return frozenset(selector.match_labels.items()) if isinstance(selector, LabelSelector) else selector


@dataclass
class Judge:
    """Says of each host why a demand does not go there. `hosts`: the hypervisors, by number."""

    desired: Desired
    observed: Observed
    hosts: tuple[Host, ...]
    _verdicts: dict[Demand, Verdict] = field(default_factory=dict)
    _pools: dict[tuple[str, str], str] = field(default_factory=dict)

    def verdict(self, demand: Demand) -> Verdict:
        """Asked once for each distinct demand."""
        verdict = self._verdicts.get(demand)
        if verdict is None:
            verdict = self._verdicts[demand] = self._judge(demand)
        return verdict

    def _judge(self, demand: Demand) -> Verdict:
        reasons = {}
        for host in self.hosts:
            reason = next(self._reasons_against(demand, host), None)
            if reason:
                reasons[host.name] = reason
        return Verdict(frozenset(n for n, host in enumerate(self.hosts) if host.name not in reasons), reasons)

    def _reasons_against(self, demand: Demand, host: Host) -> Iterator[str]:
        if not self.may_be_at(demand.hosts, host):
            yield "its labels or name are not what placement.hosts asks for"
        if closed := self._closed.get(host.name):
            yield closed
        yield from self._storage_reasons(demand, host)
        yield from self._network_reasons(demand, host)
        facts = self.observed.host_facts(host.name)
        if facts is not None:
            yield from _machine_reasons(demand, facts, self._emulators)
            yield from _binding_reasons(demand, facts)

    def may_be_at(self, selector: Selector, host: Host) -> bool:
        """Whether `placement.hosts` means the host."""
        if isinstance(selector, frozenset):
            return selector <= host.labels.items()
        return is_selected(host, selector)  # type: ignore[arg-type]

    @cached_property
    def _closed(self) -> Mapping[str, str]:
        """Hosts that take nobody, with the reason."""
        same = twins(self.observed)
        return {host.name: reason for host in self.hosts if (reason := self._why_closed(host, same))}

    def _why_closed(self, host: Host, same: Mapping[str, str]) -> str:
        if host.spec.cordoned:
            return "it is cordoned"
        if host.spec.fenced:
            return "it is fenced"
        if host.name in same:
            return f"it is the same machine as host/{same[host.name]}"
        if not self.observed.is_reachable(host.name):
            return f"it is unknown: {self.observed.silence(host.name)}"
        return ""

    @cached_property
    def _emulators(self) -> frozenset[str]:
        """Paths that any host tells of; what none does is a person's own, and may be anywhere."""
        told = (self.observed.host_facts(host.name) for host in self.hosts)
        return frozenset(path for facts in told if facts for _, offer in facts.offers for path in offer.emulators)

    def is_closed(self, host: Host) -> bool:
        """Whether it takes nobody."""
        return host.name in self._closed

    def _storage_reasons(self, demand: Demand, host: Host) -> Iterator[str]:
        for name in demand.pools:
            reason = self._pools.get((name, host.name))
            if reason is None:
                reason = self._pools[name, host.name] = self._why_no_pool(name, host)
            if reason:
                yield f"pool/{name}{reason}"

    def _why_no_pool(self, name: str, host: Host) -> str:
        pool = self.desired.pools[name]
        if not is_selected(host, pool.spec.hosts):
            return " is not for it"
        trouble = pool_trouble(self.desired, self.observed, pool, host.name)
        return f": {trouble[1]}" if trouble else ""

    def _network_reasons(self, demand: Demand, host: Host) -> Iterator[str]:
        for name in demand.networks:
            if not is_selected(host, self.desired.networks[name].spec.hosts):
                yield f"network/{name} is not for it"
            seen = self.observed.network(host.name, name)
            if seen and not is_or_becomes_ours(self.desired, self.desired.networks[name], seen):
                yield f"network/{name} there is not ours"


def _machine_reasons(demand: Demand, facts: HostFacts, emulators: frozenset[str]) -> Iterator[str]:
    yield from _offer_reasons(demand, facts, emulators)
    if facts.qemu_version and facts.qemu_version < demand.least_qemu:
        mine, least = _version(facts.qemu_version), _version(demand.least_qemu)
        yield f"its QEMU {mine} is older than {least}, on which it runs (placement.allowOlderQemu would allow it)"
    if demand.cpu in ("baseline", "host-model", "maximum"):
        return
    if demand.cpu == "host-passthrough":
        if facts.virt_type != "kvm":
            yield "host-passthrough needs KVM, which it does not have"
        elif demand.same_cpu and facts.cpu.model and facts.cpu.model != demand.same_cpu:
            yield f"its CPU is {facts.cpu.model}, and the domain runs on {demand.same_cpu} (host-passthrough)"
    elif facts.cpu.usable and demand.cpu not in {facts.cpu.model, *facts.cpu.usable}:
        # A host whose own CPU is a model without some features (TCG's always is) does not list that model as usable.
        yield f"it cannot offer the CPU model {demand.cpu}"


def _offer_reasons(demand: Demand, facts: HostFacts, emulators: frozenset[str]) -> Iterator[str]:
    arch, offers = demand.arch or facts.arch, dict(facts.offers)
    if not offers:
        return
    if arch not in offers:
        yield f"it runs no guests of the architecture {arch}"
        return
    if demand.machine and offers[arch].machines and demand.machine not in offers[arch].machines:
        yield f"it does not offer the machine type {demand.machine}"
    if demand.emulator in emulators and demand.emulator not in offers[arch].emulators:
        yield f"it does not have the emulator {demand.emulator}"


def _binding_reasons(demand: Demand, facts: HostFacts) -> Iterator[str]:
    """CPUs, NUMA nodes and huge pages that the host lacks."""
    if not facts.cells:
        return
    if lacking := demand.cpus - {cpu for cell in facts.cells for cpu in cell.cpus}:
        yield f"it has no CPU {min(lacking)}, to which the domain is bound"
    if lacking := demand.nodes - {cell.number for cell in facts.cells}:
        yield f"it has no NUMA node {min(lacking)}, from which the memory shall come"
    page, memory = demand.pages
    cells = [cell for cell in facts.cells if not demand.nodes or cell.number in demand.nodes]
    held = sum(count * size for cell in cells for size, count in cell.pages if size == page)
    if page and held < memory:
        yield f"it has {held // MIB} MiB in huge pages of {page // 1024} KiB, {memory // MIB} MiB are needed"


def _version(number: int) -> str:
    """libvirt's one number as people know it: major * 1,000,000 + minor * 1,000 + release."""
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"
