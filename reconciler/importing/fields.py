"""What the XML table read, in the words of a document. Generic: a field of table and model needs nothing here."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, get_args

from pydantic import TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from reconciler.desired.model import Model
from reconciler.desired.quantity import format_duration, format_size
from reconciler.xml.field import Field, Fields


def in_words(model: type[Model], table: tuple[Field, ...], fields: Fields) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What a document says of `fields`, by the documents' names; then what no document can say, as `name: value`.

    What the XML does not say, and a new object would have so anyway, is left out. Order: as in the table.
    """
    said: dict[str, Any] = {}
    unsaid = []
    for field in table:
        if field.name not in fields or _goes_without_saying(model, field, fields[field.name]):
            continue
        value, name = fields[field.name], alias_of(model, field.name)
        words = next(_words(model, field, value), None)
        if words is None:
            unsaid.append(f"{name}: {value}")
        else:
            said[name] = words
    return said, tuple(unsaid)


def _goes_without_saying(model: type[Model], field: Field, value: Any) -> bool:
    return value == field.absent and model.model_fields[field.name].get_default() in (None, value)


def alias_of(model: type[Model], name: str) -> str:
    """A field as documents call it."""
    return model.model_fields[name].alias or to_camel(name)


def _words(model: type[Model], field: Field, value: Any) -> Iterator[Any]:
    """Ways to write `value` that the model takes, and that mean just this to the table."""
    below = _model_in(model.model_fields[field.name].annotation) if field.kind.table else None
    if below is not None:
        yield from _part(model, field, in_words(below, field.kind.table, value)[0])
        return
    for written in _forms(value):
        try:
            taken = _adapter(model, field.name).validate_python(written)
        except ValidationError:
            continue
        if taken == value or field.kind.normal(taken) == value:
            yield written


def _part(model: type[Model], field: Field, said: dict[str, Any]) -> Iterator[Any]:
    """A part with what can be said of it; nothing where that is not enough to be one."""
    try:
        _adapter(model, field.name).validate_python(said)
    except ValidationError:
        return
    yield said


def _model_in(annotation: Any) -> type[Model] | None:
    """The model among the members of `Model | None`."""
    members = (annotation, *get_args(annotation))
    return next((one for one in members if isinstance(one, type) and issubclass(one, Model)), None)


@cache
def _adapter(model: type[Model], name: str) -> TypeAdapter[Any]:
    """What checks one field of a model by itself."""
    info = model.model_fields[name]
    annotation: Any = Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation
    return TypeAdapter(annotation)


def _forms(value: Any) -> Iterator[Any]:
    """The value itself, and as a size, a duration, a list, or with the documents' names for its parts."""
    if isinstance(value, Mapping):
        yield {to_camel(str(key)): inner for key, inner in value.items()}
        yield {to_camel(str(key)): next(_formatted(inner), inner) for key, inner in value.items()}
        yield dict(value)
        yield list(value.values())
    elif isinstance(value, (tuple, list, frozenset)):
        yield list(value) if not isinstance(value, frozenset) else sorted(value)
    else:
        yield str(value) if isinstance(value, str) else value
        yield from _formatted(value)


def _formatted(value: Any) -> Iterator[str]:
    if isinstance(value, int) and not isinstance(value, bool):
        yield format_size(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        yield format_duration(value)


def in_order(model: type[Model], said: Mapping[str, Any]) -> dict[str, Any]:
    """As the model lists its fields, which is how our examples stand."""
    names = [alias_of(model, name) for name in model.model_fields]
    return {name: said[name] for name in names if name in said}
