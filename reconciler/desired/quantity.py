"""Sizes and durations as people write them."""

import re

BINARY = {f"{prefix}{end}": 1024**power for power, prefix in enumerate("KMGTP", 1) for end in ("i", "iB")}
DECIMAL = {unit: 1000**power for power, unit in enumerate(("kB", "MB", "GB", "TB"), 1)}
SIZE_UNITS = {"B": 1, **BINARY, **DECIMAL}
DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}

LARGEST_SIZE = 2**63 - 1
LONGEST_DURATION_S = 366 * 24 * 3600.0
"""A year: beyond it somebody mistook a unit, and timers overflow."""

_SIZE = re.compile(r"([0-9]{1,19}(?:\.[0-9]{1,9})?)([A-Za-z]+)")
_DURATION = re.compile(r"(?:[0-9]{1,9}(?:ms|s|m|h))+")
_PART = re.compile(r"([0-9]+)(ms|s|m|h)")


def parse_size(value: object) -> int:
    """Bytes of "20GiB". Raises: ValueError that says what to write."""
    if isinstance(value, bool) or not isinstance(value, str):
        raise ValueError(f'{value!r} has no unit; write "{value}GiB"' if isinstance(value, int) else "is not a size; write for example 20GiB")
    if re.fullmatch(r"[0-9]+", value) and value.isascii():
        raise ValueError(f'has no unit; write "{value}GiB"')
    match = _SIZE.fullmatch(value)
    if not match or match[2] not in SIZE_UNITS:
        raise ValueError("is not a size; write a number and one of B, KiB, MiB, GiB, TiB, PiB, kB, MB, GB, TB")
    size = _exact(match[1], SIZE_UNITS[match[2]])
    if not 0 < size <= LARGEST_SIZE:
        raise ValueError("is out of range; a size is more than 0B and less than 8192PiB")
    return size


def _exact(number: str, unit: int) -> int:
    whole, _, fraction = number.partition(".")
    scaled, rest = divmod(int(whole + fraction) * unit, 10 ** len(fraction))
    if rest:
        raise ValueError("is not a whole number of bytes; use a smaller unit")
    return scaled


def parse_duration(value: object) -> float:
    """Seconds of "1h30m". Raises: ValueError that says what to write."""
    if isinstance(value, int) and not isinstance(value, bool):
        raise ValueError(f'{value!r} has no unit; write "{value}s"')
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        raise ValueError("is not a duration; write for example 500ms, 90s, 5m or 1h30m")
    seconds = sum(int(number) * DURATION_UNITS[unit] for number, unit in _PART.findall(value))
    if not 0 < seconds <= LONGEST_DURATION_S:
        raise ValueError("is out of range; a duration is more than 0s and at most a year")
    return seconds


def format_size(size: int) -> str:
    """The shortest exact form: 1GiB, 1536MiB, 1000B."""
    for unit in ("PiB", "TiB", "GiB", "MiB", "KiB"):
        if size and size % SIZE_UNITS[unit] == 0:
            return f"{size // SIZE_UNITS[unit]}{unit}"
    return f"{size}B"
