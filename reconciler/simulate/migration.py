"""Live migration, peer to peer: phases in virtual time that go on without us, and what each cut leaves behind.

libvirt's version 3 protocol: begin, prepare (target waits, paused), perform (memory flows), finish (target runs),
confirm (source goes). A connection lost after perform leaves the source paused, and the decision to a third party.
"""

import math
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.moving import copy_s
from reconciler.observed import DomainState, SeenJob
from reconciler.simulate import definition, domains
from reconciler.simulate.machines import Daemon, Domain, Hand, Hypervisor
from reconciler.simulate.refusal import Code, Refusal, Stuck, failed, invalid
from reconciler.simulate.world import World

KEEPALIVE_S = 25.0
"""libvirtd gives a silent peer up after five unanswered keepalives, five seconds apart."""

CONNECT_S = 127.0
"""TCP gives up a connection that is dropped after so long."""
PAGE = 4096

PAUSES_S = {"begin": 0.1, "prepare": 0.2, "finish": 0.2, "confirm": 0.1}


class Phase(StrEnum):
    """How far a migration is."""

    BEGIN = "begin"
    PREPARE = "prepare"
    PERFORM = "perform"
    POSTCOPY = "postcopy"
    FINISH = "finish"
    CONFIRM = "confirm"
    OVER = "over"


