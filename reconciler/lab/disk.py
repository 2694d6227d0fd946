"""The nodes' disks: what lies on them before the first boot. They stay over off and on, and go with `down`."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from reconciler.lab import files
from reconciler.lab.lan import Lan
from reconciler.lab.node import SERVED
from reconciler.lab.paths import LAN, SEAT, disks, node_key
from reconciler.lab.spec import LabSpec, Machine

_PACKAGED_FILTERS = "nwfilter"  # the only part of /etc/libvirt that the package brings and no person writes


def make_disks(spec: LabSpec, lan: Lan) -> None:
    """Make the disks of every node, with keys by which they know each other."""
    root = disks(spec.name)
    _make_root(root)
    (root / "capabilities").mkdir()
    _seed_capabilities(root / "capabilities")
    keys = {who: make_key(root / f"key-{who}", who) for who in ("seat", "hypervisors")}
    for node in (LAN, SEAT, *(node_key(machine.name) for machine in spec.machines)):
        _make_base(spec, lan, root / node)
    host_keys = {machine.name: _make_machine(spec, machine, keys) for machine in spec.machines}
    for node in (SEAT, *(node_key(machine.name) for machine in spec.machines)):
        (root / node / "etc/ssh/ssh_known_hosts").write_text(files.known_hosts(spec, host_keys))
    _give_key(root / "key-seat", root / SEAT)
    (root / LAN / "etc/dnsmasq.conf").write_text(files.dnsmasq_conf(lan, str(root / files.LEASES_FILE)))


def _make_root(root: Path) -> None:
    """Make the lab's directory; another lab's `down` may remove the one above at the same moment."""
    while not root.exists():
        with contextlib.suppress(FileNotFoundError):
            root.mkdir(mode=0o700, parents=True)


def make_key(path: Path, comment: str) -> str:
    """Make an ssh key pair; returns its public line without the comment."""
    arguments = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"lab-{comment}", "-f", str(path)]
    subprocess.run(arguments, check=True, stdin=subprocess.DEVNULL)
    return " ".join(path.with_name(path.name + ".pub").read_text().split()[:2])


def _seed_capabilities(target: Path) -> None:
    """Begin with what this computer's own libvirt knows of its QEMU; libvirt checks whether it is still true."""
    source = Path("/var/cache/libvirt/qemu/capabilities")
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)


def _make_base(spec: LabSpec, lan: Lan, disk: Path) -> None:
    """What every node has: of /etc only what differs from this computer's (boot.py lays it over)."""
    for name in ("log", "etc-work"):
        (disk / name).mkdir(parents=True)
    for name, content in {
        "hosts": files.hosts(spec, lan),
        "resolv.conf": files.resolv_conf(lan),
        "ssh/ssh_config": files.SSH_CONFIG,
    }.items():
        _write(disk / "etc" / name, content)


def _make_own(directory: Path) -> None:
    """Make a directory of /etc of which nothing of this computer's shows through."""
    directory.mkdir(parents=True)
    os.setxattr(directory, "trusted.overlay.opaque", b"y")


def _write(path: Path, content: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    path.chmod(mode)


def _make_machine(spec: LabSpec, machine: Machine, keys: dict[str, str]) -> str:
    """Fill a machine's disk; returns its public host key."""
    disk = disks(spec.name) / node_key(machine.name)
    etc = disk / "etc"
    host_key = make_key(etc / "ssh/ssh_host_ed25519_key", machine.name)
    allowed = [keys["seat"]] + ([keys["hypervisors"]] if machine.hypervisor else [])
    _write(etc / "ssh/authorized_keys", "".join(f"{key}\n" for key in allowed), 0o600)
    _write(etc / "ssh/sshd_config", files.sshd_config(machine.ssh_ports))
    _write(etc / "shadow", files.unlock_root(Path("/etc/shadow").read_text()), 0o600)
    _write(etc / "hostname", f"{machine.name}\n")
    _write(etc / "machine-id", f"{files.host_uuid(spec.name, machine.name).hex}\n")
    if machine.hypervisor:
        _give_key(disks(spec.name) / "key-hypervisors", disk)
        _make_hypervisor(spec, machine, disk)
    if machine.nfs_server:
        _make_nfs_server(machine, disk)
    return host_key


def _give_key(key: Path, disk: Path) -> None:
    _write(disk / "etc/ssh/lab_key", key.read_text(), 0o600)


def _make_hypervisor(spec: LabSpec, machine: Machine, disk: Path) -> None:
    for name in ("lib", "log/libvirt", "cache/qemu/capabilities"):
        (disk / name).mkdir(parents=True)
    libvirt = disk / "etc/libvirt"
    _make_own(libvirt)
    _write(libvirt / "libvirtd.conf", files.libvirtd_conf(spec.name, machine.name), 0o600)
    _write(libvirt / "qemu.conf", files.QEMU_CONF, 0o600)
    if Path("/etc/libvirt", _PACKAGED_FILTERS).is_dir():
        shutil.copytree(Path("/etc/libvirt", _PACKAGED_FILTERS), libvirt / _PACKAGED_FILTERS)


def _make_nfs_server(machine: Machine, disk: Path) -> None:
    for name in (SERVED, "nfs/ganesha"):
        (disk / name).mkdir(parents=True)
    _make_own(disk / "etc/exports.d")
    _write(disk / "etc/exports", "".join(f"{line}\n" for line in machine.exports))
    _write(disk / "etc/ganesha/ganesha.conf", files.GANESHA_CONF)
    _write(disk / "etc/ganesha/exports.conf", "")


def remove_tree(path: Path) -> None:
    """Remove a directory of the lab, also while a child of a killed `up` still writes in it. Raises: OSError."""
    for _ in range(20):
        shutil.rmtree(path, ignore_errors=True)
        if not os.path.lexists(path):
            return
    shutil.rmtree(path)
