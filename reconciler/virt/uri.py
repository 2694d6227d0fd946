"""What a libvirt URI of a document tells: how to reach the host, and the URI that we open. Pure."""

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

TLS_PORT = 16514
TCP_PORT = 16509


@dataclass(frozen=True, slots=True)
class Reach:
    """How a hypervisor is reached. `transport`: ssh, tcp, tls, or "" for this machine."""

    uri: str
    driver: str
    transport: str
    host: str
    port: int | None
    user: str = ""
    keyfile: str = ""

    @property
    def is_local(self) -> bool:
        return not self.transport and not self.host

    @property
    def is_test(self) -> bool:
        """libvirt's test driver: no machine, no daemon; each connection may be a world of its own."""
        return self.driver == "test" and self.is_local

    @property
    def takes_flags(self) -> bool:
        """The test driver, near or far, refuses flags that change nothing there."""
        return self.driver != "test"

    @property
    def ssh_target(self) -> str:
        return f"{self.user}@{self.host}" if self.user else self.host


def reach(uri: str) -> Reach:
    """Read a URI that the loader has checked; the URI to open never asks a terminal for anything."""
    parts = urlsplit(uri)
    driver, _, transport = parts.scheme.partition("+")
    host = parts.hostname or ""
    if host and not transport:
        transport = "tls"
    keyfile = parse_qs(parts.query).get("keyfile", [""])[0]
    port = parts.port or {"tcp": TCP_PORT, "tls": TLS_PORT}.get(transport)
    return Reach(quiet(uri), driver, transport, host, port, parts.username or "", keyfile)


def quiet(uri: str) -> str:
    """The URI with `no_tty=1` where ssh would fight for the terminal."""
    parts = urlsplit(uri)
    if not parts.scheme.endswith("+ssh") or "no_tty=" in parts.query:
        return uri
    return f"{uri}{'&' if parts.query else '?'}no_tty=1"
