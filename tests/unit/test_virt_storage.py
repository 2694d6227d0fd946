"""Storage of a host: silent servers, hung mounts, wrong mounts, occupied targets."""

import threading
from typing import Any

import pytest

from reconciler.desired.derive import object_uuid
from reconciler.observed import Listing, SeenTarget, Unknown
from reconciler.virt import lib, storage
from reconciler.virt.connect import Link
from reconciler.virt.mounts import HostSide
from reconciler.virt.storage import StorageRules, read_storage
from reconciler.xml.pool import pool_xml
from tests.unit.made import desired, host, pool

pytest.importorskip("libvirt")

NAS = host("nas", address="192.0.2.200", hypervisor=None, nfsServer={"ssh": "root@nas"})
UUID = object_uuid("c", "pool", "images")


class Volume:
    def name(self) -> str:
        return "web.root.qcow2"


class Libvirt:
    """As much of a connection as reading pools needs. `hang`: set where calls hang."""

    def __init__(self) -> None:
        self.active: list[Any] = []
        self.inactive: list[Any] = []
        self.calls: list[str] = []
        self.hang: threading.Event | None = None

    def isAlive(self) -> int:
        return 1

    def setKeepAlive(self, interval: int, count: int) -> int:
        return 0

    def listAllStoragePools(self, flags: int) -> list[Any]:
        self.calls.append("listAllStoragePools")
        if self.hang is not None:
            self.hang.wait()
        return self.active if flags == 2 else self.inactive


class Pool:
    def __init__(self, libvirt: Libvirt, name: str, uuid: str, **fields: str) -> None:
        self._libvirt, self._name, self._uuid, self._fields = libvirt, name, uuid, fields

    def name(self) -> str:
        return self._name

    def UUIDString(self) -> str:
        return self._uuid

    def XMLDesc(self, flags: int) -> str:
        return pool_xml(self._name, self._uuid, self._fields)

    def listAllVolumes(self, flags: int) -> list[Volume]:
        self._libvirt.calls.append(f"listAllVolumes {self._name}")
        return [Volume()]


NETFS = {"type": "netfs", "source_host": "192.0.2.200", "source_dir": "/srv/images", "target": "/cloud"}


@pytest.fixture
def libvirt(monkeypatch):
    libvirt = Libvirt()
    monkeypatch.setattr(lib, "open_connection", lambda uri: libvirt)
    monkeypatch.setattr(storage, "POOLS_S", 0.3)
    return libvirt


@pytest.fixture
def link(libvirt):
    link = Link("hv1", "qemu:///system")
    yield link
    if libvirt.hang:
        libvirt.hang.set()
    link.close()


def rules(answers: Any = lambda address: True, **spec: Any) -> StorageRules:
    return StorageRules.of(
        desired(host("hv1"), NAS, pool(**{"source": {"host": "nas", "dir": "/srv/images"}, **spec})), "hv1", answers
    )


def mounted(source: str = "", target: str = "/cloud") -> HostSide:
    return HostSide("", {target: source} if source else {})


def test_an_active_pool_of_ours_is_read(libvirt, link):
    libvirt.active = [Pool(libvirt, "images", UUID, **NETFS), Pool(libvirt, "theirs", "other", **NETFS)]
    seen = read_storage(link, mounted("nas:/srv/images"), rules(), 1.0)
    images, theirs = seen.pools.items["images"], seen.pools.items["theirs"]
    assert (images.volumes, images.trouble, images.mounted_from) == ({"web.root.qcow2": None}, "", "nas:/srv/images")
    assert theirs.volumes is None
    assert libvirt.calls == ["listAllStoragePools", "listAllVolumes images", "listAllStoragePools"]
    assert seen.targets == {}


@pytest.mark.parametrize(
    ("side", "trouble"),
    [
        (mounted(), "it is active, but nothing is mounted on /cloud"),
        (mounted("192.0.2.9:/srv/images"), "192.0.2.9:/srv/images is mounted on /cloud, not 192.0.2.200:/srv/images"),
        (mounted("nas:/srv/other"), "nas:/srv/other is mounted on /cloud, not 192.0.2.200:/srv/images"),
    ],
)
def test_contents_of_what_is_not_mounted_are_unknown(libvirt, link, side, trouble):
    libvirt.active = [Pool(libvirt, "images", UUID, **NETFS)]
    seen = read_storage(link, side, rules(), 1.0).pools.items["images"]
    assert (seen.trouble, seen.volumes) == (trouble, None)
    assert "listAllVolumes images" not in libvirt.calls


def test_without_a_shell_libvirt_is_believed(libvirt, link):
    libvirt.active = [Pool(libvirt, "images", UUID, **NETFS)]
    seen = read_storage(link, None, rules(), 1.0)
    assert (seen.pools.items["images"].mounted_from, seen.pools.items["images"].trouble) == (None, "")
    assert seen.targets == {}


def test_a_silent_server_is_never_touched_by_way_of_libvirt(libvirt, link):
    asked = []

    def answers(address: str) -> bool:
        asked.append(address)
        return False

    seen = read_storage(link, mounted("nas:/srv/images"), rules(answers), 1.0)
    assert seen.pools == Unknown("NFS server host/nas (192.0.2.200) does not answer")
    assert read_storage(link, None, rules(answers), 1.0).pools == seen.pools
    assert libvirt.calls == []
    assert set(asked) == {"192.0.2.200"}
    # Where nothing of it is mounted, nothing can hang.
    assert isinstance(read_storage(link, mounted(), rules(answers), 1.0).pools, Listing)


def test_a_mount_that_hangs_is_asked_no_more_until_it_answers(libvirt, link):
    libvirt.hang = threading.Event()
    side = mounted("nas:/srv/images")
    assert "gave no answer in 0.3 s" in read_storage(link, side, rules(), 1.0).pools.message
    for _ in range(3):
        assert "still hangs" in read_storage(link, side, rules(), 1.0).pools.message
    assert libvirt.calls == ["listAllStoragePools"]
    libvirt.hang.set()
    for _ in range(50):
        if not link.hangs_in_pools:
            break
        threading.Event().wait(0.02)
    assert isinstance(read_storage(link, side, rules(), 1.0).pools, Listing)


def test_targets_of_pools_that_are_not_active(libvirt, link, tmp_path):
    empty, full, missing = tmp_path / "empty", tmp_path / "full", tmp_path / "missing"
    for directory in (empty, full):
        directory.mkdir()
    (full / ".hidden").touch()
    for path, holds_files in ((empty, False), (full, True), (missing, False)):
        seen = read_storage(link, mounted(), rules(target=str(path)), 1.0)
        assert seen.targets == {str(path): SeenTarget(str(path), holds_files)}
    seen = read_storage(link, mounted("/dev/sdb1", str(full)), rules(target=str(full)), 1.0)
    assert seen.targets == {str(full): SeenTarget(str(full), holds_files=False, mounted_from="/dev/sdb1")}


def test_a_pool_whose_xml_makes_no_sense_is_not_absent(libvirt, link):
    broken = Pool(libvirt, "images", UUID, **NETFS)
    broken.XMLDesc = lambda flags: "<pool>"  # type: ignore[method-assign]
    libvirt.active = [broken]
    seen = read_storage(link, mounted("nas:/srv/images"), rules(), 1.0).pools.items["images"]
    assert seen.trouble.startswith("cannot read its definition")
    assert seen.volumes is None
