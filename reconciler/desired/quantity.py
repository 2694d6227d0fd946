"""Sizes and durations as people write them. ASCII only, exact, bounded."""

import re

BINARY = {f"{prefix}{end}": 1024**power for power, prefix in enumerate("KMGTP", 1) for end in ("i", "iB")}
DECIMAL = {unit: 1000**power for power, unit in enumerate(("kB", "MB", "GB", "TB"), 1)}
SIZE_UNITS = {"B": 1, **BINARY, **DECIMAL}
DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}

LARGEST_SIZE = 2**63 - 1
LONGEST_DURATION_S = 366 * 24 * 3600.0
"""A year: beyond it somebody mistook a unit, and timers overflow."""

SIZE_PATTERN = r"[0-9]{1,19}(\.[0-9]{1,9})?(B|[KMGTP]iB?|kB|MB|GB|TB)"
DURATION_PATTERN = r"([0-9]{1,9}(ms|s|m|h))+"

_SIZE = re.compile(r"([0-9]{1,19}(?:\.[0-9]{1,9})?)(B|[KMGTP]iB?|kB|MB|GB|TB)")
_NEAR_SIZE = r"(?i)([0-9]{1,19}(?:\.[0-9]{1,9})?) *([kmgtp])?(?:i?b|byte|bytes)?"
_DURATION = re.compile(DURATION_PATTERN)
_NEAR_DURATION = r"([0-9]{1,9}) *([A-Za-z]+)"
_PART = re.compile(r"([0-9]+)(ms|s|m|h)")
_NUMBER = re.compile(r"[0-9]{1,19}")

_LONG_UNITS = {
    **dict.fromkeys(("ms", "msec", "msecs", "millisecond", "milliseconds"), "{0}ms"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "{0}s"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "{0}m"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "{0}h"),
}


def parse_size(value: object) -> int:
    """Bytes of "20GiB". Raises: ValueError that says of the value what is wrong, and what to write."""
    number = _bare_number(value)
    if number:
        raise ValueError(f'has no unit; write "{number}GiB"')
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise ValueError(f"is not a size; write {_near_size(value)}")
    size = _exact(match[1], SIZE_UNITS[match[2]])
    if not 0 < size <= LARGEST_SIZE:
        raise ValueError("is out of range; a size is more than 0B and less than 8192PiB")
    return size


def _bare_number(value: object) -> str | None:
    """The digits of a number without a unit."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    return value if isinstance(value, str) and _NUMBER.fullmatch(value) else None


def _near_size(value: object) -> str:
    match = re.fullmatch(_NEAR_SIZE, value) if isinstance(value, str) else None
    if not match:
        return "a number and one of B, KiB, MiB, GiB, TiB, PiB, kB, MB, GB, TB, for example 20GiB"
    return f'"{match[1]}{match[2].upper()}iB"' if match[2] else f'"{match[1]}B"'


def _exact(number: str, unit: int) -> int:
    whole, _, fraction = number.partition(".")
    scaled, rest = divmod(int(whole + fraction) * unit, int("1" + "0" * len(fraction)))
    if rest:
        raise ValueError("is not a whole number of bytes; use a smaller unit")
    return scaled


def parse_duration(value: object) -> float:
    """Seconds of "1h30m". Raises: ValueError that says of the value what is wrong, and what to write."""
    number = _bare_number(value)
    if number:
        raise ValueError(f'has no unit; write "{number}s"')
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        raise ValueError(f"is not a duration; write {_near_duration(value)}")
    milliseconds = sum(int(number) * round(DURATION_UNITS[unit] * 1000) for number, unit in _PART.findall(value))
    if not 0 < milliseconds <= LONGEST_DURATION_S * 1000:
        raise ValueError("is out of range; a duration is more than 0s and at most a year")
    return milliseconds / 1000


def _near_duration(value: object) -> str:
    match = re.fullmatch(_NEAR_DURATION, value) if isinstance(value, str) else None
    form = _LONG_UNITS.get(match[2].lower()) if match else None
    return f'"{form.format(match[1])}"' if match and form else "for example 500ms, 90s, 5m or 1h30m"


def format_size(size: int) -> str:
    """The shortest exact form: 1GiB, 1536MiB, 1000B."""
    for unit in ("PiB", "TiB", "GiB", "MiB", "KiB"):
        if size and size % SIZE_UNITS[unit] == 0:
            return f"{size // SIZE_UNITS[unit]}{unit}"
    return f"{size}B"


def format_duration(seconds: float) -> str:
    """The shortest exact form: 1h30m, 90s as 1m30s, 500ms. Units: seconds, exact to the millisecond."""
    rest = round(seconds * 1000)
    words = ""
    for unit, length in (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, rest = divmod(rest, length)
        words += f"{count}{unit}" if count else ""
    return words or "0s"
