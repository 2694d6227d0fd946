"""What a node sees of this computer's files, and what is its own. Runs in the node's mount namespace, at its boot.

Nothing is ever made outside that namespace: where this computer lacks a directory that the node shall have, a private
copy of the directory above shows the same entries and takes the new one.
"""

import contextlib
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

from reconciler.lab import kernel
from reconciler.lab.node import SERVED, Boot

SBIN = Path("/usr/sbin")
HIDDEN_SBIN = Path("/run/reconciler-lab/sbin")
STAGE = Path("/run/reconciler-lab/stage")
NO_KVM = Path("/run/reconciler-lab/no-kvm")
_MAKE_FILE_SYSTEM = ("mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-E", "lazy_itable_init=1,nodiscard")
_SAFE = kernel.NO_SUID | kernel.NO_DEV


def make_mounts(boot: Boot) -> None:
    """Make all mounts of a node. Raises: OSError, subprocess.CalledProcessError."""
    needed = [Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[2]]
    kept = [(path, os.open(path, os.O_PATH | os.O_CLOEXEC)) for path in needed]
    kernel.mount("proc", "/proc", "proc", _SAFE | kernel.NO_EXEC)
    _mount_sys()
    kernel.mount("shm", "/dev/shm", "tmpfs", _SAFE)
    kernel.mount("run", "/run", "tmpfs", _SAFE, "mode=755")
    STAGE.mkdir(parents=True)
    _lay_over_etc(Path(boot.disk))
    _make_servable(Path(boot.disk))
    for source, target in boot.binds:
        Path(source).mkdir(parents=True, exist_ok=True)
        kernel.bind(source, target)
    own = [Path("/run"), *(Path(target) for _, target in boot.binds)]
    for source, target in boot.directories:
        _own_directory(source, Path(target), own)
    _hide_ssh()
    if boot.commands:
        _replace_commands(boot)
    if boot.hides_kvm:
        _hide_kvm()
    _show_again(kept)


def _mount_sys() -> None:
    """A /sys that shows this network namespace; cgroups stay visible as they were."""
    cgroups = os.open("/sys/fs/cgroup", os.O_PATH | os.O_CLOEXEC) if os.path.isdir("/sys/fs/cgroup") else None
    kernel.mount("sysfs", "/sys", "sysfs", _SAFE | kernel.NO_EXEC)
    if cgroups is not None:
        with contextlib.suppress(OSError):  # a kernel without cgroups: libvirt is told to use none
            kernel.bind(f"/proc/self/fd/{cgroups}", "/sys/fs/cgroup")
        os.close(cgroups)


def _lay_over_etc(disk: Path) -> None:
    """Make /etc the node's own: this computer's with the node's over it, and all writes go to the node's disk."""
    copy = disk / "etc-copy"
    if not copy.exists():
        options = f"lowerdir=/etc,upperdir={disk}/etc,workdir={disk}/etc-work"
        with contextlib.suppress(OSError):
            kernel.mount("etc", "/etc", "overlay", _SAFE, options)
            return
        _copy_etc(disk / "etc", copy)
    kernel.bind(str(copy), "/etc")


def _copy_etc(own: Path, copy: Path) -> None:
    """Where overlays do not work (inside a container whose root is one), a copy does, only slower."""
    draft = copy.with_name("etc-draft")
    shutil.rmtree(draft, ignore_errors=True)
    subprocess.run(["cp", "-a", "/etc", str(draft)], check=True)
    for directory in own.rglob("*"):
        if directory.is_dir() and "trusted.overlay.opaque" in os.listxattr(directory):
            shutil.rmtree(draft / directory.relative_to(own), ignore_errors=True)
    subprocess.run(["cp", "-a", "--remove-destination", f"{own}/.", str(draft)], check=True)
    draft.rename(copy)


