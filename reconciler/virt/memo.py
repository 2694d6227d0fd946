"""What was read before: equal text is not parsed again, and an unchanged domain is the same object again."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, TypeVar

from reconciler.errors import ReconcilerError

T = TypeVar("T")

TEXT_LIMIT = 1 << 20
"""No honest definition is longer."""


class TooMuch(ReconcilerError):
    """Somebody's XML is longer than we are willing to read."""


@dataclass(slots=True)
class _Kept:
    """Of one object: what its texts meant, and what was made of it last."""

    readings: dict[str, tuple[bytes, Any]] = field(default_factory=dict)
    parts: tuple[Any, ...] = ()
    seen: Any = None


class Memo:
    """One host's memory, by the objects' keys. Safe while each key is used by one thread at a time."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def reading(self, key: str, which: str, text: str, parse: Callable[[str], T]) -> T:
        """`parse(text)`, or the same result as last time. Raises: TooMuch, and what `parse` raises."""
        if len(text) > TEXT_LIMIT:
            raise TooMuch(f"its definition is longer than {TEXT_LIMIT >> 20} MiB")
        kept = self._kept.setdefault(key, _Kept())
        digest = blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()
        before = kept.readings.get(which)
        if before is not None and before[0] == digest:
            known: T = before[1]
            return known
        made = parse(text)
        kept.readings[which] = (digest, made)
        return made

    def same(self, key: str, parts: tuple[Any, ...], make: Callable[[], T]) -> T:
        """What `make` returned last time when it had the very same parts, else what it returns now."""
        kept = self._kept.setdefault(key, _Kept())
        if len(kept.parts) == len(parts) and all(a is b or a == b for a, b in zip(kept.parts, parts, strict=True)):
            known: T = kept.seen
            return known
        kept.seen, kept.parts = make(), parts
        made: T = kept.seen
        return made

    def forget_others(self, prefix: str, keys: Collection[str]) -> None:
        """Keep, of the keys that begin with `prefix`, only `keys`."""
        for key in [key for key in self._kept if key.startswith(prefix) and key not in keys]:
            self._kept.pop(key, None)
