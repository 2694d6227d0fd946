"""Moving guests on the real thing: what the documents say of it is kept, and a path that does not work is found out.

`busy` writes to its memory faster than its migration may send; `quiet` does not.
"""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.lab import ticker
from tests.lab.cloud import CONVERGE_S, HYPERVISORS, POOL, Cloud, Ended, until
from tests.lab.moves import progress

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]

CAP = 4 << 20
SLOW = {"bandwidth": "4MiB", "progressTimeout": "10s"}
PATH = "prove-path:host/hv2@hv1"
FAILED = 1


@pytest.fixture(scope="module")
def filled(bare_cloud: Cloud) -> Cloud:
    """Both guests at hv1, and no path proven by hand or by us."""
    images = bare_cloud.documents / "images"
    images.mkdir()
    image = ticker.make_image(images / "busy.qcow2", busy=True)
    digest = hashlib.sha256(image.read_bytes()).hexdigest()
    pool = (bare_cloud.documents / "pools/images.yaml").read_text()
    bare_cloud.write(
        "pools/images.yaml",
        f'{pool}  images: [{{name: busy.qcow2, from: ../images/busy.qcow2, sha256: "{digest}"}}]\n',
    )
    bare_cloud.add_domain("quiet")
    busy(bare_cloud, **SLOW)
    bare_cloud.cordon("hv2")
    bare_cloud.once()
    bare_cloud.uncordon("hv2")
    assert bare_cloud.running("hv1") == {"busy", "quiet"}
    return bare_cloud


def busy(cloud: Cloud, **migration: object) -> None:
    """Its document, with this migration policy."""
    disk = "{name: root, pool: images, size: 64MiB, image: busy.qcow2}"
    cloud.add_domain("busy", disks=disk, migration=migration)


@pytest.fixture
def cloud(filled: Cloud) -> Iterator[Cloud]:
    """Whatever a test does: both guests live on, at hv1 again when the next one begins."""
    before = {name: filled.qemu_pid(host, name) for name, host in filled.everywhere(filled.running)}
    assert set(before) == {"busy", "quiet"}
    yield filled
    filled.end_all()
    filled.uncordon(*HYPERVISORS)
    busy(filled, **SLOW)
    assert sorted(name for name, _ in filled.everywhere(filled.running)) == ["busy", "quiet"]
    for name in before:
        if filled.host_of(name) != "hv1":
            busy_ones = ("--postcopy", "--postcopy-after-precopy") if name == "busy" else ()
            filled.virsh(
                "hv2",
                "migrate",
                "--live",
                "--p2p",
                "--persistent",
                "--undefinesource",
                "--auto-converge",
                name,
                "qemu+ssh://root@hv1/system",
                "tcp://10.77.0.12",
                *busy_ones,
            )
    assert filled.running("hv1") == {"busy", "quiet"}


def step_of(ended: Ended, id_: str) -> dict[str, object]:
    """How a step went when it was last tried."""
    return next(step for one in reversed(ended.passes) for step in one["steps"] if step["id"] == id_)


def tokens(cloud: Cloud) -> str:
    """What proofs left in the pool."""
    return cloud.run("sh", "-c", f"ls -A {POOL} | grep reconciler-path || true", on="hv1")


def test_a_busy_guest_is_given_up_and_the_next_one_goes(cloud: Cloud) -> None:
    cloud.edit("cluster.yaml", "outboundPerHost: 2", "outboundPerHost: 1")
    cloud.cordon("hv1")
    try:
        planned = {step["id"]: step for step in cloud.reconcile("plan").json["steps"]}
        assert not planned["migrate-domain:domain/busy@hv1"]["converges"]
        assert planned["migrate-domain:domain/quiet@hv1"]["expectedSeconds"] >= 1
        begun = cloud.begin("--once", "-o", "json")
        until(lambda: progress(cloud, "hv1", "busy"), "the migration", every=0.1)
        assert rate_of(cloud, "busy") < 1.2 * CAP
        ended = begun.end()
    finally:
        cloud.edit("cluster.yaml", "outboundPerHost: 1", "outboundPerHost: 2")
    assert ended.code == FAILED, ended
    assert ended.held == {"domain/busy@hv1": "BackingOff"}
    assert "no progress for 10 s; aborted" in str(step_of(ended, "migrate-domain:domain/busy@hv1")["message"])
    moved = step_of(ended, "migrate-domain:domain/quiet@hv1")
    assert moved["outcome"] == "done"
    assert moved["total"]
    assert moved["downtime"] is not None
    assert moved["expected"]
    assert cloud.host_of("busy") == "hv1"
    assert cloud.virsh("hv1", "domstate", "busy").strip() == "running"
    assert cloud.host_of("quiet") == "hv2"
    assert tokens(cloud) == ""


