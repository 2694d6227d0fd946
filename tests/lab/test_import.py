"""Guests that people made with virsh become documents, and are taken over without noticing.

One story: each test begins where the one before ended.
"""

import re
from dataclasses import dataclass

import pytest

from tests.lab.cloud import HYPERVISORS, POOL, Cloud, Ended, events

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]

EXPORT = "mkdir -p /srv/images; echo '/srv/images 10.77.0.0/24(rw,sync,no_root_squash)' >/etc/exports; exportfs -ra"
NETFS_POOL = f"""\
<pool type='netfs'><name>images</name>
<source><host name='10.77.0.11'/><dir path='/srv/images'/><format type='nfs'/></source>
<target><path>{POOL}</path></target></pool>"""
DIR_POOL = "<pool type='dir'><name>scratch</name><target><path>/var/lib/libvirt/scratch</path></target></pool>"
NETWORK = "<network><name>office</name><forward mode='bridge'/><bridge name='br0'/></network>"
GUEST = """\
<domain type='qemu'><name>{name}</name><title>Büro &amp; more</title>
<metadata><note xmlns='http://example.org/notes'>mind the step</note></metadata>
<memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type></os>
<clock offset='localtime'/>
<devices>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{pool}/{name}.qcow2'/>
<target dev='vda' bus='virtio'/></disk>
<interface type='network'><source network='office'/><model type='e1000'/></interface>
<graphics type='vnc' autoport='yes'/>
</devices></domain>"""
MARK = re.compile(r"\s*<reconciler:mark [^>]*?(/>|>.*?</reconciler:mark>)", re.DOTALL)


@dataclass(frozen=True)
class Story:
    """The cloud that people filled; `before`: host and guest -> its live and its persistent XML, and QEMU's pid."""

    cloud: Cloud
    before: dict[str, tuple[str, str, int]]


def looks(cloud: Cloud) -> dict[str, tuple[str, str, int]]:
    """The guests as libvirt tells them, without our mark."""
    found = {}
    for host, guest in (("hv1", "legacy"), ("hv2", "spare")):
        texts = (cloud.xml(host, guest, inactive=inactive) for inactive in (False, True))
        live, persistent = (MARK.sub("", text).replace("  <metadata>\n  </metadata>\n", "") for text in texts)
        found[guest] = (live, persistent, cloud.qemu_pid(host, guest) if guest == "legacy" else 0)
    return found


def autostarted(cloud: Cloud, host: str) -> set[str]:
    return set(cloud.virsh(host, "list", "--all", "--autostart", "--name").split())


@pytest.fixture(scope="module")
def story(bare_cloud: Cloud) -> Story:
    cloud = bare_cloud
    cloud.remove("pools/images.yaml")
    cloud.remove("networks/lan.yaml")
    cloud.run("sh", "-ec", EXPORT, on="nas")
    for host in HYPERVISORS:
        cloud.feed(host, NETFS_POOL, "pool-define")
        for verb in ("pool-build", "pool-start"):
            cloud.virsh(host, verb, "images")
        cloud.feed(host, NETWORK, "net-define")
        cloud.virsh(host, "net-start", "office")
    cloud.feed("hv2", DIR_POOL, "pool-define")
    for verb in ("pool-build", "pool-start"):
        cloud.virsh("hv2", verb, "scratch")
    cloud.virsh("hv1", "vol-create-as", "images", "legacy.qcow2", "64MiB", "--format", "qcow2")
    cloud.virsh("hv2", "vol-create-as", "scratch", "spare.qcow2", "64MiB", "--format", "qcow2")
    cloud.feed("hv1", GUEST.format(name="legacy", pool=POOL), "define")
    cloud.feed("hv2", GUEST.format(name="spare", pool="/var/lib/libvirt/scratch"), "define")
    cloud.virsh("hv1", "start", "legacy")
    for host, guest in (("hv1", "legacy"), ("hv2", "spare")):
        cloud.virsh(host, "autostart", guest)
    cloud.virsh("hv1", "snapshot-create-as", "legacy", "monday", "--disk-only", "--atomic")
    cloud.virsh("hv1", "pool-refresh", "images")
    return Story(cloud, looks(cloud))


def printed(story: Story, *arguments: str) -> Ended:
    """What `reconcile import` says, as text."""
    ended = story.cloud.begin("import", *arguments).end()
    assert ended.code == 0, ended
    return ended


def test_what_is_there_becomes_documents_that_are_valid(story: Story) -> None:
    text = printed(story, "--adopt").stdout
    story.cloud.write("imported.yaml", text)
    told = story.cloud.reconcile("import", "--adopt")
    assert told.json["documents"] == []
    assert {left["object"] for left in told.json["leftOut"]} <= {"network/default", "pool/default"}
    assert story.cloud.reconcile("validate").code == 0
    for said in (
        "name: images",
        "host: nas",
        "name: office",
        "volume: legacy.monday",
        "volume: spare.qcow2",
        "size: 64MiB",
    ):
        assert said in text, text


def test_the_plan_is_the_marks_and_nothing_else(story: Story) -> None:
    plan = story.cloud.reconcile("plan")
    assert [(step["id"], step["impact"]) for step in plan.json["steps"]] == [
        ("define-network:network/office@hv1", "live"),
        ("define-network:network/office@hv2", "live"),
        ("adopt-domain:domain/legacy@hv1", "live"),
        ("adopt-domain:domain/spare@hv2", "live"),
        ("clear-autostart:domain/legacy@hv1", "live"),
    ]
    assert (plan.code, plan.held) == (2, {})


def test_taken_over_nothing_changed_but_the_mark(story: Story) -> None:
    taps = story.cloud.run("sh", "-c", "ip -o link show master br0", on="hv1")
    ended = story.cloud.once()
    assert [len(one["steps"]) for one in ended.json["passes"]] == [5, 0]
    assert [autostarted(story.cloud, host) for host in HYPERVISORS] == [set(), {"spare"}]
    assert looks(story.cloud) == story.before
    for inactive in (False, True):
        assert "<reconciler:mark" in story.cloud.xml("hv1", "legacy", inactive=inactive)
    assert story.cloud.run("sh", "-c", "ip -o link show master br0", on="hv1") == taps


def test_then_there_is_nothing_to_do_and_nothing_is_written(story: Story) -> None:
    written = story.cloud.written()
    with events(story.cloud) as watch:
        assert story.cloud.reconcile("plan").json["steps"] == []
        assert story.cloud.once().steps == []
    assert watch.lines == []
    assert story.cloud.written() == written


def test_the_annotations_of_domains_and_networks_may_go(story: Story) -> None:
    text = (story.cloud.documents / "imported.yaml").read_text()
    pools, machines = text.split("kind: Network", 1)
    story.cloud.write("imported.yaml", pools + "kind: Network" + machines.replace('"true"', '"false"'))
    assert story.cloud.once().steps == []


def test_an_adopted_guest_is_drained_like_any_other(story: Story) -> None:
    cloud = story.cloud
    uuid = cloud.virsh("hv1", "domuuid", "legacy").strip()
    cloud.virsh("hv1", "snapshot-delete", "legacy", "monday", "--metadata")
    cloud.cordon("hv1")
    cloud.once()
    assert cloud.host_of("legacy") == "hv2"
    assert cloud.virsh("hv2", "domuuid", "legacy").strip() == uuid
    assert "mind the step" in cloud.xml("hv2", "legacy")
    cloud.uncordon("hv1")
    assert cloud.once().steps == []
