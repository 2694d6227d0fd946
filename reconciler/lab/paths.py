"""Where a lab lies on this computer: records (short-lived) and disks (what a plug does not take away)."""

import re
from pathlib import Path

from reconciler.lab.errors import LabError

RECORDS = Path("/run/reconciler-lab")
DISKS = Path("/var/lib/reconciler-lab")

PROGRAMS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # a PATH, whatever the caller's is

LAN = "lan"  # the node that holds the switch and the DHCP server
SEAT = "seat"  # the node where the operator sits

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def check_name(name: str) -> str:
    """Return `name` when it is safe as a file name. Raises: LabError."""
    if not _NAME.fullmatch(name):
        raise LabError(
            f"cannot use {name!r} as the name of a lab: it must be 1 to 63 letters, digits, dots, dashes or "
            "underscores, and begin with a letter or digit; choose another --name"
        )
    return name


def records(lab: str) -> Path:
    """The directory of a lab's records."""
    return RECORDS / check_name(lab)


def disks(lab: str) -> Path:
    """The directory of a lab's disks."""
    return DISKS / check_name(lab)


def node_key(host: str) -> str:
    """The directory name of a host's node; the prefix keeps a host named `lan` or `seat` apart from ours."""
    return f"host-{host}"
