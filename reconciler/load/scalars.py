"""What a plain scalar means: YAML 1.2's core schema, and nothing guessed.

What YAML 1.1 and other tools read differently (`off`, `0012`, `2024-01-31`) becomes `Odd`: no field takes it, so that
the author says which of the two is meant.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

LONGEST_NUMBER = 64
"""Digits; a number beyond it is text that somebody forgot to quote (and Python refuses to convert 4,300)."""

_MAYBE = frozenset("0123456789+-.~nNtTfFyYoO")
_WORDS: dict[str, object] = {
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_SWITCHES = frozenset(form for word in ("yes", "no", "on", "off") for form in (word, word.capitalize(), word.upper()))
_INT = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?")


@dataclass(frozen=True, slots=True)
class Odd:
    """A scalar that other tools would read as `looks_like`."""

    text: str
    looks_like: str


@lru_cache(maxsize=8192)
def resolve(text: str) -> object:
    """The value of a plain scalar: text, number, true or false, nothing, or `Odd`."""
    if text and text[0] not in _MAYBE:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if text in _SWITCHES:
        return Odd(text, "true or false")
    return _number(text)


def _number(text: str) -> object:
    if _INT.fullmatch(text):
        digits = text.lstrip("+-")
        if len(digits) > LONGEST_NUMBER or (digits[0] == "0" and len(digits) > 1):
            return Odd(text, "a number")
        return int(text)
    if len(text) > LONGEST_NUMBER:
        return text
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return Odd(text, "a date") if _DATE.fullmatch(text) else text