def _make_servable(disk: Path) -> None:
    """Where this computer's file system cannot be exported (a container's overlay), mount one from an image file.

    The kernel frees the loop device when the node's mounts go, however it ends.
    """
    served, image = disk / SERVED, disk / "served.img"
    if not served.exists() or kernel.has_handles(str(served)):
        return
    if not image.exists():
        draft = disk / "served.draft"
        with draft.open("wb") as file:
            file.truncate(shutil.disk_usage(disk).free)  # sparse
        subprocess.run([*_MAKE_FILE_SYSTEM, str(draft)], check=True)
        draft.rename(image)
    subprocess.run(["mount", "-o", "loop", str(image), str(served)], check=True)


def _own_directory(source: str, target: Path, own: list[Path]) -> None:
    """Make `target` the node's own. With a `source` it keeps what is in it; without, it is an empty place to mount on.

    `own`: directories that are the node's already; below them there is nothing to do but to make it.
    """
    if any(target.is_relative_to(directory) for directory in own):
        if source:
            target.mkdir(parents=True, exist_ok=True)
        return
    first = target
    while not first.parent.exists():
        first = first.parent
    _privatize(first.parent, without=first.name)
    target.mkdir(parents=True)
    if source:
        Path(source).mkdir(parents=True, exist_ok=True)
        kernel.bind(source, str(target))
    own.append(first)


def _privatize(directory: Path, *, without: str) -> None:
    """Cover `directory` with a private one that shows the same entries but one, so that new ones are the node's own."""
    kernel.mount("own", str(STAGE), "tmpfs", kernel.NO_DEV, "mode=755")
    kernel.mount("", str(STAGE), flags=kernel.UNBINDABLE)  # or / would be shown inside itself
    for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
        if entry.name != without:
            _show(Path(entry.path), STAGE / entry.name)
    kernel.mount("", str(STAGE), flags=kernel.PRIVATE)
    os.chdir(STAGE)
    kernel.mount(".", str(directory), flags=kernel.MOVE)
    if directory == Path("/"):
        os.chroot(".")
    os.chdir("/")


def _show(path: Path, copy: Path) -> None:
    if path.is_symlink():
        copy.symlink_to(os.readlink(path))
        return
    if path.is_dir():
        copy.mkdir()
    else:
        copy.touch()
    kernel.bind(str(path), str(copy))


def _hide_ssh() -> None:
    """Root's own ~/.ssh is neither read nor written in the lab."""
    directory = Path(pwd.getpwuid(0).pw_dir, ".ssh")
    if directory.exists():
        kernel.mount("ssh", str(directory), "tmpfs", _SAFE, "mode=700")


def _replace_commands(boot: Boot) -> None:
    """A /usr/sbin of links to the real one, with some programs replaced; works for programs that are not there too."""
    HIDDEN_SBIN.mkdir()
    kernel.bind(str(SBIN), str(HIDDEN_SBIN))
    kernel.mount("sbin", str(SBIN), "tmpfs", _SAFE, "mode=755")
    for entry in os.scandir(HIDDEN_SBIN):
        link = os.readlink(entry.path) if entry.is_symlink() else entry.path
        (SBIN / entry.name).symlink_to(link)
    for name, script in boot.commands.items():
        path = SBIN / name
        path.unlink(missing_ok=True)
        path.write_text(script)
        path.chmod(0o755)


def _hide_kvm() -> None:
    """A KVM that does not truly work is as good as none; libvirt takes one that cannot be written to for absent."""
    NO_KVM.touch()
    kernel.bind(str(NO_KVM), "/dev/kvm")
    kernel.mount("", "/dev/kvm", flags=kernel.BIND | kernel.REMOUNT | kernel.READ_ONLY)


def _show_again(kept: list[tuple[Path, int]]) -> None:
    """Python and this package must be there in the node too, when they lie below what is now the node's own."""
    for path, fd in kept:
        if not path.exists():
            path.mkdir(parents=True)
            kernel.bind(f"/proc/self/fd/{fd}", str(path))
        os.close(fd)
