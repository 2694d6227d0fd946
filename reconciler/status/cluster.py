"""Conditions of the cluster as a whole: is all as written, and would it survive the loss of a host. Pure."""

from reconciler.desired import Ref
from reconciler.place import Fit
from reconciler.status.condition import Condition, ObjectStatus, Truth, View


def cluster_status(view: View) -> ObjectStatus:
    """The cluster of the documents, under its name."""
    converged = _converged(view)
    state = "Converged" if converged.status is Truth.TRUE else converged.reason
    return ObjectStatus(Ref("cluster", view.desired.cluster_name), state, (converged, _survives_host_loss(view)))


def _converged(view: View) -> Condition:
    """Whether a pass made now would find nothing to do, nothing held and no silence."""
    kind, plan = "Converged", view.plan
    if plan.silent:
        names = ", ".join(f"host/{name}" for name in plan.silent)
        return Condition(kind, Truth.UNKNOWN, "HostUnknown", f"cannot be reached: {names}")
    if plan.held:
        steps = f", {len(plan.steps)} steps pending" if plan.steps else ""
        return Condition(kind, Truth.FALSE, "Held", f"{len(plan.held)} held{steps}")
    if plan.steps:
        return Condition(kind, Truth.FALSE, "Pending", f"{len(plan.steps)} steps pending")
    return Condition(kind, Truth.TRUE, "AsWritten")


def _survives_host_loss(view: View) -> Condition:
    """N+1: the running guests of each single hypervisor would find room on the others."""
    kind = "SurvivesHostLoss"
    lost = {host: fit for host, fit in sorted(view.losses.items()) if not fit.fits}
    if lost:
        message = "; ".join(f"the loss of host/{host} would leave {_named(fit)}" for host, fit in lost.items())
        return Condition(kind, Truth.FALSE, "NoRoom", message)
    hypervisors = view.desired.hypervisors.items()
    asked = [name for name, host in hypervisors if not host.spec.fenced]
    unknown = [f"host/{name}" for name in sorted(asked) if name not in view.losses]
    if unknown:
        return Condition(kind, Truth.UNKNOWN, "HostUnknown", f"cannot be asked: {', '.join(unknown)}")
    return Condition(kind, Truth.TRUE, "RoomForAll")


def _named(fit: Fit) -> str:
    """Each guest that would be left, with why."""
    return ", ".join(f"domain/{name} without a place ({reason})" for name, reason in fit.left)
