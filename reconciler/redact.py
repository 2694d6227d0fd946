"""Secrets that this process knows, and the one way to keep them out of what it says."""

from typing import Any

HIDDEN = "***"
SHORTEST = 4
"""Characters; to hide a shorter one would make every text unreadable."""

_spellings: dict[str, None] = {}
"""Written and read by many threads, each time in one operation."""


class Secret:
    """A value that shows itself to nobody who does not ask for it by name; from its making on `redact` hides it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        hide(value)

    def reveal(self) -> str:
        """The value itself, for whom it is meant."""
        return self._value

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


def hide(value: str) -> None:
    """From now on `redact` takes `value` out of every text."""
    if len(value) >= SHORTEST:
        _spellings.update(dict.fromkeys(_spelled(value)))


def _spelled(value: str) -> tuple[str, ...]:
    """The value as text, JSON, XML, a shell's word, Python and a URL write it."""
    import json
    import shlex
    from html import escape
    from urllib.parse import quote

    return (
        value,
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        escape(value),
        escape(value, quote=False),
        shlex.quote(value),
        repr(value)[1:-1],
        quote(value, safe=""),
    )


def redact(text: str) -> str:
    """`text` without any secret that this process has come to know."""
    for spelling in sorted(_spellings, key=len, reverse=True):
        text = text.replace(spelling, HIDDEN)
    return text


def redact_values(value: Any) -> Any:
    """The same of plain data; the keys of mappings are ours."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: redact_values(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact_values(inner) for inner in value]
    return value
