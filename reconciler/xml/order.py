"""In which order libvirt writes the children of an element: for people who read; its schemas do not ask for it."""

from collections.abc import Mapping

ORDER: Mapping[str, tuple[str, ...]] = {
    "domain": (
        *("name", "uuid", "genid", "title", "description", "metadata", "maxMemory", "memory", "currentMemory"),
        *("memoryBacking", "memtune", "vcpu", "vcpus", "iothreads", "cputune", "numatune", "resource", "sysinfo", "os"),
        *("features", "cpu", "clock", "on_poweroff", "on_reboot", "on_crash", "pm", "perf", "devices", "seclabel"),
    ),
    "cpu": ("model", "vendor", "topology", "cache", "maxphysaddr", "feature", "numa"),
    "devices": (
        *("emulator", "disk", "controller", "lease", "filesystem", "interface", "smartcard", "serial", "parallel"),
        *("console", "channel", "input", "tpm", "graphics", "sound", "audio", "video", "hostdev", "redirdev"),
        *("watchdog", "memballoon", "rng"),
    ),
    "os": ("type", "firmware", "loader", "nvram", "boot"),
    "disk": (
        *("driver", "source", "backingStore", "target", "iotune", "readonly", "shareable", "serial", "boot"),
        *("alias", "address"),
    ),
    "interface": (
        *("mac", "source", "bandwidth", "target", "model", "driver", "boot", "mtu", "link", "alias", "address"),
    ),
    "graphics": ("listen",),
    "tpm": ("backend", "alias", "address"),
    "network": ("name", "uuid", "metadata", "forward", "bridge", "mtu", "mac", "domain", "dns", "ip"),
    "pool": ("name", "uuid", "capacity", "allocation", "available", "source", "target"),
}


def comes_later(parent: str, child: str) -> frozenset[str]:
    """The tags that stand behind `child` in `parent`; none where the order of these two is not known."""
    tags = ORDER.get(parent, ())
    return frozenset(tags[tags.index(child) + 1 :]) if child in tags else frozenset()
