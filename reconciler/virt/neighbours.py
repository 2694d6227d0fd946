"""The neighbours that a host has heard of, as its shell tells.

libvirt 9 and older misread the table of a kernel that puts the end of it into the same message as the rest ("wrong
nlmsg len", tried with Linux 6.18), and then tell nothing of it.
"""

import re
from collections.abc import Mapping

from reconciler.errors import HostUnreachable
from reconciler.virt.connect import Link

ASK_NEIGHBOURS = "ip neigh"
MOST = 10_000
"""Lines; a host has no more neighbours than its network has room for."""
_LINE = re.compile(r"(\S+) dev \S+ lladdr ([0-9a-f:]{17})\b")


def read_neighbours(link: Link) -> Mapping[str, list[str]]:
    """MAC -> addresses; none where there is no shell, or it does not answer."""
    if link.shell is None:
        return {}
    try:
        return parse_neighbours(link.shell.run(ASK_NEIGHBOURS).text)
    except HostUnreachable:
        return {}


def parse_neighbours(text: str) -> Mapping[str, list[str]]:
    """What `ip neigh` printed: `10.77.0.100 dev br0 lladdr 52:54:00:d5:4b:22 STALE`."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines()[:MOST]:
        match = _LINE.match(line)
        if match:
            found.setdefault(match[2], []).append(match[1])
    return found
