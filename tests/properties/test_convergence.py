"""Random clouds, random lives: safety after every step; then the faults end, and everything must converge.

People and the world do what they like, our process runs, dies and hears lies; the checkers read the world itself.
"""

import os
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from reconciler.desired import Desired
from reconciler.desired.documents import Power
from reconciler.load import load
from reconciler.observed import DomainState
from reconciler.simulate import Fault, Faults, Outcome, act
from reconciler.simulate.machines import Hand
from tests.scenarios.rehearsal import Rehearsal, cordoned

MOST_RUNS = 8
"""Runs in which a healed cloud must converge: backoff takes some."""

LONG = int(os.environ.get("CONVERGENCE_EXAMPLES", "0"))
"""How many lives a long run tries, at random; a short one always tries the same ones."""

RUNS_IN_TROUBLE = 4
TRIED = ("migration to", "receives a migration", "asked to shut down", "refreshed")
"""How a change begins that may be made again and again while something else is broken."""

HEAD = """\
apiVersion: reconciler/v1
kind: Host
metadata: {name: nas}
spec: {address: 10.77.0.11, nfsServer: {ssh: root@nas}}
---
apiVersion: reconciler/v1
kind: Pool
metadata: {name: images}
spec:
  type: netfs
  source: {host: nas, dir: /srv/images}
  target: /var/lib/libvirt/cloud
  export: {clients: ["10.77.0.0/24"]}
---
apiVersion: reconciler/v1
kind: Network
metadata: {name: lan}
spec: {bridge: br0}
"""
HOST = """\
---
apiVersion: reconciler/v1
kind: Host
metadata: {name: hv%(number)d}
spec:
  address: 10.77.0.%(address)d
  hypervisor: {uri: "qemu+ssh://root@hv%(number)d/system"}
"""
GUEST = """\
---
apiVersion: reconciler/v1
kind: Domain
metadata: {name: g%(number)d}
spec:
  vcpus: 1
  memory: %(memory)dMiB
  disks: [{name: root, pool: images, size: 1GiB}]
  interfaces: [{name: lan, network: lan}]
"""


def documents(hosts: int, memories: list[int]) -> Desired:
    """A cloud of that many hypervisors, with a guest for each memory (MiB)."""
    text = HEAD + "".join(HOST % {"number": n, "address": 11 + n} for n in range(1, hosts + 1))
    text += "".join(GUEST % {"number": n, "memory": memory} for n, memory in enumerate(memories, 1))
    with tempfile.TemporaryDirectory() as room:
        (Path(room) / "cloud.yaml").write_text(text)
        return load(Path(room))


