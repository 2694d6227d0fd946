"""What the shell of a host tells: mounts, speeds of its links; and whether two spellings mean one source. Pure."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.desired import Desired

MEGABIT = 125_000
"""A megabit in bytes."""
UNKNOWN_SPEED = 2**32 - 1
"""What older kernels tell for -1."""
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class HostSide:
    """What the shell of a host tells in one exchange. `mounts`: target -> source of the topmost mount there."""

    boot_id: str
    mounts: Mapping[str, str]
    speeds: Mapping[str, int] = field(default_factory=dict)
    """Own address -> bytes a second that its interface can carry, where the kernel knows."""


ASK_HOST = """
cat /proc/sys/kernel/random/boot_id
ip -o address 2>/dev/null
grep -s . /sys/class/net/*/speed
echo
cat /proc/self/mounts
"""


def read_host_side(text: str) -> HostSide:
    """What ASK_HOST printed. Order of the mounts: as mounted; a later one at the same target hides the earlier."""
    head, _, mounted = text.partition("\n\n")
    first, _, links = head.partition("\n")
    return HostSide(first.strip() if len(first) <= 64 else "", _mounts(mounted), _speeds(links))


def _speeds(text: str) -> Mapping[str, int]:
    """From lines of `ip -o address` and of `/sys/class/net/eth0/speed:10000`, in megabits."""
    addresses = re.findall(r"^\d+: (\S+?)(?:@\S+)? +inet6? (\S+?)/\d+", text, re.MULTILINE)
    speeds = {name: int(speed) for name, speed in re.findall(r"^/sys/class/net/(\S+)/speed:(\d+)$", text, re.MULTILINE)}
    return {address: speeds[name] * MEGABIT for name, address in addresses if 0 < speeds.get(name, 0) < UNKNOWN_SPEED}


def _mounts(text: str) -> Mapping[str, str]:
    mounts = {}
    for line in text.splitlines():
        words = line.split(" ")
        if len(words) >= 4:
            mounts[_plain(words[1])] = _plain(words[0])
    return mounts


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
