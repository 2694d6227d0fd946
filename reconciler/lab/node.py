"""What one node of the lab is made of and what it runs: the order given to its first process (boot.py). Pure.

A node is the LAN's switch, the operator's seat, or a machine of the documents. All are alike: namespaces of their own
(network, mounts, hostname, IPC, processes), a copy of /etc of their own, a /run of their own, and some daemons.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_interface
from typing import Any

from reconciler.lab.lan import Lan, mac, with_prefix
from reconciler.lab.paths import LAN, SEAT, disks, node_key
from reconciler.lab.spec import LabSpec, Machine

SSHD = "sshd"
LIBVIRTD = "libvirtd"
RPCBIND = "rpcbind"
GANESHA = "ganesha.nfsd"
DNSMASQ = "dnsmasq"

SERVED = "served"  # the part of a machine's disk that an NFS server may have to give handles for


@dataclass(frozen=True, slots=True)
class Daemon:
    """A program that a node starts. `ready`: "unix:PATH", "tcp:PORT", "exit" (it must end with 0), or "" (at once)."""

    name: str
    argv: tuple[str, ...]
    ready: str


@dataclass(frozen=True, slots=True)
class Boot:
    """Everything that a node's first process has to do, in the order of the fields.

    `network`: lines for `ip -batch` inside the node, with {lan} for the switch's process id. `ports`: the ends of its
    links on the switch. `disk`: where its own part of /etc lies, and its daemons' logs. `binds`: (what lies on the
    disk, where it is shown). `directories`: (what lies on the disk, or "" for an empty place to mount on; a path that
    this computer may not have). `commands`: name in /usr/sbin -> script that stands in for it. `runtime`: directories
    below /run -> their owners. `hides_kvm`: this computer's KVM does not work.
    """

    hostname: str
    network: tuple[str, ...]
    ports: tuple[str, ...]
    disk: str
    binds: tuple[tuple[str, str], ...]
    directories: tuple[tuple[str, str], ...]
    commands: Mapping[str, str]
    runtime: Mapping[str, str]
    daemons: tuple[Daemon, ...]
    hides_kvm: bool = False

    @property
    def logs(self) -> str:
        """The directory of its daemons' output, one file for each."""
        return f"{self.disk}/log"

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "Boot":
        """The inverse of dataclasses.asdict through JSON."""
        daemons = tuple(Daemon(d["name"], tuple(d["argv"]), d["ready"]) for d in record["daemons"])
        pairs = {key: tuple((a, b) for a, b in record[key]) for key in ("binds", "directories")}
        lines = {key: tuple(record[key]) for key in ("network", "ports")}
        return cls(**{**record, **pairs, **lines, "daemons": daemons})


def switch(spec: LabSpec, lan: Lan) -> Boot:
    """The node that joins all others: a bridge, DHCP and DNS."""
    disk = disks(spec.name) / LAN
    network = [
        "link set lo up",
        "link add lan type bridge forward_delay 0 stp_state 0 mcast_snooping 0",
        f"link set lan address {mac(spec.name, LAN, 0)} up",
        *_addresses("lan", lan.switch),
    ]
    dnsmasq = Daemon(DNSMASQ, ("/usr/sbin/dnsmasq", "--keep-in-foreground"), "tcp:53")
    return Boot("lan", tuple(network), (), str(disk), (), (), {}, {}, (dnsmasq,))


def seat(spec: LabSpec, lan: Lan) -> Boot:
    """The operator's place on the LAN."""
    disk = disks(spec.name) / SEAT
    network = ["link set lo up", *_link(spec, SEAT, 0, "s0"), *_addresses("eth0", lan.seat)]
    return Boot("seat", tuple(network), ("s0",), str(disk), (), (), {}, {}, ())


