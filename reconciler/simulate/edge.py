"""Fulfils Edge over the simulated world, with a fault at any call that a test names."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from reconciler.action import Action, MigrateDomain, ProvePath, ShutdownDomain, Upload, UploadImage
from reconciler.desired import Desired
from reconciler.desired.documents import Transport
from reconciler.errors import Declined, HostUnreachable
from reconciler.hypervisor import Progress, figures
from reconciler.observed import Look, Observed
from reconciler.pace import Pace
from reconciler.simulate import domains, reading, storage
from reconciler.simulate.effects import ON_HYPERVISOR, ON_SERVER, QUICK_S, SECONDS
from reconciler.simulate.faults import CRASHES, Crash, Endless, Fault, Faults, Outcome
from reconciler.simulate.machines import Daemon, File, Hand, Hypervisor, NfsServer
from reconciler.simulate.migration import Migration, migrate
from reconciler.simulate.paths import prove
from reconciler.simulate.refusal import Refusal, Stuck, translated
from reconciler.simulate.world import SEAT, World
from reconciler.stopping import Ask, Asking

CALL_DEADLINE_S = 30.0
"""How long a write may take before its host counts as silent."""

READ_DEADLINE_S = 10.0

TICK_S = 0.5
"""How often a long action is looked at."""

DOWNTIME_S = 0.2
"""How long a simulated guest stands still."""

IMAGE_BYTES = 40 * 1024**2
"""What an uploaded image weighs here; the simulator reads no files."""

SEED_BYTES = 64 * 1024

Checker = Callable[[Action], Callable[[], None]]
"""Called before an action's effect; what it returns is called right after."""


@dataclass(frozen=True)
class Write:
    """One line of the write log: what was asked, at which call."""

    at: float
    call: int
    action: Action

    def __str__(self) -> str:
        return f"{self.at:5.0f} {self.action.verb} {self.action.object}"


