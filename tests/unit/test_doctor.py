"""Answers and what they mean; the script runs in a real shell here."""

from __future__ import annotations

import importlib
import shlex
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.desired import Desired
from reconciler.doctor import Answers, Level, Line, Probe, ask, exit_code, judge
from reconciler.doctor import ask as _ask  # noqa: F401 - the function; the module is asked for below
from reconciler.doctor.judge import version
from reconciler.load import load
from reconciler.observed import Observed, SeenTarget, Unknown
from tests.unit.test_cli_stubs import StillEdge, empty, facts, listing, pool, settled, without, write

asking = importlib.import_module("reconciler.doctor.ask")
Tried = asking.Tried
PORTS = asking.PORTS


@pytest.fixture
def desired(tmp_path: Path) -> Desired:
    return load(write(tmp_path))


def probe(peer: str, **changed: Any) -> Probe:
    values: dict[str, Any] = {
        "user": "root",
        "bridges": frozenset({"br0"}),
        "by_ssh": {peer: Tried(0)},
        "ports": {(peer, port): Tried(1, "bash: connect: Connection refused") for port in PORTS},
    }
    return Probe(**{**values, **changed})


def answers(seen: Observed | None = None, **probes: Any) -> Answers:
    return Answers(seen or settled(), {"hv1": probe("hv2"), "hv2": probe("hv1"), **probes})


def bad(desired: Desired, told: Answers) -> list[Line]:
    return [line for line in judge(desired, told) if line.level is not Level.OK]


def test_all_is_well(desired: Desired) -> None:
    lines = judge(desired, answers())
    assert [(str(line.object), line.message) for line in lines] == [
        ("host/hv1", "libvirt answers at qemu+ssh://root@hv1/system as root; libvirt 9.0.0, QEMU 7.2.0"),
        ("host/hv1", "KVM is usable"),
        ("host/hv2", "libvirt answers at qemu+ssh://root@hv2/system as root; libvirt 9.0.0, QEMU 7.2.0"),
        ("host/hv2", "KVM is usable"),
        ("cluster/small-cloud", "all hypervisors have libvirt 9.0.0, QEMU 7.2.0"),
        ("host/hv1", "its root reaches host/hv2 by ssh"),
        ("host/hv1", "memory traffic reaches host/hv2 (TCP 49152-49215)"),
        ("host/hv2", "its root reaches host/hv1 by ssh"),
        ("host/hv2", "memory traffic reaches host/hv1 (TCP 49152-49215)"),
        ("network/lan@hv1", "bridge br0 is there"),
        ("network/lan@hv2", "bridge br0 is there"),
        ("pool/images@hv1", "/var/lib/libvirt/cloud is ours and in use"),
        ("pool/images@hv2", "/var/lib/libvirt/cloud is ours and in use"),
        ("host/nas", "its NFS server answers at 10.77.0.11"),
        ("export/images@nas", "/srv/images is exported as written"),
    ]
    assert {line.level for line in lines} == {Level.OK}
    assert exit_code(lines) == 0


def test_what_is_not_there_yet_is_a_warning(desired: Desired) -> None:
    lines = bad(desired, answers(empty()))
    assert {str(line.object): line.level.value for line in lines} == {
        "pool/images@hv1": "warning",
        "pool/images@hv2": "warning",
        "export/images@nas": "warning",
    }
    assert exit_code(tuple(lines)) == 0
    assert {line.mend for line in lines} == {"reconcile --once"}


def test_a_silent_host_is_4_and_only_it_is_told(desired: Desired) -> None:
    silent = Unknown("cannot log in to ssh root@hv2: no route to host")
    broken = probe("hv2", by_ssh={"hv2": Tried(255, "no route")}, ports={("hv2", p): Tried(124) for p in PORTS})
    lines = bad(desired, answers(without(settled(), "hv2"), hv1=broken, hv2=silent))
    assert [(line.level.value, str(line.object)) for line in lines] == [("unreachable", "host/hv2")]
    assert exit_code(tuple(lines)) == 4


def test_a_failed_line_comes_before_a_silent_host(desired: Desired) -> None:
    told = answers(without(settled(), "hv2"), hv1=probe("hv2", bridges=frozenset()))
    assert exit_code(judge(desired, told)) == 1


@pytest.mark.parametrize(
    ("seen", "mend"),
    [
        (probe("hv1"), "ssh root@hv2 systemctl enable --now libvirtd"),
        (Unknown("root@hv2: Permission denied (publickey)."), "ssh-copy-id root@hv2"),
        (Unknown("no route to host"), "ssh root@hv2 true"),
    ],
)
def test_how_to_mend_a_connection(desired: Desired, seen: Any, mend: str) -> None:
    assert bad(desired, answers(without(settled(), "hv2"), hv2=seen))[0].mend == mend


def test_no_kvm_is_a_warning(desired: Desired) -> None:
    slow = {"hv1": listing(hv1=facts("hv1", virt_type="qemu")), "hv2": listing(hv2=facts("hv2"))}
    lines = bad(desired, answers(settled(facts=slow)))
    assert [(line.level.value, str(line.object)) for line in lines] == [("warning", "host/hv1")]


