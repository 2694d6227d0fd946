"""The lab itself: real namespaces, libvirtd, QEMU, NFS. Needs root and packages; fails without them, never skips."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler import lab
from reconciler.lab import LabSpec, Machine, default_name
from reconciler.lab.computer import Computer
from reconciler.lab.exports import as_etab_line, as_exports_line, read_exports
from reconciler.lab.lan import lan as choose_lan
from reconciler.lab.paths import disks, records
from reconciler.lab.record import holders_by_command
from reconciler.lab.spec import from_desired
from reconciler.load import load

pytestmark = pytest.mark.lab

REPOSITORY = Path(__file__).parents[2]
POOL = "/var/lib/libvirt/cloud"
SEED = (
    Machine("hv1", "10.77.0.12", hypervisor=True, bridges=("br0",), mount_points=(POOL,)),
    Machine("hv2", "10.77.0.13", hypervisor=True, bridges=("br0",), mount_points=(POOL,)),
    Machine("nas", "10.77.0.11", nfs_server=True, directories=("/srv/images",)),
)
UP_S = 15.0
GUEST = """\
<domain type='qemu'>
  <name>g</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='network'/></os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='none'/><source file='{pool}/a.qcow2'/><target dev='vda' bus='virtio'/>
    </disk>
    <interface type='bridge'><mac address='52:54:00:12:34:56'/><source bridge='br0'/><model type='virtio'/></interface>
  </devices>
</domain>
"""


class Lab:
    """A lab that is up, as the tests use it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def run(self, script: str, on: str | None = None, code: int = 0, timeout_s: int = 60) -> str:
        """Run a shell script in the lab through a process of its own; returns stdout and stderr."""
        program = f"import sys; from reconciler import lab; sys.exit(lab.exec_({self.name!r}, sys.argv[1:], on={on!r}))"
        done = subprocess.run(
            [sys.executable, "-c", program, "sh", "-c", script],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
        )
        assert done.returncode == code, done.stdout
        return done.stdout


def traces(name: str) -> list[str]:
    """What is left of a lab on this computer."""
    found = [str(path) for path in (records(name), disks(name)) if path.exists()]
    found += [f"process {holder.pid}" for holder in holders_by_command(name)]
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                mounts = (entry / "mounts").read_text()
                if f"reconciler-lab/{name}/" in command + mounts:
                    found.append(f"{entry.name}: {command}")
    return found


def computer_state() -> tuple[str, str, str, list[list[str]]]:
    """What a lab must leave as it was: mounts, named network namespaces, links, entries of a few directories."""
    names = ("/", "/mnt", "/srv", "/etc", "/run", "/var/lib", "/usr/sbin", str(Path.home()))
    named = subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout
    links = subprocess.run(["ip", "-brief", "link"], capture_output=True, text=True, check=True).stdout
    listings = [sorted(set(os.listdir(name)) - {"reconciler-lab"}) for name in names]
    return Path("/proc/self/mounts").read_text(), named, links, listings


@pytest.fixture(scope="module")
def built() -> Iterator[tuple[Lab, float]]:
    name = f"test-{uuid.uuid4().hex[:6]}"
    begun = time.monotonic()
    lab.up(LabSpec(name, SEED), print)
    try:
        yield Lab(name), time.monotonic() - begun
    finally:
        lab.down(name, print)


@pytest.fixture(scope="module")
def cloud(built: tuple[Lab, float]) -> Lab:
    return built[0]


@pytest.fixture(scope="module")
def pool(cloud: Lab) -> Lab:
    """The lab with an export, mounted by a netfs pool on both hypervisors, and a qcow2 volume in it."""
    line = "/srv/images 10.77.0.0/24(rw,sync,no_root_squash,no_subtree_check)"
    cloud.run(f"echo '{line}' > /etc/exports.d/test.exports && exportfs -ra", on="nas")
    define = f"netfs --source-host 10.77.0.11 --source-path /srv/images --target {POOL}"
    for host in ("hv1", "hv2"):
        cloud.run(
            f"virsh pool-define-as images {define} && virsh pool-build images && virsh pool-start images", on=host
        )
    cloud.run("virsh vol-create-as images a.qcow2 1G --format qcow2", on="hv1")
    return cloud


def spawn(program: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(program), *arguments], cwd=REPOSITORY, text=True)


