"""What a single value must look like. Pure; a rule returns the value, or says of it what is wrong ("is not ...").

Whoever writes documents commands root on every host, so each rule lists what is allowed, never what is not.
"""

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
LONGEST_INTERFACE_NAME = 15
"""Bytes; the kernel's IFNAMSIZ without its end."""

# Patterns stay text until a document needs them: compiling them all would cost every start of the process.
_USER = r"[A-Za-z_][A-Za-z0-9._-]{0,31}"
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?"
_BRACKETED = r"\[[0-9A-Fa-f:.]+\]"
_PORT = r"[0-9]{1,5}"
_SERVER = rf"(?:(?P<user>{_USER})@)?(?P<host>{_HOST}|{_BRACKETED})(?::(?P<port>{_PORT}))?"
_URI = (
    r"(?P<driver>[a-z]+)(?:\+(?P<transport>[a-z0-9]+))?://"
    r"(?P<server>[^/?#]*)(?P<path>/[^?#]*)(?:\?(?P<query>[^#]*))?"
)
_SSH = (
    rf"(?:{_USER}@)?(?:{_HOST}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)|ssh://(?:{_USER}@)?(?:{_HOST}|{_BRACKETED})(?::{_PORT})?"
)
_PATH = r"(?:/[A-Za-z0-9._@+-]+)+"
_TEST_PATH = rf"{_PATH}/?"
MAC = r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}"
SHA256 = r"[0-9A-Fa-f]{64}"
_RANGE = r"[0-9]{1,4}(?:-[0-9]{1,4})?"
CPUSET = rf"^{_RANGE}(?:,\^?{_RANGE})*$"
MOST_CPUS = 4096
SERIAL = r"^[A-Za-z0-9._+ -]{1,36}$"

LOCAL_TRANSPORTS = frozenset(("", "unix"))
TRANSPORTS = LOCAL_TRANSPORTS | {"ssh", "libssh", "libssh2", "tcp", "tls"}
"""`ext` is missing on purpose: it runs a program."""
QUERY = ("keyfile", "pkipath")
"""All that a URI may add: `command` and `netcat` run programs, `socket` leads elsewhere, `no_verify` drops a check."""

SYSTEM_TREES = (
    *("/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/lost+found", "/proc", "/run", "/sbin"),
    *("/sys", "/usr", "/var/run", "/var/lock", "/var/lib/dpkg", "/var/lib/rpm", "/var/lib/systemd", "/var/lib/nfs"),
    *(f"/var/lib/libvirt/{name}" for name in ("qemu", "network", "dnsmasq", "swtpm", "lockd")),
)
"""Nothing at or below these is ever a pool."""
SYSTEM_DIRECTORIES = frozenset(
    (
        *("/", "/home", "/media", "/mnt", "/opt", "/root", "/srv", "/tmp", "/var", "/var/lib", "/var/lib/libvirt"),
        *("/var/log", "/var/cache", "/var/tmp", "/var/spool"),
    )
)
"""Nothing is ever mounted over these themselves; below them is room."""


class Secret(ValueError):
    """A refusal whose message must not show the value."""


class Unknown(ValueError):
    """A refusal of a name that is not among the known ones."""

    def __init__(self, message: str, name: str, known: tuple[str, ...]) -> None:
        self.name = name
        self.known = known
        super().__init__(message)


VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"


def name(text: str) -> str:
    """A name that is safe as a file name, an argument and a part of a path."""
    if not NAME.fullmatch(text) or ".." in text:
        raise ValueError(
            "is not a name; use letters, digits, '.', '_' and '-', at most 63, starting with a letter or digit"
        )
    return text


def interface_name(text: str) -> str:
    """A name that the kernel takes for a network interface."""
    if len(name(text)) > LONGEST_INTERFACE_NAME:
        raise ValueError(f"is longer than {LONGEST_INTERFACE_NAME} bytes, the most for a network interface's name")
    return text


