"""What a line of the table is: one field of a document, and where it stands in libvirt's XML."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from reconciler.live import Way
from reconciler.xml.tree import Element, child, reach, set_text, text_of

Fields = Mapping[str, Any]
"""Values by the models' attribute names; disks and interfaces are mappings by name, parts (a clock) by field."""


def _never(seen: Any, said: Any) -> bool:
    return False


def always(seen: Any, said: Any) -> bool:
    """Of a field that is never changed."""
    return True


def _can(there: Fields, said: Any) -> bool:
    return True


@dataclass(frozen=True)
class Live:
    """How a field changes while the domain runs. `can`: whether what the owner has now can get that value so."""

    way: Way
    can: Callable[[Fields, Any], bool] = _can


@dataclass(frozen=True)
class Field:
    """One field. `path` leads from its owner's element to an element (its text) or, after `/@`, an attribute."""

    name: str
    path: str
    kind: "Kind"
    absent: Any = None
    """What it means where the XML does not say it; None: nothing is known then."""
    once: bool = False
    """Acts when the device is made; never compared with, nor written into, one that is there."""
    fixed: Callable[[Any, Any], bool] = _never
    """Whether what has the first value can never get the second: that is said, and not written."""
    live: Live | None = None
    """How it changes while the domain runs; None: when it is started again."""

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """The way from the owner's element to the field's."""
        return tuple(tag for tag in self.path.split("/") if tag and not tag.startswith("@"))

    @cached_property
    def attribute(self) -> str:
        """Its name; empty where the element's text is meant."""
        return self.path.partition("@")[2]

    def find(self, owner: Element) -> Element | None:
        """The field's element."""
        found: Element | None = owner
        for tag in self.tags:
            found = child(found, tag) if found is not None else None
        return found

    def reach(self, owner: Element) -> Element:
        """The field's element, made where it is missing."""
        return reach(owner, *self.tags)


def _as_said(seen: Any, said: Any) -> Any:
    return said


@dataclass(frozen=True)
class Kind:
    """How a field's value stands in the XML."""

    read: Callable[[Element, Field], Any]
    """The value that the field's element has; None where it has none."""
    write: Callable[[Element, Field, Any], None]
    normal: Callable[[Any], Any] = lambda value: value
    """A document's value as read() would give it back; None: it says nothing about the XML."""
    settle: Callable[[Any, Any], Any] = _as_said
    """Beside what is there, what the document says, in the same words: q35 where pc-q35-7.2 is seen is just that."""
    table: tuple[Field, ...] = ()
    """Of a part: its own lines."""


def read_text(found: Element, field: Field) -> str | None:
    """The attribute or the element's text."""
    return found.get(field.attribute) if field.attribute else text_of(found)


def write_text(owner: Element, field: Field, value: Any) -> None:
    """Set the attribute or the element's text."""
    element = field.reach(owner)
    if field.attribute:
        element.set(field.attribute, str(value))
    else:
        set_text(element, str(value))


TEXT = Kind(read_text, write_text)


def part(*table: Field) -> Kind:
    """A field that has fields of its own: a mapping, in the XML an element at the field's path."""
    return Kind(_read_part, _write_part, table=table)


def _read_part(found: Element, field: Field) -> Fields:
    return read_fields(found, field.kind.table)


def _write_part(owner: Element, field: Field, value: Fields) -> None:
    write_fields(field.reach(owner), field.kind.table, value)


class _Ways:
    """Elements by their way from an owner: each level is looked through once, however many fields lie there."""

    def __init__(self, owner: Element) -> None:
        self._found: dict[tuple[str, ...], Element | None] = {(): owner}
        self._below: dict[tuple[str, ...], Mapping[Any, Element]] = {}

    def find(self, tags: tuple[str, ...]) -> Element | None:
        """The first element at the end of the way."""
        if tags in self._found:
            return self._found[tags]
        above = tags[:-1]
        if above not in self._below:
            owner = self.find(above)
            self._below[above] = {inner.tag: inner for inner in reversed(owner)} if owner is not None else {}
        found = self._found[tags] = self._below[above].get(tags[-1])
        return found


def read_fields(owner: Element, table: tuple[Field, ...]) -> dict[str, Any]:
    """What the XML says; a field of which it says nothing is left out."""
    seen, ways = {}, _Ways(owner)
    for field in table:
        found = ways.find(field.tags)
        value = field.kind.read(found, field) if found is not None else None
        if value is None:
            value = field.absent
        if value is not None:
            seen[field.name] = value
    return seen


def write_fields(owner: Element, table: tuple[Field, ...], fields: Fields, *, new: bool = False) -> None:
    """Write what differs of `fields`; an element that says it already is left as it stands."""
    for field in table:
        value = field.kind.normal(fields[field.name]) if fields.get(field.name) is not None else None
        if value is None or (field.once and not new):
            continue
        found = field.find(owner)
        seen = field.kind.read(found, field) if found is not None else None
        seen = field.absent if seen is None else seen
        value = value if seen is None else field.kind.settle(seen, value)
        if not has(seen, value):
            field.kind.write(owner, field, value)


def has(seen: Any, value: Any) -> bool:
    """Whether `seen` is `value`; of a mapping, whether it holds all of it."""
    if isinstance(value, Mapping) and isinstance(seen, Mapping):
        return all(has(seen.get(key), inner) for key, inner in value.items())
    return bool(seen == value)
