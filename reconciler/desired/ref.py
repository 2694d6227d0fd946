"""How an object is named everywhere: plans, logs, errors, tests."""

from typing import NamedTuple

DEVICES = frozenset({"cdrom", "disk", "interface"})
"""Kinds of objects that a domain has: `disk/web-1/data@hv1`."""


class Ref(NamedTuple):
    """An object, at a host where that matters: `domain/web-1@hv1`, `host/hv1`."""

    kind: str
    name: str
    host: str = ""

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}@{self.host}" if self.host else f"{self.kind}/{self.name}"

    @property
    def domain(self) -> str:
        """The domain that it is, or whose device it is; empty for any other object."""
        if self.kind in DEVICES:
            return self.name.partition("/")[0]
        return self.name if self.kind == "domain" else ""

    def at(self, host: str) -> "Ref":
        """The same object, seen at `host`."""
        return self._replace(host=host)

    @classmethod
    def parse(cls, text: str) -> "Ref":
        """Read `kind/name[@host]`. Raises: ValueError where the form is another."""
        kind, slash, rest = text.partition("/")
        name, _, host = rest.partition("@")
        if not (kind and slash and name):
            raise ValueError(f"{text!r} is not of the form kind/name or kind/name@host")
        return cls(kind.lower(), name, host)
