"""/proc/self/mounts, and spellings of one server."""

import pytest

from reconciler.virt.mounts import Spellings, mounted_at, read_host_side
from tests.unit.made import desired, host

MOUNTS = r"""1fd8e21e-ce21-44a8-b96a-c9bdfd4ba4c9
1: lo    inet 127.0.0.1/8 scope host lo\       valid_lft forever preferred_lft forever
2: eth0    inet 10.0.0.1/24 brd 10.0.0.255 scope global eth0\       valid_lft forever preferred_lft forever
2: eth0    inet6 fd00::7/64 scope global \       valid_lft forever preferred_lft forever
3: slow    inet 10.1.0.1/24 scope global slow\       valid_lft forever preferred_lft forever
4: odd    inet 10.2.0.1/24 scope global odd\       valid_lft forever preferred_lft forever
/sys/class/net/eth0/speed:10000
/sys/class/net/slow/speed:-1
/sys/class/net/odd/speed:4294967295

/dev/vda / ext4 rw,relatime 0 0
10.0.0.9:/srv/old /cloud nfs4 rw,vers=4.2 0 0
nas:/srv/images /cloud nfs4 rw,vers=4.2 0 0
nas:/srv/with\040blank /mnt/a\134b\040c nfs rw 0 0
broken line
[fd00::1]:/srv /six nfs rw 0 0
"""


def test_the_topmost_mount_counts():
    side = read_host_side(MOUNTS)
    assert side.boot_id == "1fd8e21e-ce21-44a8-b96a-c9bdfd4ba4c9"
    assert mounted_at(side, "/cloud") == "nas:/srv/images"
    assert mounted_at(side, "/cloud/") == "nas:/srv/images"
    assert mounted_at(side, "/") == "/dev/vda"
    assert mounted_at(side, "/clou") == ""


def test_speeds_of_links_by_their_addresses():
    assert read_host_side(MOUNTS).speeds == {"10.0.0.1": 1_250_000_000, "fd00::7": 1_250_000_000}


def test_a_host_without_ip_tells_its_mounts():
    side = read_host_side("boot\n\nnas:/srv /cloud nfs4 rw 0 0\n")
    assert (side.boot_id, mounted_at(side, "/cloud"), side.speeds) == ("boot", "nas:/srv", {})


def test_octal_escapes_are_undone():
    side = read_host_side(MOUNTS)
    assert mounted_at(side, "/mnt/a\\b c") == "nas:/srv/with blank"


@pytest.mark.parametrize("text", ["", "\n", "x" * 4096, "\n\n \n"])
def test_a_host_may_say_anything(text):
    assert read_host_side(text).mounts == {}


NAS = host("nas", address="10.0.0.9", hypervisor=None, nfsServer={"ssh": "root@storage.example"})
SIX = host("six", address="fd00::1", hypervisor=None, nfsServer={"ssh": "root@six"})


@pytest.mark.parametrize(
    ("source", "server", "directory", "same"),
    [
        ("10.0.0.9:/srv/images", "10.0.0.9", "/srv/images", True),
        ("nas:/srv/images", "10.0.0.9", "/srv/images", True),
        ("NAS:/srv/images/", "nas", "/srv/images", True),
        ("storage.example:/srv/images", "nas", "/srv/images", True),
        ("[fd00::1]:/srv", "fd00:0::1", "/srv", True),
        ("[fd00::1]:/srv", "six", "/srv/", True),
        ("10.0.0.9:/srv/other", "10.0.0.9", "/srv/images", False),
        ("10.0.0.8:/srv/images", "10.0.0.9", "/srv/images", False),
        ("/dev/sdb1", "10.0.0.9", "/srv/images", False),
        ("", "10.0.0.9", "/srv/images", False),
    ],
)
def test_one_source_has_several_spellings(source, server, directory, same):
    assert Spellings.of(desired(NAS, SIX)).is_same(source, server, directory) is same
