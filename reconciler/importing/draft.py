"""A document that could be written, and what there is to say about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.desired import Ref
from reconciler.desired.documents import Document, Domain, Network, Pool
from reconciler.desired.rules import name as checked_name

MODELS: Mapping[str, type[Document]] = {"pool": Pool, "network": Network, "domain": Domain}


@dataclass(frozen=True)
class Draft:
    """The document of `ref`, which is at `hosts`. `foreign`: it carries no mark of ours; `comments` stand above it."""

    ref: Ref
    hosts: tuple[str, ...]
    spec: Mapping[str, Any]
    foreign: bool = True
    comments: tuple[str, ...] = field(default=())

    def document(self, *, adopt: bool) -> dict[str, Any]:
        """As plain data; with `adopt`, what is foreign says that it is taken over."""
        metadata: dict[str, Any] = {"name": self.ref.name}
        if adopt and self.foreign:
            metadata["annotations"] = {"reconciler/adopt": "true"}
        kind = MODELS[self.ref.kind].__name__
        return {"apiVersion": "reconciler/v1", "kind": kind, "metadata": metadata, "spec": dict(self.spec)}

    def saying(self, *comments: str) -> "Draft":
        return replace(self, comments=(*self.comments, *comments))

    def without(self, path: tuple[str | int, ...]) -> "Draft | None":
        """Without the field or the device that `path` of the document lies in; None where no document is left."""
        if len(path) < 2 or path[0] != "spec" or path[1] not in self.spec:
            return None
        part, inner = str(path[1]), self.spec[str(path[1])]
        if len(path) > 2 and isinstance(path[2], int) and isinstance(inner, list):
            rest = [one for number, one in enumerate(inner) if number != path[2]]
        else:
            rest = []
        spec = {key: rest if key == part else value for key, value in self.spec.items()}
        return replace(self, spec={key: value for key, value in spec.items() if key != part or rest})


@dataclass(frozen=True, order=True, slots=True)
class LeftOut:
    """Something that is there and gets no document, and why."""

    ref: Ref
    reason: str
    hosts: tuple[str, ...] = ()


def illegal(name: str) -> str:
    """Why `name` is none that a document may bear; empty where it is one."""
    try:
        checked_name(name)
    except ValueError:
        return "a document's name has letters, digits, '.', '_' and '-' alone, at most 63 of them; give it such a name"
    return ""