@dataclass(eq=False)
class Migration:
    """One migration. `error` is set when it failed; `rate` in bytes a second."""

    world: World
    source: Hypervisor
    target: Hypervisor
    domain: Domain
    rate: float
    by: Hand
    tunnelled: bool = False
    phase: Phase = Phase.BEGIN
    incoming: Domain | None = None
    error: Refusal | None = None
    performing_since: float = 0.0
    duration: float = math.inf
    needs: definition.Needs = field(init=False)

    def __post_init__(self) -> None:
        self.begun = self.world.clock.now()
        self._turn = 0
        self.needs = definition.needs(self.domain.live or "<domain/>")

    @property
    def is_over(self) -> bool:
        return self.phase is Phase.OVER

    @property
    def job(self) -> SeenJob:
        """What virDomainGetJobStats would tell at the source."""
        now = self.world.clock.now()
        number, remaining = self._pass_at(now - self.performing_since) if self.flows else (1, 0)
        if self.phase in (Phase.BEGIN, Phase.PREPARE):
            remaining = self.needs.memory
        return SeenJob(
            total=self.needs.memory,
            remaining=remaining,
            rate=round(self.rate) if self.flows else 0,
            dirty_rate=self.dirty_rate if self.flows else 0,
            iteration=number,
            elapsed_s=round(now - self.begun, 3),
        )

    @property
    def flows(self) -> bool:
        return self.phase is Phase.PERFORM

    def _pass_at(self, elapsed: float) -> tuple[int, int]:
        """The pass over memory, and what is left of it: each sends what was written during the one before."""
        number, size = 1, float(self.needs.memory)
        while size > PAGE and elapsed >= size / self.rate:
            elapsed -= size / self.rate
            number, size = number + 1, min(self.needs.memory, self.dirty_rate * size / self.rate)
        return number, round(max(0.0, size - elapsed * self.rate))

    @property
    def dirty_rate(self) -> int:
        return self.domain.guest.dirty_rate if self.domain.guest else 0

    @property
    def subject(self) -> str:
        return f"domain/{self.domain.name}"

    # --- the five phases -----------------------------------------------------------------

    def advance(self) -> None:
        """Go on to what is next, once the two daemons can talk about it."""
        if self.is_over:
            return
        if self.source.daemon is Daemon.HUNG:
            self.world.after(1.0, self.advance)
            return
        if not self._can_talk():
            self.world.after(KEEPALIVE_S, self._give_up_if_silent)
            return
        following = {
            Phase.BEGIN: self._prepare,
            Phase.PREPARE: self._perform,
            Phase.PERFORM: self._switch_over,
            Phase.POSTCOPY: self._confirm,
            Phase.FINISH: self._finish,
            Phase.CONFIRM: self._confirm,
        }
        following[self.phase]()

    def _enter(self, phase: Phase, pause_s: float) -> None:
        self.phase = phase
        if self.world.doomed.get(self.domain.name) is phase:
            del self.world.doomed[self.domain.name]
            share = 0.5 if phase in (Phase.PERFORM, Phase.POSTCOPY) and not math.isinf(pause_s) else 0.0
            self.world.after(pause_s * share, self.lose_connection)
        elif not math.isinf(pause_s):
            turn = self._turn = self._turn + 1
            self.world.after(pause_s, lambda: self.advance() if turn == self._turn else None)

    def _prepare(self) -> None:
        if self.target.uuid == self.source.uuid:
            cause = f"internal error: Attempt to migrate guest to the same host {self.source.uuid}"
            self.fail(Refusal(Code.INTERNAL_ERROR, cause))
            return
        try:
            self._receive()
        except Refusal as error:
            self.fail(error)
            return
        except Stuck:
            self.world.after(1.0, self.advance)
            return
        if self.target.name in self.world.dropped and not self.tunnelled:
            cause = f"unable to connect to server at '{self.target.address}:49152': Connection timed out"
            self.phase = Phase.PREPARE
            self.world.after(CONNECT_S, lambda: self._time_out(cause))
            return
        self._enter(Phase.PREPARE, PAUSES_S["prepare"])

    def _time_out(self, cause: str) -> None:
        if not self.is_over:
            self.fail(failed(cause))

    def _receive(self) -> None:
        domains.clash_of_names(self.target, self.domain.name, self.domain.uuid)
        there = self.target.domains.get(self.domain.uuid)
        if there and there.is_active:
            raise invalid(f"domain is already active as '{there.name}'")
        outfit = domains.find_outfit(self.world, self.target, self.needs)
        if there is None:
            there = self.target.domains[self.domain.uuid] = Domain(self.domain.name, self.domain.uuid, None)
        there.live, there.opened = self.domain.live, outfit.opened
        there.state, there.reason = DomainState.PAUSED, "migration"
        self.incoming = there
        self.world.tell(self.target.name, self.subject, f"receives a migration from {self.source.name}")

    def _perform(self) -> None:
        self.performing_since = self.world.clock.now()
        self.duration = max(0.1, copy_s(self.needs.memory, self.rate, self.dirty_rate))
        self._enter(Phase.PERFORM, self.duration)

    def _switch_over(self) -> None:
        """All memory is copied: the source stops, for good or until it is resumed."""
        self.was = (self.domain.state, self.domain.reason)
        self.domain.state, self.domain.reason = DomainState.PAUSED, "migration"
        self._enter(Phase.FINISH, PAUSES_S["finish"])

    def start_post_copy(self) -> None:
        """Run it there now, and send what is missing afterwards. Raises: Refusal."""
        if not self.flows:
            raise invalid("post-copy can only be started while outgoing migration is in progress")
        left = self.job.remaining
        incoming = self._hand_over()
        incoming.state, incoming.reason = DomainState.RUNNING, "postcopy"
        self.domain.state, self.domain.reason = DomainState.PAUSED, "postcopy"
        self.world.tell(self.target.name, self.subject, "runs there, its memory follows")
        self._enter(Phase.POSTCOPY, left / self.rate)

    def _hand_over(self) -> Domain:
        incoming = self.incoming
        assert incoming is not None, "prepare made it"
        incoming.guest = self.domain.guest
        incoming.xml = self.domain.xml or self.domain.live
        return incoming

    def _finish(self) -> None:
        incoming = self._hand_over()
        paused = self.was[0] is DomainState.PAUSED
        incoming.state, incoming.reason = self.was if paused else (DomainState.RUNNING, "migrated")
        self.world.tell(self.target.name, self.subject, "paused there" if paused else "runs there")
        self._enter(Phase.CONFIRM, PAUSES_S["confirm"])

    def _confirm(self) -> None:
        if self.incoming and self.phase is Phase.POSTCOPY:
            self.incoming.reason = "migrated"
        self.domain.guest, self.domain.live, self.domain.opened = None, None, ()
        self.domain.state, self.domain.reason = DomainState.SHUTOFF, "migrated"
        self.source.domains.pop(self.domain.uuid, None)
        self._end(f"migrated to {self.target.name}")

    # --- ways to break ---------------------------------------------------------------------

    def fail(self, error: Refusal) -> None:
        """It did not work: the target forgets it, the source goes on as it was."""
        self.error = error
        self._drop_incoming()
        if self.phase is Phase.FINISH and self.domain.is_active:
            self.domain.state, self.domain.reason = self.was
        self._end(f"migration to {self.target.name} failed: {error}")

    def abort(self) -> None:
        """Asked to stop (virDomainAbortJob); too late once the memory is copied."""
        if self.phase in (Phase.BEGIN, Phase.PREPARE, Phase.PERFORM):
            self.fail(Refusal(Code.OPERATION_ABORTED, "operation aborted: migration out job: canceled by client"))

    def lose_connection(self) -> None:
        """The daemons lose each other. After perform nobody knows: the source stays paused."""
        if self.is_over:
            return
        error = failed("Lost connection to destination host")
        if self.phase is Phase.CONFIRM:
            self.error = error
            self._end(f"migration to {self.target.name} lost its connection at the very end")
        elif self.phase is Phase.POSTCOPY:
            self._freeze()
        elif self.phase is Phase.FINISH:
            self.error = error
            self._drop_incoming()
            self._end(f"migration to {self.target.name} lost its connection after the copy; paused")
        else:
            self.fail(error)

    def _freeze(self) -> None:
        """A post-copy broke: each end has a part of the memory, and libvirt leaves both as they are."""
        self.error = failed("migration failed during post-copy")
        self.domain.reason = "postcopy-failed"
        if self.incoming and self.incoming.is_active:
            self.incoming.reason = "postcopy-failed"
        self._end(f"migration to {self.target.name} failed in its post-copy")

    def _drop_incoming(self) -> None:
        incoming, self.incoming = self.incoming, None
        if incoming and incoming.guest is None and incoming.is_active:
            incoming.state, incoming.reason, incoming.live, incoming.opened = DomainState.SHUTOFF, "failed", None, ()
            if incoming.xml is None:
                self.target.domains.pop(incoming.uuid, None)

    def _end(self, text: str) -> None:
        self.phase = Phase.OVER
        self.world.migrations.remove(self)
        self.world.disturbed.remove(self.check)
        self.world.tell(self.source.name, self.subject, text)

    def _can_talk(self) -> bool:
        return self.target.daemon is Daemon.ALIVE and self.world.reaches(self.source.name, self.target.name)

    def check(self) -> None:
        """Something changed in the world: does it break this migration?"""
        if self.is_over:
            return
        if self.phase is Phase.POSTCOPY and not (self.domain.is_active and self.incoming and self.incoming.is_active):
            self._freeze()
        elif not self.domain.is_active:
            self.fail(failed("domain is not running"))
        elif self.incoming and not self.incoming.is_active:
            self.fail(failed("migration out job: unexpectedly failed"))
        elif Daemon.DEAD in (self.source.daemon, self.target.daemon):
            self.lose_connection()
        elif not self._can_talk():
            self.world.after(KEEPALIVE_S, self._give_up_if_silent)

    def _give_up_if_silent(self) -> None:
        if self.is_over:
            return
        if self._can_talk():
            self.advance_late()
        else:
            self.lose_connection()

    def advance_late(self) -> None:
        """The peer is back; what was due in the meantime happens now."""
        due = self.performing_since + self.duration
        if self.phase is not Phase.PERFORM or self.world.clock.now() >= due:
            self.advance()