def wait_for(what: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# --- up, status, exec ------------------------------------------------------


def test_up_is_fast(built: tuple[Lab, float]) -> None:
    assert built[1] < UP_S


def test_up_twice_changes_nothing(cloud: Lab) -> None:
    said: list[str] = []
    before = (records(cloud.name) / "seat/holder.json").read_text()
    lab.up(LabSpec(cloud.name, SEED[:1]), said.append)
    assert said == [f"lab {cloud.name} is up already"]
    assert (records(cloud.name) / "seat/holder.json").read_text() == before


def test_status_shows_machines_and_daemons(cloud: Lab) -> None:
    seen = lab.status(cloud.name)
    assert seen.complete
    assert seen.dhcp
    assert [(machine.name, machine.address, machine.on) for machine in seen.machines] == [
        ("hv1", "10.77.0.12", True),
        ("hv2", "10.77.0.13", True),
        ("nas", "10.77.0.11", True),
    ]
    assert all(lives for machine in seen.machines for _, lives in machine.daemons)


def test_status_sees_a_dead_daemon(cloud: Lab) -> None:
    cloud.run("pkill -9 sshd", on="hv2")
    wait_for(lambda: ("sshd", False) in lab.status(cloud.name).machines[1].daemons)
    cloud.run("/usr/sbin/sshd", on="hv2")
    assert ("sshd", True) in lab.status(cloud.name).machines[1].daemons


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -15 $$", 143)])
def test_exec_ends_with_the_commands_code(cloud: Lab, script: str, code: int) -> None:
    assert lab.exec_(cloud.name, ["sh", "-c", script]) == code


def test_exec_hands_through_stdin_stdout_and_arguments(cloud: Lab) -> None:
    program = f"import sys; from reconciler import lab; sys.exit(lab.exec_({cloud.name!r}, sys.argv[1:]))"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            program,
            "sh",
            "-c",
            'cat; printf "%s|" "$@"; echo err >&2; pwd',
            "x",
            "a b",
            "",
            "--on",
        ],
        input=b"in\0\xff\n",
        capture_output=True,
        cwd=REPOSITORY,
        timeout=20,
    )
    assert done.stdout == b"in\0\xff\na b||--on|" + os.fsencode(REPOSITORY) + b"\n"
    assert done.stderr == b"err\n"


@pytest.mark.parametrize(
    ("argv", "on", "code"),
    [(["/etc"], None, 126), (["no-such-command"], "hv1", 127), (["true"], "no-such-host", 125)],
)
def test_exec_that_cannot_run_says_so(cloud: Lab, argv: list[str], on: str | None, code: int) -> None:
    with pytest.raises(lab.LabError, match="cannot") as caught:
        lab.exec_(cloud.name, argv, on=on)
    assert caught.value.exit_code == code


def test_exec_without_a_lab_is_the_labs_failure() -> None:
    with pytest.raises(lab.LabError, match="reconcile lab up") as caught:
        lab.exec_("no-such-lab", ["true"])
    assert caught.value.exit_code == 125


def test_exec_hands_on_sigterm(cloud: Lab) -> None:
    mark = f"/run/{uuid.uuid4().hex}"
    program = "import sys; from reconciler import lab; sys.exit(lab.exec_(sys.argv[1], sys.argv[2:]))"
    child = spawn(program, cloud.name, "sh", "-c", f"trap 'exit 9' TERM; touch {mark}; while :; do sleep 0.1; done")
    wait_for(lambda: lab.exec_(cloud.name, ["test", "-e", mark]) == 0)
    child.terminate()
    assert child.wait(10) == 9


def test_kill_9_of_exec_ends_the_command(cloud: Lab) -> None:
    program = "import sys; from reconciler import lab; sys.exit(lab.exec_(sys.argv[1], sys.argv[2:]))"
    child = spawn(program, cloud.name, "sleep", "4321")
    wait_for(lambda: lab.exec_(cloud.name, ["pgrep", "-f", "sleep 4321"]) == 0)
    child.kill()
    child.wait()
    wait_for(lambda: lab.exec_(cloud.name, ["pgrep", "-f", "sleep 4321"]) == 1)


def test_execs_on_the_seat_share_a_run_of_their_own(cloud: Lab) -> None:
    cloud.run("echo here > /run/shared")
    assert cloud.run("cat /run/shared") == "here\n"
    cloud.run("test ! -e /run/shared", on="hv1")
    assert not Path("/run/shared").exists()


# --- the network -----------------------------------------------------------


