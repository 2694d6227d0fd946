"""One of the processes on the lab's seat that the bench drives: the bare script, or the product.

`python -m tests.bench.seat bare|product URI DOCUMENTS` reads one order per line of its stdin and answers each with one
line of JSON:

floor-first, floor-later, product-first, product-later  seconds and CPU seconds of this process. First: over a new
    connection, opening included. Later: over one that is kept.
floor-count, product-count  calls of a first and of a later pass
fill  make what the documents say, and stay connected
imports, memory  bytes of this process: with all that a daemon imports; after one more pass
run ARGV...  a whole process: its seconds and CPU seconds
"""

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench import calls, floor
from tests.bench.process import whole

SETTLE_S = 0.3
"""Connections that were let go of are closed by threads of their own."""


class Floor:
    """The bare script's work."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._kept: Any = None

    def prepare(self, *, fresh: bool) -> Callable[[], Any]:
        """What is timed."""
        if fresh:
            return lambda: self._read_anew()
        if self._kept is None:
            self._kept = floor.open_connection(self._uri)
        return lambda: floor.read(self._kept)

    def _read_anew(self) -> Any:
        connection = floor.open_connection(self._uri)
        floor.read(connection)
        return connection  # closed after the clock has stopped

    def settle(self) -> None:
        """Nothing of the floor outlives its turn."""


class Product:
    """Passes of the product that find nothing to do.

    The documents are loaded before the clock runs: a pass begins with looking. For a first pass they are loaded anew,
    so that nothing is remembered by them.
    """

    def __init__(self, uri: str, documents: Path) -> None:
        from reconciler.clock import RealClock

        self._uri = uri
        self._documents = documents
        self._clock = RealClock()
        self._loaded: Any = None
        self._kept: Any = None
        self._fresh: list[Any] = []

    def prepare(self, *, fresh: bool) -> Callable[[], Any]:
        """What is timed."""
        from reconciler.edge import RealEdge
        from reconciler.load import load

        if fresh:
            desired = load(self._documents)
            return lambda: self._pass(desired, self._remembered(RealEdge()))
        self._load()
        return lambda: self._pass(self._loaded, self._kept)

    def _load(self) -> None:
        from reconciler.edge import RealEdge
        from reconciler.load import load

        if self._kept is None:
            self._loaded, self._kept = load(self._documents), RealEdge()

    def _remembered(self, edge: Any) -> Any:
        self._fresh.append(edge)
        return edge

    def _pass(self, desired: Any, edge: Any) -> None:
        from reconciler.history import History
        from reconciler.reconcile import one_pass

        report = one_pass(desired, edge, self._clock, History())
        left = (*report.plan.steps, *report.plan.held)
        if left or not desired.domains:
            raise SystemExit(f"bench: a pass that should find nothing to do found {len(left)}: {left[:3]}")

    def fill(self) -> dict[str, Any]:
        """Do the plan's steps one after the other, unwatched, and let libvirt validate no definition: 10 ms each."""
        from reconciler.action import DefineDomain
        from reconciler.history import History
        from reconciler.reconcile import make_plan

        self._load()
        plan = make_plan(self._loaded, self._kept, self._clock, History())
        connection = floor.open_connection(self._uri)
        for step in plan.steps:
            if isinstance(step.action, DefineDomain):
                connection.defineXML(step.action.xml)
            else:
                self._kept.apply(step.action, lambda **_: None)
        self.prepare(fresh=False)()
        return {"steps": len(plan.steps)}

    def imports(self) -> dict[str, Any]:
        """The memory of a daemon that has done nothing yet."""
        import reconciler.daemon
        import reconciler.edge
        import reconciler.execute  # noqa: F401

        return {"bytes": resident()}

    def memory(self) -> dict[str, Any]:
        """The memory after one more pass."""
        self.prepare(fresh=False)()
        return {"bytes": resident()}

    def settle(self) -> None:
        """Let go of what a first pass opened."""
        while self._fresh:
            self._fresh.pop().close()
        time.sleep(SETTLE_S)


def resident() -> int:
    """This process's resident set, once rubbish is gone."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def timed(contender: Floor | Product, *, fresh: bool) -> dict[str, Any]:
    """One turn."""
    work = contender.prepare(fresh=fresh)
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    kept = work()
    seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
    del kept, work
    contender.settle()
    return {"seconds": seconds, "cpu": cpu_seconds}


def count(contender: Floor | Product) -> dict[str, Any]:
    """The calls of a first and of a later pass, by name."""
    found = {}
    for name, fresh in (("first", True), ("later", False)):
        contender.prepare(fresh=False)()  # so that the kept connection is open, and has what is asked once
        work = contender.prepare(fresh=fresh)
        with calls.counted() as made:
            work()
        found[name] = dict(sorted(made.items()))
        contender.settle()
    return found


def main() -> None:
    """Obey until stdin ends."""
    who, uri, documents = sys.argv[1:]
    contenders: dict[str, Floor | Product] = {"floor": Floor(uri)}
    product = Product(uri, Path(documents))
    if who == "product":
        contenders["product"] = product
    others = {"fill": product.fill, "imports": product.imports, "memory": product.memory}
    for line in sys.stdin:
        order, *argv = line.split()
        what, _, how = order.partition("-")
        if what == "run":
            answer = whole(argv, Path(documents).with_name("bytecode"))
        elif what in others:
            answer = others[what]()
        elif how == "count":
            answer = count(contenders[what])
        else:
            answer = timed(contenders[what], fresh=how == "first")
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
