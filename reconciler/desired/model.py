"""The base of all document models, and the scalar types they share."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from reconciler.desired import rules
from reconciler.desired.quantity import DURATION_PATTERN, SIZE_PATTERN, parse_duration, parse_size
from reconciler.desired.rules import NAME
from reconciler.desired.window import WINDOW_PATTERN, a_window

__all__ = [
    "NAME",
    "Address",
    "Duration",
    "Flag",
    "Later",
    "Model",
    "Name",
    "Positive",
    "RestartWindow",
    "Size",
    "Text",
    "Whole",
]


class Model(BaseModel):
    """Frozen; unknown fields are errors; `model_fields_set` tells what the document wrote.

    Documents use the camelCase alias, Python the snake_case name.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
    )


@dataclass(frozen=True)
class Later:
    """Marks a field (or, with `values`, some values of it) that is checked, then refused: "not supported yet"."""

    values: tuple[Any, ...] = ()


Text = StrictStr
Flag = StrictBool
Whole = StrictInt
Positive = Annotated[StrictInt, Field(gt=0, le=2**31 - 1)]
Name = Annotated[StrictStr, AfterValidator(rules.name), Field(json_schema_extra={"pattern": f"^{NAME.pattern}$"})]
Address = Annotated[StrictStr, AfterValidator(rules.address), Field(json_schema_extra={"examples": ["10.77.0.12"]})]
Size = Annotated[
    int,
    BeforeValidator(parse_size),
    WithJsonSchema({"type": "string", "pattern": f"^{SIZE_PATTERN}$", "examples": ["20GiB"]}),
]
"""Bytes; written with a unit: 20GiB."""
Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema({"type": "string", "pattern": f"^{DURATION_PATTERN}$", "examples": ["90s"]}),
]
"""Seconds; written with a unit: 90s."""
RestartWindow = Annotated[
    StrictStr,
    AfterValidator(a_window),
    Field(json_schema_extra={"pattern": f"^{WINDOW_PATTERN}$", "examples": ["Sat,Sun 02:00-05:00"]}),
]
"""When guests may be restarted, in UTC; window.parse_window tells when that is."""
