"""A cloud in the lab, as a person at its seat has it: documents, commands, and the world asked past the product.

What a test asserts of the world is read with virsh, ps and find on the machines, never with the product's own eyes.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

RECONCILE = str(Path(sys.executable).with_name("reconcile"))
SEED = Path(__file__).parents[2] / "desired-state"
PROGRAMS = Path(__file__).with_name("programs")
HYPERVISORS = ("hv1", "hv2")
LABS = Path("/run/reconciler-lab")
POOL = "/var/lib/libvirt/cloud"
COMMAND_S = 60
CONVERGE_S = 240
BOOT_S = 120
TERM_S = 10
"""After SIGTERM the program is gone within that time."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    argv: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)

    @property
    def passes(self) -> list[Any]:
        return list(self.json["passes"])

    @property
    def steps(self) -> list[str]:
        """Ids of the steps of all passes, in order."""
        return [step["id"] for one in self.passes for step in one["steps"]]

    @property
    def held(self) -> dict[str, str]:
        """Object -> reason, of the last pass or of the plan."""
        last = self.passes[-1] if "passes" in self.json else self.json
        return {held["object"]: held["reason"] for held in last["held"]}

    def __str__(self) -> str:
        return f"{' '.join(self.argv)}: exit {self.code} after {self.seconds:.1f} s\n{self.stdout}\n{self.stderr}"


@dataclass
class Begun:
    """A command of ours that runs on the seat. `talk`: the file that takes its stderr."""

    argv: tuple[str, ...]
    shell: "subprocess.Popen[str]"
    talk: Path
    began: float = field(default_factory=time.monotonic)

    @property
    def pid(self) -> int:
        """The reconciler itself, which `lab exec` has started as its child."""
        found = until(lambda: _child_that_runs(self.shell.pid, RECONCILE), "the reconciler's process", 20, every=0.01)
        return int(found)

    def await_word(self, words: str) -> None:
        """Wait until it has said so on stderr."""
        until(lambda: words in self.talk.read_text(), words, every=0.1)

    def kill(self) -> None:
        """kill -9, of the reconciler alone; whoever waits for it then ends too."""
        os.kill(self.pid, signal.SIGKILL)

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)

    def end(self, timeout: float = CONVERGE_S) -> Ended:
        """Wait for its end."""
        stdout, _ = self.shell.communicate(timeout=timeout)
        return Ended(self.argv, self.shell.returncode, stdout, self.talk.read_text(), time.monotonic() - self.began)


