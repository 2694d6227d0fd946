"""The bench's own cloud: documents in a temporary directory, a lab of them, converged; gone at the end."""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.lab.paths import node_key, records
from reconciler.lab.record import holder

ROOT = Path(__file__).parents[2]
PYTHON = sys.executable
RECONCILE = str(Path(PYTHON).with_name("reconcile"))
FLOOR = str(Path(__file__).with_name("floor.py"))
COMMAND_S = 300.0
ANSWER_S = 120.0
ADDRESSES = {f"hv{number}": f"10.77.0.{11 + number}" for number in range(1, 5)}
URIS = {"tcp": "qemu+tcp://{host}/system", "ssh": "qemu+ssh://root@{host}/system"}


class Broken(Exception):
    """The bench cannot measure; the text says why."""


@dataclass(frozen=True)
class Hypervisor:
    """A hypervisor of the lab with `domains` defined domains, and the documents that say so."""

    host: str
    address: str
    domains: int
    uri: str
    documents: Path


def domain_documents(domains: int, **more: str) -> str:
    """Small domains without disks, that are off. `more`: other lines of their spec."""
    spec = {"power": "stopped", "vcpus": "1", "memory": "64MiB", **more}
    lines = "".join(f"  {key}: {value}\n" for key, value in spec.items())
    head = "apiVersion: reconciler/v1\nkind: Domain\nmetadata: {{name: guest-{number:04}}}\nspec:\n{lines}{lan}"
    return "---\n".join(head.format(number=number, lines=lines, lan=_interface(number)) for number in range(domains))


def _interface(number: int) -> str:
    """With an address of its own: of ten thousand derived ones two are alike."""
    return f'  interfaces: [{{name: lan, network: lan, mac: "52:54:00:00:{number // 256:02x}:{number % 256:02x}"}}]\n'


def host_document(host: str, address: str, uri: str) -> str:
    return (
        f"apiVersion: reconciler/v1\nkind: Host\nmetadata: {{name: {host}}}\n"
        f'spec: {{address: {address}, hypervisor: {{uri: "{uri}"}}}}\n'
    )


NETWORK = """\
apiVersion: reconciler/v1
kind: Network
metadata: {name: lan}
spec: {bridge: br0}
"""
SHARED = f"""\
{NETWORK}---
apiVersion: reconciler/v1
kind: Pool
metadata: {{name: images}}
spec: {{type: dir, target: /var/lib/libvirt/bench}}
"""


def write_documents(directory: Path, files: dict[str, str]) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name).write_text(text)
    return directory


def split(text: str, name: str) -> dict[str, str]:
    """A file for each document, as people keep them."""
    return {f"{name}-{number:04}.yaml": one for number, one in enumerate(text.split("---\n"))}


class Lab:
    """A lab that is up, and what is run on its seat."""

    def __init__(self, name: str, hypervisors: tuple[Hypervisor, ...]) -> None:
        self.name = name
        self.hypervisors = hypervisors

    def seat_argv(self, *argv: str) -> list[str]:
        return [RECONCILE, "lab", "exec", "--name", self.name, "--", *argv]

    def cordon(self, host: str) -> None:
        """Say in the documents that this hypervisor, and no other, is to be emptied."""
        for one in self.hypervisors:
            run([RECONCILE, "cordon" if one.host == host else "uncordon", one.host, "-C", str(one.documents)])

    def libvirtd(self, host: str) -> int:
        """The process id of that machine's libvirtd, as this computer sees it."""
        first = holder(records(self.name) / node_key(host))
        if first is None:
            raise Broken(f"{host} of lab {self.name} is off")
        found = subprocess.run(["pgrep", "-P", str(first.pid), "-x", "libvirtd"], capture_output=True, text=True)
        return int(found.stdout.split()[0])

    def converge(self, hypervisor: Hypervisor) -> None:
        """Make it so through the product, and see that the next run finds nothing to do."""
        argv = self.seat_argv(RECONCILE, "--once", "-o", "json", "-C", str(hypervisor.documents))
        run(argv)
        again = json.loads(run(argv))
        steps = [step for one in again["passes"] for step in one["steps"]]
        if again["result"] != "converged" or steps:
            raise Broken(f"a second run at {hypervisor.host} still found {len(steps)} steps: {again['result']}")


def run(argv: list[str]) -> str:
    """A command's stdout. Raises: Broken."""
    try:
        ended = subprocess.run(argv, capture_output=True, text=True, timeout=COMMAND_S, check=False, cwd=ROOT)
    except subprocess.TimeoutExpired:
        raise Broken(f"{' '.join(argv)}: no end within {COMMAND_S:g} s") from None
    if ended.returncode:
        raise Broken(f"{' '.join(argv)}: exit {ended.returncode}\n{ended.stdout[-4000:]}{ended.stderr[-4000:]}")
    return ended.stdout


