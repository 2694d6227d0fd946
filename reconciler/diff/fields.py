"""Which fields differ. The only user of deepdiff, which is slow, so only on what `==` says is different."""

from collections.abc import Mapping
from typing import Any

from reconciler.change import Field


def differing(seen: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> tuple[Field, ...]:
    """Fields of `wanted` that `seen` has otherwise or not at all; what `wanted` does not name is not compared (law 10).

    Both are nested mappings with lists keyed by name. Order: by path.
    """
    narrowed = _narrowed(seen or {}, wanted)
    if narrowed == wanted:
        return ()
    from deepdiff import DeepDiff

    delta = DeepDiff(narrowed, wanted, threshold_to_diff_deeper=0, view="tree")
    fields = [_field(item) for items in delta.values() for item in items]
    return tuple(sorted((f for field in fields for f in _leaves(field)), key=lambda f: f.path))


def _narrowed(seen: Any, wanted: Any) -> Any:
    """`seen` with only the keys that `wanted` has, at every depth."""
    if not isinstance(wanted, Mapping) or not isinstance(seen, Mapping):
        return seen
    return {key: _narrowed(seen[key], value) for key, value in wanted.items() if key in seen}


def _field(item: Any) -> Field:
    path = tuple(str(key) for key in item.path(output_format="list"))
    present = type(item.t1).__name__ != "NotPresent"
    return Field(path, item.t1 if present else None, item.t2)


def _leaves(field: Field) -> list[Field]:
    """A new disk or interface is one field for each thing it says; one that goes is a field itself."""
    if field.new is None and isinstance(field.old, Mapping):
        return [Field(field.path, "there", None)]
    if not isinstance(field.new, Mapping) or not field.new:
        return [field]
    return [leaf for key, new in field.new.items() for leaf in _leaves(Field((*field.path, str(key)), None, new))]
