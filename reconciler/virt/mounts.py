"""What a host says is mounted where (/proc/self/mounts), and whether two spellings mean one source. Pure."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.desired import Desired

_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class HostSide:
    """What the shell of a host tells in one exchange. `mounts`: target -> source of the topmost mount there."""

    boot_id: str
    mounts: Mapping[str, str]


ASK_HOST = "cat /proc/sys/kernel/random/boot_id; cat /proc/self/mounts"


def read_host_side(text: str) -> HostSide:
    """What ASK_HOST printed. Order of the mounts: as mounted; a later one at the same target hides the earlier."""
    first, _, rest = text.partition("\n")
    mounts = {}
    for line in rest.splitlines():
        words = line.split(" ")
        if len(words) >= 4:
            mounts[_plain(words[1])] = _plain(words[0])
    return HostSide(first.strip() if len(first) <= 64 else "", mounts)


def _plain(word: str) -> str:
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), word)


def mounted_at(side: HostSide, target: str) -> str:
    """The source mounted on `target`; empty for none."""
    return side.mounts.get(target.rstrip("/") or "/", "")


@dataclass(frozen=True)
class Spellings:
    """Which names and addresses mean the same NFS server: a Host's name, its address, its name for ssh."""

    addresses: Mapping[str, str]

    @classmethod
    def of(cls, desired: Desired) -> "Spellings":
        known = {}
        for name, host in desired.hosts.items():
            known[name.lower()] = host.spec.address
            if host.spec.nfs_server:
                known.setdefault(host.spec.nfs_server.ssh.rpartition("@")[2].lower(), host.spec.address)
        return cls(known)

    def server(self, name: str) -> str:
        """The address, where one is known; else the name in lower case."""
        bare = name.strip("[]").lower()
        known = self.addresses.get(bare, bare)
        try:
            return str(ipaddress.ip_address(known))
        except ValueError:
            return known

    def is_same(self, source: str, host: str, directory: str) -> bool:
        """Whether a mount's source (`nas:/srv`, `[fd00::1]:/srv`) is `directory` of `host`."""
        server, colon, path = source.rpartition(":/")
        same_server = bool(colon) and self.server(server) == self.server(host)
        return same_server and f"/{path}".rstrip("/") == directory.rstrip("/")
