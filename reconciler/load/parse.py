"""One file's bytes to plain documents, by ruamel's C parser alone (the pure one gives other verdicts).

Works on events, so depth and size are checked before anything is expanded, and nothing recurses on what a file says.
Positions are kept only when asked for: a second parse of the few files with problems is cheaper than keeping all.
"""

import re
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from typing import Any

from _ruamel_yaml import (  # type: ignore[import-not-found]
    AliasEvent,
    CParser,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)
from ruamel.yaml.error import YAMLError

from reconciler.load.scalars import Odd, resolve
from reconciler.load.words import Hint, Path, at, cut, quoted

DEEPEST = 64
MOST_NODES = 100_000
LONGEST_SCALAR = 1024**2
CORE_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")}

BAD_CHARACTER = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)
"""Controls, and what reorders or hides text: reviewers would not see what they approve."""
CLEAN_BYTES = bytes((9, 10, 13, *range(32, 127)))
"""A file of these alone needs no second look."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A problem in one file; `first` is the other place of a duplicate, `hint` says more where a name is unknown."""

    line: int
    column: int
    message: str
    first: tuple[int, int] | None = None
    hint: Hint | None = None


class Unreadable(Exception):
    """The rest of the file cannot be read; carries the last fault."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(fault.message)


@dataclass(slots=True)
class Spot:
    """Where a node stands: line and column from 1, offsets in characters, and the spots below it."""

    line: int
    column: int
    start: int
    end: int
    text: str | None = None
    flow: bool = False
    shared: bool = False
    keys: dict[str, "Spot"] = field(default_factory=dict)
    children: dict[str | int, "Spot"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tree:
    """One YAML document: its plain value, where it begins, and (when asked for) every node's spot."""

    value: Any
    line: int
    column: int
    spot: Spot | None = None


class Stream:
    """A file's bytes, as the documents that they hold (empty ones left out).

    Iterate once; then `faults` are what is wrong with it as YAML, `nodes` how much it is, and `is_cut` says whether it
    could not be read to its end. `spots`: the documents, counted from 0, whose positions are kept.
    """

    def __init__(self, data: bytes, spots: Container[int] = ()) -> None:
        self._data = data
        self._spots = spots
        self.faults: tuple[Fault, ...] = ()
        self.nodes = 0
        self.is_cut = False

    def __iter__(self) -> Iterator[Tree]:
        self.faults = _text_faults(self._data)
        if self.faults:
            self.is_cut = True
            return
        reader = _Reader(self._data, self._spots)
        try:
            yield from reader.documents()
        except Unreadable as stop:
            self.is_cut = True
            reader.faults.append(stop.fault)
        self.faults = tuple(reader.faults)
        self.nodes = reader.nodes


def _text_faults(data: bytes) -> tuple[Fault, ...]:
    """What keeps the bytes from being clean UTF-8 text."""
    if not data.translate(None, CLEAN_BYTES):
        return ()
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or data[:4] in (b"\x00\x00\xfe\xff",):
        return (Fault(1, 1, "is UTF-16 or UTF-32; documents are UTF-8"),)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        message = f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
        return (Fault(*_line_and_column(before), message),)
    text = text.removeprefix("\ufeff")
    return tuple(
        Fault(*_line_and_column(text[: match.start()]), f"the character {cut(match[0])} is not allowed in documents")
        for match, _ in zip(BAD_CHARACTER.finditer(text), range(10), strict=False)
    )


def _line_and_column(before: str) -> tuple[int, int]:
    """The place that follows the text `before`."""
    before = before.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    return before.count("\n") + 1, len(before) - before.rfind("\n")


