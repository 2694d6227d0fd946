"""What a line of the table is: one field of a document, and where it stands in libvirt's XML."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from reconciler.xml.tree import Element, child, reach, set_text, text_of

Fields = Mapping[str, Any]
"""Values by the models' attribute names; disks and interfaces are mappings by name."""


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

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """The way from the owner's element to the field's."""
        return tuple(tag for tag in self.path.split("/") if not tag.startswith("@"))

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


@dataclass(frozen=True)
class Kind:
    """How a field's value stands in the XML."""

    read: Callable[[Element, Field], Any]
    """The value below its owner's element; None where there is none."""
    write: Callable[[Element, Field, Any], None]
    normal: Callable[[Any], Any] = lambda value: value
    """A document's value as read() would give it back; None: it says nothing about the XML."""


def read_text(owner: Element, field: Field) -> str | None:
    """The attribute or the element's text."""
    found = field.find(owner)
    if found is None:
        return None
    return found.get(field.attribute) if field.attribute else text_of(found)


def write_text(owner: Element, field: Field, value: Any) -> None:
    """Set the attribute or the element's text."""
    element = field.reach(owner)
    if field.attribute:
        element.set(field.attribute, str(value))
    else:
        set_text(element, str(value))


TEXT = Kind(read_text, write_text)


def read_fields(owner: Element, table: tuple[Field, ...]) -> dict[str, Any]:
    """What the XML says; a field of which it says nothing is left out."""
    found = {}
    for field in table:
        value = field.kind.read(owner, field)
        if value is None:
            value = field.absent
        if value is not None:
            found[field.name] = value
    return found


def write_fields(owner: Element, table: tuple[Field, ...], fields: Fields, *, new: bool = False) -> None:
    """Write what differs of `fields`; an element that says it already is left as it stands."""
    there = read_fields(owner, table)
    for field in table:
        value = field.kind.normal(fields[field.name]) if fields.get(field.name) is not None else None
        settled = value is None or there.get(field.name) == value or (field.once and not new)
        if not settled:
            field.kind.write(owner, field, value)
