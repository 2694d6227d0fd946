"""What the answers mean, and the command that mends it. Pure."""

import shlex
from collections.abc import Iterator

from reconciler.desired import Desired, Ref
from reconciler.desired.documents import Host, Pool, State
from reconciler.doctor.ask import PORTS, Answers, Probe, Tried, peer_ssh
from reconciler.doctor.line import Level, Line
from reconciler.observed import HostFacts, Unknown
from reconciler.readiness import (
    export_trouble,
    is_exported,
    is_usable,
    pool_trouble,
    server_address,
    server_of,
    wanted_pools,
)
from reconciler.step import HeldReason
from reconciler.virt.uri import reach

TIMED_OUT = 124
"""timeout(1)'s exit code."""
NO_BASH = 127


def judge(desired: Desired, answers: Answers) -> tuple[Line, ...]:
    """A line for each thing that was asked. Order: hosts, the way between them, networks, pools, NFS; each by name."""
    return (
        *(line for _, host in sorted(desired.hypervisors.items()) for line in _hypervisor(answers, host)),
        *_spread(desired, answers),
        *_between(desired, answers),
        *_bridges(desired, answers),
        *_pools(desired, answers),
        *_servers(desired, answers),
    )


def exit_code(lines: tuple[Line, ...]) -> int:
    """1 before 4; warnings are no failure."""
    levels = {line.level for line in lines}
    return 1 if Level.FAILED in levels else 4 if Level.UNREACHABLE in levels else 0


# --- hypervisors -----------------------------------------------------------------------


def _hypervisor(answers: Answers, host: Host) -> Iterator[Line]:
    ref, where = Ref("host", host.name), reach(host.spec.hypervisor.uri)  # type: ignore[union-attr]
    probe = answers.probes.get(host.name)
    if not answers.observed.is_reachable(host.name):
        yield Line(Level.UNREACHABLE, ref, answers.observed.silence(host.name), _mend_connection(host, probe))
        return
    user = f" as {probe.user}" if isinstance(probe, Probe) and probe.user else ""
    facts = answers.observed.host_facts(host.name)
    versions = f"; {_versions(facts)}" if facts else ""
    yield Line(Level.OK, ref, f"libvirt answers at {host.spec.hypervisor.uri}{user}{versions}")  # type: ignore[union-attr]
    if isinstance(probe, Unknown):
        yield Line(
            Level.FAILED, ref, f"libvirt answers, a shell does not: {probe.message}", f"ssh {where.ssh_target} true"
        )
    elif probe is None:
        message = "its uri leads to no shell there: bridges, and the way to other hosts, are not looked at"
        yield Line(Level.WARNING, ref, message)
    if facts:
        yield _kvm(ref, facts)


def _mend_connection(host: Host, probe: Probe | Unknown | None) -> str:
    where = reach(host.spec.hypervisor.uri)  # type: ignore[union-attr]
    login = f"ssh {where.ssh_target} " if where.transport == "ssh" else ""
    if isinstance(probe, Probe):
        return f"{login}systemctl enable --now libvirtd"
    if isinstance(probe, Unknown) and "Permission denied" in probe.message:
        return f"ssh-copy-id {where.ssh_target}"
    return f"{login}true" if login else f"virsh -c {shlex.quote(where.uri)} uri"


def _versions(facts: HostFacts) -> str:
    return f"libvirt {version(facts.libvirt_version)}, QEMU {version(facts.qemu_version)}"


def version(number: int) -> str:
    """9000000 -> 9.0.0, as libvirt counts."""
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}" if number else "unknown"


def _kvm(ref: Ref, facts: HostFacts) -> Line:
    if facts.virt_type == "kvm":
        return Line(Level.OK, ref, "KVM is usable")
    message = "KVM is not usable: guests are emulated, many times slower"
    return Line(
        Level.WARNING,
        ref,
        message,
        "switch virtualisation on in the firmware, then: modprobe kvm_intel || modprobe kvm_amd",
    )


