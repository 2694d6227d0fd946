"""Asking a guest to power off, and waiting until it has; never forced."""

import threading
import time

from reconciler.action import ShutdownDomain
from reconciler.errors import HostUnreachable, PermanentError
from reconciler.hypervisor import Progress
from reconciler.observed import DomainState
from reconciler.virt import codes, lib
from reconciler.virt.caller import Hung
from reconciler.virt.codes import Code
from reconciler.virt.connect import Link
from reconciler.virt.translate import is_broken, translate

POLL_S = 0.5
CALL_S = 30.0


def shut_down(link: Link, action: ShutdownDomain, progress: Progress, stopping: threading.Event) -> None:
    """virDomainShutdownFlags(ACPI_POWER_BTN), once: a second press means other things to some guests.

    Raises: PermanentError when the guest is still there at the deadline.
    """
    begun = time.monotonic()
    asked = False
    while (waited := time.monotonic() - begun) < action.deadline_s:
        if _ask(link, action, press=not asked):
            return
        asked = True
        progress(percent=min(99.0, 100.0 * waited / action.deadline_s))
        if stopping.wait(POLL_S):
            raise PermanentError(f"cannot wait for {action.object} to power off: we were told to end; it was asked to")
    seconds = f"{action.deadline_s:g} s"
    raise PermanentError(
        f"cannot shut down {action.object}: the guest did not power off within {seconds}; it may not listen to ACPI; "
        "power it off from within"
    )


def _ask(link: Link, action: ShutdownDomain, *, press: bool) -> bool:
    """Whether it is off (or gone); presses the button where it is not and that is wanted."""
    with link.borrowed() as session:
        try:
            flags = codes.SHUTDOWN_ACPI if link.reach.takes_flags else 0
            return session.run(lambda s: _press(s.connection, action.uuid, flags if press else None), CALL_S, CALL_S)
        except Hung:
            session.end()
            cause = f"libvirt gave no answer in {CALL_S:g} s"
            raise HostUnreachable(f"cannot shut down {action.object}: {cause}; it may still power off") from None
        except Exception as error:
            if is_broken(error):
                session.end()
            raise translate(error, f"shut down {action.object}") from None


def _press(connection: lib.Connection, uuid: str, flags: int | None) -> bool:
    try:
        domain = connection.lookupByUUIDString(uuid)
        state, _ = domain.state(0)[:2]
        if codes.state_of(state) is DomainState.SHUTOFF:
            return True
        if flags is not None:
            domain.shutdownFlags(flags)
    except Exception as error:
        is_gone = lib.is_refused(error, Code.NO_DOMAIN) and flags is None  # a transient one, once it is off
        if is_gone or _is_off(error):
            return True
        raise
    return False


def _is_off(error: BaseException) -> bool:
    said = lib.refusal(error)
    return said is not None and said.code == Code.OPERATION_INVALID and "domain is not running" in said.message