def test_versions_that_differ_are_a_warning(desired: Desired) -> None:
    mixed = {"hv1": listing(hv1=facts("hv1")), "hv2": listing(hv2=facts("hv2", version=10_001_000))}
    lines = bad(desired, answers(settled(facts=mixed)))
    assert [line.level.value for line in lines] == ["warning"]
    assert "host/hv2: libvirt 10.1.0" in lines[0].message
    assert [version(9_000_000), version(12_008_003), version(0)] == ["9.0.0", "12.8.3", "unknown"]


# --- between hypervisors ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tried", "message", "mend"),
    [
        (Tried(255, "root@hv2: Permission denied (publickey)."), "Permission denied", "on hv1: ssh-copy-id root@hv2"),
        (Tried(255, "Host key verification failed."), "Host key", "on hv1: ssh -o BatchMode=yes"),
        (Tried(124, ""), "no answer in time", "on hv1: ssh "),
        (Tried(1, ""), "exit code 1", "on hv1: ssh "),
    ],
)
def test_ssh_between_hypervisors(desired: Desired, tried: Any, message: str, mend: str) -> None:
    lines = bad(desired, answers(hv1=probe("hv2", by_ssh={"hv2": tried})))
    assert [(line.level.value, str(line.object)) for line in lines] == [("failed", "host/hv1")]
    assert message in lines[0].message
    assert lines[0].mend.startswith(mend)


def ports(*codes: Any) -> dict[tuple[str, int], Any]:
    return {("hv2", port): tried for port, tried in zip(PORTS, codes, strict=True)}


REFUSED = Tried(1, "bash: connect: Connection refused")


@pytest.mark.parametrize(
    ("tried", "level", "message"),
    [
        (ports(REFUSED, REFUSED, REFUSED), "ok", ""),
        (ports(Tried(0), REFUSED, REFUSED), "ok", ""),
        (ports(REFUSED, REFUSED, Tried(124)), "failed", "dropped on the way (TCP 49215)"),
        (ports(Tried(124), Tried(124), Tried(124)), "failed", "dropped on the way (TCP 49152, 49183, 49215)"),
        (ports(Tried(1, "bash: connect: No route to host"), REFUSED, REFUSED), "failed", "No route to host"),
        (ports(*[Tried(127, "timeout: failed to run command 'bash'")] * 3), "warning", "not looked at"),
        ({}, "ok", ""),
    ],
)
def test_ports_between_hypervisors(desired: Desired, tried: Any, level: str, message: str) -> None:
    lines = bad(desired, answers(hv1=probe("hv2", ports=tried)))
    assert [line.level.value for line in lines] == ([] if level == "ok" else [level])
    assert all(message in line.message for line in lines)


def test_a_user_without_sudo_is_a_warning(desired: Desired) -> None:
    lines = bad(desired, answers(hv1=Probe("me", is_root=False, bridges=frozenset({"br0"}))))
    assert [(line.level.value, line.mend) for line in lines] == [("warning", "use root in the host's uri")]


def test_libvirt_without_a_shell_is_a_failure(desired: Desired) -> None:
    lines = bad(desired, answers(hv1=Unknown("cannot log in")))
    assert [(line.level.value, line.mend) for line in lines] == [("failed", "ssh root@hv1 true")]


# --- networks, pools, NFS --------------------------------------------------------------------


def test_a_missing_bridge(desired: Desired) -> None:
    lines = bad(
        desired, answers(hv1=probe("hv2", bridges=frozenset({"virbr0"})), hv2=probe("hv1", bridges=frozenset()))
    )
    assert [line.message for line in lines] == [
        "bridge br0 is not there; it has virbr0",
        "bridge br0 is not there; it has none",
    ]
    assert exit_code(tuple(lines)) == 1


@pytest.mark.parametrize(
    ("seen", "targets", "level"),
    [
        ({}, SeenTarget("/var/lib/libvirt/cloud", True), "failed"),
        ({}, SeenTarget("/var/lib/libvirt/cloud", False, "10.0.0.9:/else"), "failed"),
        ({}, SeenTarget("/var/lib/libvirt/cloud", False), "warning"),
        ({}, SeenTarget("/var/lib/libvirt/cloud", False, "10.77.0.11:/srv/images"), "warning"),
        ({"images": pool(uuid="9d2fa7f6-1111-4222-8333-444455556666")}, None, "failed"),
    ],
)
def test_a_pool_s_target(desired: Desired, seen: Any, targets: Any, level: str) -> None:
    observed = settled(pools={"hv1": listing(**seen), "hv2": listing(images=pool())})
    if targets:
        observed = replace(observed, targets={"hv1": {targets.path: targets}})
    lines = bad(desired, answers(observed))
    assert [(line.level.value, str(line.object)) for line in lines] == [(level, "pool/images@hv1")]


