"""Debian packages as raw material: downloaded once, unpacked, never installed."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from reconciler.lab.guest.tools import GuestImageError, run

Say = Callable[[str], None]

# The cloud kernel first: a third of the download, and under emulation it boots in two thirds of the time.
KERNELS = ("linux-image-cloud-amd64", "linux-image-amd64")
KERNEL_FILES = ("linux-image-*-cloud-amd64_*.deb", "linux-image-*-amd64_*.deb")
TOOLS = ("busybox-static", "mtools", "syslinux")
REFRESH = "check the network and run: apt-get update"


def unpack_packages(into: Path, say: Say) -> None:
    """Unpack the kernel and the tools into a directory.

    What the cache holds is used as it is, so that a second build is offline and gives the same bytes; to take newer
    packages, delete the cache. Raises: GuestImageError.
    """
    cache = _cache()
    debs = [_cached_kernel(cache) or _download(_kernel_package(), cache, say)]
    debs += [_cached(cache, f"{name}_*.deb") or _download(name, cache, say) for name in TOOLS]
    for deb in debs:
        run(["dpkg-deb", "-x", str(deb), str(into)], to=f"unpack {deb}", way_out=f"make room in {into} or delete {deb}")


def _cache() -> Path:
    """Return the directory that keeps downloaded packages, made if need be."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reconciler" / "guest"
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GuestImageError(f"cannot make {cache}: {error.strerror}; set XDG_CACHE_HOME elsewhere") from None
    return cache


def _cached(cache: Path, pattern: str) -> Path | None:
    """Return the last by name of the cached packages that fit, if any."""
    return max(cache.glob(pattern), default=None)


def _cached_kernel(cache: Path) -> Path | None:
    """Return the cached kernel, if any."""
    return next((found for pattern in KERNEL_FILES if (found := _cached(cache, pattern))), None)


def _kernel_package() -> str:
    """Return the package that holds the kernel: the one on which the empty package of a known name depends."""
    search = ["apt-cache", "search", "--names-only", "^linux-image-(cloud-)?amd64$"]
    known = {line.split()[0] for line in run(search, to="look up a kernel", way_out=REFRESH).splitlines()}
    for name in (name for name in KERNELS if name in known):
        printed = run(["apt-cache", "depends", name], to=f"look up {name}", way_out=REFRESH)
        for line in printed.splitlines():
            if line.strip().startswith("Depends: linux-image-"):
                return line.split()[-1]
    raise GuestImageError(f"cannot find a kernel: apt knows no {' or '.join(KERNELS)}; run, on Debian: apt-get update")


def _download(package: str, cache: Path, say: Say) -> Path:
    """Download a package into the cache, whole or not at all."""
    say(f"downloading {package}")
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        # apt as root would drop to a user who cannot write here, and grumble.
        argv = ["apt-get", "download", "-o", "APT::Sandbox::User=root", package]
        run(argv, to=f"download {package}", way_out=REFRESH, cwd=Path(scratch))
        deb = next(Path(scratch).glob("*.deb"))
        return deb.replace(cache / deb.name)
