"""Why an object is as it is, where it is, and what stands in its way. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from reconciler.desired import Desired, Ref
from reconciler.desired.documents import Domain, Host
from reconciler.history import History
from reconciler.observed import Observed, SeenDomain
from reconciler.ours import is_ours
from reconciler.place import drainable, place
from reconciler.status.condition import ALARMS, ObjectStatus, Truth
from reconciler.status.domains import is_own
from reconciler.status.hosts import must_leave
from reconciler.step import Plan
from reconciler.whereabouts import Whereabouts, whereabouts


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing to know. `topic`: where, rejected, guest, drain, advice, wrong, held or pending; `object`: of whom."""

    topic: str
    object: Ref
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Why:
    """All there is to know about one object, the most telling first."""

    status: ObjectStatus
    reasons: tuple[Reason, ...]


def why(
    desired: Desired,
    observed: Observed,
    plan: Plan,
    rejections: Mapping[str, Mapping[str, str]],
    found: tuple[ObjectStatus, ...],
) -> Why:
    """Explain the object that `found` (see names.find) is about, with its conditions at each host.

    `rejections`: domain -> host -> why not there. Order: where it is, what stands against other hosts, whether it
    could be emptied and what would help, what is wrong, what is held, what is pending.
    """
    ref = found[0].object
    located = whereabouts(desired, observed)
    if ref.kind == "domain":
        rejected = rejections.get(ref.name) or _rejected_if_drained(desired, observed, located[ref.name])
        special = chain(
            _of_domain(desired, located[ref.name], rejected), _advice(desired, observed, located[ref.name].home, ref)
        )
    elif ref.kind == "host":
        host = desired.hosts[ref.name]
        special = chain(_of_host(desired, observed, located, host), _drain(desired, observed, host))
    else:
        special = chain()
    first, last = tuple(special), tuple(_planned(desired, plan, ref))
    told = frozenset(reason.message for reason in (*first, *last))
    return Why(found[0], tuple(dict.fromkeys((*first, *_wrong(found, told), *last))))


# --- domains ------------------------------------------------------------------------


def _of_domain(desired: Desired, where: Whereabouts, rejected: Mapping[str, str]) -> Iterator[Reason]:
    ref = Ref("domain", where.name)
    yield Reason("where", ref, *_why_there(desired, desired.domains[where.name], where))
    for host, reason in sorted(rejected.items()):
        yield Reason("rejected", Ref("host", host), "Rejected", reason)


def _rejected_if_drained(desired: Desired, observed: Observed, where: Whereabouts) -> Mapping[str, str]:
    """Why it could not be at the other hosts, were it to leave its own; empty where it is nowhere."""
    if where.home is None or where.home not in desired.hypervisors or where.held:
        return {}
    rejected = place(desired.cordoning({where.home}), observed, History()).rejections.get(where.name, {})
    return {host: reason for host, reason in rejected.items() if host != where.home}


def _advice(desired: Desired, observed: Observed, host: str | None, ref: Ref) -> Iterator[Reason]:
    """What would make room for those that cannot leave `host`: all of it, or what speaks of the domain `ref`."""
    fit = drainable(desired, observed, History()).get(host or "")
    for sentence in fit.advice if fit else ():
        if ref.kind == "host" or re.search(rf"\b{re.escape(str(ref))}(?![\w.-])", sentence):
            yield Reason("advice", ref, "Advice", sentence)


def _why_there(desired: Desired, domain: Domain, where: Whereabouts) -> tuple[str, str]:
    if where.held:
        return where.held.reason.value, where.held.message
    if where.home is None:
        return "Nowhere", "no host that answers has a definition of it"
    host = desired.hosts.get(where.home)
    if host is not None and host.spec.cordoned:
        return "HostCordoned", f"it is at host/{where.home}, which is cordoned; onDrain is {domain.spec.on_drain.value}"
    rule = "a domain moves only when its host is cordoned, or a hard rule of its placement is broken"
    return "Stays", f"it is at host/{where.home} and stays there: {rule}"


# --- hosts --------------------------------------------------------------------------


def _of_host(desired: Desired, observed: Observed, located: Mapping[str, Whereabouts], host: Host) -> Iterator[Reason]:
    leaving = must_leave(desired, located, host.name) if host.spec.cordoned else ()
    for at, seen in observed.all_domains():
        if at == host.name:
            yield Reason("guest", Ref("domain", seen.name, at), *_guest(desired, seen, leaving))


def _drain(desired: Desired, observed: Observed, host: Host) -> Iterator[Reason]:
    """What would go where were it cordoned, what would stay, and what would help."""
    fit = drainable(desired, observed, History()).get(host.name)
    if fit and not host.spec.cordoned:
        for name, target in fit.moves:
            yield Reason("drain", Ref("domain", name, host.name), "WouldMove", f"to host/{target}")
        for name, reason in fit.left:
            yield Reason("drain", Ref("domain", name, host.name), "CannotLeave", reason)
    yield from _advice(desired, observed, host.name, Ref("host", host.name))


def _guest(desired: Desired, seen: SeenDomain, leaving: tuple[str, ...]) -> tuple[str, str]:
    state = seen.unknown or (f"{seen.state.value}: {seen.reason}" if seen.reason else seen.state.value)
    if not is_ours(seen, desired.cluster_name):
        return "NotOurs", f"{state}; it does not carry our mark, so it is never moved"
    if seen.name not in desired.domains:
        return "Orphan", f"{state}; it carries our mark and has no document, so it is never moved"
    if seen.name in leaving:
        return "MustLeave", f"{state}; it must leave before the host is drained"
    return "Stays", f"{state}; it stays"


# --- all ------------------------------------------------------------------------------


def _wrong(found: tuple[ObjectStatus, ...], told: frozenset[str]) -> Iterator[Reason]:
    """Conditions that do not hold and say why; those that say the same in one, what was `told` already not again."""
    for one in found:
        alike: dict[tuple[str, str, str], list[str]] = {}
        for condition in one.conditions:
            good = Truth.FALSE if condition.type in ALARMS else Truth.TRUE
            untold = condition.message and condition.reason != "NotCordoned" and condition.type != "Drainable"
            if condition.status is not good and untold:
                key = (condition.status.value, condition.reason, condition.message)
                alike.setdefault(key, []).append(condition.type)
        for (status, reason, message), types in alike.items():
            if message not in told:
                verb = "is" if len(types) == 1 else "are"
                yield Reason("wrong", one.object, reason, f"{', '.join(types)} {verb} {status}: {message}")


def _planned(desired: Desired, plan: Plan, ref: Ref) -> Iterator[Reason]:
    """What the plan holds and does about it; about a host: all that is done there."""
    domain = desired.domains[ref.name] if ref.kind == "domain" else None

    def concerns(other: Ref) -> bool:
        if domain is not None:
            return is_own(domain, other)
        return other[:2] == ref[:2] or (ref.kind == "host" and other.host == ref.name)

    yield from (Reason("held", h.object, h.reason.value, h.message) for h in plan.held if concerns(h.object))
    for step in plan.steps:
        if concerns(step.object):
            yield Reason("pending", step.object, step.action.verb, f"{step.impact.value}, because {step.reason}")
