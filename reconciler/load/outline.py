"""What sort of YAML a text is that others will read: its outline alone, for our documents' rules are not theirs."""

from enum import StrEnum

from _ruamel_yaml import (  # type: ignore[import-not-found]
    CParser,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
    StreamEndEvent,
)
from ruamel.yaml.error import YAMLError


class Outline(StrEnum):
    """What all documents of a text come to."""

    MAPPING = "mapping"
    EMPTY = "empty"
    OTHER = "other"


class NotYaml(Exception):
    """`line`: where it stops to be YAML, from 1."""

    def __init__(self, line: int) -> None:
        self.line = line


def outline(text: str) -> Outline:
    """Whether it is one mapping. Raises: NotYaml."""
    found = []
    try:
        parser = CParser(text.encode())
        while not isinstance(event := parser.get_event(), StreamEndEvent):
            if isinstance(event, DocumentStartEvent):
                found.append(_of(parser.get_event()))
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        last = text.rstrip().count("\n")
        raise NotYaml(min(mark.line, last) + 1 if mark else 1) from None
    except (AssertionError, ValueError):
        raise NotYaml(1) from None
    return found[0] if len(found) == 1 else Outline.OTHER if found else Outline.EMPTY


def _of(event: object) -> Outline:
    if isinstance(event, MappingStartEvent):
        return Outline.MAPPING
    is_empty = isinstance(event, ScalarEvent) and not event.value
    return Outline.EMPTY if is_empty else Outline.OTHER
