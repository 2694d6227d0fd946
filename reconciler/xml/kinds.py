"""The fields whose XML is more than one attribute or text; those that several tables use."""

from reconciler.desired.rules import cpuset
from reconciler.xml.field import Field, Kind, read_text, write_text
from reconciler.xml.tree import Element, empty, remove, text_of

# --- sizes -----------------------------------------------------------------

_POWERS = {prefix: power for power, prefix in enumerate("kmgtpe", 1)}


def scale(unit: str) -> int:
    """Bytes in one of libvirt's units: `KiB` and `k` are 1024, `KB` is 1000 (virScaleInteger)."""
    unit = unit.lower()
    if unit in ("b", "byte", "bytes"):
        return 1
    base = 1000 if unit[1:] == "b" else 1024
    return int(base ** _POWERS.get(unit[:1], 0))


def size_of(sized: Element | None, default_unit: str = "bytes") -> int | None:
    """Bytes that an element with a `unit` says."""
    text = text_of(sized) if sized is not None else ""
    return int(text) * scale(sized.get("unit", default_unit)) if sized is not None and text.isdecimal() else None


# --- words -----------------------------------------------------------------


def _read_number(found: Element, field: Field) -> int | None:
    text = read_text(found, field)
    return int(text) if text is not None and text.strip().isdecimal() else None


NUMBER = Kind(_read_number, write_text)


def flag(on: str, off: str) -> Kind:
    """true and false as two words."""

    def read_flag(found: Element, field: Field) -> bool | None:
        text = read_text(found, field)
        return None if text is None else text == on

    def write_flag(owner: Element, field: Field, value: bool) -> None:
        write_text(owner, field, on if value else off)

    return Kind(read_flag, write_flag)


ONOFF = flag("on", "off")


def _write_presence(owner: Element, field: Field, value: bool) -> None:
    found = field.find(owner)
    if value:
        field.reach(owner)
    elif found is not None:
        remove(found)


PROSE = Kind(read_text, write_text, str.strip)

PRESENT = Kind(lambda found, field: True, _write_presence)
"""true: the element is there."""


def _read_kib(found: Element, field: Field) -> int | None:
    number = _read_number(found, field)
    return None if number is None else number * 1024


def _write_kib(owner: Element, field: Field, value: int) -> None:
    write_text(owner, field, value // 1024)


KIB = Kind(_read_kib, _write_kib)
"""Bytes, in the XML KiB without a unit."""


def _write_boot(device: Element, field: Field, value: int) -> None:
    """libvirt takes the order of devices or of sorts of devices (<os><boot/>), never both."""
    write_text(device, field, value)
    system = next((found for root in device.iterancestors("domain") for found in root.iterchildren("os")), None)
    if system is not None:
        empty(system, "boot")


BOOT = Kind(_read_number, _write_boot)
"""Needs the device in its place."""


def _read_cpuset(found: Element, field: Field) -> str | None:
    """In the one form that a document's value has too."""
    text = read_text(found, field)
    try:
        return cpuset(text) if text is not None else None
    except ValueError:
        return text


CPUSET = Kind(_read_cpuset, write_text)

# --- networks --------------------------------------------------------------


def _read_forward(forward: Element, field: Field) -> str:
    return forward.get("mode", "nat")


FORWARD = Kind(_read_forward, write_text)
