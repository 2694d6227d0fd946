"""Run the outside programs that build the guest, and say what is missing."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from reconciler.lab.errors import LabError

APT_PACKAGE = {"apt-cache": "apt", "apt-get": "apt", "dpkg-deb": "dpkg", "qemu-img": "qemu-utils"}


class GuestImageError(LabError):
    """The guest image cannot be built; the text names the way out."""


def run(
    argv: Sequence[str], *, to: str, way_out: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> str:
    """Run a program and return what it printed.

    `to` and `way_out` complete the message "cannot <to>: <cause>; <way out>".
    Raises: GuestImageError when the program is missing or fails.
    """
    whole = {**os.environ, "LC_ALL": "C", **(env or {})}
    if shutil.which(argv[0], path=whole.get("PATH")) is None:
        package = APT_PACKAGE.get(argv[0], argv[0])
        raise GuestImageError(f"cannot {to}: no program {argv[0]}; run: apt-get install {package}")
    ended = subprocess.run(
        argv,
        env=whole,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if ended.returncode:
        cause = _cause(ended.stderr) or f"{argv[0]} ended with status {ended.returncode}"
        raise GuestImageError(f"cannot {to}: {cause}; {way_out}")
    return ended.stdout


def _cause(printed: str) -> str:
    """Pick the line that says why a program failed: apt's first `E:` line, else the last line."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    errors = [line.removeprefix("E: ") for line in lines if line.startswith("E: ")]
    return (errors[:1] or lines[-1:] or [""])[0]
