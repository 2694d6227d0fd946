"""The table: each field of a document once, with its place in libvirt's XML. A new field is one line here.

read(), wanted() and merge() all go by it; so do the tests, which fail where no case exercises a line.
"""

from reconciler.live import Way
from reconciler.xml.cards import BANDWIDTH, MAC, NETWORK, is_on_network
from reconciler.xml.drives import BUS, IOTUNE, MEDIUM, is_swapped
from reconciler.xml.field import TEXT, Field, Live, always
from reconciler.xml.firmware import CLOCK, FIRMWARE, HYPERV, NO_HYPERV, SECURE_BOOT, TPM
from reconciler.xml.growth import BOUND, MORE_MEMORY, MORE_VCPUS, PINNED, TOLD, WRITTEN
from reconciler.xml.kinds import BOOT, CPUSET, FORWARD, NUMBER, PRESENT, PROSE
from reconciler.xml.machine import (
    CPU,
    CPU_FEATURES,
    MACHINE,
    MAX_MEMORY,
    MAX_VCPUS,
    MEMORY,
    NUMATUNE,
    OWN_CHOICE,
    PAGES,
    PINS,
    TOPOLOGY,
    VCPUS,
    other_family,
)
from reconciler.xml.peripherals import (
    GRAPHICS,
    GUEST_AGENT,
    MEMBALLOON,
    RNG,
    SERIAL_CONSOLE,
    TABLET,
    VIDEO,
    WATCHDOG,
)

DOMAIN = (
    Field("title", "title", TEXT, live=WRITTEN),
    Field("description", "description", PROSE, live=WRITTEN),
    Field("vcpus", "vcpu", VCPUS, live=MORE_VCPUS),
    Field("max_vcpus", "vcpu", MAX_VCPUS),
    Field("memory", "memory", MEMORY, live=MORE_MEMORY),
    Field("arch", "os/type/@arch", TEXT, fixed=always),
    Field("machine", "os/type/@machine", MACHINE, fixed=other_family),
    Field("firmware", "os", FIRMWARE, fixed=always),
    Field("secure_boot", "os", SECURE_BOOT, absent=False, fixed=always),
    Field("cpu", "cpu", CPU),
    Field("cpu_features", "cpu", CPU_FEATURES),
    Field("topology", "cpu/topology", TOPOLOGY),
    Field("max_memory", "maxMemory", MAX_MEMORY),
    Field("emulator", "devices/emulator", TEXT),
    Field("hugepages", "memoryBacking/hugepages", PAGES),
    Field("cpuset", "vcpu/@cpuset", OWN_CHOICE),
    Field("vcpu_pins", "cputune", PINS, live=PINNED),
    Field("emulator_pin", "cputune/emulatorpin/@cpuset", CPUSET, live=BOUND),
    Field("numatune", "numatune/memory", NUMATUNE),
    Field("clock", "clock", CLOCK),
    Field("hyperv", "features/hyperv", HYPERV, absent=NO_HYPERV),
    Field("serial_console", "devices", SERIAL_CONSOLE, absent=False),
    Field("guest_agent", "devices", GUEST_AGENT, absent=False),
    Field("tablet", "devices", TABLET, absent=False),
    Field("tpm", "devices/tpm", TPM),
    Field("graphics", "devices/graphics", GRAPHICS),
    Field("video", "devices/video/model/@type", VIDEO),
    Field("watchdog", "devices/watchdog", WATCHDOG),
    Field("memballoon", "devices/memballoon", MEMBALLOON, live=TOLD),
    Field("rng", "devices", RNG, absent=False),
)

DISK = (
    Field("bus", "target/@bus", BUS),
    Field("format", "driver/@type", TEXT, absent="raw", once=True),
    Field("cache", "driver/@cache", TEXT, absent="default"),
    Field("io", "driver/@io", TEXT),
    Field("discard", "driver/@discard", TEXT),
    Field("detect_zeroes", "driver/@detect_zeroes", TEXT),
    Field("iotune", "iotune", IOTUNE, live=Live(Way.IOTUNE)),
    Field("read_only", "readonly", PRESENT, absent=False),
    Field("shareable", "shareable", PRESENT, absent=False),
    Field("serial", "serial", TEXT),
    Field("boot_order", "boot/@order", BOOT),
)
"""`format`, like the source, belongs to the file: a snapshot tool may have put a qcow2 overlay on a raw disk."""

DRIVE = (
    Field("bus", "target/@bus", BUS),
    Field("boot_order", "boot/@order", BOOT),
)
"""Of a drive with a tray: what its document says of the drive itself."""

CDROM = (*DRIVE, Field("medium", "source", MEDIUM, absent="", live=Live(Way.DEVICE, is_swapped)))
"""The medium: the path of its volume, empty where the tray is."""

INTERFACE = (
    Field("network", "source/@network", NETWORK, live=Live(Way.DEVICE, is_on_network)),
    Field("mac", "mac/@address", MAC),
    Field("model", "model/@type", TEXT),
    Field("bandwidth", "bandwidth", BANDWIDTH, live=Live(Way.DEVICE)),
    Field("boot_order", "boot/@order", BOOT),
    Field("mtu", "mtu/@size", NUMBER),
    Field("link", "link/@state", TEXT, absent="up", live=Live(Way.DEVICE)),
)

POOL = (
    Field("type", "@type", TEXT),
    Field("source_host", "source/host/@name", TEXT),
    Field("source_dir", "source/dir/@path", TEXT),
    Field("target", "target/path", TEXT),
)

NET = (
    Field("forward", "forward/@mode", FORWARD, absent="isolated"),
    Field("bridge", "bridge/@name", TEXT),
)
