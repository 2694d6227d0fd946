"""Passwords in a domain's XML, which libvirt shows only to who asks for them (VIR_DOMAIN_XML_SECURE).

A definition that is written without them loses them. So they are put in at the last moment, and stand in no plan.
"""

from collections.abc import Iterator

from reconciler.xml.tree import Element, XmlError, fragment, parse, parse_for_edit, render

ATTRIBUTES = ("passwd", "passwdValidTo", "connected")
"""Of <graphics>: all that libvirt keeps to itself."""


def has_screen(xml: str) -> bool:
    """Whether there is anything that may have a password. Not in XML that is broken: that is libvirt's to refuse."""
    try:
        return next(_screens(parse(xml)), None) is not None
    except XmlError:
        return False


def with_passwords(xml: str, shown: str) -> str:
    """`xml` with the passwords of `shown`: each screen gets those of its like, counted by type.

    `shown` is a definition with its passwords. A screen that has one already keeps it.
    Where nothing is added the result is `xml` itself. Raises: XmlError.
    """
    root = parse_for_edit(xml)
    theirs = {(screen.get("type"), number): screen for number, screen in _numbered(parse(shown))}
    before = render(root)
    for number, screen in _numbered(root):
        there = theirs.get((screen.get("type"), number))
        if there is not None and screen.get("passwd") is None:
            for name in ATTRIBUTES:
                if (value := there.get(name)) is not None:
                    screen.set(name, value)
    after = render(root)
    return xml if after == before else after


def _screens(root: Element) -> Iterator[Element]:
    yield from root.iterfind("devices/graphics")


def _numbered(root: Element) -> Iterator[tuple[int, Element]]:
    """Each screen with its number among those of its type."""
    counts: dict[str | None, int] = {}
    for screen in _screens(root):
        kind = screen.get("type")
        counts[kind] = counts.get(kind, 0) + 1
        yield counts[kind], screen


def passwords_of(xml: str) -> tuple[str, ...]:
    """Those of all screens. Raises: XmlError."""
    return tuple(password for screen in _screens(parse(xml)) if (password := screen.get("passwd")))


def password_of(xml: str) -> str:
    """The password of the first screen; empty where there is none. Raises: XmlError."""
    screen = next(_screens(parse(xml)), None)
    return screen.get("passwd", "") if screen is not None else ""


def with_password(xml: str, password: str) -> str:
    """`xml` with that password for the first screen; empty where there is no screen. Raises: XmlError."""
    root = parse_for_edit(xml)
    screen = next(_screens(root), None)
    if screen is None:
        return ""
    screen.set("passwd", password)
    return render(root)


def screen_with_password(xml: str, password: str) -> str:
    """The first screen alone, with that password, as virDomainUpdateDeviceFlags takes it. Raises: XmlError."""
    root = parse_for_edit(with_password(xml, password))
    return fragment(next(_screens(root)))
