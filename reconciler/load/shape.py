"""One document's plain value to its model, and pydantic's errors in our words."""

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from reconciler.desired.documents import KINDS, Document
from reconciler.desired.model import Later
from reconciler.desired.rules import Secret, Unknown
from reconciler.load.scalars import Odd, resolve
from reconciler.load.words import Hint, Path

MOST_ERRORS = 1000
"""Of one document: nobody reads more, and a hostile one could make a hundred thousand."""
SECRET = frozenset(("cloudInit", "password"))
"""Fields below these may hold passwords: their values are never shown."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong at `path` of one document.

    `of_key` points at the field's name instead of its value; `quote` puts the value, as written, before the message.
    """

    path: Path
    message: str
    of_key: bool = False
    quote: bool = False
    hint: Hint | None = None


def shape(value: Any) -> tuple[Document | None, tuple[Complaint, ...]]:
    """The model of one document, or what keeps it from being one."""
    if not isinstance(value, dict):
        return None, (Complaint((), "is no document; a document begins with apiVersion, kind, metadata and spec"),)
    model, complaints = _kind(value)
    if model is None:
        return None, complaints
    try:
        document = model.model_validate(value, by_alias=True, by_name=False)
    except ValidationError as error:
        details = error.errors(include_url=False)[:MOST_ERRORS]
        return None, tuple(dict.fromkeys(_complaint(model, detail) for detail in details))
    return document, tuple(_later(document, ()))


def _kind(value: dict[str, Any]) -> tuple[type[Document] | None, tuple[Complaint, ...]]:
    kind = value.get("kind")
    if "kind" not in value:
        return None, (Complaint((), f"kind: is missing; write one of {', '.join(KINDS)}"),)
    if not isinstance(kind, str):
        return None, (Complaint(("kind",), f"is no kind; write one of {', '.join(KINDS)}"),)
    if kind not in KINDS:
        hint = Hint(kind, tuple(KINDS))
        return None, (Complaint(("kind",), "is no kind that we know", quote=True, hint=hint),)
    return KINDS[kind], ()


# --- pydantic's errors -----------------------------------------------------


def _complaint(model: type[BaseModel], detail: ErrorDetails) -> Complaint:
    kind, given, context = detail["type"], detail["input"], detail.get("ctx", {})
    is_unknown = kind == "extra_forbidden"
    path, known = _walk(model, detail["loc"], ends_in_key=is_unknown)
    of_key = detail["loc"][-1] == "[key]"
    is_secret = not SECRET.isdisjoint(path)
    if is_unknown:
        return Complaint(path, "unknown field", of_key=True, hint=Hint(str(path[-1]), known))
    if kind == "missing":
        return Complaint(path, "is missing")
    if kind == "value_error":
        error = context["error"]
        hint = Hint(error.name, error.known) if isinstance(error, Unknown) else None
        return Complaint(path, str(error), of_key, not (isinstance(error, Secret) or is_secret), hint)
    if given is None:
        return Complaint(path, "is empty; write a value, or remove the line")
    if isinstance(given, (dict, list)):
        return Complaint(path, f"is a {'mapping' if isinstance(given, dict) else 'list'}; write {_wanted(kind)}")
    if kind in ("literal_error", "enum"):
        text = given.text if isinstance(given, Odd) else str(given)
        if not isinstance(given, str) and f"'{text}'" in context["expected"]:
            return Complaint(path, _wrong_value("string_type", given, context), of_key, not is_secret)
        message, hint = _not_one_of(text, context["expected"])
        return Complaint(path, message, of_key, not is_secret, hint)
    return Complaint(path, _wrong_value(kind, given, context), of_key, not is_secret)