def _spread(desired: Desired, answers: Answers) -> Iterator[Line]:
    """Live migration from newer to older is what libvirt and QEMU promise least."""
    facts = {name: answers.observed.host_facts(name) for name in sorted(desired.hypervisors)}
    known = {name: _versions(f) for name, f in facts.items() if f}
    if len(known) < 2:
        return
    ref = Ref("cluster", desired.cluster_name)
    if len(set(known.values())) == 1:
        yield Line(Level.OK, ref, f"all hypervisors have {next(iter(known.values()))}")
    else:
        told = "; ".join(f"host/{name}: {text}" for name, text in known.items())
        message = f"versions differ, and guests may not migrate back to an older one: {told}"
        yield Line(Level.WARNING, ref, message, "bring all hypervisors to the newest of these versions")


# --- between hypervisors ------------------------------------------------------------------


def _between(desired: Desired, answers: Answers) -> Iterator[Line]:
    for name, source in sorted(desired.hypervisors.items()):
        probe = answers.probes.get(name)
        if not isinstance(probe, Probe):
            continue
        if not probe.is_root:
            message = f"{probe.user} is not root there and has no sudo: what root reaches is not looked at"
            yield Line(Level.WARNING, Ref("host", name), message, "use root in the host's uri")
            continue
        for other, peer in sorted(desired.hypervisors.items()):
            if other != name and answers.observed.is_reachable(other):
                yield from _way(source, peer, probe)


def _way(source: Host, peer: Host, probe: Probe) -> Iterator[Line]:
    ref = Ref("host", source.name)
    login = probe.by_ssh.get(peer.name)
    if login is not None:
        yield _login(ref, source, peer, login)
    tries = {port: probe.ports[peer.name, port] for port in PORTS if (peer.name, port) in probe.ports}
    if not tries:
        return
    silent = [port for port, tried in tries.items() if tried.code == TIMED_OUT]
    broken = [tried for tried in tries.values() if not _arrives(tried) and tried.code != TIMED_OUT]
    if silent:
        ports = ", ".join(str(port) for port in silent)
        message = f"memory traffic to host/{peer.name} is dropped on the way (TCP {ports})"
        yield Line(Level.FAILED, ref, message, _mend_ports(source, peer))
    elif broken and broken[0].code == NO_BASH:
        yield Line(Level.WARNING, ref, f"the ports towards host/{peer.name} are not looked at: {broken[0].said}")
    elif broken:
        message = f"memory traffic does not reach host/{peer.name}: {broken[0].said or f'exit code {broken[0].code}'}"
        yield Line(Level.FAILED, ref, message, _mend_ports(source, peer))
    else:
        yield Line(Level.OK, ref, f"memory traffic reaches host/{peer.name} (TCP {PORTS[0]}-{PORTS[-1]})")


def _arrives(tried: Tried) -> bool:
    """An open port, or one that is refused: nothing listens there until a migration begins."""
    return tried.code == 0 or "refused" in tried.said.lower()


def _login(ref: Ref, source: Host, peer: Host, login: Tried) -> Line:
    command = shlex.join(peer_ssh(peer)[:-1])
    if login.code == 0:
        return Line(Level.OK, ref, f"its root reaches host/{peer.name} by ssh")
    cause = login.said or ("no answer in time" if login.code == TIMED_OUT else f"exit code {login.code}")
    target = peer_ssh(peer)[-2]
    mend = f"ssh-copy-id {target}" if "Permission denied" in login.said else command
    return Line(
        Level.FAILED, ref, f"its root cannot reach host/{peer.name} by ssh: {cause}", f"on {source.name}: {mend}"
    )


def _mend_ports(source: Host, peer: Host) -> str:
    sort = "ip6" if ":" in source.spec.address else "ip"
    rule = f"{sort} saddr {source.spec.address} tcp dport {PORTS[0]}-{PORTS[-1]} accept"
    return f"on {peer.name}: nft insert rule inet filter input {rule}"


# --- networks and pools ---------------------------------------------------------------------