def _child_that_runs(parent: int, program: str) -> int:
    """The child of `parent` that has come as far as to be `program`; 0 while there is none."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=False)
    for pid in listed.stdout.split():
        with contextlib.suppress(OSError):
            if program.encode() in Path("/proc", pid, "cmdline").read_bytes().split(b"\0"):
                return int(pid)
    return 0


def until(find: Callable[[], Any], what: str, timeout: float = COMMAND_S, every: float = 0.3) -> Any:
    """The first true answer of `find`."""
    deadline = time.monotonic() + timeout
    while True:
        if found := find():
            return found
        assert time.monotonic() < deadline, f"cannot see {what} within {timeout:.0f} s"
        time.sleep(every)


class Cloud:
    """A lab and its documents. `name`: the lab's. `documents`: a directory of its own, free to be edited."""

    def __init__(self, name: str, documents: Path) -> None:
        self.name, self.documents = name, documents
        self.on = list(HYPERVISORS)
        self._begun: list[Begun] = []

    # --- the lab ---------------------------------------------------------------

    def lab(self, *words: str, timeout: float = 120) -> str:
        """`reconcile lab WORDS`, which must succeed; its stdout."""
        argv = [RECONCILE, "lab", *words, "--name", self.name, "-C", str(self.documents)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False)
        assert done.returncode == 0, f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def off(self, host: str) -> None:
        """Pull a hypervisor's plug."""
        self.lab("off", host)
        self.on.remove(host)

    def boot(self, host: str) -> None:
        """Switch it on again."""
        self.lab("on", host)
        self.on.append(host)

    def exec_argv(self, *argv: str, on: str = "") -> list[str]:
        where = ["--on", on] if on else []
        return [RECONCILE, "lab", "exec", "--name", self.name, *where, "--", *argv]

    def run(self, *argv: str, on: str = "seat", check: bool = True, timeout: float = COMMAND_S) -> str:
        """Run a command on the seat, or on a machine; its stdout. Like `lab exec`, only ten times as quick."""
        node = LABS / self.name / (on if on == "seat" else f"host-{on}") / "holder.json"
        pid = str(json.loads(node.read_text())["pid"])
        full = ["nsenter", "--target", pid, "--mount", "--uts", "--ipc", "--net", "--pid", "--", *argv]
        done = subprocess.run(full, capture_output=True, text=True, timeout=timeout, check=False)
        assert not check or done.returncode == 0, f"{argv} on {on}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def program(self, name: str, *arguments: str, on: str = "") -> "subprocess.Popen[str]":
        """Begin one of the programs beside this file, in the lab; its stdout is a pipe."""
        argv = self.exec_argv(sys.executable, str(PROGRAMS / name), *arguments, on=on)
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

    # --- the product -----------------------------------------------------------

    def begin(self, *arguments: str) -> Begun:
        """Begin `reconcile ARGUMENTS` on the seat."""
        argv = (RECONCILE, *arguments, "-C", str(self.documents))
        talk = Path(tempfile.mkstemp(suffix=".stderr", dir=self.documents.parent)[1])
        with talk.open("w") as stderr:
            shell = subprocess.Popen(
                self.exec_argv(*argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, text=True
            )
        self._begun.append(Begun(argv, shell, talk))
        return self._begun[-1]

    def end_all(self) -> None:
        """End what a failed test left running."""
        for begun in self._begun:
            if begun.shell.poll() is None:
                begun.shell.kill()
                begun.shell.wait()
        self._begun.clear()

    def reconcile(self, *arguments: str, timeout: float = CONVERGE_S) -> Ended:
        """Run `reconcile ARGUMENTS -o json` on the seat."""
        begun = self.begin(*arguments, "-o", "json")
        try:
            return begun.end(timeout)
        except subprocess.TimeoutExpired:
            begun.shell.kill()
            raise AssertionError(f"{begun.argv} has no end in {timeout:.0f} s\n{begun.talk.read_text()}") from None

    def once(self, code: int = 0) -> Ended:
        """`reconcile --once`, which must end with `code`."""
        ended = self.reconcile("--once")
        assert ended.code == code, ended
        assert ended.json["exitCode"] == code
        return ended

    def conditions(self, ref: str) -> dict[str, str]:
        """Type -> status of an object's conditions, as `reconcile status` tells them."""
        [found] = self.reconcile("status", ref).json["objects"]
        return {one["type"]: one["status"] for one in found["conditions"]}

    # --- documents -------------------------------------------------------------

    def write(self, path: str, text: str) -> Path:
        """Write a document, in one step."""
        file = self.documents / path
        draft = file.with_name(f".{file.name}")
        draft.write_text(text)
        return draft.replace(file)

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace text in a document."""
        text = (self.documents / path).read_text()
        assert old in text, f"{path} does not say {old!r}"
        self.write(path, text.replace(old, new))

    def remove(self, path: str) -> None:
        (self.documents / path).unlink()

    @contextlib.contextmanager
    def extra(self, name: str, **fields: Any) -> Iterator[None]:
        """One more domain for a while; at the end it is removed by hand, disks and all."""
        self.add_domain(name, **fields)
        try:
            yield
        finally:
            self.end_all()
            self.remove(f"domains/{name}.yaml")
            self.forget(name)

    @contextlib.contextmanager
    def without(self, path: str) -> Iterator[None]:
        """The documents without one of them, for a while."""
        text = (self.documents / path).read_text()
        self.remove(path)
        try:
            yield
        finally:
            self.write(path, text)

    def add_domain(self, name: str, **fields: Any) -> None:
        """A document of a small guest with one empty disk; `fields` are more of its spec."""
        self.write(f"domains/{name}.yaml", domain_document(name, **fields))

    def cordon(self, *hosts: str) -> None:
        for host in hosts:
            self._local("cordon", host)

    def uncordon(self, *hosts: str) -> None:
        for host in hosts:
            self._local("uncordon", host)

    def _local(self, verb: str, host: str) -> None:
        subprocess.run([RECONCILE, verb, host, "-C", str(self.documents)], check=True, capture_output=True, timeout=30)

    # --- the world -------------------------------------------------------------

    def virsh(self, host: str, *words: str, check: bool = True) -> str:
        """virsh on a hypervisor itself: works with its network dead."""
        return self.run("virsh", "-q", *words, on=host, check=check)

    def feed(self, host: str, xml: str, *words: str) -> None:
        """virsh with a file that holds `xml` as its last word."""
        self.run("sh", "-c", 'printf %s "$0" >/run/fed.xml && virsh -q "$@" /run/fed.xml', xml, *words, on=host)

    def defined(self, host: str) -> set[str]:
        """Names of domains with a persistent definition there."""
        return set(self.virsh(host, "list", "--all", "--persistent", "--name").split())

    def running(self, host: str) -> set[str]:
        """Names of domains that are active there."""
        return set(self.virsh(host, "list", "--name").split())

    def everywhere(self, look: Callable[[str], set[str]]) -> list[tuple[str, str]]:
        """(domain, host) for all that `look` sees, sorted: a domain that is there twice stands there twice."""
        return sorted((domain, host) for host in self.on for domain in look(host))

    def host_of(self, domain: str) -> str:
        """The one host where it is active."""
        hosts = [host for found, host in self.everywhere(self.running) if found == domain]
        assert len(hosts) == 1, f"{domain} runs at {hosts}"
        return hosts[0]

    def xml(self, host: str, domain: str, *, inactive: bool = True) -> str:
        return self.virsh(host, "dumpxml", domain, *(["--inactive"] if inactive else []))

    def qemu_pid(self, host: str, domain: str) -> int:
        """In the process namespace of that host."""
        return int(self.run("cat", f"/run/libvirt/qemu/{domain}.pid", on=host))

    def qemu_processes(self, domain: str) -> dict[str, int]:
        """Host -> how many QEMU processes carry that domain's name."""
        script = f"pgrep -c -f '^[^ ]*qemu-system.* guest={domain},' || true"
        return {host: int(self.run("sh", "-c", script, on=host)) for host in HYPERVISORS}

    def signal(self, host: str, number: str, program: str) -> None:
        """Send a signal to a machine's daemon."""
        self.run("sh", "-c", f"kill -{number} $(pidof {program})", on=host)

    def address(self, domain: str) -> str:
        """What the LAN's DHCP server gave to a guest's first interface; empty while it gave nothing."""
        first, *_ = self.virsh(self.host_of(domain), "domiflist", domain).splitlines()
        mac = first.split()[-1]
        leases = json.loads(self.lab("status", "-o", "json"))["leases"]
        return next((lease["address"] for lease in leases if lease["mac"] == mac), "")

    def answer(self, domain: str, timeout: float = BOOT_S) -> tuple[float, str]:
        """Uptime in seconds and boot id that a guest tells over the network."""
        address = until(lambda: self.address(domain), f"an address of {domain}", timeout)
        reply = until(lambda: self._ask(address), f"an answer of {domain} at {address}", timeout)
        _, uptime, boot_id = reply.split()
        return float(uptime), boot_id

    def disk_sizes(self, domain: str) -> dict[str, int]:
        """Disk -> bytes, as a guest sees them."""
        words = self._ask(self.address(domain), port=8081).split()
        return {name: int(size) for name, size in zip(words[::2], words[1::2], strict=True)}

    def _ask(self, address: str, port: int = 8080) -> str:
        return self.run("timeout", "3", "bash", "-c", f"cat </dev/tcp/{address}/{port}", check=False)

    def forget(self, domain: str) -> None:
        """Remove a domain and its disks by hand, wherever it is."""
        for host in HYPERVISORS:
            if domain in self.running(host):
                self.virsh(host, "destroy", domain)
            if domain in self.defined(host):
                self.virsh(host, "undefine", domain)
        self.run("sh", "-c", f"rm -f {POOL}/{domain}.* {POOL}/.{domain}.claim", on=HYPERVISORS[0])
        for host in HYPERVISORS:
            self.virsh(host, "pool-refresh", "images")

    def settled(self, host: str) -> dict[str, str]:
        """Everything that the product could write there, as path or command -> what it is."""
        return dict(line.split("\t", 1) for line in self.run("sh", str(PROGRAMS / "written.sh"), on=host).splitlines())

    def written(self) -> dict[str, dict[str, str]]:
        """The same of all machines."""
        return {host: self.settled(host) for host in (*HYPERVISORS, "nas")}


@contextlib.contextmanager
def lab_of(purpose: str, documents: Path) -> Iterator[Cloud]:
    """A lab of these documents, until the context ends; removes what a run that was killed left of the like."""
    for left in LABS.glob(f"{purpose}-*"):
        if not Path("/proc", left.name.rpartition("-")[2]).exists():
            Cloud(left.name, documents).lab("down")
    cloud = Cloud(f"{purpose}-{os.getpid()}", documents)
    cloud.lab("up")
    try:
        yield cloud
    finally:
        cloud.lab("down")


# --- documents ---------------------------------------------------------------------


def seed_documents(to: Path, image: Path | None = None) -> Path:
    """A copy of the example; with `image`, its guests boot from it."""
    documents = Path(shutil.copytree(SEED, to / "documents"))
    if image:
        (documents / "images").mkdir()
        shutil.copy(image, documents / "images/tiny.qcow2")
        digest = subprocess.run(["sha256sum", image], capture_output=True, text=True, check=True).stdout.split()[0]
        files = [str(file) for file in documents.rglob("*.yaml")]
        subprocess.run(["sed", "-i", f"/^#demo# /{{s///; s/SHA256/{digest}/}}", *files], check=True)
    return documents


def bare_documents(to: Path, image: Path | None = None) -> Path:
    """The example's hosts, pool and network, without its guests."""
    documents = seed_documents(to, image)
    for file in (documents / "domains").iterdir():
        file.unlink()
    return documents


def domain_document(name: str, *, labels: str = "{}", disks: str = "", **fields: Any) -> str:
    """A small guest with one empty disk. `fields`: more of its spec, as plain values."""
    spec = {"vcpus": 1, "memory": "64MiB", **fields}
    return f"""\
apiVersion: reconciler/v1
kind: Domain
metadata: {{name: {name}, labels: {labels}}}
spec:
  disks: [{disks or "{name: root, pool: images, size: 64MiB}"}]
  interfaces: [{{name: lan, network: lan}}]
""" + "".join(f"  {key}: {json.dumps(value)}\n" for key, value in spec.items())


def foreign_domain(name: str, uuid: str = "") -> str:
    """A small domain that is not ours, as a person would define it."""
    return (
        f"<domain type='qemu'><name>{name}</name>{f'<uuid>{uuid}</uuid>' if uuid else ''}"
        "<memory unit='MiB'>32</memory><vcpu>1</vcpu>"
        "<os><type arch='x86_64' machine='q35'>hvm</type></os></domain>"
    )


# --- watching while something goes on -------------------------------------------------


class Watch:
    """Lines of a program that runs in the lab for as long as the context lasts."""

    def __init__(self, *programs: "subprocess.Popen[str]") -> None:
        self._programs = programs
        self.lines: list[str] = []
        self._threads = [threading.Thread(target=self._read, args=(p,), daemon=True) for p in programs]

    def _read(self, program: "subprocess.Popen[str]") -> None:
        assert program.stdout
        for line in program.stdout:
            self.lines.append(line.rstrip("\n"))

    def __enter__(self) -> "Watch":
        for thread in self._threads:
            thread.start()
        until(lambda: self.lines.count("ready") == len(self._programs), "the watchers", 60, every=0.05)
        return self

    def __exit__(self, *error: object) -> None:
        time.sleep(0.5)
        for program in self._programs:
            program.terminate()
            program.wait(20)
        for thread in self._threads:
            thread.join(5)
        self.lines = [line for line in self.lines if line != "ready"]


def events(cloud: Cloud) -> Watch:
    """Every event that the libvirts of both hypervisors send."""
    return Watch(*(cloud.program("events.py", on=host) for host in HYPERVISORS))


def leaving(cloud: Cloud, host: str) -> Watch:
    """How many guests are just leaving that host, sampled: `<number>`."""
    return Watch(cloud.program("leaving.py", on=host))


class Pulse(Watch):
    """What a guest answers, asked all the time: `<clock> <uptime> <boot id>`, or `<clock> -`."""

    def __init__(self, cloud: Cloud, domain: str) -> None:
        super().__init__(cloud.program("pulse.py", cloud.address(domain)))

    @property
    def beats(self) -> list[tuple[float, float, str]]:
        """(clock, uptime, boot id) of each answer."""
        rows = [line.split() for line in list(self.lines)]
        return [(float(row[0]), float(row[1]), row[2]) for row in rows if len(row) == 3]

    def assert_steady(self, longest_gap_s: float) -> None:
        """It was the same guest all the time, it never stopped counting, and it was never away for long."""
        beats = self.beats
        assert len(beats) >= 3, self.lines
        assert len({boot_id for _, _, boot_id in beats}) == 1
        uptimes = [uptime for _, uptime, _ in beats]
        assert uptimes == sorted(uptimes)
        assert uptimes[-1] > uptimes[0]
        gaps = [later[0] - earlier[0] for earlier, later in pairwise(beats)]
        assert max(gaps) <= longest_gap_s, f"away for {max(gaps):.1f} s"
