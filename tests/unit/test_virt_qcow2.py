"""An image is what its document says, and stands by itself."""

import struct

import pytest

from reconciler.virt.qcow2 import HEAD, trouble


def head(*, version: int = 3, backing: int = 0, size: int = 1 << 30, features: int = 0) -> bytes:
    fixed = struct.pack(">4sIQIIQ", b"QFI\xfb", version, backing, 0, 16, size)
    return (fixed + bytes(40) + struct.pack(">Q", features)).ljust(HEAD, b"\0")


@pytest.mark.parametrize(
    ("image_format", "found", "wrong"),
    [
        ("qcow2", head(), ""),
        ("qcow2", head(version=2, features=4), ""),
        ("qcow2", head(backing=512), "stands on another file"),
        ("qcow2", head(features=4), "keeps its data in another file"),
        ("qcow2", head(size=1 << 62), "claims to be"),
        ("qcow2", head()[:40], "ends within its header"),
        ("qcow2", b"<!DOCTYPE html>", "is not qcow2"),
        ("qcow2", b"", "is not qcow2"),
        ("raw", b"\xeb\x63\x90", ""),
        ("raw", b"", ""),
        ("raw", head(), "is qcow2, not raw"),
    ],
)
def test_what_the_header_tells(image_format: str, found: bytes, wrong: str) -> None:
    told = trouble(found, image_format)
    assert told.startswith(wrong)
    assert bool(told) is bool(wrong)