def _bridges(desired: Desired, answers: Answers) -> Iterator[Line]:
    for name, network in sorted(desired.networks.items()):
        for host in desired.selected(network.spec.hosts) if network.spec.state is State.PRESENT else ():
            probe, bridge = answers.probes.get(host), network.spec.bridge_on.get(host, network.spec.bridge)
            if bridge is None or not isinstance(probe, Probe):
                continue
            ref = Ref("network", name, host)
            if bridge in probe.bridges:
                yield Line(Level.OK, ref, f"bridge {bridge} is there")
            else:
                there = f"it has {', '.join(sorted(probe.bridges))}" if probe.bridges else "it has none"
                mend = f"on {host}: ip link add {bridge} type bridge && ip link set {bridge} up (and an uplink in it)"
                yield Line(Level.FAILED, ref, f"bridge {bridge} is not there; {there}", mend)


def _pools(desired: Desired, answers: Answers) -> Iterator[Line]:
    for pool in wanted_pools(desired):
        for host in desired.selected(pool.spec.hosts):
            if answers.observed.is_reachable(host):
                yield _pool(desired, answers, pool, host)


def _pool(desired: Desired, answers: Answers, pool: Pool, host: str) -> Line:
    ref, observed = Ref("pool", pool.name, host), answers.observed
    if isinstance(observed.pools.get(host), Unknown):
        return Line(Level.UNREACHABLE, ref, f"the pools are unknown: {observed.pools[host].message}")  # type: ignore[union-attr]
    if is_usable(desired, observed, pool, host):
        return Line(Level.OK, ref, f"{pool.spec.target} is ours and in use")
    trouble = pool_trouble(desired, observed, pool, host)
    if trouble and trouble[0] in (HeldReason.TARGET_OCCUPIED, HeldReason.NOT_OURS):
        mend = (
            f"on {host}: look with `findmnt {pool.spec.target}`, `ls -A {pool.spec.target}` and `virsh pool-list --all`"
        )
        return Line(Level.FAILED, ref, trouble[1], mend)
    return Line(Level.WARNING, ref, f"not there yet; {pool.spec.target} is free for it", "reconcile --once")


# --- NFS ----------------------------------------------------------------------------------------


def _servers(desired: Desired, answers: Answers) -> Iterator[Line]:
    pools = [pool for pool in wanted_pools(desired) if pool.spec.source]
    for address in sorted({server_address(desired, pool) for pool in pools}):
        yield from _nfs(desired, answers, address)
    for name, host in sorted(desired.servers.items()):
        listing = answers.observed.exports.get(name)
        assert host.spec.nfs_server is not None
        if isinstance(listing, Unknown):
            login = f"ssh {host.spec.nfs_server.ssh} true"
            yield Line(Level.UNREACHABLE, Ref("host", name), f"its exports are unknown: {listing.message}", login)
            continue
        for pool in pools:
            if pool.spec.export and server_of(desired, pool) is host:
                yield _export(desired, answers, pool, name)


def _nfs(desired: Desired, answers: Answers, address: str) -> Iterator[Line]:
    name = next((n for n, host in sorted(desired.servers.items()) if host.spec.address == address), "")
    ref = Ref("host", name or address)
    answering = answers.observed.answering.get(address)
    if answering:
        yield Line(Level.OK, ref, f"its NFS server answers at {address}")
    elif answering is False and isinstance(answers.observed.exports.get(name), Unknown):
        yield Line(Level.UNREACHABLE, ref, f"its NFS server does not answer at {address}, and neither does its ssh")
    elif answering is False:
        login = desired.hosts[name].spec.nfs_server if name else None
        mend = f"ssh {login.ssh} systemctl restart nfs-server" if login else "ask its administrator"
        yield Line(Level.FAILED, ref, f"its NFS server does not answer at {address} (TCP 2049)", mend)


def _export(desired: Desired, answers: Answers, pool: Pool, server: str) -> Line:
    ref = Ref("export", pool.name, server)
    assert pool.spec.source is not None
    trouble = export_trouble(desired, answers.observed, pool)
    if trouble:
        return Line(Level.FAILED, ref, trouble[1], f"on {server}: exportfs -s, then edit /etc/exports")
    if is_exported(answers.observed, server, pool):
        return Line(Level.OK, ref, f"{pool.spec.source.dir} is exported as written")
    return Line(Level.WARNING, ref, f"{pool.spec.source.dir} is not exported yet", "reconcile --once")
