"""What the pure stages and the loader cost by themselves: absolute numbers, no lab, no network."""

import gc
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from statistics import median

from _ruamel_yaml import CParser, StreamEndEvent  # type: ignore[import-not-found]

from reconciler.desired import Desired
from reconciler.diff import diff
from reconciler.history import History
from reconciler.load import load
from reconciler.observed import CpuFacts, HostFacts, Listing, Observed
from reconciler.place import place
from reconciler.plan import plan
from tests.bench.cloud import SHARED, domain_documents, host_document, split, write_documents

GIB = 1 << 30
ROUNDS = 7
PLACED, HOSTS, VALIDATED = 300, 10, 500


def measure(scratch: Path) -> dict[str, float]:
    """What -> median seconds of some runs."""
    cloud = write_documents(scratch / "placed", _documents(PLACED, HOSTS, power="running"))
    many = write_documents(scratch / "validated", _documents(VALIDATED - 3, 1))
    texts = [file.read_bytes() for file in sorted(many.iterdir())]
    desired = load(cloud)
    nothing, history = _bare_hosts(desired), History()
    placements = place(desired, nothing, history)
    works: dict[str, Callable[[], object]] = {
        f"place {PLACED} domains on {HOSTS} hosts": lambda: place(desired, nothing, history),
        f"plan {PLACED} domains from nothing, {HOSTS} hosts: place, diff, plan": lambda: _plan(desired, nothing),
        f"diff and plan alone of these {PLACED}": lambda: plan(
            desired, nothing, diff(desired, nothing, placements, history)
        ),
        f"validate {VALIDATED} documents, a file each": lambda: load(many),
        f"the C parser alone on these {VALIDATED}, texts in memory": lambda: _parse(texts),
    }
    return {name: _median(work) for name, work in works.items()}


def _documents(domains: int, hosts: int, **more: str) -> dict[str, str]:
    machines = "---\n".join(
        host_document(f"hv{n}", f"10.77.0.{n}", f"qemu+tcp://hv{n}/system") for n in range(1, hosts + 1)
    )
    return {**split(machines, "host"), **split(SHARED, "shared"), **split(domain_documents(domains, **more), "guest")}


def _bare_hosts(desired: Desired) -> Observed:
    """Hosts that answer and have nothing."""
    facts = HostFacts("", "x86_64", "kvm", 64 * GIB, 32, CpuFacts("Skylake-Client", usable=frozenset({"kvm64"})))
    empty: Listing[object] = Listing({}, 0.0)
    hosts = {name: Listing({name: replace(facts, uuid=name)}, 0.0) for name in desired.hypervisors}
    bare = dict.fromkeys(desired.hypervisors, empty)
    return Observed(facts=hosts, domains=bare, networks=bare, pools=bare)  # type: ignore[arg-type]


def _plan(desired: Desired, observed: Observed) -> object:
    history = History()
    planned = plan(desired, observed, diff(desired, observed, place(desired, observed, history), history))
    if len(planned.steps) < PLACED:
        raise SystemExit(f"bench: only {len(planned.steps)} steps for {PLACED} domains; held: {planned.held[:3]}")
    return planned


def _parse(texts: Iterable[bytes]) -> None:
    for text in texts:
        parser = CParser(text)
        while not isinstance(parser.get_event(), StreamEndEvent):
            pass


def _median(work: Callable[[], object]) -> float:
    work()
    seconds = []
    for _ in range(ROUNDS):
        gc.collect()
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return median(seconds)