@dataclass(eq=False)
class SimEdge:
    """One process's hands and eyes in the world; after a crash every call of it crashes.

    `calls` names observe, look and apply in their order: call k of `faults` is calls[k - 1].
    """

    world: World
    faults: Faults = field(default_factory=Faults)
    calls: list[str] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    checkers: list[Checker] = field(default_factory=list)
    most_calls: int = 5000
    is_dead: bool = False
    _memory: reading.Memory = field(default_factory=dict)
    _spoils_next: Fault | None = None

    # --- Edge ----------------------------------------------------------------------------

    def observe(self, desired: Desired) -> Observed:
        """Read every host of the documents."""
        return self._read(desired, reading.whole(desired), "observe")

    def look(self, desired: Desired, looks: tuple[Look, ...]) -> Observed:
        """Read only what `looks` name."""
        named = dict.fromkeys(f"{look.part}/{look.name or '*'}@{look.host}" for look in looks)
        return self._read(desired, looks, f"look {' '.join(named)}")

    def apply(self, action: Action, progress: Progress) -> None:
        """Do one thing, or fail in the way that the call's fault says."""
        fault = self._begin(f"apply {action.verb} {action.object}")
        self.writes.append(Write(self.world.clock.now(), len(self.calls), action))
        attempt = f"{action.verb.replace('-', ' ')} {action.object}"
        if not self._takes_effect(fault, attempt):
            return
        try:
            self._act(action, progress, fault)
        except Refusal as refusal:
            raise translated(refusal, attempt) from None
        except Stuck as stuck:
            self.world.clock.sleep(CALL_DEADLINE_S)
            raise HostUnreachable(f"cannot {attempt}: {stuck} within {CALL_DEADLINE_S:g} s") from None
        self._end(fault)
        if fault and fault.outcome is Outcome.ERROR_WITH_EFFECT:
            raise fault.error(f"cannot {attempt}: injected {fault.outcome}")

    def close(self) -> None:
        """Let go; the world goes on."""

    # --- reading ---------------------------------------------------------------------------

    def _read(self, desired: Desired, looks: tuple[Look, ...], name: str) -> Observed:
        fault = self._begin(name)
        if fault and fault.outcome is Outcome.HANG:
            self.world.clock.sleep(READ_DEADLINE_S)
        harmless = fault is None or fault.outcome is Outcome.SLOW or fault.outcome in CRASHES
        spoils = self._spoils_next if harmless else fault
        self._spoils_next = None
        slow = fault if fault and fault.outcome is Outcome.SLOW and fault.host else None
        seen = reading.read(self.world, desired, looks, spoils or slow, self._memory)
        self._end(fault)
        return seen

    # --- writing ---------------------------------------------------------------------------

    def _act(self, action: Action, progress: Progress, fault: Fault | None) -> None:
        """Raises: Refusal, Stuck."""
        self.world.clock.sleep(SECONDS.get(type(action), QUICK_S))
        waits = not (fault and fault.outcome is Outcome.CRASH_AFTER_EFFECT)
        if type(action) in ON_SERVER:
            server = self._server(action.host)
            with self._checked(action):
                ON_SERVER[type(action)](self.world, server, action)
        elif isinstance(action, MigrateDomain):
            self._migrate(action, progress, waits=waits)
        elif isinstance(action, ProvePath):
            prove(self.world, self._hypervisor(action), action)
        elif isinstance(action, ShutdownDomain):
            self._shut_down(action, progress, waits=waits)
        elif isinstance(action, Upload):
            self._upload(action, progress, waits=waits)
        else:
            hypervisor = self._hypervisor(action)
            with self._checked(action):
                ON_HYPERVISOR[type(action)](self.world, hypervisor, action)
        if not self.world.reaches(SEAT, action.host):
            raise Stuck("the answer did not come")

    def _server(self, host: str) -> NfsServer:
        server = self.world.servers.get(host)
        if server is None or not self.world.reaches(SEAT, host):
            raise Stuck("no answer")
        return server

    def _hypervisor(self, action: Action) -> Hypervisor:
        """Who does it. A daemon that hangs has the request in its socket, and does it when it wakes."""
        hypervisor = self.world.hypervisors.get(action.host)
        if hypervisor is None:
            raise Stuck("no such machine")
        if hypervisor.daemon is Daemon.HUNG and type(action) in ON_HYPERVISOR:
            self.world.backlog.setdefault(hypervisor.name, []).append(lambda: self._act_late(hypervisor, action))
        self.world.answers(hypervisor)
        return hypervisor

    def _act_late(self, hypervisor: Hypervisor, action: Action) -> None:
        """What was asked long ago is done now; who asked could not know what is so by then."""
        with self.world.acting(Hand.US), suppress(Refusal, Stuck):
            ON_HYPERVISOR[type(action)](self.world, hypervisor, action)

    @contextmanager
    def _checked(self, action: Action) -> Iterator[None]:
        """No other thread runs inside, so what changes inside is this action's doing alone."""
        ends = [begin(action) for begin in self.checkers]
        with self.world.acting(Hand.US):
            yield
        for end in ends:
            end()

    def _migrate(self, action: MigrateDomain, progress: Progress, *, waits: bool) -> None:
        source = self._hypervisor(action)
        with self._checked(action):
            target = self.world.hypervisors.get(action.target)
            tunnelled = action.transport is Transport.TUNNELLED
            started = migrate(self.world, source, action.uuid, target, action.bandwidth, tunnelled=tunnelled)
        if waits:
            self._watch(started, action, progress)
        if started.error:
            raise started.error
        if started.is_over:
            total = round(self.world.clock.now() - started.begun, 1)
            progress(percent=100.0, total=total, downtime=DOWNTIME_S, expected=action.expected_s)

    def _watch(self, started: Migration, action: MigrateDomain, progress: Progress) -> None:
        """Wait for the end; help it on or abort it as the pace says."""
        clock = self.world.clock
        pace = Pace(action, clock.now())
        while not started.is_over:
            clock.sleep(TICK_S)
            self.world.answers(started.source)
            if started.is_over:
                return
            if started.flows:
                progress(**figures(started.job))
            order = pace.judge(started.job if started.flows else None, clock.now())
            with self.world.acting(Hand.US):
                if order.post_copy:
                    started.start_post_copy()
                    pace.switched = True
                if order.give_up:
                    started.abort()

    def _shut_down(self, action: ShutdownDomain, progress: Progress, *, waits: bool) -> None:
        """Ask until it is off. A fault that lets us die in mid-action does so when it was asked for the first time."""
        clock, asking = self.world.clock, Asking(action.stop)
        begun, found = clock.now(), domains.domain(self._hypervisor(action), action.uuid, action.name)
        while found.is_active:
            hypervisor = self._hypervisor(action)
            ask = asking.next(clock.now() - begun)
            if ask is Ask.GIVE_UP:
                raise Declined(f"cannot shut down {action.object}: {asking.declined_words}")
            self._ask(hypervisor, action, asking, ask)
            if ask is Ask.FORCE:
                progress(note=asking.forced_words)
            if not waits or ask is Ask.FORCE:
                return
            progress(percent=asking.percent(clock.now() - begun))
            clock.sleep(TICK_S)

    def _ask(self, hypervisor: Hypervisor, action: ShutdownDomain, asking: Asking, ask: Ask | None) -> None:
        world = self.world
        if ask is Ask.AGENT and not domains.has_agent(hypervisor, action.uuid):
            asking.agent_failed = True
            ask = asking.next(0.0)
        if ask is None:
            return
        with self._checked(action):
            if ask is Ask.FORCE:
                domains.force_off(world, hypervisor, action.uuid)
            else:
                domains.shutdown(world, hypervisor, action.uuid, by_agent=ask is Ask.AGENT)

    def _upload(self, action: Upload, progress: Progress, *, waits: bool) -> None:
        world, hypervisor = self.world, self._hypervisor(action)
        size = IMAGE_BYTES if isinstance(action, UploadImage) else SEED_BYTES
        content = action.sha256 if isinstance(action, UploadImage) else action.volume
        made = File(world.next_number(), size, complete=False)
        with self._checked(action):
            file = storage.begin_upload(world, hypervisor, action.pool, action.volume, made)
        if not waits:
            return
        for percent in () if file.complete else (50, 100):
            world.clock.sleep(size / world.link_rate / 2)
            world.answers(hypervisor)
            progress(percent=percent)
        with self._checked(action):
            storage.end_upload(world, hypervisor, action.pool, action.volume, action.marker, content)

    # --- faults ---------------------------------------------------------------------------

    def _begin(self, name: str) -> Fault | None:
        if self.is_dead:
            raise Crash("this process is dead")
        if len(self.calls) >= self.most_calls:
            raise Endless(f"cannot go on: {self.most_calls} calls were made, and the end is not in sight")
        self.calls.append(name)
        fault = self.faults.of(len(self.calls), name)
        if fault and fault.outcome is Outcome.CRASH_BEFORE:
            self._crash()
        if fault and fault.outcome is Outcome.SLOW and not (fault.host and not name.startswith("apply")):
            self.world.clock.sleep(fault.seconds)
        return fault

    def _end(self, fault: Fault | None) -> None:
        if fault and fault.outcome in CRASHES:
            self._crash()

    def _crash(self) -> None:
        self.is_dead = True
        raise Crash(f"call {len(self.calls)}: {self.calls[-1]}")

    def _takes_effect(self, fault: Fault | None, attempt: str) -> bool:
        """Whether the request reaches libvirt. Raises what the caller gets instead."""
        if fault is None:
            return True
        if fault.outcome in (Outcome.STALE, Outcome.PARTIAL):
            self._spoils_next = fault
        if fault.outcome is Outcome.HANG:
            self.world.clock.sleep(CALL_DEADLINE_S)
            raise HostUnreachable(f"cannot {attempt}: no answer within {CALL_DEADLINE_S:g} s")
        if fault.outcome is Outcome.ERROR_WITHOUT_EFFECT:
            self.world.clock.sleep(QUICK_S)
            raise fault.error(f"cannot {attempt}: injected {fault.outcome}")
        if fault.outcome is Outcome.SUCCESS_WITHOUT_EFFECT:
            self.world.clock.sleep(QUICK_S)
            return False
        return True
