"""The one way in which text from outside (the world, or a document) reaches a terminal or a log."""

import unicodedata

LONGEST = 1000
"""Characters of one outside text; a libvirt error with a QEMU log tail is longer than anybody reads."""

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that move the cursor, reorder, or cannot be seen: controls, bidi, surrogates, line separators."""


def safe(text: object, longest: int = LONGEST) -> str:
    """`text` on one line, without a character that could act on a terminal: `\\x1b`, `\\u202e`.

    JSON needs it not: it is written in ASCII, which escapes them all.
    """
    plain = str(text).strip()
    if len(plain) > longest:
        plain = plain[: longest - 3] + "..."
    if plain.isascii() and plain.isprintable():
        return plain
    return "".join(_escape(character) if _is_hidden(character) else character for character in plain)


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in _HIDDEN


def _escape(character: str) -> str:
    code = ord(character)
    if character in "\n\r\t":
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