class Cloud(RuleBasedStateMachine):
    """One cloud's life."""

    @initialize(
        hosts=st.integers(2, 3),
        memories=st.lists(st.sampled_from([128, 256, 1024]), min_size=1, max_size=4),
        settled=st.booleans(),
    )
    def begin(self, hosts, memories, settled):
        self.desired = documents(hosts, memories)
        self.rehearsal = Rehearsal(self.desired)
        self.world, self.clock = self.rehearsal.world, self.rehearsal.clock
        self.hosts, self.guests = sorted(self.desired.hypervisors), sorted(self.desired.domains)
        if settled:
            assert self.rehearsal.once() == 0

    # --- our process --------------------------------------------------------------------------

    @rule()
    def run(self):
        self.rehearsal.once()

    @rule(call=st.integers(1, 60), outcome=st.sampled_from(Outcome), host=st.sampled_from(["", "hv1", "hv2"]))
    def run_with_a_fault(self, call, outcome, host):
        self.rehearsal.once(Faults({call: Fault(outcome, host=host)}))

    @rule(
        during=st.sampled_from(["destroy", "migrate", "host-down", "poweroff", "stall"]),
        which=st.integers(0, 9),
        delay=st.floats(0.1, 5.0),
    )
    def run_while_something_happens(self, during, which, delay):
        lines = {
            "destroy": lambda: self._guest_line("virsh destroy {guest}@{host}", which),
            "migrate": lambda: self._guest_line("virsh migrate {guest}@{host} {other}", which),
            "host-down": lambda: f"host {self.hosts[which % len(self.hosts)]} down",
            "poweroff": lambda: self._guest_line("virsh shutdown {guest}@{host}", which),
            "stall": lambda: "nfs stall nas",
        }
        self.clock.at(self.clock.now() + delay, lambda: self._act(lines[during]()))
        self.rehearsal.once()
        self.clock.sleep(delay)

    @rule(seconds=st.sampled_from([1.0, 30.0, 300.0]))
    def time_passes(self, seconds):
        self.clock.sleep(seconds)

    # --- people -------------------------------------------------------------------------------

    @rule(
        line=st.sampled_from(
            [
                "virsh destroy {guest}@{host}",
                "virsh shutdown {guest}@{host}",
                "virsh suspend {guest}@{host}",
                "virsh setvcpus {guest}@{host} 3",
                "virsh migrate {guest}@{host} {other}",
                "virsh snapshot-create {guest}@{host}",
                "virsh snapshot-delete {guest}@{host}",
                "guest {guest} ioerror",
                "guest {guest} dirty 200MiB",
                "guest {guest} dirty 1MiB",
                "migration {guest} cut perform",
                "migration {guest} cut finish",
            ]
        ),
        which=st.integers(0, 9),
    )
    def somebody_meddles_with_a_guest(self, line, which):
        self._act(self._guest_line(line, which))

    @rule(
        line=st.sampled_from(
            [
                "virsh net-destroy lan@{host}",
                "virsh net-undefine lan@{host}",
                "virsh pool-destroy images@{host}",
                "virsh pool-refresh images@{host}",
                "virsh define stranger@{host}",
                "host {host} down",
                "host {host} up",
                "host {host} off",
                "host {host} on",
                "libvirtd {host} stop",
                "libvirtd {host} cont",
                "libvirtd {host} kill",
                "libvirtd {host} start",
                "link {host} {other} cut",
                "link {host} {other} mend",
                "link {host} nas cut",
                "link {host} nas mend",
            ]
        ),
        which=st.integers(0, 9),
    )
    def something_happens_to_a_host(self, line, which):
        host = self.hosts[which % len(self.hosts)]
        other = self.hosts[(which + 1) % len(self.hosts)]
        self._act(line.format(host=host, other=other))

    @rule(
        line=st.sampled_from(
            ["nfs stall nas", "nfs resume nas", "nfs withdraw nas /srv/images", "seat cut", "seat mend"]
        )
    )
    def something_happens_to_all(self, line):
        self._act(line)

    # --- documents -----------------------------------------------------------------------------

    @rule(which=st.integers(0, 7))
    def cordon(self, which):
        """Any set of hosts, all of them included."""
        chosen = [host for number, host in enumerate(self.hosts) if which & (1 << number)]
        self._write(cordoned(self.rehearsal.desired, *chosen))

    @rule(which=st.integers(0, 9), power=st.sampled_from([Power.RUNNING, Power.STOPPED]))
    def power(self, which, power):
        name = self.guests[which % len(self.guests)]
        domains = dict(self.rehearsal.desired.domains)
        spec = domains[name].spec.model_copy(update={"power": power})
        domains[name] = domains[name].model_copy(update={"spec": spec})
        self._write(type(self.desired)(**{**vars(self.rehearsal.desired), "domains": domains}))

    # --- what must always hold -------------------------------------------------------------------

    @invariant()
    @precondition(lambda self: hasattr(self, "rehearsal"))
    def no_law_is_broken(self):
        assert self.rehearsal.watch.violations == []

    def teardown(self):
        """Liveness: everybody leaves it alone, and it converges; then nothing more is written."""
        if not hasattr(self, "rehearsal"):
            return
        try:
            self._settle_in_trouble()
            self._heal()
            self._must_converge()
            assert self.rehearsal.watch.violations == []
        finally:
            self.clock.close()

    def _settle_in_trouble(self):
        """Whatever is broken stays so: after a few runs there is nothing that can still be done, only tried."""
        for _ in range(RUNS_IN_TROUBLE):
            self.clock.sleep(700.0)
            before = len(self.world.journal)
            self.rehearsal.once()
        done = [change for change in self.world.journal[before:] if change.by is Hand.US]
        assert [str(change) for change in done if not change.text.startswith(TRIED)] == []

    def _heal(self):
        self._write(cordoned(self.rehearsal.desired))
        lines = ["seat mend", "nfs resume nas"]
        for host in self.hosts:
            lines += [f"host {host} up", f"host {host} on", f"libvirtd {host} start", f"link {host} nas mend"]
            lines += [f"link {host} {other} mend" for other in self.hosts if other != host]
        for line in lines:
            self._act(line)
        for migration in list(self.world.migrations):
            self._act(f"virsh domjobabort {migration.domain.name}@{migration.source.name}")
        self.clock.sleep(600.0)
        for host, found in list(self.world.all_domains()):
            if found.state is DomainState.PAUSED and found.reason == "user":
                self._act(f"virsh resume {found.name}@{host.name}")
            self._act(f"virsh snapshot-delete {found.name}@{host.name}")
        self.world.doomed.clear()

    def _must_converge(self):
        for _ in range(MOST_RUNS):
            if self.rehearsal.once() == 0:
                break
            self.clock.sleep(60.0)
        assert self.rehearsal.codes[-1] == 0, self._last_words()
        assert self.rehearsal.once() == 0
        assert self.rehearsal.edges[-1].writes == []
        for name, document in self.rehearsal.desired.domains.items():
            wanted = 1 if document.spec.power is Power.RUNNING else 0
            assert len(self.world.where(name)) == wanted, name

    def _last_words(self):
        result = self.rehearsal.result
        return [] if result is None else [str(held) for held in result.passes[-1].plan.held]

    # --- words ---------------------------------------------------------------------------------

    def _write(self, desired: Desired) -> None:
        self.rehearsal.desired = desired

    def _guest_line(self, line: str, which: int) -> str:
        """The line for a guest that is somewhere; nothing, where none is."""
        found = [(host.name, domain.name) for host, domain in self.world.all_domains() if domain.guest]
        if not found:
            return ""
        host, guest = found[which % len(found)]
        other = next(name for name in self.hosts if name != host)
        return line.format(guest=guest, host=host, other=other)

    def _act(self, line: str) -> None:
        if line:
            act(self.world, line)


Cloud.TestCase.settings = settings(
    max_examples=LONG or 40,
    stateful_step_count=12,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink) if LONG else (Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
    print_blob=True,
    derandomize=not LONG,
)
TestConvergence = Cloud.TestCase
