"""What somebody changed by hand is put right, and what is not ours stays as it is, to the last byte."""

from collections.abc import Iterator

import pytest

from tests.lab.cloud import HYPERVISORS, Cloud, events, foreign_domain

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

STRANGE_POOL = "<pool type='dir'><name>strange-pool</name><target><path>/var/lib/libvirt/strange</path></target></pool>"
STRANGE_NETWORK = "<network><name>strange-net</name><forward mode='bridge'/><bridge name='br0'/></network>"
STRANGE_EXPORT = "/srv/strange 10.77.0.0/24(ro,sync,no_subtree_check)"
RNG = "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
SECOND_POOL = """\
apiVersion: reconciler/v1
kind: Pool
metadata: {name: second}
spec:
  type: netfs
  source: {host: nas, dir: /srv/second}
  target: /var/lib/libvirt/second
  export: {clients: ["10.77.0.0/24"]}
"""


STRANGE_FILES = "/etc/exports /etc/exports.d/strange.exports"
ASK = {
    "hv1": "virsh dumpxml stranger; virsh dumpxml --inactive stranger; cat /run/libvirt/qemu/stranger.pid",
    "hv2": "virsh pool-dumpxml --inactive strange-pool; virsh net-dumpxml strange-net; virsh pool-list; virsh net-list",
    "nas": f"cat {STRANGE_FILES}; stat -c '%n %i %Y' {STRANGE_FILES}; exportfs -s | grep strange",
}


def strange_things(cloud: Cloud) -> dict[str, str]:
    """All that is not ours, and our guest with what was put into it by hand, as libvirt and files tell it."""
    found = {host: cloud.run("sh", "-ec", script, on=host) for host, script in ASK.items()}
    return found | {"web-1": cloud.xml(cloud.host_of("web-1"), "web-1")}


@pytest.fixture(scope="module")
def settled(seed_cloud: Cloud) -> Cloud:
    """The example, converged, then strangers beside it."""
    cloud = seed_cloud
    cloud.write("pools/second.yaml", SECOND_POOL)
    cloud.once()
    cloud.feed("hv1", foreign_domain("stranger"), "define")
    cloud.virsh("hv1", "start", "stranger")
    cloud.feed("hv2", STRANGE_POOL, "pool-define")
    for verb in ("pool-build", "pool-start"):
        cloud.virsh("hv2", verb, "strange-pool")
    cloud.feed("hv2", STRANGE_NETWORK, "net-define")
    cloud.virsh("hv2", "net-start", "strange-net")
    write = f"echo '{STRANGE_EXPORT}' >/etc/exports.d/strange.exports; echo '# by hand' >/etc/exports"
    cloud.run("sh", "-ec", f"mkdir -p /srv/strange; {write}; exportfs -ra", on="nas")
    home = cloud.host_of("web-1")
    cloud.feed(home, RNG, "attach-device", "web-1", "--config")
    note = ("--uri", "http://example.org/notes", "--key", "note", "--set", "<note>mind the step</note>")
    cloud.virsh(home, "metadata", "web-1", "--config", *note)
    return cloud


@pytest.fixture
def cloud(settled: Cloud) -> Iterator[Cloud]:
    """Whatever a test breaks: after it, strangers are as they were, and there is nothing left to do."""
    before = strange_things(settled)
    assert "<note" in before["web-1"]
    assert "/dev/urandom" in before["web-1"]
    yield settled
    assert strange_things(settled) == before
    assert settled.once().steps == []


def test_strangers_are_no_reason_to_act(cloud: Cloud) -> None:
    written = cloud.written()
    with events(cloud) as watch:
        ended = cloud.once()
    assert (ended.steps, ended.held) == ([], {})
    assert watch.lines == []
    assert cloud.written() == written


def test_destroyed_guest_is_started_where_it_was(cloud: Cloud) -> None:
    home = cloud.host_of("web-2")
    cloud.virsh(home, "destroy", "web-2")
    with events(cloud) as watch:
        assert len(cloud.once().steps) == 1
    assert cloud.host_of("web-2") == home
    assert watch.lines, "the watchers that other tests rely on saw nothing"


@pytest.mark.parametrize("stopped", [True, False], ids=["stopped", "active"])
def test_network_is_defined_and_started_again(cloud: Cloud, *, stopped: bool) -> None:
    if stopped:
        cloud.virsh("hv2", "net-destroy", "lan")
    cloud.virsh("hv2", "net-undefine", "lan")
    cloud.once()
    for host in HYPERVISORS:
        assert "lan" in cloud.virsh(host, "net-list", "--name", "--persistent").split()


@pytest.mark.parametrize("undefined", [False, True], ids=["stopped", "undefined"])
def test_pool_is_mounted_again(cloud: Cloud, *, undefined: bool) -> None:
    cloud.virsh("hv1", "pool-destroy", "second")
    if undefined:
        cloud.virsh("hv1", "pool-undefine", "second")
    cloud.once()
    assert "second" in cloud.virsh("hv1", "pool-list", "--name").split()
    assert cloud.run("findmnt", "-no", "SOURCE", "/var/lib/libvirt/second", on="hv1").strip().endswith(":/srv/second")


def test_export_is_served_again(cloud: Cloud) -> None:
    ours = "$(grep -l /srv/images /etc/exports.d/*)"
    cloud.run("sh", "-ec", f"rm {ours}; exportfs -u 10.77.0.0/24:/srv/images", on="nas")
    assert "/srv/images" not in cloud.run("exportfs", "-s", on="nas")
    cloud.once()
    assert "/srv/images  10.77.0.0/24(" in cloud.run("exportfs", "-s", on="nas")
    assert "/srv/images" in cloud.run("sh", "-c", "cat /etc/exports.d/*", on="nas")


def test_edited_definition_is_put_right(cloud: Cloud) -> None:
    home = cloud.host_of("web-1")
    running = cloud.qemu_pid(home, "web-1")
    before = cloud.xml(home, "web-1")
    cloud.feed(home, before.replace(">1</vcpu>", ">2</vcpu>"), "define")
    assert cloud.xml(home, "web-1") != before
    cloud.once()
    assert cloud.xml(home, "web-1") == before
    assert cloud.qemu_pid(home, "web-1") == running


def test_change_that_needs_a_restart_is_staged_and_can_be_taken_back(cloud: Cloud) -> None:
    home = cloud.host_of("web-2")
    running = cloud.qemu_pid(home, "web-2")
    cloud.edit("domains/web-2.yaml", "vcpus: 1", "vcpus: 2")
    ended = cloud.once(3)
    assert ended.held == {f"domain/web-2@{home}": "RestartRequired"}
    assert ">2</vcpu>" in cloud.xml(home, "web-2")
    assert ">1</vcpu>" in cloud.xml(home, "web-2", inactive=False)
    cloud.edit("domains/web-2.yaml", "vcpus: 2", "vcpus: 1")
    cloud.once()
    assert ">1</vcpu>" in cloud.xml(home, "web-2")
    assert cloud.qemu_pid(home, "web-2") == running
