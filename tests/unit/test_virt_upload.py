"""No guest ever sees half an image."""

import hashlib
import io
import struct
import threading
from contextlib import contextmanager
from typing import Any

import pytest

from reconciler.action import Upload, UploadImage, UploadSeed
from reconciler.desired.seed import Seed
from reconciler.errors import HostUnreachable, PermanentError, TransientError
from reconciler.iso import iso
from reconciler.virt import lib, upload
from reconciler.virt.connect import Link
from reconciler.virt.source import Source

libvirt: Any = pytest.importorskip("libvirt")

HEAD = struct.pack(">4sIQIIQ", b"QFI\xfb", 3, 0, 0, 16, 1 << 30)
CONTENT = HEAD + bytes(72) + bytes(range(256)) * 9000
IMAGE, MARKER = "tiny-1.qcow2", "tiny-1.qcow2.complete"


def refusal(code: int, message: str) -> Exception:
    error: Exception = libvirt.libvirtError("")
    error.err = (code, 18, message, 2, None, None, None, -1, -1)  # type: ignore[attr-defined]
    return error


class World:
    """A connection, its one pool and its streams. `files`: what is there; `listed`: what this host knows of it."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.listed: set[str] = set()
        self.log: list[str] = []
        self.breaks_after = 1 << 40
        self.hang: threading.Event | None = None

    def open(self, uri: str) -> "World":
        return self

    def isAlive(self) -> int:
        return 1

    def setKeepAlive(self, interval: int, count: int) -> int:
        return 0

    def storagePoolLookupByName(self, name: str) -> "World":
        return self

    def newStream(self, flags: int) -> "Stream":
        return Stream(self)

    def refresh(self, flags: int) -> None:
        self.log.append("refresh")
        self.listed = set(self.files)

    def storageVolLookupByName(self, name: str) -> "Volume":
        if name not in self.listed:
            raise refusal(50, f"no storage vol with matching name '{name}'")
        return Volume(self, name)

    def createXML(self, xml: str, flags: int) -> "Volume":
        name = xml.split("<name>")[1].split("<")[0]
        if name in self.files:
            raise refusal(55, f"volume target path '/cloud/{name}' already exists")
        self.log.append(f"create {name}")
        self.files[name] = b""
        self.listed.add(name)
        return Volume(self, name)


class Volume:
    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name

    def upload(self, stream: "Stream", offset: int, length: int, flags: int) -> None:
        stream.name, stream.length = self.name, length

    def delete(self, flags: int) -> None:
        self.world.log.append(f"delete {self.name}")
        del self.world.files[self.name]
        self.world.listed.remove(self.name)


class Stream:
    name, length = "", 0

    def __init__(self, world: World) -> None:
        self.world = world

    def send(self, piece: bytes) -> int:
        taken = piece[:100_000]
        self.world.files[self.name] += taken
        if self.world.hang is not None:
            self.world.hang.wait()
        if len(self.world.files[self.name]) > self.world.breaks_after:
            raise refusal(38, "cannot write to stream: No space left on device")
        return len(taken)

    def finish(self) -> None:
        self.world.log.append("finish")

    def abort(self) -> None:
        self.world.log.append("abort")


@pytest.fixture
def world(monkeypatch):
    world = World()
    monkeypatch.setattr(lib, "open_connection", world.open)
    return world


@pytest.fixture
def link(world):
    link = Link("hv1", "qemu:///system")
    yield link
    if world.hang:
        world.hang.set()
    link.close()


@pytest.fixture
def action(tmp_path):
    (tmp_path / "tiny.qcow2").write_bytes(CONTENT)
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    return UploadImage("hv1", "images", IMAGE, MARKER, str(tmp_path / "tiny.qcow2"), sha256, "qcow2")


def run(link: Link, action: Upload, stopping: threading.Event | None = None) -> list[float]:
    told: list[float] = []
    upload.upload(link, action, lambda **values: told.append(values["percent"]), stopping or threading.Event())
    return told


def test_the_marker_is_written_last(world, link, action):
    told = run(link, action)
    assert world.files[IMAGE] == CONTENT
    assert world.log == [f"create {IMAGE}", "finish", f"create {MARKER}"]
    assert told == sorted(told)
    assert told[-1] == 100


def test_what_is_complete_is_not_touched(world, link, action):
    world.files = {IMAGE: b"there", MARKER: b""}
    world.listed = set(world.files)
    run(link, action)
    assert world.log == []


def test_another_content_than_the_document_says_leaves_nothing(world, link, action):
    object.__setattr__(action, "sha256", "0" * 64)
    with pytest.raises(PermanentError, match="not 0000"):
        run(link, action)
    assert world.files == {}
    assert "finish" not in world.log


def test_a_break_leaves_nothing(world, link, action):
    world.breaks_after = 500_000
    with pytest.raises(PermanentError, match=r"cannot upload volume/images/tiny-1\.qcow2@hv1: .*No space left"):
        run(link, action)
    assert world.files == {}
    assert world.log[-2:] == ["abort", f"delete {IMAGE}"]


def test_half_an_image_of_an_earlier_crash_is_made_anew(world, link, action):
    world.files = {IMAGE: b"half"}
    world.listed = {IMAGE}
    run(link, action)
    assert world.files[IMAGE] == CONTENT
    assert world.log[0] == f"delete {IMAGE}"


def test_half_an_image_that_this_host_never_listed_is_made_anew(world, link, action):
    world.files = {IMAGE: b"half"}
    run(link, action)
    assert world.files[IMAGE] == CONTENT
    assert world.log[:2] == ["refresh", f"delete {IMAGE}"]


def test_an_image_that_turns_out_to_be_complete_is_not_removed(world, link, action):
    world.files = {IMAGE: b"whole", MARKER: b""}
    with pytest.raises(PermanentError, match="complete already"):
        run(link, action)
    assert world.files == {IMAGE: b"whole", MARKER: b""}


def test_told_to_end_it_removes_its_half(world, link, action):
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(PermanentError, match="told to end"):
        run(link, action, stopping)
    assert world.files == {}


def test_a_host_that_takes_nothing_is_silent(world, link, action, monkeypatch):
    monkeypatch.setattr(upload, "QUIET_S", 0.2)
    world.hang = threading.Event()
    with pytest.raises(HostUnreachable, match="took nothing"):
        run(link, action)
    assert link.hangs_in_pools


def test_a_file_that_cannot_be_read_is_named(world, link, action):
    object.__setattr__(action, "path", "/nowhere/tiny.qcow2")
    with pytest.raises(PermanentError, match=r"cannot read /nowhere/tiny\.qcow2: No such file"):
        run(link, action)
    assert world.log == []


def test_what_is_not_such_an_image_is_refused_before_a_volume_is_made(world, link, action):
    object.__setattr__(action, "format", "raw")
    with pytest.raises(PermanentError, match=r"cannot upload volume/images/tiny-1\.qcow2@hv1: .* is qcow2, not raw"):
        run(link, action)
    assert world.log == []


def test_a_source_that_breaks_off_leaves_nothing_and_is_tried_again(world, link, action, monkeypatch):
    @contextmanager
    def opened(path):
        yield Source(path, len(CONTENT) + 1, io.BytesIO(CONTENT))

    monkeypatch.setattr(upload, "opened", opened)
    with pytest.raises(TransientError, match=f"broke off after {len(CONTENT)} of {len(CONTENT) + 1} bytes"):
        run(link, action)
    assert world.files == {}


def test_a_seed_is_complete_before_its_marker_is_there(world, link):
    seed = Seed("#cloud-config\n", "instance-id: i-1\n")
    world.files = {"web-1.seed-1-0123456789ab.iso": b"half"}
    run(link, UploadSeed("hv1", "images", "web-1.seed-1-0123456789ab.iso", ".marker", seed))
    assert world.files == {"web-1.seed-1-0123456789ab.iso": iso(seed.files), ".marker": b""}
    assert world.log[-2:] == ["finish", "create .marker"]
