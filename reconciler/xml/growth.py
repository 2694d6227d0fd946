"""What of a machine itself changes while it runs: more processors, more memory, pins, words. Devices are in live.py."""

from typing import Any

from reconciler.live import Way
from reconciler.xml.field import Fields, Live
from reconciler.xml.tree import element, fragment, set_text

_MIB = 1024**2
_MODULES = dict.fromkeys(("x86_64", "i686", "aarch64"), 128 * _MIB) | dict.fromkeys(("ppc64le", "ppc64"), 256 * _MIB)
"""Architectures of which QEMU adds memory modules, and the blocks in which Linux takes memory into use there."""
_MORE_CPUS = frozenset(("x86_64", "i686", "ppc64le", "ppc64", "s390x"))
"""Architectures of which QEMU adds processors."""


def _within_maximum(there: Fields, said: Any) -> bool:
    """Up to what the guest was started with; down is the guest's to allow, and it seldom does."""
    return there.get("arch") in _MORE_CPUS and bool(there.get("vcpus", 0) < said <= there.get("max_vcpus", 0))


def _fits_a_module(there: Fields, said: Any) -> bool:
    """Up to the maximum that the guest was started with, by whole blocks."""
    missing, block = said - there.get("memory", 0), _MODULES.get(there.get("arch", ""))
    return block is not None and bool(missing > 0 and missing % block == 0 and said <= there.get("max_memory", 0))


def _have_their_cpus(there: Fields, said: Any) -> bool:
    return all(int(number) < there.get("max_vcpus", 0) for number in said)


def _is_only_the_period(there: Fields, said: Any) -> bool:
    """All else of a balloon is for the next start."""
    balloon = there.get("memballoon", {})
    return all(key == "stats_period" or balloon.get(key) == value for key, value in said.items())


MORE_VCPUS = Live(Way.VCPUS, _within_maximum)
MORE_MEMORY = Live(Way.MEMORY, _fits_a_module)
PINNED = Live(Way.PINS, _have_their_cpus)
BOUND = Live(Way.PINS)
WRITTEN = Live(Way.TEXTS)
TOLD = Live(Way.STATS, _is_only_the_period)


def module(size: int) -> str:
    """A memory module of `size` bytes, as virDomainAttachDeviceFlags wants it."""
    memory, target = element("memory", model="dimm"), element("target")
    for tag, text, words in (("size", str(size // 1024), {"unit": "KiB"}), ("node", "0", {})):
        part = element(tag, **words)
        set_text(part, text)
        target.append(part)
    memory.append(target)
    return fragment(memory)


def cpu_map(cpuset: str) -> tuple[bool, ...]:
    """`0-1,3` as libvirt's calls want it: a word for each CPU of the host, up to the last that is meant."""
    spans = [part.partition("-") for part in cpuset.split(",")]
    meant = {cpu for first, _, last in spans for cpu in range(int(first), int(last or first) + 1)}
    return tuple(cpu in meant for cpu in range(max(meant) + 1))
