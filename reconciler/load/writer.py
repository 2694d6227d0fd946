"""Documents as YAML text: whatever a value says, it is read back as that value, and nothing else."""

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from textwrap import wrap
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from reconciler.load.scalars import resolve
from reconciler.load.words import escaped

WIDTH = 112
_PLAIN = re.compile(r"[A-Za-z0-9/][A-Za-z0-9._/@+-]*")
"""What nobody takes for anything but itself; all else is quoted."""


def stream(documents: Iterable[tuple[Sequence[str], Mapping[str, Any]]], comments: Sequence[str] = ()) -> str:
    """A YAML stream: each document below the comments about it. ASCII alone; `comments` end it."""
    parts = ["---\n" + _comments(said) + dumped(document) for said, document in documents]
    tail = _comments(comments)
    return "".join(parts) + (f"\n{tail}" if parts and tail else tail)


def dumped(document: Mapping[str, Any]) -> str:
    """One document, its keys in the order given."""
    yaml = YAML()
    yaml.allow_unicode = False
    yaml.width = 10_000  # a long value stays on its line: folding would hide where it ends
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    yaml.dump(_node(document), text)
    return text.getvalue()


def _node(value: Any) -> Any:
    if isinstance(value, Mapping):
        return CommentedMap((_node(str(key)), _node(inner)) for key, inner in value.items())
    if isinstance(value, str):
        is_plain = _PLAIN.fullmatch(value) and resolve(value) == value
        return str(value) if is_plain else DoubleQuotedScalarString(value)
    if isinstance(value, Sequence):
        sequence = CommentedSeq(_node(inner) for inner in value)
        if not any(isinstance(inner, Mapping) for inner in value):
            sequence.fa.set_flow_style()
        return sequence
    return value


def _comments(lines: Sequence[str]) -> str:
    """Text from outside ends no comment: it stays on lines that begin with `#`."""
    told = [line for text in lines for line in wrap(escaped(text), WIDTH, break_long_words=False) or [""]]
    return "".join(f"# {line}\n" for line in told)