class _Reader:
    """Builds plain values from the C parser's events."""

    def __init__(self, data: bytes, wanted: Container[int]) -> None:
        self._next: Callable[[], Any] = CParser(data).get_event
        self._wanted = wanted
        self._spots = False
        self._index = 0
        self._data = data
        self.nodes = 0
        self._path: list[str | int] = []
        self._anchors: dict[str, tuple[Any, int, Spot | None] | None] = {}
        self._anchor_marks: dict[str, Any] = {}
        self._spot: Spot | None = None
        self.faults: list[Fault] = []

    def documents(self) -> Iterator[Tree]:
        """Every document that is not empty. Raises: Unreadable."""
        try:
            while (event := self._next()).__class__ is not StreamEndEvent:
                if event.__class__ is DocumentStartEvent:
                    self._directives(event)
                    yield from self._document(self._next())
        except YAMLError as error:
            raise Unreadable(self._parser_fault(error)) from None
        except (AssertionError, ValueError, UnicodeError) as error:
            raise Unreadable(Fault(1, 1, f"cannot be read as YAML: {cut(str(error))}")) from None

    def _document(self, first: Any) -> Iterator[Tree]:
        self._anchors.clear()
        self._anchor_marks.clear()
        self._spots = self._index in self._wanted
        value = self._node(first, 1)
        if value is not None:
            self._index += 1
            yield Tree(
                value, first.start_mark.line + 1, first.start_mark.column + 1, self._spot if self._spots else None
            )

    def _parser_fault(self, error: YAMLError) -> Fault:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        said = getattr(error, "problem", None) or str(error)
        problem = _PARSER_WORDS.get(said, f"cannot be read as YAML: {cut(said)}")
        if mark is None:
            return Fault(1, 1, problem)
        last = self._data.decode().rstrip("\r\n")
        end = _line_and_column(last)
        return Fault(*min((mark.line + 1, mark.column + 1), max(end, (1, 1))), problem)

    def _directives(self, event: Any) -> None:
        if event.tags:
            self._fault(event, "the directive %TAG is not allowed; write no tags")
        if event.version not in (None, (1, 2)):
            self._fault(event, "the directive %YAML is only allowed for version 1.2; remove it")

    def _fault(self, event: Any, message: str, first: Any = None, path: Path | None = None) -> None:
        mark = event.start_mark
        where = tuple(self._path) if path is None else path
        other = (first.start_mark.line + 1, first.start_mark.column + 1) if first is not None else None
        self.faults.append(Fault(mark.line + 1, mark.column + 1, at(where, message), other))

    def _stop(self, event: Any, message: str) -> Unreadable:
        mark = event.start_mark
        return Unreadable(Fault(mark.line + 1, mark.column + 1, at(tuple(self._path), message)))

    def _node(self, event: Any, depth: int) -> Any:
        """The value of the node that begins with `event`."""
        kind = event.__class__
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise self._stop(event, f"the file has more than {MOST_NODES} values, aliases counted as if written out")
        if kind is ScalarEvent:
            if event.anchor is None and event.ctag is None:
                return self._scalar(event)
            return self._anchored(event, depth, self._scalar)
        if kind is AliasEvent:
            return self._alias(event)
        if depth > DEEPEST:
            raise self._stop(event, f"is nested deeper than {DEEPEST} levels")
        if event.anchor is None and event.ctag is None:
            return self._container(event, depth)
        return self._anchored(event, depth, lambda begin: self._container(begin, depth))

    def _container(self, event: Any, depth: int) -> Any:
        return self._mapping(event, depth) if event.__class__ is MappingStartEvent else self._sequence(event, depth)

    def _anchored(self, event: Any, depth: int, build: Any) -> Any:
        """A node with an anchor or a tag."""
        if event.ctag is not None and event.tag not in CORE_TAGS:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._fault(event, f"the tag {quoted(tag)} is not allowed; documents are plain YAML")
        name = event.anchor
        if name is None:
            return build(event)
        if name in self._anchors:
            self._fault(event, f"the anchor &{cut(name)} is defined twice", self._anchor_marks[name])
        self._anchors[name] = None
        self._anchor_marks[name] = event
        before = self.nodes
        value = build(event)
        self._anchors[name] = (value, self.nodes - before + 1, self._spot)
        return value

    def _alias(self, event: Any) -> Any:
        name = event.anchor
        if name not in self._anchors:
            raise self._stop(event, f"the alias *{cut(name)} has no anchor")
        known = self._anchors[name]
        if known is None:
            raise self._stop(event, f"the alias *{cut(name)} contains itself")
        value, nodes, spot = known
        self.nodes += nodes - 1
        if self.nodes > MOST_NODES:
            raise self._stop(event, f"the file has more than {MOST_NODES} values, aliases counted as if written out")
        if self._spots and spot is not None:
            mark = event.start_mark
            self._spot = Spot(mark.line + 1, mark.column + 1, mark.index, event.end_mark.index, spot.text, shared=True)
            self._spot.keys, self._spot.children = spot.keys, spot.children
        return value

    def _scalar(self, event: Any) -> Any:
        text = event.value
        if len(text) > LONGEST_SCALAR:
            raise self._stop(event, "is longer than 1 MiB")
        style = event.style
        if style == '"' and not text.isprintable() and (bad := BAD_CHARACTER.search(text) or "\r" in text):
            shown = "\\x0d" if bad is True else cut(bad[0])
            self._fault(event, f"the character {shown} is not allowed in documents")
        if self._spots:
            mark = event.start_mark
            self._spot = Spot(
                mark.line + 1, mark.column + 1, mark.index, event.end_mark.index, text, shared=event.anchor is not None
            )
        if event.ctag is not None:
            return _tagged(event.tag, text)
        return text if style else resolve(text)

    def _sequence(self, start: Any, depth: int) -> list[Any]:
        values: list[Any] = []
        spot = self._begin(start)
        self._path.append(0)
        while (event := self._next()).__class__ is not SequenceEndEvent:
            self._path[-1] = len(values)
            values.append(self._node(event, depth + 1))
            if spot and self._spot:
                spot.children[len(values) - 1] = self._spot
        self._path.pop()
        self._end(spot, event)
        return values

    def _mapping(self, start: Any, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        marks: dict[str, Any] = {}
        merged: list[tuple[Any, Spot | None]] = []
        spot = self._begin(start)
        self._path.append("")
        while (event := self._next()).__class__ is not MappingEndEvent:
            key, key_spot = self._key(event, depth)
            self._path[-1] = key
            if key in marks:
                self._fault(event, "is written twice", marks[key])
            marks[key] = event
            value_event = self._next()
            value = self._node(value_event, depth + 1)
            if key == "<<" and event.style == "":
                merged.extend(self._merged(value_event, value))
                continue
            values[key] = value
            if spot and self._spot and key_spot:
                spot.keys[key], spot.children[key] = key_spot, self._spot
        self._path.pop()
        _merge(values, merged, spot)
        self._end(spot, event)
        return values

    def _key(self, event: Any, depth: int) -> tuple[str, Spot | None]:
        """A mapping's key, which must be text."""
        value = self._node(event, depth + 1)
        if value.__class__ is str:
            return value, self._spot
        if event.__class__ is ScalarEvent:
            self._fault(event, f"the key {quoted(event.value)} is not text; quote it", path=tuple(self._path[:-1]))
            return str(event.value), self._spot
        self._fault(event, "a key must be text, not a list or mapping", path=tuple(self._path[:-1]))
        return "", self._spot

    def _merged(self, event: Any, value: Any) -> list[tuple[Any, Spot | None]]:
        """The mappings that `<<` names."""
        spot = self._spot
        if isinstance(value, dict):
            return [(value, spot)]
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            return [(item, spot.children.get(index) if spot else None) for index, item in enumerate(value)]
        self._fault(event, "merges something that is not a mapping")
        return []

    def _begin(self, start: Any) -> Spot | None:
        if not self._spots:
            return None
        mark = start.start_mark
        return Spot(mark.line + 1, mark.column + 1, mark.index, start.end_mark.index, flow=bool(start.flow_style))

    def _end(self, spot: Spot | None, event: Any) -> None:
        if spot:
            spot.end = event.end_mark.index
        self._spot = spot


def _merge(values: dict[str, Any], merged: list[tuple[Any, Spot | None]], spot: Spot | None) -> None:
    """Add what `<<` brings: what the mapping itself says wins, then the earlier source."""
    for source, origin in merged:
        for key in source:
            if key in values:
                continue
            values[key] = source[key]
            if spot and origin and key in origin.children:
                spot.keys[key], spot.children[key] = origin.keys[key], origin.children[key]


def _tagged(tag: str, text: str) -> Any:
    """A scalar with one of the core's tags: the tag decides, and must fit."""
    if tag.endswith(":str"):
        return text
    value = resolve(text)
    kinds: dict[str, tuple[type, ...]] = {"int": (int,), "float": (float, int), "bool": (bool,), "null": (type(None),)}
    wanted = kinds.get(tag.rpartition(":")[2])
    if wanted is None or type(value) in wanted:
        return value
    return Odd(text, f"something else than !!{tag.rpartition(':')[2]}")


_PARSER_WORDS = {
    "found character that cannot start any token": "cannot be read as YAML: this character cannot begin a value; "
    "indent with spaces, not tabs, and quote text that begins with a special character",
    "mapping values are not allowed in this context": "cannot be read as YAML: a key cannot stand here; "
    "check the indentation, or quote text that holds a colon",
    "found unexpected ':'": "cannot be read as YAML: in brackets or braces, quote text that holds a colon",
    "found unexpected end of stream": "cannot be read as YAML: a quote is not closed",
    "found incompatible YAML document": "the directive %YAML is only allowed for version 1.2; remove it",
    "found invalid Unicode character escape code": "cannot be read as YAML: an escaped character that is none",
}
