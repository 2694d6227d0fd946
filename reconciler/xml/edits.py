"""The escape hatch: changes of a domain's XML that no field makes, in virt-install's words.

Paths are checked at load (load/checks/xml.py): relative, of names and plain predicates, without functions and axes.
"""

import re
from collections.abc import Mapping, Sequence

from lxml import etree

from reconciler.desired.documents import XmlEdit
from reconciler.xml.tree import Element, XmlError, insert, remove, set_text, text_of

NAMESPACES = {"qemu": "http://libvirt.org/schemas/domain/qemu/1.0"}
"""Prefixes that a path may use."""

PRESENT, ABSENT = "present", "absent"
"""What is read of the paths of `create` and `delete`."""

_STEP = re.compile(r"/((?:[^/\[]|\[[^\]]*\])+)")
_NEW = re.compile(r"([A-Za-z0-9_.:-]+)((?:\[@[A-Za-z0-9_.:-]+=(?:'[^']*'|\"[^\"]*\")\])*)")
_ATTRIBUTE = re.compile(r"\[@([A-Za-z0-9_.:-]+)=['\"]([^'\"]*)['\"]\]")


class EditError(XmlError):
    """An edit that cannot be made of this definition, or that is undone by something else."""


def label(edit: XmlEdit) -> str:
    """How an edit is named among the fields: `set ./memoryBacking/locked`."""
    word, path = _said(edit)
    return f"{word} {path}"


def _said(edit: XmlEdit) -> tuple[str, str]:
    return next((word, path) for word in ("set", "create", "delete") if (path := getattr(edit, word)) is not None)


def wanted_edits(edits: Sequence[XmlEdit]) -> Mapping[str, str]:
    """What read_edits() says once all are made."""
    made = {"create": PRESENT, "delete": ABSENT}
    return {label(edit): made.get(_said(edit)[0], edit.to or "") for edit in edits}


def read_edits(root: Element, edits: Sequence[XmlEdit]) -> Mapping[str, str]:
    """What the XML says at each path; nothing for a value that is not there."""
    values = {label(edit): _value(root, edit) for edit in edits}
    return {name: value for name, value in values.items() if value is not None}


def _value(root: Element, edit: XmlEdit) -> str | None:
    """Of several that a path of `set` means, the first whose value is another."""
    word, path = _said(edit)
    if word != "set":
        return PRESENT if _find(root, path) else ABSENT
    owner, attribute = _split(path)
    values = [found.get(attribute) if attribute else text_of(found) for found in _elements(root, owner)]
    return next((value for value in values if value != edit.to), values[0] if values else None)


def _split(path: str) -> tuple[str, str]:
    """The path of an element, and the attribute of it that is meant."""
    owner, at, attribute = path.rpartition("/@")
    return (owner, attribute) if at and "]" not in attribute else (path, "")


def _find(root: Element, path: str) -> list[Element]:
    """The elements that a path means, or whose attribute it means."""
    owner, attribute = _split(path)
    return [found for found in _elements(root, owner) if not attribute or attribute in found.attrib]


def _elements(root: Element, path: str) -> list[Element]:
    found = root.xpath(path, namespaces=NAMESPACES)
    return [node for node in found if isinstance(node.tag, str)] if isinstance(found, list) else []


def make_edits(root: Element, edits: Sequence[XmlEdit]) -> None:
    """Make all that are not made already, in their order. Raises: EditError."""
    for index, edit in enumerate(edits):
        word, path = _said(edit)
        where = f'spec.xml[{index}].{word} "{path}"'
        if read_edits(root, (edit,)) == wanted_edits((edit,)):
            continue
        if word == "set":
            _set(root, path, edit.to or "", where)
        elif word == "delete":
            _delete(root, path)
        else:
            _create(root, path, where)
    undone = [name for name, value in wanted_edits(edits).items() if read_edits(root, edits).get(name) != value]
    if undone:
        raise EditError(f'spec.xml: "{undone[0]}" is undone by another entry; leave one of them out')


def _set(root: Element, path: str, value: str, where: str) -> None:
    owner, attribute = _split(path)
    found = _elements(root, owner)
    if not found:
        way_out = "correct the path, or create the element in an entry before it"
        raise EditError(f"{where} matches nothing in the definition; {way_out}")
    for node in found:
        if attribute:
            node.set(attribute, value)
        else:
            set_text(node, value)


def _delete(root: Element, path: str) -> None:
    attribute = _split(path)[1]
    for node in _find(root, path):
        if attribute:
            del node.attrib[attribute]
        elif node.getparent() is not None:
            remove(node)


def _create(root: Element, path: str, where: str) -> None:
    """What is there of the way is used, the rest is made: names, with the attributes that predicates ask for."""
    steps, there = _STEP.findall(path), "."
    owner = root
    while steps and (found := _elements(root, f"{there}/{steps[0]}")):
        owner, there = found[0], f"{there}/{steps.pop(0)}"
    for step in steps:
        match = _NEW.fullmatch(step)
        if match is None:
            raise EditError(f'{where} cannot be made: "{step}" says more than a name and attributes; correct the path')
        owner = insert(owner, _made(match[1], dict(_ATTRIBUTE.findall(match[2]))))


def _made(name: str, attributes: Mapping[str, str]) -> Element:
    prefix, colon, local = name.rpartition(":")
    tag = f"{{{NAMESPACES[prefix]}}}{local}" if colon else name
    made = etree.Element(tag, nsmap=NAMESPACES if colon else None)
    for key, value in attributes.items():
        made.set(key, value)
    return made