def test_machines_reach_each_other_by_name_and_ssh(cloud: Lab) -> None:
    for host in ("hv1", "hv2", "nas"):
        assert cloud.run(f"ssh -o BatchMode=yes root@{host} hostname") == f"{host}\n"
    assert cloud.run("ssh -o BatchMode=yes root@hv2 hostname", on="hv1") == "hv2\n"
    cloud.run("ssh -o BatchMode=yes root@hv1 true", on="nas", code=255)


def test_libvirt_answers_over_ssh(cloud: Lab) -> None:
    uuids = {
        cloud.run(f"virsh -c 'qemu+ssh://root@{host}/system?no_tty=1' capabilities | grep '<uuid>'")
        for host in ("hv1", "hv2")
    }
    assert len(uuids) == 2


def test_nothing_leaves_the_lab(cloud: Lab) -> None:
    assert "default" not in cloud.run("ip route; ip -6 route")
    cloud.run("timeout 3 sh -c 'exec 3<>/dev/tcp/192.0.2.1/80'", code=2)


def test_a_cut_link_is_only_that_machines(cloud: Lab) -> None:
    cloud.run("ip link set eth0 down", on="hv2")
    cloud.run("ssh -o BatchMode=yes -o ConnectTimeout=2 root@hv2 true", code=255)
    cloud.run("ssh -o BatchMode=yes root@hv1 true")
    cloud.run("ip link set eth0 up", on="hv2")
    cloud.run("ssh -o BatchMode=yes -o ConnectTimeout=5 root@hv2 true")


# --- NFS -------------------------------------------------------------------


def test_both_hosts_see_one_pool(pool: Lab) -> None:
    pool.run("virsh pool-refresh images", on="hv2")
    assert "a.qcow2" in pool.run("virsh vol-list images", on="hv2")
    assert "virtual size: 1 GiB" in pool.run(f"qemu-img info -U {POOL}/a.qcow2", on="hv2")
    assert Path(disks(pool.name) / "host-nas/served/srv/images/a.qcow2").exists()


def test_volumes_are_uploaded_resized_and_deleted(pool: Lab) -> None:
    pool.run(
        "head -c 20000000 /dev/urandom > /run/raw && virsh vol-create-as images raw 20000000B --format raw", on="hv1"
    )
    pool.run("virsh vol-upload --pool images raw /run/raw", on="hv1")
    pool.run("virsh vol-create-as images raw 1M", on="hv1", code=1)
    pool.run(f"cmp /run/raw {POOL}/raw && virsh vol-resize --pool images raw 30000000", on="hv1")
    assert pool.run(f"stat -c %s {POOL}/raw", on="hv2") == "30000000\n"
    pool.run("virsh vol-delete --pool images raw", on="hv1")
    pool.run(f"test ! -e {POOL}/raw", on="hv2")


def test_a_mounted_export_is_a_file_system(pool: Lab) -> None:
    script = f"""
    set -eC; mkdir {POOL}/d; cd {POOL}/d
    echo one > f; ln -s f s; ln f h; [ "$(readlink s)$(cat s)" = fone ]; [ "$(stat -c %h f)" = 2 ]
    ! sh -Cc 'echo two > f' 2>/dev/null
    chmod 640 f; chown 5:6 f; truncate -s 5000 f; [ "$(stat -c '%a %u %g %s' f)" = '640 5 6 5000' ]
    touch -d @1000000000 f; [ "$(stat -c %Y f)" = 1000000000 ]
    mv f g; rm h; [ "$(ls)" = "$(printf 'g\\ns')" ]
    exec 5<> o; echo kept >&5; rm o; [ "$(cat /proc/self/fd/5)" = kept ]; exec 5>&-
    for i in $(seq 200); do : > n$i; done; [ "$(ls | wc -l)" = 202 ]
    ! rmdir {POOL}/d 2>/dev/null; stat -f {POOL} > /dev/null; rm -r {POOL}/d; [ "$(ls -A {POOL})" = a.qcow2 ]
    """
    pool.run(script, on="hv1")


def test_what_one_host_writes_the_other_reads_at_once(pool: Lab) -> None:
    for number in range(5):
        pool.run(f"echo {number} > {POOL}/shared", on="hv1")
        assert pool.run(f"cat {POOL}/shared", on="hv2") == f"{number}\n"
    pool.run("echo behind > /srv/images/shared", on="nas")
    assert pool.run(f"cat {POOL}/shared; rm {POOL}/shared", on="hv1") == "behind\n"


