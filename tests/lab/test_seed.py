"""Seeds and other media on real QEMU: the guest reads its seed, moves with it, and goes on when it is taken out."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from reconciler.iso import iso
from reconciler.lab.guest import build, initramfs, kernel, make_image
from tests.lab.cloud import POOL, Cloud, bare_documents, lab_of, until

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]

GUEST = "seeded"
USER_DATA = "#cloud-config\npackages: [nginx]\n"
MODULES = ("virtio_scsi", "sr_mod", "isofs", "virtio_console")
READS_ITS_SEED = """\
#!/bin/sh
# As cloud-init: reads the medium once and lets go of it. Then it opens the agent's end of the channel.
until [ -b /dev/sr0 ]; do sleep 1; done
busybox mkdir -p /seed
if [ ! -e /told ] && mount -t iso9660 -o ro /dev/sr0 /seed; then
    cat /seed/user-data /seed/meta-data >/told
    busybox umount /seed
fi
for port in /sys/class/virtio-ports/*; do
    read -r name <"$port/name"
    [ "$name" != org.qemu.guest_agent.0 ] || exec 3<>"/dev/${port##*/}"
done
while :; do sleep 60; done
"""
TELLS = "#!/bin/sh\ncat /told\n"
LINES = "::respawn:/guest/seed.sh\n::respawn:/bin/nc -ll -p 8082 -e /guest/told.sh\n"


def _with_seed(busybox: bytes, modules: kernel.Modules) -> bytes:
    """The lab's guest, and what reads a seed: a kernel unpacks one archive over another."""
    more = initramfs._Archive()
    table = files("reconciler.lab.guest").joinpath("root/inittab").read_text()
    for name, text in (("etc/inittab", table + LINES), ("guest/seed.sh", READS_ITS_SEED), ("guest/told.sh", TELLS)):
        more.add(name, 0o100755, text.encode())
    return initramfs.initramfs(busybox, modules) + more.end()


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    room = tmp_path_factory.mktemp("seed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "WANTED", (*kernel.WANTED, *MODULES))
        patch.setattr(build, "initramfs", _with_seed)
        make_image(room / "tiny.qcow2", print)
    documents = bare_documents(room, room / "tiny.qcow2")
    (documents / "domains" / "user-data").write_text(USER_DATA)
    with lab_of("test-seed", documents) as cloud:
        yield cloud


def drives(cloud: Cloud, *, inactive: bool = False) -> dict[str, str]:
    """Target -> medium of the guest's drives, as virsh tells them."""
    words = ["domblklist", GUEST, "--details", *(["--inactive"] if inactive else [])]
    rows = [line.split() for line in cloud.virsh(cloud.host_of(GUEST), *words).splitlines()]
    return {row[2]: row[3] for row in rows if len(row) == 4 and row[1] == "cdrom"}


def put(cloud: Cloud, name: str) -> None:
    """A medium in the pool, as a person puts it there."""
    (cloud.documents / name).write_bytes(iso({"a": name.encode()}, "tools"))
    cloud.run("cp", str(cloud.documents / name), f"{POOL}/{name}", on=cloud.host_of(GUEST))


def test_a_guest_reads_its_seed_and_moves_with_it(cloud: Cloud) -> None:
    cloud.add_domain(
        GUEST,
        memory="128MiB",
        disks="{name: root, pool: images, size: 64MiB, image: tiny.qcow2}",
        cdroms=[{"name": "tools"}],
        cloudInit={"userDataFrom": {"file": "user-data"}, "metaData": "site: here\n"},
    )
    ended = cloud.once()
    [upload] = [step for step in ended.steps if step.startswith("upload-seed:")]
    assert ended.steps.index(upload) < ended.steps.index(f"start-domain:domain/{GUEST}@{cloud.host_of(GUEST)}")
    boot_id = cloud.answer(GUEST)[1]
    told = until(lambda: cloud._ask(cloud.address(GUEST), 8082), "what the guest read", 40)
    assert told.startswith(USER_DATA)
    assert '"site": "here"' in told
    assert f'"local-hostname": "{GUEST}"' in told

    home, before = cloud.host_of(GUEST), drives(cloud)
    assert sorted(Path(medium).name.partition("-1-")[0] for medium in before.values()) == ["-", f"{GUEST}.seed"]
    cloud.cordon(home)
    assert f"migrate-domain:domain/{GUEST}@{home}" in cloud.once().steps
    cloud.uncordon(home)
    assert cloud.host_of(GUEST) != home
    assert drives(cloud) == before
    assert cloud.answer(GUEST)[1] == boot_id


def test_it_is_taken_out_and_another_medium_is_put_in_while_the_guest_runs(cloud: Cloud) -> None:
    home, (uptime, boot_id) = cloud.host_of(GUEST), cloud.answer(GUEST)
    put(cloud, "a.iso")
    cloud.edit(f"domains/{GUEST}.yaml", '"metaData"', '"ejectAfterBoot": true, "metaData"')
    cloud.edit(f"domains/{GUEST}.yaml", '"name": "tools"', '"name": "tools", "pool": "images", "volume": "a.iso"')
    steps = cloud.once().steps
    assert {f"update-device:cdrom/{GUEST}/seed@{home}", f"update-device:cdrom/{GUEST}/tools@{home}"} <= set(steps)
    assert sorted(drives(cloud).values()) == sorted(drives(cloud, inactive=True).values()) == ["-", f"{POOL}/a.iso"]
    assert cloud.once().steps == []

    put(cloud, "b.iso")
    cloud.edit(f"domains/{GUEST}.yaml", "a.iso", "b.iso")
    cloud.once()
    assert sorted(drives(cloud).values()) == ["-", f"{POOL}/b.iso"]
    later, same = cloud.answer(GUEST)
    assert same == boot_id
    assert later > uptime