def machine_node(spec: LabSpec, lan: Lan, machine: Machine, commands: Mapping[str, str], *, hides_kvm: bool) -> Boot:
    """A machine of the documents; `commands`: the lab's stand-ins for programs, of which it gets those it needs."""
    disk = disks(spec.name) / node_key(machine.name)
    runtime = {"sshd": "root"}
    daemons = [Daemon(SSHD, ("/usr/sbin/sshd", "-D"), f"tcp:{machine.ssh_ports[0]}")]
    binds: list[tuple[str, str]] = []
    if machine.nfs_server:
        binds += [
            (str(disk / SERVED / "srv"), "/srv"),
            (str(disk / "nfs"), "/var/lib/nfs"),
            (str(disk / "log"), "/var/log/ganesha"),
        ]
        runtime |= {"rpcbind": "_rpc", "ganesha": "root"}
        daemons += _nfs_daemons()
    if machine.hypervisor:
        binds += [(str(disk / "lib"), "/var/lib/libvirt"), (str(disk / "cache"), "/var/cache/libvirt")]
        binds.append((str(disk / "log/libvirt"), "/var/log/libvirt"))
        binds.append((str(disks(spec.name) / "capabilities"), "/var/cache/libvirt/qemu/capabilities"))
        daemons += _libvirt_daemons(spec)
    own = [(str(disk / SERVED / path.strip("/").replace("/", "-")), path) for path in machine.directories]
    own += [("", path) for path in machine.mount_points]
    return Boot(
        hostname=machine.name,
        network=tuple(_machine_network(spec, lan, machine)),
        ports=_ports(spec, machine),
        disk=str(disk),
        binds=tuple(binds),
        directories=tuple(own),
        commands={name: script for name, script in commands.items() if _needs_command(machine, name)},
        runtime=runtime,
        daemons=tuple(daemons),
        hides_kvm=hides_kvm and machine.hypervisor,
    )


def expected_daemons(machine: Machine) -> tuple[str, ...]:
    """The daemons that should run on a machine that is on, in the order of their start."""
    return (SSHD, *((RPCBIND, GANESHA) if machine.nfs_server else ()), *((LIBVIRTD,) if machine.hypervisor else ()))


def _needs_command(machine: Machine, name: str) -> bool:
    """Whether a machine gets the lab's stand-in for `name`."""
    return machine.nfs_server if name == "exportfs" else machine.hypervisor


def _libvirt_daemons(spec: LabSpec) -> list[Daemon]:
    """libvirtd, and in the background its probe of QEMU, one host after the other: the first one does it for all."""
    probe = (
        "flock",
        str(disks(spec.name) / "capabilities.lock"),
        "virsh",
        "-q",
        "-c",
        "qemu:///system",
        "capabilities",
    )
    return [
        Daemon(LIBVIRTD, ("/usr/sbin/libvirtd", "--listen"), "unix:/run/libvirt/libvirt-sock"),
        Daemon("probe", probe, ""),
    ]


def _nfs_daemons() -> list[Daemon]:
    return [
        Daemon(RPCBIND, ("/usr/sbin/rpcbind", "-f", "-w"), "unix:/run/rpcbind.sock"),
        Daemon(GANESHA, ("/usr/bin/ganesha.nfsd", "-F"), "tcp:2049"),
        Daemon("exportfs", ("/usr/sbin/exportfs", "-ra"), "exit"),
    ]


def _ports(spec: LabSpec, machine: Machine) -> tuple[str, ...]:
    """The switch's ends of a machine's links, one for each bridge; 15 bytes at most for the kernel."""
    index = spec.machines.index(machine)
    return tuple(f"m{index}p{port}" for port in range(max(1, len(machine.bridges))))


def _machine_network(spec: LabSpec, lan: Lan, machine: Machine) -> list[str]:
    lines = ["link set lo up"]
    for number, port in enumerate(_ports(spec, machine)):
        lines += _link(spec, machine.name, number, port)
    for number, bridge in enumerate(machine.bridges):
        lines.append(f"link add {bridge} type bridge forward_delay 0 stp_state 0 mcast_snooping 0")
        lines.append(f"link set {bridge} address {mac(spec.name, machine.name, number)} up")
        lines.append(f"link set eth{number} master {bridge}")
    device = machine.bridges[0] if machine.bridges else "eth0"
    own = [with_prefix(spec, address) for address in (machine.address, *machine.addresses)]
    lines += _addresses(device, own)
    return lines + _routes(device, own, lan)


def _link(spec: LabSpec, owner: str, number: int, port: str) -> list[str]:
    address = mac(spec.name, owner, number)
    return [
        f"link add eth{number} address {address} type veth peer name {port} netns {{lan}}",
        f"link set eth{number} up",
    ]


def _addresses(device: str, addresses: tuple[str, ...] | list[str]) -> list[str]:
    return [f"address add {address} dev {device}{' nodad' if ':' in address else ''}" for address in addresses]


def _routes(device: str, own: list[str], lan: Lan) -> list[str]:
    """Networks of the other hosts, all on the one flat LAN, for each family that this machine has."""
    near = {ip_interface(address).network for address in own}
    families = {network.version for network in near}
    return [
        f"route add {network} dev {device}"
        for network in lan.networks
        if network not in near and network.version in families
    ]