def migrate(
    world: World,
    source: Hypervisor,
    uuid: str,
    target: Hypervisor | None,
    bandwidth: int | None,
    *,
    tunnelled: bool = False,
) -> Migration:
    """Begin a migration; it goes on by itself. Raises: Refusal for what libvirt refuses at once."""
    found = domains.domain(source, uuid)
    if not found.is_active:
        raise invalid("domain is not running")
    if found.guest is None or any(m.domain is found for m in world.migrations):
        cause = "Timed out during operation: cannot acquire state change lock (held by migration)"
        raise Refusal(Code.OPERATION_TIMEOUT, cause)
    if found.snapshots:
        raise invalid(f"cannot migrate domain with {found.snapshots} snapshots")
    if target is None or not world.reaches(source.name, target.name) or target.daemon is not Daemon.ALIVE:
        address = target.address if target else "an unknown host"
        cause = f"ssh: connect to host {address} port 22: No route to host"
        raise Refusal(Code.SYSTEM_ERROR, f"operation failed: Failed to connect to remote libvirt URI: {cause}")
    rate = float(min(world.link_rate, bandwidth or world.link_rate))
    started = Migration(world, source, target, found, rate, world.hand, tunnelled)
    world.migrations.append(started)
    world.disturbed.append(started.check)
    world.tell(source.name, f"domain/{found.name}", f"migration to {target.name} begins")
    started._enter(Phase.BEGIN, PAUSES_S["begin"])
    return started
