"""The fields of devices that a machine has one of: screen, lines, balloon, watchdog, random numbers."""

from collections.abc import Callable, Iterator

from reconciler.xml.field import TEXT, Field, Kind, part, read_text
from reconciler.xml.kinds import NUMBER, ONOFF
from reconciler.xml.tree import Element, child, element, empty, insert, remove

# --- screen ----------------------------------------------------------------


def _write_type(graphics: Element, field: Field, value: str) -> None:
    """Another protocol: what was said of the first one goes, but for the address."""
    listen = graphics.get("listen")
    graphics.attrib.clear()
    graphics.set("type", value)
    graphics.set("autoport", "yes")
    if listen:
        graphics.set("listen", listen)
    empty(graphics, *(str(inner.tag) for inner in graphics if inner.tag != "listen"))


def _read_listen(graphics: Element, field: Field) -> str | None:
    """libvirt says it twice: as an attribute, and as the first child."""
    listen = child(graphics, "listen")
    return (listen.get("address") if listen is not None else None) or graphics.get("listen")


def _write_listen(graphics: Element, field: Field, value: str) -> None:
    graphics.attrib.pop("listen", None)
    empty(graphics, "listen")
    insert(graphics, element("listen", type="address", address=value))


def _read_port(graphics: Element, field: Field) -> int | None:
    """One that was chosen at the start is nobody's word."""
    chosen = graphics.get("autoport") == "yes" or graphics.get("port") == "-1"
    return None if chosen else NUMBER.read(graphics, field)


def _write_port(graphics: Element, field: Field, value: int) -> None:
    graphics.set("port", str(value))
    graphics.set("autoport", "no")


GRAPHICS = part(
    Field("type", "@type", Kind(read_text, _write_type)),
    Field("listen", "@listen", Kind(_read_listen, _write_listen)),
    Field("port", "@port", Kind(_read_port, _write_port)),
)


def _write_video(domain: Element, field: Field, value: str) -> None:
    """Memory and heads belong to the card that was there."""
    model = field.reach(domain)
    model.attrib.clear()
    empty(model)
    model.set("type", value)


VIDEO = Kind(read_text, _write_video)

# --- what is there, or not -------------------------------------------------


def device(find: Callable[[Element], Iterator[Element]], make: Callable[[], tuple[Element, ...]]) -> Kind:
    """true: `find` yields some below <devices>, and if none, `make` does; false: none is left."""

    def read_device(devices: Element, field: Field) -> bool:
        return next(find(devices), None) is not None

    def write_device(owner: Element, field: Field, value: bool) -> None:
        devices = field.reach(owner)
        for made in make() if value else ():
            insert(devices, made)
        for found in () if value else tuple(find(devices)):
            remove(found)

    return Kind(read_device, write_device)


def _targeted(tag: str, **said: str) -> Callable[[Element], Iterator[Element]]:
    [(key, value)] = said.items()
    return lambda devices: (
        d for d in devices.iterchildren(tag) for t in d.iterchildren("target") if t.get(key) == value
    )


AGENT = "org.qemu.guest_agent.0"


def _new_agent() -> tuple[Element, ...]:
    channel = element("channel", type="unix")
    channel.append(element("target", type="virtio", name=AGENT))
    return (channel,)


def is_agent_connected(devices: Element | None) -> bool:
    """Whether a guest agent has opened its end of the channel; only a live definition tells."""
    channels = _targeted("channel", name=AGENT)(devices) if devices is not None else ()
    targets = (target for channel in channels for target in channel.iterchildren("target"))
    return any(target.get("state") == "connected" for target in targets)


GUEST_AGENT = device(_targeted("channel", name=AGENT), _new_agent)


def _lines(devices: Element) -> Iterator[Element]:
    """Serial lines, and consoles that are one; not those of virtio."""
    yield from devices.iterchildren("serial")
    for console in devices.iterchildren("console"):
        target = child(console, "target")
        if target is None or target.get("type") != "virtio":
            yield console


SERIAL_CONSOLE = device(_lines, lambda: (element("serial", type="pty"), element("console", type="pty")))

TABLET = device(
    lambda devices: (found for found in devices.iterchildren("input") if found.get("type") == "tablet"),
    lambda: (element("input", type="tablet", bus="usb"),),
)


def _new_rng() -> tuple[Element, ...]:
    rng = element("rng", model="virtio")
    insert(rng, element("backend", model="random")).text = "/dev/urandom"
    return (rng,)


RNG = device(lambda devices: devices.iterchildren("rng"), _new_rng)

# --- balloon, watchdog -----------------------------------------------------


def _write_balloon(balloon: Element, field: Field, value: str) -> None:
    """No balloon has nothing else."""
    if value == "none":
        balloon.attrib.clear()
        empty(balloon)
    balloon.set("model", value)


MEMBALLOON = part(
    Field("model", "@model", Kind(read_text, _write_balloon)),
    Field("stats_period", "stats/@period", Kind(NUMBER.read, NUMBER.write, int)),
    Field("autodeflate", "@autodeflate", ONOFF, absent=False),
    Field("free_page_reporting", "@freePageReporting", ONOFF, absent=False),
)


def _write_watchdog(watchdog: Element, field: Field, value: str) -> None:
    """Another model stands on another bus."""
    watchdog.set("model", value)
    empty(watchdog, "address")


WATCHDOG = part(
    Field("model", "@model", Kind(read_text, _write_watchdog)), Field("action", "@action", TEXT, absent="reset")
)
