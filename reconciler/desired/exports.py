"""What exports(5) allows: clients and options. Pure; each rule returns the value, or says what is wrong with it."""

import ipaddress
import re

from reconciler.desired.rules import Unknown

_LABEL = r"[A-Za-z0-9*?](?:[A-Za-z0-9*?-]{0,61}[A-Za-z0-9*?])?"
_HOSTNAME = rf"{_LABEL}(?:\.{_LABEL})*"
_NETGROUP = r"@[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
_LOOKS_NUMERIC = r"[0-9.]+(?:/.*)?|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(?:/.*)?"

_PAIRS = (
    ("rw", "ro"),
    ("sync", "async"),
    ("secure", "insecure"),
    ("wdelay", "no_wdelay"),
    ("hide", "nohide"),
    ("subtree_check", "no_subtree_check"),
    ("auth_nlm", "no_auth_nlm"),
    ("secure_locks", "insecure_locks"),
    ("acl", "no_acl"),
    ("root_squash", "no_root_squash"),
    ("all_squash", "no_all_squash"),
    ("pnfs", "no_pnfs"),
    ("crossmnt", "nocrossmnt"),
)
FLAGS = frozenset(word for pair in _PAIRS for word in pair) | {"mountpoint", "mp", "security_label"}
_OPPOSITE = {one: other for pair in _PAIRS for one, other in (pair, pair[::-1])}

_PATH = r"(?:/[A-Za-z0-9._@+-]+)+"
_PLACES = rf"{_PATH}@[A-Za-z0-9.-]+(?:\+[A-Za-z0-9.-]+)*(?::{_PATH}@[A-Za-z0-9.-]+(?:\+[A-Za-z0-9.-]+)*)*"
_SEC = r"(?:sys|null|none|krb5|krb5i|krb5p)"
_XPRTSEC = r"(?:none|tls|mtls)"
_ID = r"-?[0-9]{1,10}"
VALUES = {
    "anonuid": _ID,
    "anongid": _ID,
    "fsid": r"root|[0-9]{1,10}|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|[0-9A-Fa-f]{32}",
    "mountpoint": _PATH,
    "mp": _PATH,
    "refer": _PLACES,
    "replicas": _PLACES,
    "sec": rf"{_SEC}(?::{_SEC})*",
    "xprtsec": rf"{_XPRTSEC}(?::{_XPRTSEC})*",
}


OPTIONS = tuple(sorted((*FLAGS, *VALUES)))


def client(text: str) -> str:
    """One machine, network, wildcard or netgroup that may mount an export."""
    if re.fullmatch(_LOOKS_NUMERIC, text):
        return _network(text)
    if text == "*" or re.fullmatch(_NETGROUP, text) or (len(text) < 254 and re.fullmatch(_HOSTNAME, text)):
        return text
    raise ValueError("is not a client of an export; write an address, a network like 10.77.0.0/24, a host name or *")


def clients(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The clients of one export: somebody."""
    if not texts:
        raise ValueError("names nobody; name a client, or leave the export out")
    return texts


def _network(text: str) -> str:
    host, slash, _ = text.partition("/")
    try:
        found = ipaddress.ip_interface(text)
    except ValueError:
        wrong = "is not a network" if slash else "is not an address"
        raise ValueError(f"{wrong}; write for example 10.77.0.0/24") from None
    if slash and str(found.network.network_address) != str(ipaddress.ip_address(host)):
        raise ValueError(f'has bits beyond its prefix; write "{found.network}"')
    return text


def option(text: str) -> str:
    """One option of an export, as exports(5) lists them."""
    word, equals, value = text.partition("=")
    if not equals and word in FLAGS:
        return text
    if word not in VALUES:
        if word in FLAGS:
            raise ValueError(f'takes no value; write "{word}"')
        raise Unknown("is not an option of exports(5)", word, OPTIONS)
    if not equals or not re.fullmatch(VALUES[word], value):
        raise ValueError(f"needs a value that exports(5) allows for {word}")
    return text


def options(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The options of one export: none twice, none beside its opposite."""
    seen: set[str] = set()
    for word in (text.partition("=")[0] for text in texts):
        if word in seen:
            raise ValueError(f'names the option "{word}" twice')
        if _OPPOSITE.get(word) in seen:
            raise ValueError(f'names both "{_OPPOSITE[word]}" and "{word}"')
        seen.add(word)
    return texts