IO = f"""
import os, time
fd = os.open("{POOL}/io", os.O_RDWR | os.O_CREAT)
end, block, turn = time.monotonic() + 6, os.urandom(65536), 0
while time.monotonic() < end:
    os.pwrite(fd, block, 65536 * (turn % 50))
    assert os.pread(fd, 65536, 65536 * (turn % 50)) == block
    turn += 1
os.unlink("{POOL}/io")
print("turns", turn)
"""


def test_mounts_survive_reloads_a_hang_and_a_restart(pool: Lab) -> None:
    program = "import sys; from reconciler import lab; sys.exit(lab.exec_(sys.argv[1], sys.argv[2:], on='hv1'))"
    child = spawn(program, pool.name, "python3", "-c", IO)
    wait_for(lambda: lab.exec_(pool.name, ["test", "-e", f"{POOL}/io"], on="hv2") == 0)
    pool.run("mkdir -p /srv/b; exportfs -o rw 10.77.0.12:/srv/b; exportfs -u 10.77.0.12:/srv/b", on="nas")
    pool.run("pkill -STOP ganesha", on="nas")
    pool.run(f"timeout -s KILL 1 cat {POOL}/io", on="hv1", code=137)
    pool.run("pkill -CONT ganesha; sleep 0.3; pkill -9 ganesha; sleep 0.3; ganesha.nfsd", on="nas")
    assert child.wait(30) == 0


def test_exportfs_is_the_kernels(pool: Lab) -> None:
    listed = (
        "/srv/images  10.77.0.0/24(sync,wdelay,hide,no_subtree_check,sec=sys,rw,secure,no_root_squash,no_all_squash)\n"
    )
    assert pool.run("exportfs -s", on="nas") == listed
    pool.run("mkdir -p /srv/b; exportfs -o ro,no_subtree_check 10.77.0.13:/srv/b", on="nas")
    assert "/srv/b" in pool.run("showmount -e nas", on="hv2")
    denied = "virsh pool-create-as b netfs --source-host nas --source-path /srv/b --target /run/b"
    assert "access denied" in pool.run(f"mkdir /run/b; {denied}", on="hv1", code=1)
    assert "Read-only" in pool.run(f"mkdir /run/b; {denied} && touch /run/b/x", on="hv2", code=1)
    pool.run("virsh pool-destroy b", on="hv2")
    wait_for(lambda: lab.exec_(pool.name, ["pgrep", "-f", "/srv/[b] /run/b"], on="hv2") == 1)  # its mount helper
    pool.run("exportfs -r; rmdir /srv/b", on="nas")
    assert pool.run("exportfs -s", on="nas") == listed


def test_exportfs_reports_a_bad_file_and_reads_the_others(pool: Lab) -> None:
    pool.run("echo '/srv/images *(rww)' > /etc/exports.d/bad.exports", on="nas")
    said = pool.run("exportfs -ra; code=$?; rm /etc/exports.d/bad.exports; exportfs -s; exit $code", on="nas", code=1)
    assert '/etc/exports.d/bad.exports:1: unknown keyword "rww"' in said
    assert "/srv/images  10.77.0.0/24(" in said


# --- guests ----------------------------------------------------------------


def test_a_guest_gets_an_address_and_migrates_both_ways(pool: Lab, tmp_path: Path) -> None:
    (tmp_path / "g.xml").write_text(GUEST.format(pool=POOL))
    pool.run(f"virsh create {tmp_path}/g.xml", on="hv1")
    wait_for(lambda: any(lease.mac == "52:54:00:12:34:56" for lease in lab.status(pool.name).leases), 40)
    there, back = "qemu+ssh://root@hv2/system", "qemu+ssh://root@hv1/system"
    pool.run(f"virsh -c '{back}?no_tty=1' migrate --live --p2p g {there} tcp://10.77.0.13")
    assert [machine.guests for machine in lab.status(pool.name).machines] == [0, 1, 0]
    pool.run(f"virsh -c '{there}?no_tty=1' migrate --live --p2p g {back}")
    assert "running" in pool.run("virsh domstate g; virsh destroy g", on="hv1")


# --- the plug --------------------------------------------------------------


def test_off_kills_guests_and_on_brings_back_disks_and_definitions(pool: Lab, tmp_path: Path) -> None:
    (tmp_path / "g.xml").write_text(GUEST.format(pool=POOL))
    pool.run(f"virsh define {tmp_path}/g.xml && virsh start g", on="hv2")
    lab.off(pool.name, "hv2", print)
    lab.off(pool.name, "hv2", print)
    seen = lab.status(pool.name).machines[1]
    assert (seen.on, seen.guests) == (False, 0)
    pool.run("ssh -o BatchMode=yes -o ConnectTimeout=2 root@hv2 true", code=255)
    with pytest.raises(lab.LabError, match="reconcile lab on hv2"):
        lab.exec_(pool.name, ["true"], on="hv2")
    lab.on(pool.name, "10.77.0.13", print)
    assert "shut off" in pool.run("virsh domstate g; virsh pool-start images; virsh undefine g", on="hv2")
    pool.run("ssh -o BatchMode=yes root@hv2 true")


