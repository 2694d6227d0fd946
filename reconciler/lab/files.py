"""The text of every configuration file in the lab. Pure.

Source: libvirtd.conf and qemu.conf of libvirt 9.0, sshd_config(5), ssh_config(5), dnsmasq(8), ganesha-config(8).
"""

import uuid
from ipaddress import ip_interface

from reconciler.lab.lan import Lan
from reconciler.lab.spec import LabSpec, Machine

LAB_NAMESPACE = uuid.UUID("5f0b6c62-2f3b-5a55-9d4a-3c9a4f6a1c0e")  # seeds host UUIDs; any constant does
KEY = "/etc/ssh/lab_key"
LEASES_FILE = "leases"

QEMU_CONF = """\
user = "root"
group = "root"
dynamic_ownership = 0
security_driver = "none"
cgroup_controllers = []
namespaces = []
stdio_handler = "file"
"""

SSH_CONFIG = f"""\
Host *
    IdentityFile {KEY}
    IdentitiesOnly yes
    IdentityAgent none
    GlobalKnownHostsFile /etc/ssh/ssh_known_hosts
    UserKnownHostsFile /etc/ssh/ssh_known_hosts_added
"""

GANESHA_CONF = """\
NFS_CORE_PARAM {
    Protocols = 3, 4;
    mount_path_pseudo = true;
    Enable_NLM = false;
    Enable_RQUOTA = false;
}
NFSv4 {
    Graceless = true;
    RecoveryBackend = fs;
    Grace_Period = 5;
    Lease_Lifetime = 5;
}
LOG {
    Default_Log_Level = EVENT;
    Facility { name = FILE; destination = "/var/log/ganesha/ganesha.log"; enable = active; }
}
%include "/etc/ganesha/exports.conf"
"""


def host_uuid(lab: str, host: str) -> uuid.UUID:
    """The machine's own UUID: libvirt refuses to migrate between equal ones; stable over off and on."""
    return uuid.uuid5(LAB_NAMESPACE, f"{lab}/{host}")


def libvirtd_conf(lab: str, host: str) -> str:
    """Listens on its sockets and on TCP without a password; the LAN is the lab's own."""
    return f"""\
host_uuid = "{host_uuid(lab, host)}"
unix_sock_group = "root"
auth_unix_ro = "none"
auth_unix_rw = "none"
listen_tls = 0
listen_tcp = 1
auth_tcp = "none"
"""


def sshd_config(ports: tuple[int, ...]) -> str:
    """Root by key only; keys lie in /etc, which is the machine's own, never in a person's ~/.ssh."""
    listen = "".join(f"Port {port}\n" for port in ports)
    return f"""\
{listen}HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PrintMotd no
StrictModes no
AuthorizedKeysFile /etc/ssh/authorized_keys
PidFile /run/sshd.pid
AcceptEnv LANG LC_*
Subsystem sftp internal-sftp
"""


def hosts(spec: LabSpec, lan: Lan) -> str:
    """/etc/hosts of every machine and of the seat."""
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    lines += [" ".join((machine.address, *names(machine))) for machine in spec.machines]
    lines += [f"{ip_interface(address).ip} seat.lab" for address in lan.seat]
    return "\n".join(lines) + "\n"


def names(machine: Machine) -> tuple[str, ...]:
    """All names of a machine, its own first."""
    return tuple(dict.fromkeys((machine.name, *machine.names)))


def known_hosts(spec: LabSpec, host_keys: dict[str, str]) -> str:
    """ssh's known_hosts lines; `host_keys`: machine name -> "ssh-ed25519 AAAA..."."""
    lines = []
    for machine in spec.machines:
        known = [*names(machine), machine.address, *machine.addresses]
        known += [f"[{name}]:{port}" for port in machine.ssh_ports if port != 22 for name in known]
        lines.append(f"{','.join(known)} {host_keys[machine.name]}")
    return "\n".join(lines) + "\n"


def resolv_conf(lan: Lan) -> str:
    """Names are asked of the lab's dnsmasq, which knows the machines and the guests and nobody else."""
    return "".join(f"nameserver {ip_interface(address).ip}\n" for address in lan.switch[:3])


def dnsmasq_conf(lan: Lan, leases: str) -> str:
    """DHCP and DNS for the LAN; nothing is forwarded."""
    ranges = "".join(f"dhcp-range={value}\n" for value in lan.ranges)
    router_advertisements = "enable-ra\n" if any(network.version == 6 for network in lan.networks) else ""
    return f"""\
user=root
group=root
interface=lan
bind-dynamic
no-resolv
no-poll
local=/#/
pid-file=/run/dnsmasq.pid
dhcp-leasefile={leases}
dhcp-authoritative
dhcp-option=option:router
dhcp-lease-max=1000
no-ping
log-dhcp
{ranges}{router_advertisements}"""


def unlock_root(shadow: str) -> str:
    """Root's line of /etc/shadow without the lock that makes sshd refuse keys too."""
    return "".join(
        line.replace("root:!", "root:*", 1) if line.startswith("root:!") else line
        for line in shadow.splitlines(keepends=True)
    )
