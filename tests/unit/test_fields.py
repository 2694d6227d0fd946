"""Only what was written is compared."""

import pytest

from reconciler.diff.fields import differing


@pytest.mark.parametrize(
    ("seen", "wanted", "expected"),
    [
        ({"vcpus": 1, "memory": 2}, {"vcpus": 1}, []),
        ({"vcpus": 1}, {"vcpus": 2}, ["vcpus: 1 -> 2"]),
        ({}, {"vcpus": 2}, ["vcpus: None -> 2"]),
        (None, {"vcpus": 2}, ["vcpus: None -> 2"]),
        ({"disks": {"root": {"bus": "virtio"}, "hand": {"bus": "sata"}}}, {"disks": {"root": {"bus": "virtio"}}}, []),
        (
            {"disks": {"root": {"bus": "sata"}}},
            {"disks": {"root": {"bus": "scsi"}}},
            ["disks.root.bus: 'sata' -> 'scsi'"],
        ),
        (
            {"disks": {}},
            {"disks": {"b": {"bus": "x", "cache": "y"}}},
            ["disks.b.bus: None -> 'x'", "disks.b.cache: None -> 'y'"],
        ),
        ({"cdroms": {"b": {"bus": "x"}}}, {"cdroms": {"b": None}}, ["cdroms.b: taken out"]),
    ],
)
def test_differing(seen, wanted, expected):
    assert [str(field) for field in differing(seen, wanted)] == expected