def rate_of(cloud: Cloud, name: str) -> float:
    """Bytes a second that a migration sends, over three seconds."""

    def sent() -> float:
        told = cloud.virsh("hv1", "domjobinfo", name, "--rawstats")
        return float(dict(line.split(":", 1) for line in told.splitlines() if ":" in line)["data_processed"])

    before, begun = sent(), time.monotonic()
    time.sleep(3)
    return (sent() - before) / (time.monotonic() - begun)


def test_tunnelled_needs_no_port(cloud: Cloud) -> None:
    cloud.edit("cluster.yaml", "  migration:", "  migration:\n    transport: tunnelled")
    try:
        with dropped("hv2", cloud):
            cloud.cordon("hv1")
            ended = cloud.reconcile("--once")
    finally:
        cloud.edit("cluster.yaml", "  migration:\n    transport: tunnelled", "  migration:")
    assert step_of(ended, "migrate-domain:domain/quiet@hv1")["outcome"] == "done", ended
    assert cloud.host_of("quiet") == "hv2"


@contextmanager
def dropped(host: str, cloud: Cloud) -> Iterator[None]:
    """What comes to that host's ports for migrations vanishes."""
    cloud.run(
        "nft",
        "add table inet migdrop; add chain inet migdrop in { type filter hook input priority 0; }; "
        "add rule inet migdrop in tcp dport 49152-49215 drop",
        on=host,
    )
    try:
        yield
    finally:
        cloud.run("nft", "delete table inet migdrop", on=host)


def test_dropped_ports_are_found_out_before_a_guest_is_on_its_way(cloud: Cloud) -> None:
    with dropped("hv2", cloud):
        cloud.cordon("hv1")
        ended = cloud.reconcile("--once")
        assert ended.code == FAILED, ended
        message = str(step_of(ended, PATH)["message"])
        assert "host/hv1 cannot reach port 49215 of 10.77.0.13" in message
        assert ended.held == dict.fromkeys(("domain/busy@hv1", "domain/quiet@hv1", "host/hv2@hv1"), "BackingOff")
        moved = [step for one in ended.passes for step in one["steps"] if step["id"].startswith("migrate")]
        assert {step["outcome"] for step in moved} == {"not-begun"}
    assert cloud.running("hv1") == {"busy", "quiet"}


def test_mounts_that_only_look_alike_are_found_out(cloud: Cloud) -> None:
    """Another file system under the very same name: only what is written there tells them apart."""
    cloud.run("mount", "-t", "tmpfs", "10.77.0.11:/srv/images", POOL, on="hv2")
    try:
        cloud.cordon("hv1")
        ended = cloud.reconcile("--once")
    finally:
        cloud.run("umount", POOL, on="hv2")
    assert ended.code == FAILED, ended
    message = str(step_of(ended, PATH)["message"])
    assert "what host/hv1 writes into pool/images is not there at host/hv2" in message
    assert "(tmpfs)" in message
    assert message.count("10.77.0.11:/srv/images") == 2
    assert cloud.running("hv1") == {"busy", "quiet"}
    assert tokens(cloud) == ""


def test_post_copy_ends_what_does_not_converge(cloud: Cloud) -> None:
    if not userfaults(cloud):
        pytest.skip("this machine's kernel refuses userfaultfd, which a post-copy needs; see the scenario post-copy")
    busy(cloud, postCopy=True, bandwidth="4MiB", progressTimeout="60s")
    cloud.cordon("hv1")
    ended = cloud.once()
    assert step_of(ended, "migrate-domain:domain/busy@hv1")["outcome"] == "done"
    assert cloud.host_of("busy") == "hv2"
    assert cloud.virsh("hv2", "domstate", "busy").strip() == "running"


def userfaults(cloud: Cloud) -> bool:
    """Whether QEMU may ask the kernel for the pages that it lacks."""
    script = "import ctypes; print(ctypes.CDLL(None).syscall(323, 0))"
    return int(cloud.run("python3", "-c", script, on="hv2")) >= 0


def test_the_daemon_tells_scripts_how_a_migration_gets_on(cloud: Cloud) -> None:
    cloud.cordon("hv1")
    begun = cloud.begin("-o", "json")
    until(lambda: "migrate-domain to hv2 failed" in begun.talk.read_text(), "its end", CONVERGE_S)
    begun.terminate()
    lines = [json.loads(line) for line in begun.end().stdout.splitlines()]
    told = [line for line in lines if line.get("event") == "progress" and line["id"].endswith("busy@hv1")]
    keys = {"percent", "remaining", "rate", "dirtyRate", "iteration", "elapsed", "left"}
    assert keys <= set(told[0])
    assert told[-1]["iteration"] > 1
    [ended] = [line for line in lines if line.get("event") == "ended" and line["id"].endswith("quiet@hv1")]
    assert ended["outcome"] == "done"
    assert ended["downtime"] is not None
