"""What a running domain does not have, though its definition has it: held for a person, or the guest is restarted."""

from collections.abc import Iterator
from dataclasses import replace

from reconciler.change import Change, DomainOff, DomainStaged, Field
from reconciler.desired import Desired
from reconciler.desired.documents import Domain, OnChange, Power
from reconciler.desired.quantity import format_size
from reconciler.desired.window import parse_window
from reconciler.diff.power import how_to_stop, start
from reconciler.observed import Observed, Standing
from reconciler.place import Placement
from reconciler.restarts import cause_of
from reconciler.step import Held, HeldReason

IN_VAIN = "it was restarted for this before, and runs without it all the same; look what libvirt makes of it"


def staged(
    desired: Desired,
    observed: Observed,
    domain: Domain,
    placement: Placement,
    pending: tuple[Field, ...],
    *,
    blocked: bool,
) -> Iterator[Change | Held]:
    """`pending`: fields that take effect at a start. `blocked`: its disks are in no state to be started with."""
    if not pending:
        return
    ref, seen = placement.where.ref, placement.where.seen
    assert seen is not None
    message = f"takes effect when it is started again: {', '.join(str(field) for field in pending)}"
    held = Held(ref, HeldReason.RESTART_REQUIRED, message)
    if domain.spec.on_change is OnChange.HOLD or domain.spec.power is Power.STOPPED:
        yield held
        return
    cause = cause_of((field.path, field.new) for field in pending)
    starting = tuple(start(desired, observed, domain, placement, ref.host))
    in_vain = seen.mark is not None and seen.mark.restarted_for == cause
    against = IN_VAIN if in_vain else _against(desired, domain, placement, blocked=blocked)
    against = against or next((item.message for item in starting if isinstance(item, Held)), "")
    if against:
        yield replace(held, message=f"{message}; not restarted for it: {against}")
        return
    window = domain.spec.restart_window or desired.policy.restart_window
    yield DomainStaged(
        ref,
        f"onChange is restart, and this {message}",
        seen.uuid,
        how_to_stop(domain),
        next(item for item in starting if isinstance(item, DomainOff)),
        parse_window(window) if window else None,
        cause,
        held,
    )


def _against(desired: Desired, domain: Domain, placement: Placement, *, blocked: bool) -> str:
    """Why the guest is not restarted where it is; empty where nothing is known that would keep it stopped."""
    home, seen = placement.where.home or "", placement.where.seen
    assert seen is not None
    if domain.spec.power is not Power.RUNNING:
        return f"power is {domain.spec.power.value}, so nobody would start it again; say power: running"
    if seen.standing is not Standing.RUNNING:
        return f"it is {seen.state.value} ({seen.reason})"
    if placement.held:
        return placement.held.message
    if placement.moves or desired.hosts[home].spec.cordoned:
        return f"it is to leave host/{home}" if placement.moves else f"host/{home} is cordoned"
    if blocked:
        return "its disks are held"
    if placement.crowded and domain.spec.memory > (seen.live or {}).get("memory", 0):
        return f"host/{home} has no room left for {format_size(domain.spec.memory)}"
    return ""
