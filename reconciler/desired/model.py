"""The base of all document models, and the scalar types they share."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, StrictStr
from pydantic.alias_generators import to_camel

from reconciler.desired.quantity import parse_duration, parse_size

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class Model(BaseModel):
    """Frozen; unknown fields are errors; `model_fields_set` tells what the document wrote.

    Documents use the camelCase alias, Python the snake_case name.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )


@dataclass(frozen=True)
class Later:
    """Marks a field (or, with `values`, some values of it) that is checked, then refused: "not supported yet"."""

    values: tuple[Any, ...] = ()


def _name(text: str) -> str:
    if not NAME.fullmatch(text) or ".." in text:
        raise ValueError("is not a name; use letters, digits, '.', '_' and '-', at most 63, starting with a letter or digit")
    return text


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("is not an IPv4 or IPv6 address; names are not allowed here") from None


Text = StrictStr
Flag = StrictBool
Whole = StrictInt
Positive = Annotated[StrictInt, Field(gt=0)]
Name = Annotated[StrictStr, AfterValidator(_name)]
Address = Annotated[StrictStr, AfterValidator(_address)]
Size = Annotated[int, BeforeValidator(parse_size), Field(json_schema_extra={"type": "string", "examples": ["20GiB"]})]
"""Bytes; written with a unit: 20GiB."""
Duration = Annotated[float, BeforeValidator(parse_duration), Field(json_schema_extra={"type": "string", "examples": ["90s"]})]
"""Seconds; written with a unit: 90s."""
