"""Which objects a person means. Pure."""

from collections.abc import Iterable, Sequence

from reconciler.desired import Desired, Ref
from reconciler.errors import UsageError
from reconciler.status.condition import ObjectStatus


def find(statuses: Sequence[ObjectStatus], text: str) -> tuple[ObjectStatus, ...]:
    """The object that `text` names, and the same object at its hosts.

    `host/hv1`, `pool/images`, `pool/images@hv1`, or a bare name that only one object has.
    Raises: UsageError, with the nearest names.
    """
    found = tuple(one for one in statuses if is_meant(one.object, text))
    wholes = {one.object._replace(host="") for one in found}
    if not found:
        raise UsageError(f"no document describes {text!r}{nearest([one.object for one in statuses], text)}")
    if len(wholes) > 1:
        names = ", ".join(sorted(str(ref) for ref in wholes))
        raise UsageError(f"{text!r} may be any of {names}; write one of them")
    return found


def hypervisor(desired: Desired, text: str) -> str:
    """The hypervisor that `text` names: `hv1`, `host/hv1`. Raises: UsageError, with the nearest name."""
    name = text.removeprefix("host/")
    if name in desired.hypervisors:
        return name
    if name in desired.hosts:
        raise UsageError(f"cannot cordon host/{name}: it is no hypervisor, no domain runs there")
    raise UsageError(f"no document describes host/{name}{_did_you_mean(name, desired.hypervisors)}")


def condition(one: ObjectStatus, text: str) -> str:
    """The condition of the object that `text` names. Raises: UsageError, with the nearest name."""
    return known_condition(str(one.object), [condition.type for condition in one.conditions], text)


def known_condition(whose: str, known: Sequence[str], text: str) -> str:
    """`text`, where it is one of the `known` conditions. Raises: UsageError, with the nearest name, or all."""
    if text in known:
        return text
    raise UsageError(f"{whose} has no condition {text!r}{_did_you_mean(text, known)}")


def _did_you_mean(text: str, known: Iterable[str]) -> str:
    """`; did you mean Drained?`, or all that are known."""
    from difflib import get_close_matches

    by_lower = {name.lower(): name for name in known}
    near = get_close_matches(text.lower(), by_lower, 1)
    return f"; did you mean {by_lower[near[0]]}?" if near else f"; known are {', '.join(by_lower.values())}"


def is_meant(ref: Ref, text: str) -> bool:
    """Whether `text` may name the object, at its host or as a whole."""
    kind, slash, rest = text.partition("/")
    name, at, host = (rest if slash else text).partition("@")
    if slash and kind.lower() != ref.kind:
        return False
    return name == ref.name and (not at or host == ref.host)


def nearest(refs: Iterable[Ref], text: str, lists: str = "reconcile status") -> str:
    """`; did you mean domain/web-1?`"""
    from difflib import get_close_matches

    full = sorted({str(ref._replace(host="")) for ref in refs})
    by_name = {name.partition("/")[2]: name for name in reversed(full)}
    near = get_close_matches(text, full, 3) or [by_name[name] for name in get_close_matches(text, sorted(by_name), 3)]
    return f"; did you mean {' or '.join(near)}?" if near else f"; `{lists}` lists what there is"
