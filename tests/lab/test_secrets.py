"""Passwords of screens and copies of images on real libvirt and QEMU; and that a secret comes out nowhere."""

import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.cloud import HYPERVISORS, Cloud, domain_document

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

GUEST = "screen"
CANARY, SECOND = "canary77", "rotated8"


class Listening:
    """All words of all processes, while the context lasts."""

    def __init__(self) -> None:
        self.words = set[str]()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def _listen(self) -> None:
        while not self._over.wait(0.1):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.words.update(file.read_bytes().decode(errors="replace").split("\0"))
                except OSError:
                    continue

    def __enter__(self) -> "Listening":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join(10)


@pytest.fixture(scope="module")
def cloud(bare_cloud: Cloud) -> Iterator[Cloud]:
    bare_cloud.write("secret", f"{CANARY}\n")
    graphics = {"type": "vnc", "password": {"valueFrom": {"file": "../secret"}}}
    bare_cloud.add_domain(GUEST, graphics=graphics)
    yield bare_cloud
    bare_cloud.end_all()


def passwords(cloud: Cloud, host: str) -> list[str]:
    """Of its screen, in the definition and in what runs, as virsh shows them to root."""
    told = []
    for words in (("--inactive",), ()):
        screen = next(
            line
            for line in cloud.virsh(host, "dumpxml", GUEST, "--security-info", *words).splitlines()
            if "<graphics" in line
        )
        told.append(screen.partition("passwd='")[2].partition("'")[0])
    return told


def test_a_password_comes_out_nowhere(cloud: Cloud) -> None:
    with Listening() as listening:
        told = [
            cloud.reconcile("plan", "-v"),
            cloud.reconcile("--once", "-v"),
            cloud.reconcile("status", f"domain/{GUEST}"),
        ]
    assert [ended.code for ended in told] == [2, 0, 0]
    home = cloud.host_of(GUEST)
    assert passwords(cloud, home) == [CANARY, CANARY]
    assert [str(ended) for ended in told if CANARY in str(ended)] == []
    assert not [word for word in listening.words if CANARY in word]
    assert CANARY not in cloud.xml(home, GUEST)
    cloud.write("secret", f"{CANARY}-is-too-long\n")
    held = cloud.once(3)
    assert (held.held, CANARY in str(held)) == ({f"domain/{GUEST}@{home}": "SecretUnknown"}, False)
    cloud.write("secret", f"{CANARY}\n")


def test_another_secret_is_another_password_while_it_runs(cloud: Cloud) -> None:
    home = cloud.host_of(GUEST)
    before = cloud.qemu_pid(home, GUEST)
    cloud.write("secret", f"{SECOND}\n")
    assert cloud.once().steps == [f"set-password:domain/{GUEST}@{home}"]
    assert passwords(cloud, home) == [SECOND, SECOND]
    assert cloud.once().steps == []
    assert cloud.qemu_pid(home, GUEST) == before


def test_edits_and_moves_keep_it(cloud: Cloud) -> None:
    home = cloud.host_of(GUEST)
    cloud.edit(f"domains/{GUEST}.yaml", "vcpus: 1", 'title: "edited"\n  vcpus: 1')
    cloud.once()
    assert passwords(cloud, home) == [SECOND, SECOND]
    cloud.cordon(home)
    cloud.once()
    target = cloud.host_of(GUEST)
    assert target != home
    assert passwords(cloud, target) == [SECOND, SECOND]
    cloud.uncordon(home)
    cloud.edit(f"domains/{GUEST}.yaml", "vcpus: 1", "power: stopped\n  vcpus: 1")
    cloud.virsh(target, "destroy", GUEST)
    cloud.once()
    cloud.cordon(target)
    cloud.once()
    assert passwords(cloud, home)[0] == SECOND
    cloud.uncordon(target)


def test_import_says_that_there_is_one(cloud: Cloud) -> None:
    with cloud.without(f"domains/{GUEST}.yaml"):
        told = cloud.reconcile("import", f"domain/{GUEST}")
    assert "its screen has a password" in told.stdout
    assert SECOND not in str(told)


def test_a_disk_that_is_a_full_copy(cloud: Cloud, tmp_path: Path) -> None:
    image = cloud.documents / "images"
    image.mkdir()
    raw = b"whole" * 200_000
    (image / "data.raw").write_bytes(raw + bytes(-len(raw) % 512))
    digest = hashlib.sha256((image / "data.raw").read_bytes()).hexdigest()
    wanted = [{"name": "data.raw", "from": "../images/data.raw", "sha256": digest, "format": "raw"}]
    pool = (cloud.documents / "pools/images.yaml").read_text()
    cloud.write("pools/images.yaml", f"{pool}  images: {json.dumps(wanted)}\n")
    root = "{name: root, pool: images, size: 2MiB, image: data.raw, copy: true}"
    cloud.write("domains/copied.yaml", domain_document("copied", disks=root, power="stopped"))
    cloud.once()
    [home] = [host for host in HYPERVISORS if "copied" in cloud.defined(host)]
    files = "/var/lib/libvirt/cloud"
    assert not cloud.run("sh", "-c", f"ls -A {files} | grep copying || true", on=home)

    # Half of another disk, as a crash in the middle of its copy leaves it.
    half = (
        f"truncate -s 1K {files}/.copied.more.qcow2.copying; qemu-img create -q -f qcow2 {files}/copied.more.qcow2 4M"
    )
    cloud.run("sh", "-c", half, on=home)
    cloud.virsh(home, "pool-refresh", "images")
    more = root.replace("root", "more").replace("2MiB", "4MiB")
    cloud.write("domains/copied.yaml", domain_document("copied", disks=f"{root}, {more}", power="stopped"))
    assert f"copy-image:volume/images/copied.more.qcow2@{home}" in cloud.once().steps
    for disk in ("root", "more"):
        told = cloud.run("qemu-img", "compare", f"{files}/copied.{disk}.qcow2", str(image / "data.raw"), on=home)
        assert "Images are identical" in told
        info = json.loads(cloud.run("qemu-img", "info", "--output=json", f"{files}/copied.{disk}.qcow2", on=home))
        assert "backing-filename" not in info
    assert not cloud.run("sh", "-c", f"ls -A {files} | grep copying || true", on=home)
    assert cloud.once().steps == []
    [shown] = cloud.reconcile("status", "domain/copied").json["objects"]
    assert {disk["name"]: disk["copied"] for disk in shown["disks"]} == {"root": True, "more": True}
