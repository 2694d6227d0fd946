"""Asking a guest to power off, and waiting until it has; its plug is pulled only where the action says so."""

import threading
import time
from collections.abc import Callable

from reconciler.action import ShutdownDomain
from reconciler.clock import Promise
from reconciler.errors import Declined, HostUnreachable, PermanentError
from reconciler.hypervisor import Progress
from reconciler.observed import DomainState, Standing
from reconciler.standing import standing_of
from reconciler.stopping import Ask, Asking
from reconciler.virt import codes, lib
from reconciler.virt.caller import Hung
from reconciler.virt.codes import Code
from reconciler.virt.connect import Link, Session
from reconciler.virt.read import has_job
from reconciler.virt.translate import is_broken, translate
from reconciler.xml.domain import read as read_domain_xml

POLL_S = 0.5
CALL_S = 30.0


def shut_down(link: Link, action: ShutdownDomain, progress: Progress, stopping: threading.Event) -> None:
    """Ask as `Asking` says until it is off, or its time is over.

    Raises: Declined when it runs on then; PermanentError where it may not be forced.
    """
    begun, stopper = time.monotonic(), _Stopper(link, action, Asking(action.stop))
    try:
        while not stopper.is_off(time.monotonic() - begun):
            progress(percent=stopper.asking.percent(time.monotonic() - begun))
            if stopping.wait(POLL_S):
                raise PermanentError(
                    f"cannot wait for {action.object} to power off: we were told to end; it was asked to"
                )
    finally:
        stopper.end()
    if stopper.forced:
        progress(note=stopper.asking.forced_words)


class _Stopper:
    """One guest being stopped. What its agent is asked may take a minute, so that call has a session of its own."""

    def __init__(self, link: Link, action: ShutdownDomain, asking: Asking) -> None:
        self._link, self._action, self.asking = link, action, asking
        self._agent: Session | None = None
        self._agent_says: Promise[int] | None = None
        self._was_there = self.forced = False
        asking.agent_failed = not link.reach.takes_flags

    def is_off(self, waited_s: float) -> bool:
        """Whether it is off (or gone), once it was asked what is due. Raises: ActionError."""
        if self._agent_says is not None and self._agent_says.ended:
            self.asking.agent_failed |= _has_failed(self._agent_says)
        ask = self.asking.next(waited_s)
        if ask is Ask.GIVE_UP:
            raise Declined(f"cannot shut down {self._action.object}: {self.asking.declined_words}")
        off = self._call(lambda connection: self._do(connection, ask))
        if ask is Ask.AGENT and not off and not self.asking.agent_failed:
            self._ask_agent()
        return off

    def end(self) -> None:
        if self._agent is not None:
            self._agent.end()

    def _call(self, work: Callable[[lib.Connection], bool]) -> bool:
        attempt = f"shut down {self._action.object}"
        with self._link.borrowed() as session:
            try:
                return session.run(lambda s: work(s.connection), CALL_S, CALL_S)
            except Hung:
                session.end()
                cause = f"libvirt gave no answer in {CALL_S:g} s"
                raise HostUnreachable(f"cannot {attempt}: {cause}; it may still power off") from None
            except Exception as error:
                if is_broken(error):
                    session.end()
                raise translate(error, attempt) from None

    def _do(self, connection: lib.Connection, ask: Ask | None) -> bool:
        try:
            domain = connection.lookupByUUIDString(self._action.uuid)
            self._was_there = True
            state, reason = domain.state(0)[:2]
            if codes.state_of(state) is DomainState.SHUTOFF:
                return True
            if ask is Ask.AGENT:
                self.asking.agent_failed = not read_domain_xml(domain.XMLDesc(0)).agent_connected
            elif ask is Ask.ACPI:
                domain.shutdownFlags(codes.SHUTDOWN_ACPI if self._link.reach.takes_flags else 0)
            elif ask is Ask.FORCE:
                self._force(domain, standing_of(codes.state_of(state), codes.reason_of(state, reason)))
                return True
        except Exception as error:
            is_gone = lib.is_refused(error, Code.NO_DOMAIN) and self._was_there  # a transient one, once it is off
            if is_gone or _is_off(error):
                return True
            raise
        return False

    def _ask_agent(self) -> None:
        """virDomainShutdownFlags(GUEST_AGENT), which returns when the guest is off."""
        try:
            self._agent = self._link.own_session()
        except HostUnreachable:
            self.asking.agent_failed = True
            return
        uuid, flags = self._action.uuid, codes.SHUTDOWN_GUEST_AGENT
        self._agent_says = self._agent.begin(lambda s: s.connection.lookupByUUIDString(uuid).shutdownFlags(flags))

    def _force(self, domain: lib.Domain, standing: Standing) -> None:
        """virDomainDestroyFlags(GRACEFUL), of what still runs here and is not on its way elsewhere."""
        if standing is not Standing.RUNNING or has_job(domain):
            what = "a job of it is under way" if standing is Standing.RUNNING else f"it is {standing.value}"
            raise PermanentError(f"cannot force off {self._action.object}: {what}; it is left as it is")
        domain.destroyFlags(codes.DESTROY_GRACEFUL)
        self.forced = True


def _has_failed(promise: Promise[int]) -> bool:
    try:
        promise.result(0)
    except Exception:
        return True
    return False


def _is_off(error: BaseException) -> bool:
    said = lib.refusal(error)
    return said is not None and said.code == Code.OPERATION_INVALID and "domain is not running" in said.message
