"""Placing thousands of guests, against a bare best-fit loop on the same ledger; and asking about every drain then."""

import gc
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from reconciler.desired import Desired
from reconciler.desired.derive import object_uuid
from reconciler.history import History
from reconciler.load import load
from reconciler.observed import CpuFacts, DomainState, HostFacts, Listing, Mark, Observed, SeenDomain
from reconciler.place import Placements, drainable, place
from reconciler.place.ledger import Guest, Ledger
from tests.bench.cloud import SHARED, split, write_documents
from tests.bench.table import Row, over, row

GIB = 1 << 30
DOMAINS, HOSTS = 5000, 100
MEMORY, CPUS = 256 * GIB, 64
TARGETS = {"place": (6.0, 3.0), "drainable": (4.0, 2.0)}
"""What each ratio must be at most, and what is aimed at."""
Works = dict[str, Callable[[], object]]


def measure(scratch: Path, rounds: int) -> list[Row]:
    """Rows of placing from nothing over the bare loop, and of asking about each host's drain over placing."""
    desired = load(write_documents(scratch / "placing", _documents()))
    empty, history = _observed(desired, {}), History()
    full = _observed(desired, _homes(place(desired, empty, history)))
    guests = _guests(desired)
    works: Works = {
        "bare best fit": lambda: _best_fit(guests),
        "place": lambda: place(desired, empty, history),
        "drainable": lambda: drainable(desired, full, history),
        "place, nothing to do": lambda: place(desired, full, history),
    }
    answers: dict[str, list[dict[str, float]]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            answers[name].append(_timed(work))
    place_title = f"{DOMAINS} new domains, {HOSTS} hosts"
    floor, ours, idle = (row(place_title, n, answers[n]) for n in ("bare best fit", "place", "place, nothing to do"))
    drains = row(f"drains of {HOSTS} hosts", "drainable", answers["drainable"])
    return [
        floor,
        over(ours, floor, None, TARGETS["place"]),
        idle,
        over(drains, ours, None, TARGETS["drainable"]),
    ]


def _timed(work: Callable[[], object]) -> dict[str, float]:
    gc.collect()
    begun, cpu = time.perf_counter(), time.process_time()
    work()
    return {"seconds": time.perf_counter() - begun, "cpu": time.process_time() - cpu, "libvirtd": 0.0}


def _documents() -> dict[str, str]:
    """A third of the domains wants to be apart from its like, half of those must; a tenth may not go everywhere."""
    hosts = "---\n".join(_host(number) for number in range(HOSTS))
    domains = "---\n".join(_domain(number) for number in range(DOMAINS))
    return {**split(hosts, "host"), **split(domains, "guest"), **split(SHARED, "shared")}


def _host(number: int) -> str:
    rack, address = "abcd"[number % 4], f"10.77.{number // 250}.{number % 250 + 1}"
    return (
        f"apiVersion: reconciler/v1\nkind: Host\nmetadata: {{name: hv{number:03}, labels: {{rack: {rack}}}}}\n"
        f'spec: {{address: {address}, hypervisor: {{uri: "qemu+tcp://hv{number}/system"}}}}\n'
    )


def _domain(number: int) -> str:
    app = f"app{number // 4}"
    rules = []
    if number % 3 == 0:
        rules.append(f"apartFrom: {{matchLabels: {{app: {app}}}, required: {'true' if number % 6 else 'false'}}}")
    if number % 10 == 1:
        rules.append(f"hosts: {{matchLabels: {{rack: {'abcd'[number % 4]}}}}}")
    if number % 50 == 2:
        rules.append(f"togetherWith: {{matchLabels: {{app: {app}}}}}")
    memory = ("512MiB", "1GiB", "2GiB", "4GiB", "8GiB")[number % 5]
    return (
        f"apiVersion: reconciler/v1\nkind: Domain\nmetadata: {{name: guest-{number:04}, labels: {{app: {app}}}}}\n"
        f"spec:\n  vcpus: {1 + number % 4}\n  memory: {memory}\n  interfaces: [{{name: lan, network: lan}}]\n"
        f"  placement: {{{', '.join(rules)}}}\n"
    )


def _homes(placements: Placements) -> dict[str, str]:
    homes = {name: placement.target for name, placement in placements.of.items() if placement.target}
    if len(homes) < DOMAINS:
        raise SystemExit(f"bench: only {len(homes)} of {DOMAINS} domains found a place")
    return homes


def _observed(desired: Desired, homes: dict[str, str]) -> Observed:
    """Hosts that answer, with each domain running at its home."""
    facts = HostFacts("", "x86_64", "kvm", MEMORY, CPUS, CpuFacts("Skylake-Client", usable=frozenset({"kvm64"})))
    guests: dict[str, dict[str, SeenDomain]] = {host: {} for host in desired.hypervisors}
    for name, host in homes.items():
        guests[host][name] = _seen(desired, name)
    return Observed(
        facts={host: Listing({host: replace(facts, uuid=host)}, 0.0) for host in desired.hypervisors},
        domains={host: Listing(here, 0.0) for host, here in guests.items()},
        networks={host: Listing({}, 0.0) for host in desired.hypervisors},
        pools={host: Listing({}, 0.0) for host in desired.hypervisors},
    )


def _seen(desired: Desired, name: str) -> SeenDomain:
    spec, cluster = desired.domains[name].spec, desired.cluster_name
    fields = {"memory": spec.memory, "vcpus": spec.vcpus}
    uuid = object_uuid(cluster, "domain", name)
    return SeenDomain(name, uuid, DomainState.RUNNING, mark=Mark(cluster, name), fields=fields, live=fields)


# --- the floor -----------------------------------------------------------------------


def _guests(desired: Desired) -> list[Guest]:
    everywhere = frozenset(range(HOSTS))
    return [Guest(name, one.spec.memory, one.spec.vcpus, everywhere) for name, one in desired.domains.items()]


def _best_fit(guests: list[Guest]) -> dict[str, int]:
    """The least that any placement does: biggest first, each to the fullest host that has room."""
    ledger = Ledger([MEMORY] * HOSTS, [4.0 * CPUS] * HOSTS)
    targets = {}
    for guest in sorted(guests, key=lambda one: -one.memory):
        host = ledger.pick(guest, tight=True)
        if host is not None:
            ledger.book(guest, host)
            targets[guest.name] = host
    return targets