def test_an_nfs_server_comes_back_under_its_clients(pool: Lab) -> None:
    lab.off(pool.name, "nas", print)
    lab.on(pool.name, "nas", print)
    assert "a.qcow2" in pool.run(f"ls {POOL}", on="hv1")


# --- down ------------------------------------------------------------------


def test_labs_with_the_same_addresses_live_side_by_side(pool: Lab) -> None:
    before, name = computer_state(), f"test-{uuid.uuid4().hex[:6]}"
    lab.up(LabSpec(name, SEED), print)
    try:
        other = Lab(name)
        assert "virtual" not in other.run("virsh pool-list --all; ls /srv", on="hv1")
        assert other.run("ssh -o BatchMode=yes root@hv1 virsh pool-list --name") == "\n"
        assert "images" in pool.run("ssh -o BatchMode=yes root@hv1 virsh pool-list --name")
    finally:
        lab.down(name, print)
    assert traces(name) == []
    assert computer_state() == before
    assert "images" in pool.run("ssh -o BatchMode=yes root@hv1 virsh pool-list --name")


@pytest.mark.parametrize("delay_s", [0.02, 0.15, 0.3, 0.6])
def test_down_after_kill_9_of_up_leaves_nothing(delay_s: float) -> None:
    before, name = computer_state(), f"test-{uuid.uuid4().hex[:6]}"
    program = """
    import sys
    from reconciler import lab
    machines = (lab.Machine("hv1", "10.77.0.12", hypervisor=True), lab.Machine("nas", "10.77.0.11", nfs_server=True))
    lab.up(lab.LabSpec(sys.argv[1], machines), print)
    """
    child = spawn(program, name)
    wait_for(lambda: records(name).exists())
    time.sleep(delay_s)
    child.kill()
    child.wait()
    lab.down(name, print)
    assert traces(name) == []
    assert computer_state() == before


def test_down_with_a_stopped_server_under_a_used_mount_leaves_nothing() -> None:
    before, name = computer_state(), f"test-{uuid.uuid4().hex[:6]}"
    lab.up(LabSpec(name, SEED), print)
    hung = Lab(name)
    hung.run("exportfs -o rw,no_root_squash '*:/srv/images'", on="nas")
    hung.run(f"mkdir {POOL}; mount -t nfs nas:/srv/images {POOL}", on="hv1")
    program = "import sys; from reconciler import lab; sys.exit(lab.exec_(sys.argv[1], sys.argv[2:], on='hv1'))"
    user = spawn(program, name, "dd", "if=/dev/zero", f"of={POOL}/big", "bs=64k", "count=100000000")
    wait_for(lambda: lab.exec_(name, ["test", "-s", "/srv/images/big"], on="nas") == 0)
    hung.run("pkill -STOP ganesha", on="nas")
    begun = time.monotonic()
    lab.down(name, print)
    assert time.monotonic() - begun < 10
    assert user.wait(5) == 128 + signal.SIGKILL
    assert traces(name) == []
    assert computer_state() == before


def test_down_of_no_lab_is_no_error() -> None:
    said: list[str] = []
    lab.down("no-such-lab", said.append)
    assert said == ["there is no lab no-such-lab"]


# --- refusals --------------------------------------------------------------


def test_a_missing_tool_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.lab.tools.PROGRAMS", "/nowhere")
    with pytest.raises(lab.LabError, match=r"ganesha\.nfsd.*apt-get install.* nfs-ganesha "):
        lab.up(LabSpec("no-such-lab", SEED), print)


def test_whoever_is_not_root_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(lab.LabError, match="not root"):
        lab.up(LabSpec("no-such-lab", SEED), print)


def test_an_up_that_fails_leaves_nothing() -> None:
    before, name = computer_state(), f"test-{uuid.uuid4().hex[:6]}"
    with pytest.raises(lab.LabError, match="cannot boot"):
        lab.up(
            LabSpec(
                name,
                (
                    *SEED[:1],
                    Machine("twin", "10.77.0.99", hypervisor=True, bridges=("sixteen-bytes-x",)),
                    Machine("bad", "10.77.0.98", hypervisor=True, bridges=("no/bridge",)),
                ),
            ),
            print,
        )
    assert traces(name) == []
    assert computer_state() == before


