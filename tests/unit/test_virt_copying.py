"""No guest ever sees half a copy of an image, and nothing that is there is overwritten."""

import threading
from typing import Any

import pytest

from reconciler.copying import CopyImage
from reconciler.errors import ActionError, HostUnreachable, PermanentError
from reconciler.virt import copying, lib
from reconciler.virt.connect import Link

libvirt: Any = pytest.importorskip("libvirt")

IMAGE, DISK, NOTE = "tiny-1.qcow2", "web.root.qcow2", ".web.root.qcow2.copying"
ACTION = CopyImage("hv1", "images", DISK, "qcow2", 4096, image=IMAGE, image_format="qcow2", note=NOTE)


def refusal(code: int, message: str) -> Exception:
    error: Exception = libvirt.libvirtError("")
    error.err = (code, 18, message, 2, None, None, None, -1, -1)  # type: ignore[attr-defined]
    return error


class World:
    """A connection and its one pool. `files`: name -> (format as libvirt knows it, capacity)."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[str, int]] = {IMAGE: ("qcow2", 1024)}
        self.log: list[str] = []
        self.fails = False
        self.hang: threading.Event | None = None

    def open(self, uri: str) -> "World":
        return self

    def isAlive(self) -> int:
        return 1

    def setKeepAlive(self, interval: int, count: int) -> int:
        return 0

    def storagePoolLookupByName(self, name: str) -> "World":
        return self

    def refresh(self, flags: int) -> None:
        self.log.append("refresh")
        self.files[IMAGE] = ("qcow2", 1024)

    def storageVolLookupByName(self, name: str) -> "Volume":
        if name not in self.files:
            raise refusal(50, f"no storage vol with matching name '{name}'")
        return Volume(self, name)

    def createXML(self, xml: str, flags: int) -> "Volume":
        name = xml.split("<name>")[1].split("<")[0]
        self.log.append(f"create {name}")
        self.files[name] = ("raw", 1024)
        return Volume(self, name)

    def createXMLFrom(self, xml: str, image: "Volume", flags: int) -> "Volume":
        self.log.append(f"copy {image.name}")
        self.files[DISK] = ("qcow2", 1024)
        if self.hang is not None:
            self.hang.wait()
        if self.fails:
            raise refusal(38, "cannot write: No space left on device")
        return Volume(self, DISK)


class Volume:
    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name

    def XMLDesc(self, flags: int) -> str:
        form, capacity = self.world.files[self.name]
        shape = f"<target><format type='{form}'/></target>"
        return f"<volume><name>{self.name}</name><capacity unit='bytes'>{capacity}</capacity>{shape}</volume>"

    def info(self) -> list[int]:
        capacity = self.world.files[self.name][1]
        return [0, capacity, capacity]

    def resize(self, capacity: int, flags: int) -> None:
        self.world.log.append(f"resize {self.name}")
        self.world.files[self.name] = ("qcow2", capacity)

    def delete(self, flags: int) -> None:
        self.world.log.append(f"delete {self.name}")
        del self.world.files[self.name]


@pytest.fixture
def world(monkeypatch):
    world = World()
    monkeypatch.setattr(lib, "open_connection", world.open)
    return world


@pytest.fixture
def link(world):
    link = Link("hv1", "qemu:///system")
    yield link
    link.close()


def copy(link: Link, stopping: threading.Event | None = None) -> None:
    copying.copy(link, ACTION, lambda **values: None, stopping or threading.Event())


def test_the_note_goes_last(world, link):
    copy(link)
    assert world.log == [f"create {NOTE}", f"copy {IMAGE}", f"resize {DISK}", f"delete {NOTE}"]
    assert world.files == {IMAGE: ("qcow2", 1024), DISK: ("qcow2", 4096)}


def test_half_a_copy_is_made_anew(world, link):
    world.files |= {NOTE: ("raw", 1024), DISK: ("qcow2", 4096)}
    copy(link)
    assert world.log == [f"delete {DISK}", f"copy {IMAGE}", f"resize {DISK}", f"delete {NOTE}"]


def test_what_is_no_half_copy_is_left_alone(world, link):
    world.files[DISK] = ("qcow2", 4096)
    with pytest.raises(PermanentError, match="is there, and not half a copy"):
        copy(link)
    assert world.log == []


def test_an_image_that_libvirt_takes_for_another_format_is_looked_at_again(world, link):
    world.files[IMAGE] = ("raw", 1024)
    copy(link)
    assert world.log[0] == "refresh"
    assert DISK in world.files


def test_a_copy_that_fails_leaves_nothing(world, link):
    world.fails = True
    with pytest.raises(ActionError, match=r"cannot copy volume/images/web.root.qcow2@hv1: .*No space left on device"):
        copy(link)
    assert list(world.files) == [IMAGE]


def test_told_to_end_it_goes_at_once(world, link, monkeypatch):
    monkeypatch.setattr(copying, "LOOK_S", 0.05)
    world.hang, stopping = threading.Event(), threading.Event()
    stopping.set()
    with pytest.raises(PermanentError, match="told to end"):
        copy(link, stopping)
    world.hang.set()
    assert NOTE in world.files


def test_no_call_is_made_beside_one_that_hangs(world, link, monkeypatch):
    monkeypatch.setattr(Link, "hangs_in_pools", property(lambda self: True))
    with pytest.raises(HostUnreachable, match="still hangs"):
        copy(link)
    assert world.log == []
