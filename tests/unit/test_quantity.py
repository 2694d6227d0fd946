"""Sizes and durations: exact, bounded, and what is wrong says what to write."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired.quantity import (
    DURATION_PATTERN,
    LARGEST_SIZE,
    LONGEST_DURATION_S,
    SIZE_PATTERN,
    SIZE_UNITS,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1B", 1),
        ("1Ki", 1024),
        ("1KiB", 1024),
        ("20GiB", 20 * 1024**3),
        ("1.5GiB", 1536 * 1024**2),
        ("0.5KiB", 512),
        ("1kB", 1000),
        ("3TB", 3 * 1000**4),
        ("8191PiB", 8191 * 1024**5),
        (f"{LARGEST_SIZE}B", LARGEST_SIZE),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


OUT_OF_RANGE = "is out of range; a duration is more than 0s and at most a year"

NO_SIZES: tuple[object, ...] = (
    *("", "GiB", "-1GiB", "1e3GiB", "٣GiB", "1GiB\n", "1_000GiB", "0x1GiB"),
    *(1.5, True, None, [], {}, -1),
)
NO_DURATIONS: tuple[object, ...] = ("", "1d", "-5m", "1.5h", "٣s", "5m\n", 1.5, True, None)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (20, 'has no unit; write "20GiB"'),
        ("20", 'has no unit; write "20GiB"'),
        ("20G", 'is not a size; write "20GiB"'),
        ("512m", 'is not a size; write "512MiB"'),
        ("20 GiB", 'is not a size; write "20GiB"'),
        ("20gib", 'is not a size; write "20GiB"'),
        ("20bytes", 'is not a size; write "20B"'),
        ("8192PiB", "is out of range"),
        ("0B", "is out of range"),
        ("0.1B", "is not a whole number of bytes"),
        *((value, "is not a size; write a number and one of") for value in NO_SIZES),
    ],
)
def test_what_is_no_size_says_what_to_write(value: object, message: str) -> None:
    with pytest.raises(ValueError, match="^" + message):
        parse_size(value)


@given(st.integers(1, LARGEST_SIZE))
def test_a_size_survives_being_written(size: int) -> None:
    assert parse_size(format_size(size)) == size


@given(st.integers(1, 10**6), st.sampled_from(sorted(SIZE_UNITS)))
def test_sizes_are_exact(number: int, unit: str) -> None:
    exact = number * SIZE_UNITS[unit]
    if exact <= LARGEST_SIZE:
        assert parse_size(f"{number}{unit}") == exact


def refusal(parse: Callable[[object], float], value: object) -> str:
    """What a parser says against a value; empty where it takes it."""
    try:
        parse(value)
    except ValueError as error:
        return str(error)
    return ""


@given(st.text(max_size=12))
def test_any_text_is_a_size_or_refused_in_our_words(text: str) -> None:
    assert refusal(parse_size, text).startswith(("is ", "has ")) or 0 < parse_size(text) <= LARGEST_SIZE


@given(st.from_regex(SIZE_PATTERN, fullmatch=True))
def test_the_schema_and_the_parser_agree_on_sizes(text: str) -> None:
    assert not refusal(parse_size, text).startswith("is not a size")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("90s", 90), ("5m", 300), ("1h30m", 5400), ("1m1ms", 60.001), ("8784h", LONGEST_DURATION_S)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (90, 'has no unit; write "90s"'),
        ("90", 'has no unit; write "90s"'),
        ("90 minutes", 'is not a duration; write "90m"'),
        ("5Min", 'is not a duration; write "5m"'),
        ("0s", "is out of range"),
        ("8785h", "is out of range"),
        *((value, "is not a duration; write for example") for value in NO_DURATIONS),
    ],
)
def test_what_is_no_duration_says_what_to_write(value: object, message: str) -> None:
    with pytest.raises(ValueError, match="^" + message):
        parse_duration(value)


@given(st.integers(1, int(LONGEST_DURATION_S * 1000)))
def test_a_duration_survives_being_written(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds / 1000)) == milliseconds / 1000


@given(st.from_regex(DURATION_PATTERN, fullmatch=True))
def test_the_schema_and_the_parser_agree_on_durations(text: str) -> None:
    assert refusal(parse_duration, text) in ("", OUT_OF_RANGE)


def test_the_shortest_exact_form_is_written() -> None:
    assert [format_size(size) for size in (1, 1000, 1024, 1536 * 1024**2, 1024**5, 0)] == [
        "1B",
        "1000B",
        "1KiB",
        "1536MiB",
        "1PiB",
        "0B",
    ]
    assert [format_duration(seconds) for seconds in (0.5, 90, 5400, 0)] == ["500ms", "1m30s", "1h30m", "0s"]