def address(text: str) -> str:
    """An address of a machine, in its usual form."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        raise ValueError("is not an IPv4 or IPv6 address; names are not allowed here") from None
    mapped = getattr(found, "ipv4_mapped", None)
    if found.is_multicast or found.is_unspecified or getattr(found, "scope_id", None):
        raise ValueError("is not the address of one machine")
    return str(mapped or found)


def hypervisor_uri(text: str) -> str:
    """A libvirt URI that reaches a host and runs nothing on the way. Source: libvirt's remote URI reference."""
    match = re.fullmatch(_URI, text)
    server = match["server"] if match else text.partition("://")[2].partition("/")[0]
    if ":" in server.rpartition("@")[0]:
        raise Secret("must hold no password; use a key")
    if not match or not text.isascii():
        raise ValueError("is not a libvirt URI; write for example qemu+ssh://root@hv1/system")
    transport = match["transport"] or ""
    if match["driver"] not in ("qemu", "test"):
        raise ValueError("is not a URI of the drivers qemu or test")
    if transport not in TRANSPORTS:
        raise ValueError(f"uses a transport that is not allowed; use {_either(sorted(TRANSPORTS - {''}))}")
    _check_server(server, transport)
    _check_uri_path(match["driver"], match["path"])
    _check_query(match["query"])
    return text


def _check_server(server: str, transport: str) -> None:
    if not server:
        if transport not in LOCAL_TRANSPORTS:
            raise ValueError(f"names no host; write for example qemu+{transport}://hv1/system")
        return
    match = re.fullmatch(_SERVER, server)
    if not match:
        raise ValueError("names no plain user, host and port")
    if match["port"] and not 0 < int(match["port"]) < 65536:
        raise ValueError("names no port between 1 and 65535")
    if match["host"].startswith("[") and not _is_ipv6(match["host"][1:-1]):
        raise ValueError("names no IPv6 address between the brackets")


def _check_uri_path(driver: str, path: str) -> None:
    if driver == "qemu" and path != "/system":
        raise ValueError("must end in /system")
    if driver == "test" and (not re.fullmatch(_TEST_PATH, path) or _climbs(path)):
        raise ValueError("has a path with characters that are not allowed")


def _check_query(query: str | None) -> None:
    if query is None:
        return
    seen = set()
    for part in query.split("&"):
        key, _, value = part.partition("=")
        if key not in QUERY:
            raise ValueError(f"may only carry {_either(QUERY)} after the question mark")
        if key in seen or not re.fullmatch(_PATH, value) or _climbs(value):
            raise ValueError(f"must give {key} once, as an absolute path of plain characters")
        seen.add(key)


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _either(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}"


def ssh_destination(text: str) -> str:
    """Where `ssh` goes: never an option, never a word for a shell."""
    scheme, _, rest = text.rpartition("://")
    if scheme and ":" in rest.rpartition("@")[0]:
        raise Secret("must hold no password; use a key")
    match = re.fullmatch(_SSH, text)
    port = re.search(r":([0-9]+)$", text) if scheme else None
    if not match or (port and not 0 < int(port[1]) < 65536):
        raise ValueError("is not an ssh destination; write user@host, or ssh://user@host:port")
    return text


def _climbs(path: str) -> bool:
    return any(part in (".", "..") for part in path.split("/"))


def plain_path(text: str) -> str:
    """An absolute path that needs no quoting anywhere: exports, mount, XML, shell."""
    if not re.fullmatch(_PATH, text) or _climbs(text) or len(text) > 1024:
        raise ValueError(
            "is not a plain absolute path; use letters, digits and . _ @ + - between single slashes, without . and .."
        )
    return text


def shared_directory(text: str) -> str:
    """A directory that a server may export."""
    if text == "/" or _lies_in_system(plain_path(text)) or text in ("/root", "/var"):
        raise ValueError("belongs to the system; share a directory of its own, for example /srv/images")
    return text


