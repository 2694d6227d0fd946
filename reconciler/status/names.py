"""Which objects a person means. Pure."""

from collections.abc import Iterable, Sequence

from reconciler.desired import Ref
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
