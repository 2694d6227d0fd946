"""A disk of a running guest: libvirt would shrink it without a word, so it is asked first."""

from typing import Any

import pytest

from reconciler.action import GrowDisk
from reconciler.errors import PermanentError
from reconciler.virt.apply import SHORT

ACTION = GrowDisk("hv1", "images", "web.root.qcow2", 2048, "web", "uuid", "/cloud/web.root.qcow2")


class Domain:
    """A running guest with one disk; also the connection that finds it."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.calls: list[tuple[str, int, int]] = []

    def lookupByUUIDString(self, uuid: str) -> "Domain":
        return self

    def blockInfo(self, path: str, flags: int) -> list[int]:
        assert path == ACTION.path
        return [self.capacity, 0, 0]

    def blockResize(self, path: str, size: int, flags: int) -> int:
        self.calls.append((path, size, flags))
        return 0


def grow(domain: Any) -> None:
    SHORT[GrowDisk].call(domain, ACTION)


def test_a_smaller_disk_grows_to_that_many_bytes() -> None:
    domain = Domain(1024)
    grow(domain)
    assert domain.calls == [(ACTION.path, 2048, 1)]


def test_a_larger_one_is_left_alone() -> None:
    domain = Domain(4096)
    with pytest.raises(PermanentError, match="more than 2048"):
        grow(domain)
    assert domain.calls == []