def test_pools_that_hang_are_unreachable(desired: Desired) -> None:
    observed = settled(pools={"hv1": Unknown("no answer in 5 s"), "hv2": listing(images=pool())})
    assert [line.level.value for line in bad(desired, answers(observed))] == ["unreachable"]


def test_a_server_that_does_not_serve(desired: Desired) -> None:
    lines = bad(desired, answers(settled(answering={"10.77.0.11": False})))
    told = {str(line.object): line for line in lines}
    assert told["host/nas"].level is Level.FAILED
    assert told["host/nas"].mend == "ssh root@nas systemctl restart nfs-server"


def test_a_server_that_is_off_is_unreachable(desired: Desired) -> None:
    observed = settled(answering={"10.77.0.11": False}, exports={"nas": Unknown("no route")})
    lines = [line for line in bad(desired, answers(observed)) if line.object.kind == "host"]
    assert [line.level.value for line in lines] == ["unreachable", "unreachable"]


# --- asking ---------------------------------------------------------------------------------------


def test_the_script_runs_in_any_sh_and_changes_nothing(desired: Desired) -> None:
    script = asking._script(desired, desired.hosts["hv1"])
    assert subprocess.run(["sh", "-n"], input=script, text=True, check=False).returncode == 0
    words = set(shlex.split(script.replace("\n", " ; "), comments=True))
    assert not words & {"rm", "mv", "cp", "tee", "mount", "virsh", "systemctl", "ip", "mkdir", ">", ">>"}


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_the_script_s_answer_is_read(tmp_path: Path, listener: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real shell here, a real port that is open, one that is refused; ssh is a stand-in that records its words."""
    directory = write(tmp_path / "documents")
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "ssh").write_text('#!/bin/sh\necho "$@" >&2\nexit 255\n')
    (fake / "ssh").chmod(0o755)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        refused = closed.getsockname()[1]
    monkeypatch.setattr(asking, "PORTS", (listener, refused))
    monkeypatch.setenv("PATH", f"{fake}:{__import__('os').environ['PATH']}")
    path = directory / "hosts/hv2.yaml"
    path.write_text(path.read_text().replace("10.77.0.13", "127.0.0.1"))
    desired = load(directory)
    script = asking._script(desired, desired.hosts["hv1"])
    told = asking.read_probe(subprocess.run(["sh"], input=script, text=True, capture_output=True, check=True).stdout)
    assert told.user == "root" or not told.is_root
    if told.is_root:
        assert told.ports["hv2", listener].code == 0
        assert "refused" in told.ports["hv2", refused].said
        assert told.by_ssh["hv2"] == Tried(255, "-o BatchMode=yes -o ConnectTimeout=5 -- root@hv2 true")


def test_a_banner_is_not_an_answer() -> None:
    told = asking.read_probe(
        "Welcome!\nuser root\nssh hv2 is great\nport x\n\x1b[2J\nbridge br0\nssh hv2 0 \nport hv2 49152 1 no\n"
    )
    assert told == Probe("root", True, frozenset({"br0"}), {"hv2": Tried(0)}, {("hv2", 49152): Tried(1, "no")})


def test_asking_all_at_once(desired: Desired, monkeypatch: pytest.MonkeyPatch) -> None:
    class Shell:
        def __init__(self, name: str) -> None:
            self.name = name

        def once(self, script: str, words: Any, text: str, timeout_s: float) -> Any:
            if self.name == "hv2":
                raise asking.HostUnreachable("no route to host")
            return type("Answer", (), {"text": "user root\nbridge br0\n"})()

    monkeypatch.setattr(asking, "shell_of", lambda host: Shell(host.name))
    told = ask(desired, StillEdge(settled()))
    assert told.probes == {"hv1": Probe("root", True, frozenset({"br0"})), "hv2": Unknown("no route to host")}


@pytest.mark.parametrize(
    ("uri", "shell"),
    [
        ("qemu+ssh://root@hv1/system", "ssh root@hv1"),
        ("qemu+ssh://root@hv1:2222/system?keyfile=/k", "ssh root@hv1"),
        ("qemu:///system", "the local shell"),
        ("qemu+tcp://hv1/system", None),
        ("qemu+tls://hv1/system", None),
        ("test:///default", None),
    ],
)
def test_which_shell_a_uri_leads_to(desired: Desired, uri: str, shell: str | None) -> None:
    host = desired.hosts["hv1"]
    assert host.spec.hypervisor
    spec = host.spec.model_copy(update={"hypervisor": host.spec.hypervisor.model_copy(update={"uri": uri})})
    made = asking.shell_of(host.model_copy(update={"spec": spec}))
    assert (made.name if made else None) == shell


def test_a_host_without_a_shell_is_a_warning(tmp_path: Path) -> None:
    directory = write(tmp_path)
    path = directory / "hosts/hv1.yaml"
    path.write_text(path.read_text().replace("qemu+ssh://root@hv1", "qemu+tcp://hv1"))
    told = Answers(settled(), {"hv2": probe("hv1", by_ssh={})})
    lines = bad(load(directory), told)
    assert [(line.level.value, str(line.object)) for line in lines] == [("warning", "host/hv1")]
