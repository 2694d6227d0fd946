"""The claim on real libvirt and NFS: made once, by one host, whatever another host's libvirt knows of it.

A dangling link stands in for what an NFS client has not seen yet: libvirt does not list it, stat() finds nothing, and
to the server the name is taken.
"""

import pytest

from reconciler.desired.derive import claim_size
from tests.lab.cloud import HYPERVISORS, POOL, Cloud

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

EXPORT = "/srv/images"


@pytest.fixture(scope="module")
def cloud(bare_cloud: Cloud) -> Cloud:
    """Pools and network, and no guest."""
    bare_cloud.once()
    return bare_cloud


def other(host: str) -> str:
    return next(one for one in HYPERVISORS if one != host)


def size(cloud: Cloud, name: str) -> int:
    return int(cloud.run("stat", "-c", "%s", f"{EXPORT}/.{name}.claim", on="nas"))


def make_claim(cloud: Cloud, at: str, name: str, capacity: int) -> str:
    """As libvirt there makes it; what virsh says."""
    words = ("vol-create-as", "images", f".{name}.claim", f"{capacity}B", "--allocation", "0", "--format", "raw")
    return cloud.run("sh", "-c", f"virsh -q {' '.join(words)} 2>&1", on=at, check=False)


def test_a_new_guest_has_a_claim_that_no_other_host_can_make(cloud: Cloud) -> None:
    with cloud.extra("first"):
        assert "make-claim:volume/images/.first.claim@" in " ".join(cloud.once().steps)
        home = cloud.host_of("first")
        own = claim_size("small-cloud", "first", home)
        assert size(cloud, "first") == own
        assert cloud.run("stat", "-c", "%b", f"{EXPORT}/.first.claim", on="nas").strip() == "0", "it takes room"
        assert "exists" in make_claim(cloud, other(home), "first", 5).lower()
        assert size(cloud, "first") == own
        assert f'claimedBy="{home}"' in cloud.xml(home, "first")
        cloud.cordon(home)
        cloud.once()
        assert cloud.host_of("first") == other(home)
        assert f'claimedBy="{home}"' in cloud.xml(other(home), "first")
        assert size(cloud, "first") == own
        cloud.uncordon(home)
        assert cloud.once().steps == []


def test_a_guest_that_another_host_made_a_moment_ago_is_not_made_again(cloud: Cloud) -> None:
    disk = f"{EXPORT}/second.root.qcow2"
    for name in (disk, f"{EXPORT}/.second.claim"):
        cloud.run("ln", "-s", "/not-seen-yet", name, on="nas")
    with cloud.extra("second"):
        ended = cloud.once(1)
        [(host, claim)] = [
            (step["id"].rpartition("@")[2], step) for step in ended.passes[0]["steps"] if "make-claim" in step["id"]
        ]
        assert claim["outcome"] == "failed"
        assert "may run there" in claim["message"]
        undone = {step["id"].partition(":")[0] for step in ended.passes[0]["steps"] if step["outcome"] == "not-begun"}
        assert undone == {"create-volume", "record-disks", "start-domain"}
        assert "second" in cloud.defined(host)

        cloud.run("rm", disk, f"{EXPORT}/.second.claim", on="nas")
        make_claim(cloud, other(host), "second", claim_size("small-cloud", "second", "hv9"))
        ended = cloud.once(3)
        assert ended.steps[-1] == f"undefine-domain:domain/second@{host}"
        assert set(ended.held.values()) == {"VolumeWithoutDomain"}
        assert "a host that has no document" in ended.passes[-1]["held"][0]["message"]
        assert "second" not in [name for name, _ in cloud.everywhere(cloud.defined)]
        assert cloud.once(3).steps == []

        cloud.run("rm", f"{POOL}/.second.claim", on=host)
        for each in HYPERVISORS:
            cloud.virsh(each, "pool-refresh", "images")
        cloud.once()
        assert cloud.host_of("second")
