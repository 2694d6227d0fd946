"""The fields that say how the machine starts, what time it has, and that make Windows run well."""

from collections.abc import Mapping

from reconciler.xml.field import TEXT, Field, Kind, part, read_text, write_text
from reconciler.xml.kinds import ONOFF
from reconciler.xml.tree import Element, child, element, insert, reach

# --- firmware --------------------------------------------------------------


def _read_firmware(system: Element, field: Field) -> str | None:
    """Chosen by libvirt (<os firmware=>), or a loader by hand: UEFI lies in flash; of any other nothing is known."""
    loader = child(system, "loader")
    if system.get("firmware") == "efi" or (loader is not None and loader.get("type") == "pflash"):
        return "uefi"
    return "bios" if loader is None else None


def _write_firmware(domain: Element, field: Field, value: str) -> None:
    """BIOS is what a machine has without a word."""
    if value == "uefi":
        field.reach(domain).set("firmware", "efi")


FIRMWARE = Kind(_read_firmware, _write_firmware)


def _read_secure_boot(system: Element, field: Field) -> bool | None:
    firmware, loader = child(system, "firmware"), child(system, "loader")
    feature = firmware.find("feature[@name='secure-boot']") if firmware is not None else None
    if feature is not None:
        return feature.get("enabled") == "yes"
    return True if loader is not None and loader.get("secure") == "yes" else None


def _write_secure_boot(domain: Element, field: Field, value: bool) -> None:
    """With the usual keys in its NVRAM; libvirt looks for a firmware that has both."""
    firmware = reach(domain, "os", "firmware")
    for name in ("secure-boot", "enrolled-keys"):
        insert(firmware, element("feature", enabled="yes" if value else "no", name=name))


SECURE_BOOT = Kind(_read_secure_boot, _write_secure_boot)

# --- clock -----------------------------------------------------------------


def _write_offset(clock: Element, field: Field, value: str) -> None:
    """A time zone or an adjustment belongs to another sort of offset."""
    for attribute in ("timezone", "adjustment", "basis"):
        clock.attrib.pop(attribute, None)
    clock.set("offset", value)


def _read_timers(clock: Element, field: Field) -> Mapping[str, str] | None:
    """Name -> absent, else how missed ticks come, else present."""
    return {timer.get("name", ""): _word(timer) for timer in clock.iterchildren("timer")} or None


def _word(timer: Element) -> str:
    return "absent" if timer.get("present") == "no" else timer.get("tickpolicy", "present")


def _write_timers(clock: Element, field: Field, value: Mapping[str, str]) -> None:
    there = {timer.get("name"): timer for timer in clock.iterchildren("timer")}
    for name, word in value.items():
        timer = there[name] if name in there else insert(clock, element("timer", name=name))
        if _word(timer) == word and name in there:
            continue
        for attribute in ("present", "tickpolicy"):
            timer.attrib.pop(attribute, None)
        if word in ("present", "absent"):
            timer.set("present", "yes" if word == "present" else "no")
        else:
            timer.set("tickpolicy", word)


CLOCK = part(
    Field("offset", "@offset", Kind(read_text, _write_offset)),
    Field("timers", "", Kind(_read_timers, _write_timers, lambda said: said or None)),
)

# --- hyper-v ---------------------------------------------------------------

SPINLOCK_RETRIES = "8191"
"""What Microsoft and all tools advise."""


def _write_own_set(hyperv: Element, field: Field, value: bool) -> None:
    """Whoever names some does not want whatever the host has."""
    ONOFF.write(hyperv, field, value)
    if hyperv.get("mode") == "passthrough":
        hyperv.set("mode", "custom")


def _write_spinlocks(hyperv: Element, field: Field, value: bool) -> None:
    _write_own_set(hyperv, field, value)
    spinlocks = field.reach(hyperv)
    if value and not spinlocks.get("retries"):
        spinlocks.set("retries", SPINLOCK_RETRIES)


_ENLIGHTENMENT = Kind(ONOFF.read, _write_own_set)
SPINLOCKS = Kind(ONOFF.read, _write_spinlocks)

_ENLIGHTENMENTS = (
    *("relaxed", "vapic", "vpindex", "runtime", "synic", "stimer", "reset", "frequencies", "reenlightenment"),
    *("tlbflush", "ipi", "evmcs"),
)
HYPERV = part(
    Field("spinlocks", "spinlocks/@state", SPINLOCKS, absent=False),
    *(Field(name, f"{name}/@state", _ENLIGHTENMENT, absent=False) for name in _ENLIGHTENMENTS),
)
NO_HYPERV = {field.name: False for field in HYPERV.table}

# --- tpm -------------------------------------------------------------------


def _write_version(tpm: Element, field: Field, value: str) -> None:
    """A new TPM is emulated; its state is libvirt's to keep."""
    write_text(tpm, field, value)
    backend = field.reach(tpm)
    if not backend.get("type"):
        backend.set("type", "emulator")


TPM = part(Field("model", "@model", TEXT), Field("version", "backend/@version", Kind(read_text, _write_version)))
