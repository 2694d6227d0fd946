"""What this computer must have for a lab, and the programs with which the lab stands in for what it has not."""

import glob
import os
import shlex
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from reconciler.lab.errors import LabError
from reconciler.lab.paths import PROGRAMS
from reconciler.lab.spec import LabSpec

COMMON = {
    "ip": "iproute2",
    "nsenter": "util-linux",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "sshd": "openssh-server",
    "dnsmasq": "dnsmasq-base",
}
HYPERVISOR = {
    "libvirtd": "libvirt-daemon-system",
    "virsh": "libvirt-clients",
    "virt-ssh-helper": "libvirt-daemon",
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mount.nfs": "nfs-common",
}
NFS_SERVER = {"ganesha.nfsd": "nfs-ganesha", "rpcbind": "rpcbind"}
HYPERVISOR_LIBRARIES = {
    "libvirt_driver_qemu.so": "libvirt-daemon-driver-qemu",
    "libvirt_storage_backend_fs.so": "libvirt-daemon",
}
NFS_SERVER_LIBRARIES = {"libfsalvfs.so": "nfs-ganesha-vfs"}
LIBRARY_PLACES = ("/usr/lib/*/ganesha", "/usr/lib/*/libvirt/*", "/usr/lib*/ganesha", "/usr/lib*/libvirt/*")


def check_tools(spec: LabSpec) -> None:
    """Refuse, naming everything that is missing at once. Raises: LabError."""
    if os.geteuid() != 0:
        raise LabError("cannot make namespaces: not root; run it as root (sudo)")
    if not spec.machines:
        raise LabError("cannot build a lab of no machines: the documents have no Host; write one")
    missing = _missing(spec)
    if missing:
        packages = " ".join(sorted(set(missing.values())))
        raise LabError(
            f"cannot replicate the machines: {', '.join(sorted(missing))} not found on this computer; "
            f"run: apt-get install -y --no-install-recommends {packages}"
        )
    for device in ("/dev/net/tun", *(() if has_kernel_nfs() else ("/dev/fuse",))):
        if not os.path.exists(device):
            raise LabError(f"cannot replicate the machines: {device} is missing; load its module, or allow it here")


def _missing(spec: LabSpec) -> dict[str, str]:
    """Program or library -> the Debian package that has it."""
    programs, libraries = dict(COMMON), dict[str, str]()
    if any(machine.hypervisor for machine in spec.machines):
        programs, libraries = programs | HYPERVISOR, libraries | HYPERVISOR_LIBRARIES
    if any(machine.nfs_server for machine in spec.machines):
        programs, libraries = programs | NFS_SERVER, libraries | NFS_SERVER_LIBRARIES
    missing = {name: package for name, package in programs.items() if shutil.which(name, path=PROGRAMS) is None}
    return missing | {name: package for name, package in libraries.items() if not _has_library(name)}


def _has_library(name: str) -> bool:
    return any(glob.glob(f"{place}/{name}") for place in LIBRARY_PLACES)


@cache
def has_kernel_nfs() -> bool:
    """Whether this computer's kernel can mount NFS by itself, or could after loading a module."""
    lines = Path("/proc/filesystems").read_text().splitlines()
    if any(line.split()[-1] == "nfs" for line in lines):
        return True
    modprobe = shutil.which("modprobe", path=PROGRAMS)
    if modprobe is None:
        return False
    return subprocess.run([modprobe, "-n", "-q", "nfs"], check=False, capture_output=True).returncode == 0


def stand_ins() -> dict[str, str]:
    """Name in /usr/sbin -> script, for every program that the lab replaces inside its machines."""
    mount = {} if has_kernel_nfs() else dict.fromkeys(("mount.nfs", "mount.nfs4"), _script("nfsclient.mount"))
    return {"exportfs": _script("exportfs"), **mount}


def _script(module: str) -> str:
    package = str(Path(__file__).parents[2])
    command = shlex.join([sys.executable, "-P", "-m", f"reconciler.lab.{module}"])
    return f'#!/bin/sh\nPYTHONPATH={shlex.quote(package)} exec {command} "$@"\n'