@contextmanager
def lab(sizes: tuple[int, ...], transport: str) -> Iterator[Lab]:
    """A lab with one hypervisor for each of `sizes`, converged. Removed at the end, however that comes."""
    with tempfile.TemporaryDirectory(prefix="reconciler-bench-") as scratch:
        uris = {f"hv{number}": URIS[transport].format(host=f"hv{number}") for number, _ in enumerate(sizes, 1)}
        found = zip(uris.items(), sizes, strict=True)
        hypervisors = tuple(_hypervisor(Path(scratch), host, domains, uri) for (host, uri), domains in found)
        with machines(Path(scratch), hypervisors, transport) as built:
            for hypervisor in hypervisors:
                built.converge(hypervisor)
            yield built


@contextmanager
def crowded(sizes: tuple[int, ...]) -> Iterator[Lab]:
    """The same with libvirt's test driver behind a real libvirtd: as many domains as one likes, and no QEMU.

    Its world lasts as long as somebody is connected to it.
    """
    with tempfile.TemporaryDirectory(prefix="reconciler-bench-") as scratch, ExitStack() as stack:
        hosts = {f"hv{number}": domains for number, domains in enumerate(sizes, 1)}
        hypervisors = tuple(_hypervisor(Path(scratch), *one, f"test+tcp://{one[0]}/default") for one in hosts.items())
        built = stack.enter_context(machines(Path(scratch), hypervisors, "tcp"))
        for hypervisor in hypervisors:
            stack.enter_context(Seat(built, "product", hypervisor)).ask("fill")
        yield built


@contextmanager
def pair(guests: int, transport: str) -> Iterator[Lab]:
    """A lab of two hypervisors in one cluster, the first of them with running guests, converged."""
    with tempfile.TemporaryDirectory(prefix="reconciler-bench-") as scratch:
        documents = Path(scratch, "cluster")
        names = ("hv1", "hv2")
        uris = {host: URIS[transport].format(host=host) for host in names}
        hypervisors = tuple(Hypervisor(host, ADDRESSES[host], guests, uris[host], documents) for host in names)
        files = {f"{one.host}.yaml": host_document(one.host, one.address, one.uri) for one in hypervisors}
        write_documents(documents, {**files, **split(NETWORK, "network")})
        write_documents(documents, split(domain_documents(guests, power="running"), "guest"))
        with machines(Path(scratch), hypervisors, transport) as built:
            built.cordon("hv2")
            built.converge(hypervisors[0])
            yield built


@contextmanager
def machines(scratch: Path, hypervisors: tuple[Hypervisor, ...], transport: str) -> Iterator[Lab]:
    """A lab of these, empty. Removed at the end, however that comes."""
    name = f"bench-{os.getpid()}"
    uris = {one.host: URIS[transport].format(host=one.host) for one in hypervisors}
    hosts = {f"{one.host}.yaml": host_document(one.host, one.address, uris[one.host]) for one in hypervisors}
    documents = write_documents(scratch / "machines", {**hosts, "shared.yaml": SHARED})
    try:
        run([RECONCILE, "lab", "up", "-C", str(documents), "--name", name])
        yield Lab(name, hypervisors)
    finally:
        _remove(name, documents)


def _remove(name: str, documents: Path) -> None:
    """Take the lab down; a failure of that is told, and hides no other."""
    try:
        run([RECONCILE, "lab", "down", "-C", str(documents), "--name", name])
    except Broken as error:
        print(f"bench: lab {name} is still there: {error}", file=sys.stderr)


def _hypervisor(scratch: Path, host: str, domains: int, uri: str) -> Hypervisor:
    """One with documents of its own."""
    address = ADDRESSES[host]
    cluster = f"apiVersion: reconciler/v1\nkind: Cluster\nmetadata: {{name: bench-{host}}}\n"
    files = {"cluster.yaml": cluster, "host.yaml": host_document(host, address, uri), "shared.yaml": SHARED}
    files |= split(domain_documents(domains), "guest")
    return Hypervisor(host, address, domains, uri, write_documents(scratch / host, files))


class Seat:
    """A process of seat.py that runs in the lab until the context ends."""

    def __init__(self, lab: Lab, who: str, hypervisor: Hypervisor) -> None:
        """`who`: bare or product, the work that it can do."""
        argv = (PYTHON, "-m", "tests.bench.seat", who, hypervisor.uri, str(hypervisor.documents))
        self._process = subprocess.Popen(
            lab.seat_argv(*argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        self._libvirtd = cpu_clock(lab.libvirtd(hypervisor.host))

    def ask(self, *order: str) -> dict[str, Any]:
        """Its answer, with the CPU seconds that libvirtd used meanwhile. Raises: Broken."""
        assert self._process.stdin
        assert self._process.stdout
        before = time.clock_gettime(self._libvirtd)
        try:
            self._process.stdin.write(" ".join(order) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise Broken(f"the process on the seat is gone before {order}") from None
        ready, _, _ = select.select([self._process.stdout], [], [], ANSWER_S)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            raise Broken(f"the process on the seat gave no answer to {order}")
        return {**json.loads(line), "libvirtd": time.clock_gettime(self._libvirtd) - before}

    def __enter__(self) -> "Seat":
        return self

    def __exit__(self, *error: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)


def cpu_clock(pid: int) -> int:
    """The clock of the CPU time that another process has used: what clock_getcpuclockid(3) gives on Linux."""
    return (~pid << 3) | 2