def pool_target(text: str) -> str:
    """A directory that a pool may be mounted over."""
    if text in SYSTEM_DIRECTORIES or _lies_in_system(plain_path(text)):
        raise ValueError("belongs to the system; use a directory of its own, for example /var/lib/libvirt/cloud")
    return text


def _lies_in_system(path: str) -> bool:
    return any(path == tree or path.startswith(f"{tree}/") for tree in SYSTEM_TREES)


def mac(text: str) -> str:
    """A unicast MAC address, in small letters."""
    if not re.fullmatch(MAC, text):
        raise ValueError("is not a MAC address; write six pairs of hex digits, for example 52:54:00:12:34:56")
    if int(text[:2], 16) & 1:
        raise ValueError("is a multicast address; the first pair must be even")
    if text == "00:00:00:00:00:00":
        raise ValueError("is no interface's address")
    return text.lower()


def cpuset(text: str) -> str:
    """Numbers of host CPUs or NUMA nodes, as libvirt writes them: sorted, joined, without `^`."""
    if not re.fullmatch(CPUSET, text) or text.endswith("\n"):
        raise ValueError("is not a set of CPUs or nodes; write for example 0-3,8")
    numbers: set[int] = set()
    for part in text.split(","):
        first, _, last = part.removeprefix("^").partition("-")
        span = range(int(first), int(last or first) + 1)
        if not span or span.stop > MOST_CPUS:
            raise ValueError(f"is not a set of CPUs or nodes; a range goes upwards, and ends below {MOST_CPUS}")
        numbers = numbers.difference(span) if part.startswith("^") else numbers.union(span)
    if not numbers:
        raise ValueError("is an empty set")
    return _ranges(numbers)


def _ranges(numbers: set[int]) -> str:
    starts = sorted(n for n in numbers if n - 1 not in numbers)
    ends = sorted(n for n in numbers if n + 1 not in numbers)
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))


def page_size(size: int) -> int:
    """A size that memory pages may have; which of them a host offers is the host's to say."""
    if size < 4096 or size & (size - 1):
        raise ValueError("is not the size of a memory page; write for example 2MiB or 1GiB")
    return size


def whole_kib(size: int) -> int:
    """A size in libvirt's own unit."""
    if size % 1024:
        raise ValueError("is not a whole number of KiB, which libvirt counts in")
    return size


def whole_seconds(duration: float) -> float:
    """A duration in libvirt's own unit."""
    if duration % 1:
        raise ValueError("is not a whole number of seconds, which libvirt counts in")
    return duration


def serial(text: str) -> str:
    """A disk's serial number. Source: libvirt's VIR_DOMAIN_SERIAL_VALID_CHARS."""
    if not re.fullmatch(SERIAL[1:-1], text):
        raise ValueError("is not a serial number; use letters, digits, '.', '_', '+', '-' and blanks, at most 36")
    return text


def line(text: str) -> str:
    """Text without line breaks."""
    if "\n" in text or not text.strip():
        raise ValueError("is not one line of text")
    return text


def listen_address(text: str) -> str:
    """An address of a host, or all of them."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("is not an IPv4 or IPv6 address; write for example 127.0.0.1, or 0.0.0.0 for all") from None


def sha256(text: str) -> str:
    """A SHA-256 sum, in small letters."""
    if not re.fullmatch(SHA256, text):
        raise ValueError("is not a SHA-256 sum; write the 64 hex digits that sha256sum prints")
    return text.lower()


def image_source(text: str) -> str:
    """Where a base image comes from: a web address, or a file, which the loader looks for."""
    if not text or not text.isprintable():
        raise ValueError("is not the path of a file")
    if "://" not in text:
        return text
    url = urlsplit(text)
    if url.scheme not in ("http", "https"):
        raise ValueError("is neither a file nor an http or https address")
    if not url.hostname or url.fragment or " " in text or not text.isascii():
        raise ValueError("is not a web address; write it as a browser shows it, for example https://host/image.qcow2")
    if url.username is not None or url.password is not None:
        raise Secret("must hold no user name or password; documents are read by many")
    return text
