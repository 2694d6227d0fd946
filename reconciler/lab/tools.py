"""What this computer must have for a lab, and the programs with which the lab stands in for what it has not."""

import os
import shlex
import shutil
import sys
from pathlib import Path

from reconciler.lab.errors import LabError
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
GANESHA_VFS = (Path("/usr/lib"), "ganesha/libfsalvfs.so", "nfs-ganesha-vfs")
SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def check_tools(spec: LabSpec) -> None:
    """Refuse, naming everything that is missing at once. Raises: LabError."""
    if os.geteuid() != 0:
        raise LabError("cannot make namespaces: not root; run it as root (sudo)")
    needed = dict(COMMON)
    if any(machine.hypervisor for machine in spec.machines):
        needed |= HYPERVISOR
    if any(machine.nfs_server for machine in spec.machines):
        needed |= NFS_SERVER
    missing = {tool: package for tool, package in needed.items() if shutil.which(tool, path=SEARCH) is None}
    if missing:
        packages = " ".join(sorted(set(missing.values())))
        raise LabError(
            f"cannot replicate the machines: {', '.join(sorted(missing))} not found on this computer; "
            f"run: apt-get install -y --no-install-recommends {packages}"
        )
    for device in ("/dev/net/tun", *(() if has_kernel_nfs() else ("/dev/fuse",))):
        if not os.path.exists(device):
            raise LabError(f"cannot replicate the machines: {device} is missing; load its module, or allow it here")


def has_kernel_nfs() -> bool:
    """Whether this computer's kernel can mount NFS by itself."""
    return any(line.split()[-1] == "nfs" for line in Path("/proc/filesystems").read_text().splitlines())


def stand_ins() -> dict[str, str]:
    """Name in /usr/sbin -> script, for every program that the lab replaces inside its machines."""
    mount = {} if has_kernel_nfs() else dict.fromkeys(("mount.nfs", "mount.nfs4"), _script("nfsclient.mount"))
    return {"exportfs": _script("exportfs"), **mount}


def _script(module: str) -> str:
    package = str(Path(__file__).parents[2])
    command = shlex.join([sys.executable, "-P", "-m", f"reconciler.lab.{module}"])
    return f'#!/bin/sh\nPYTHONPATH={shlex.quote(package)} exec {command} "$@"\n'