# --- what is built from documents, and the words of exports(5): pure -------

HOSTS = """
apiVersion: reconciler/v1
kind: Host
metadata: {name: a}
spec:
  address: 10.1.0.1
  hypervisor: {uri: "qemu+ssh://root@a.example.org:2222/system", migrationAddress: 10.9.0.1}
---
apiVersion: reconciler/v1
kind: Host
metadata: {name: b}
spec: {address: 10.2.0.2, hypervisor: {uri: "qemu+tls://b/system"}, nfsServer: {ssh: admin@store}}
---
apiVersion: reconciler/v1
kind: Network
metadata: {name: lan}
spec: {bridge: br0, bridgeOn: {b: br1}}
---
apiVersion: reconciler/v1
kind: Pool
metadata: {name: ours}
spec: {type: netfs, target: /mnt/ours, source: {host: b, dir: /export/ours}}
---
apiVersion: reconciler/v1
kind: Pool
metadata: {name: theirs}
spec: {type: netfs, hosts: [a], target: /mnt/theirs, source: {host: 10.1.0.9, dir: /vol/x}}
---
apiVersion: reconciler/v1
kind: Pool
metadata: {name: local}
spec: {type: dir, hosts: [a], target: /data/local}
---
apiVersion: reconciler/v1
kind: Domain
metadata: {name: big}
spec: {vcpus: 1, memory: 3GiB, cpu: host-passthrough, disks: [], interfaces: []}
"""


def test_machines_are_as_the_documents_say(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(HOSTS)
    spec = from_desired(load(tmp_path), "x", Computer(memory_bytes=2 * 1024**3, has_kvm=False))
    a, b, stand_in = spec.machines
    assert (a.bridges, a.names, a.addresses, a.ssh_ports) == (("br0",), ("a.example.org",), ("10.9.0.1",), (22, 2222))
    assert (a.directories, a.mount_points) == (("/data/local",), ("/mnt/ours", "/mnt/theirs"))
    assert (b.bridges, b.names, b.directories, b.nfs_server) == (("br1",), ("store",), ("/export/ours",), True)
    assert (stand_in.address, stand_in.directories) == ("10.1.0.9", ("/vol/x",))
    limits = "\n".join(spec.limits)
    for word in ("certificates", "not admin", "one flat LAN", "pool/theirs: 10.1.0.9", "host-passthrough", "2.0 GiB"):
        assert word in limits


def test_addresses_avoid_the_documents_and_two_directories_make_two_names(tmp_path: Path) -> None:
    crowded = tuple(Machine(f"m{n}", f"10.0.0.{n}") for n in (1, 2, 100, 252, 254))
    found = choose_lan(LabSpec("x", crowded))
    assert (found.switch, found.seat) == (("10.0.0.253/24",), ("10.0.0.251/24",))
    assert found.ranges == ("10.0.0.101,10.0.0.250,255.255.255.0,1h",)
    assert default_name("c", tmp_path) == default_name("c", tmp_path / ".") != default_name("c", tmp_path.parent)


def test_exports_files_are_read_as_nfs_utils_reads_them() -> None:
    text = """\
# comment
"/srv/with blank" -sync,no_subtree_check 10.0.0.1(rw) \\
    10.0.0.0/8(ro,all_squash,anonuid=7)   # two clients
/srv/\\040x *(rw,no_subtree_check,insecure,fsid=5)
/srv/bad 10.0.0.1(rw
/srv/never *(rw)
"""
    reading = read_exports(text, "/etc/exports")
    assert [as_exports_line(export) for export in reading.exports] == [
        "/srv/with\\040blank  10.0.0.1(sync,wdelay,hide,no_subtree_check,sec=sys,rw,secure,root_squash,no_all_squash)",
        "/srv/with\\040blank  10.0.0.0/8"
        "(sync,wdelay,hide,no_subtree_check,anonuid=7,sec=sys,ro,secure,root_squash,all_squash)",
        "/srv/\\040x  *(sync,wdelay,hide,no_subtree_check,fsid=5,sec=sys,rw,insecure,root_squash,no_all_squash)",
    ]
    assert reading.error == "/etc/exports:5: syntax error: bad option list"
    again = read_exports("".join(f"{as_etab_line(export)}\n" for export in reading.exports), "etab")
    assert again.exports == reading.exports