def _walk(
    model: type[BaseModel], location: tuple[int | str, ...], *, ends_in_key: bool
) -> tuple[Path, tuple[str, ...]]:
    """pydantic's location without what only pydantic knows, and the field names known where it ends.

    `ends_in_key`: its end is what somebody wrote, however much it looks like a word of pydantic's.
    """
    path: list[str | int] = []
    at: type[BaseModel] | None = model
    known: tuple[str, ...] = ()
    for number, part in enumerate(location, 1):
        is_tag = isinstance(part, str) and part.startswith("(")
        if (is_tag or part == "[key]") and not (ends_in_key and number == len(location)):
            continue
        path.append(part)
        known = _aliases(at) if at else known
        if isinstance(part, str) and at is not None:
            at = _below(at, part)
    return tuple(path), known


@cache
def _aliases(model: type[BaseModel]) -> tuple[str, ...]:
    return tuple(info.alias or name for name, info in model.model_fields.items())


def _below(model: type[BaseModel], alias: str) -> type[BaseModel] | None:
    """The model that the field `alias` holds, or a list of."""
    for key, found in model.model_fields.items():
        if (found.alias or key) == alias:
            return _model_in(found.annotation)
    return None


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return None
    for inner in typing.get_args(annotation):
        if found := _model_in(inner):
            return found
    return None


def _wrong_value(kind: str, given: Any, context: Mapping[str, Any]) -> str:
    """What is said of a scalar that does not fit."""
    if kind == "string_type":
        return f"is read as {_looks_like(given)}, not as text; quote it"
    if kind in _BOUNDS:
        return f"is out of range; it must be {_BOUNDS[kind].format(**context)}"
    if isinstance(given, str) and kind in _UNQUOTED and not isinstance(resolve(given), str | None):
        return f"is a text, not {_wanted(kind)}; leave the quotes out"
    return f"is not {_wanted(kind)}" + ("; write true or false" if kind == "bool_type" else "")


def _looks_like(given: Any) -> str:
    if isinstance(given, Odd):
        return given.looks_like
    return "true or false" if isinstance(given, bool) else "a number"


def _not_one_of(given: str, expected: str) -> tuple[str, Hint | None]:
    names = tuple(name.strip("'") for name in expected.replace(" or ", ", ").split(", "))
    if len(names) == 1:
        return f'is not known here; write "{names[0]}"', None
    return f"is not one of {', '.join(names)}", Hint(given, names, are_listed=True)


def _wanted(kind: str) -> str:
    return _WANTED.get(kind, "what belongs here")


_WANTED = {
    "string_type": "a text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a smaller number",
    "float_type": "a number",
    "float_parsing": "a number",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "tuple_type": "a list",
    "literal_error": "a text",
    "enum": "a text",
}
_UNQUOTED = frozenset(("bool_type", "int_type", "float_type"))
_BOUNDS = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "finite_number": "a finite number",
}


# --- fields that are checked, then refused ---------------------------------


def _later(model: BaseModel, path: Path) -> list[Complaint]:
    """What the document sets and this release cannot do yet."""
    found: list[Complaint] = []
    for name, alias, refusal, default in _watched(type(model)):
        if name not in model.model_fields_set:
            continue
        value = getattr(model, name)
        if refusal is not None:
            found.extend(_refused(refusal, value, default, (*path, alias)))
        elif isinstance(value, tuple):
            for index, item in enumerate(value):
                found.extend(_later(item, (*path, alias, index)))
        elif isinstance(value, BaseModel):
            found.extend(_later(value, (*path, alias)))
    return found


@cache
def _watched(model: type[BaseModel]) -> tuple[tuple[str, str, Later | None, Any], ...]:
    """The fields of a model that are refused, or hold some that are: name, alias, refusal, default."""
    found: list[tuple[str, str, Later | None, Any]] = []
    for name, info in model.model_fields.items():
        refusal = next((mark for mark in info.metadata if isinstance(mark, Later)), None)
        below = _model_in(info.annotation)
        if refusal is not None or (below is not None and _watched(below)):
            found.append((name, info.alias or name, refusal, info.default))
    return tuple(found)


def _refused(refusal: Later, value: Any, default: Any, path: Path) -> list[Complaint]:
    if value is None or value == default:
        return []
    if not refusal.values:
        return [Complaint(path, "is not supported yet")]
    return [Complaint(path, "is not supported yet", quote=True)] if value in refusal.values else []
