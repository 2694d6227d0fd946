"""What a running domain lacks: changed now where libvirt can, else staged with every field named."""

import pytest

from reconciler.action import LimitDisk, UpdateDevice
from reconciler.change import Change, DomainDiffers
from reconciler.diff import diff
from reconciler.history import History
from reconciler.live import LiveIs, Way
from reconciler.live_change import DomainLiveDiffers
from reconciler.mark import MadeDisk, Mark
from reconciler.observed import SeenDisk
from reconciler.place import place
from reconciler.plan import plan
from reconciler.plan.live import WAYS
from reconciler.step import Held, HeldReason, Impact, Plan
from reconciler.xml.domain import read
from tests.unit import made

DISK = {"bus": "virtio", "format": "qcow2", "cache": "none", "read_only": False, "shareable": False}
CARD = {"network": "lan", "mac": "52:54:00:00:00:01", "model": "virtio", "link": "up"}
FIELDS = {"vcpus": 1, "memory": made.GIB, "disks": {"root": DISK}, "interfaces": {"lan": CARD}}
XML = """<domain type='kvm'><name>web</name><memory>1048576</memory><vcpu>1</vcpu><devices>
<disk type='file'><driver name='qemu' type='qcow2' cache='none'/><source file='/cloud/web.root.qcow2'/>
<target dev='vda' bus='virtio'/><alias name='ua-root'/></disk>
<interface type='network'><mac address='52:54:00:00:00:01'/><source network='lan'/><model type='virtio'/>
<alias name='ua-lan'/></interface></devices></domain>"""
MARK = Mark("c", "web", (MadeDisk("root", "images", "web.root.qcow2", "qcow2", made.GIB),), claimed_by="hv1")
ROOT = {"name": "root", "pool": "images", "size": "1GiB"}
LAN = {"name": "lan", "network": "lan"}


def changes(
    state: str = "running",
    cordoned: bool = False,
    live: object = FIELDS,
    definition: str = XML,
    lies_on: str = "/cloud/web.root.qcow2",
    spare_ports: int | None = None,
    **spec: object,
) -> tuple[tuple[object, ...], Plan]:
    """Changes and held of web at hv1, beside hv2; the document has one disk and one interface, and `spec`."""
    said = {"disks": [ROOT], "interfaces": [LAN], **spec}
    hosts = made.host("hv1", cordoned=cordoned), made.host("hv2")
    desired = made.desired(*hosts, made.pool(), made.network(), made.network("dmz"), made.domain("web", **said))
    disks = (SeenDisk("root", "vda", lies_on),)
    seen = made.seen(
        *("web", state), mark=MARK, xml=definition, fields=FIELDS, live=live, disks=disks, spare_ports=spare_ports
    )
    pools = {host: made.listing(made.seen_pool(volumes={"web.root.qcow2": None})) for host in ("hv1", "hv2")}
    observed = made.observed({"hv1": [seen], "hv2": []}, pools=pools)
    found = diff(desired, observed, place(desired, observed, History()), History())
    return tuple(i for i in (*found.changes, *found.held) if _is_about_web(i)), plan(desired, observed, found)


def _is_about_web(item: object) -> bool:
    return isinstance(item, Change | Held) and "web" in str(getattr(item, "ref", getattr(item, "object", "")))


def test_the_link_the_network_and_the_bandwidth_of_an_interface_change_in_one_call() -> None:
    card = {**LAN, "network": "dmz", "link": "down", "bandwidth": {"inbound": "1MiB"}}
    (differs, live), planned = changes(interfaces=[card])
    assert isinstance(differs, DomainDiffers)
    assert not differs.staged
    assert isinstance(live, DomainLiveDiffers)
    assert (live.way, live.owner) == (Way.DEVICE, ("interfaces", "lan"))
    steps = [step for step in planned.steps if step.object.domain == "web"]
    assert [(step.id, step.impact) for step in steps] == [
        ("define-domain:domain/web@hv1", Impact.LIVE),
        ("update-device:interface/web/lan@hv1", Impact.LIVE),
    ]
    values = ((("bandwidth", "inbound"), 1024**2), (("link",), "down"), (("network",), "dmz"))
    assert steps[1].action == UpdateDevice("hv1", "web", live.uuid, "interfaces", "lan", values)
    assert steps[1].goal == LiveIs(
        "hv1", "web", live.uuid, tuple((("interfaces", "lan", *path), value) for path, value in values)
    )


def test_limits_of_a_disk_are_a_call_of_their_own() -> None:
    (_, live), planned = changes(disks=[{**ROOT, "iotune": {"totalBytesSec": "10MiB"}}])
    assert isinstance(live, DomainLiveDiffers)
    [action] = [step.action for step in planned.steps if isinstance(step.action, LimitDisk)]
    assert action.values == ((("iotune", "total_bytes_sec"), 10 * 1024**2),)
    assert str(action.object) == "disk/web/root@hv1"


def test_what_libvirt_cannot_change_now_is_staged_and_all_of_it_is_named() -> None:
    card = {**LAN, "link": "down", "mtu": 9000}
    (differs, live, held), planned = changes(interfaces=[card], disks=[{**ROOT, "cache": "writeback"}], vcpus=2)
    assert isinstance(differs, DomainDiffers)
    assert differs.staged
    assert isinstance(live, DomainLiveDiffers)
    assert [field.path for field in live.fields] == [("interfaces", "lan", "link")]
    assert isinstance(held, Held)
    assert held.reason is HeldReason.RESTART_REQUIRED
    assert held.message == (
        "takes effect when it is started again: "
        "disks.root.cache: 'none' -> 'writeback', interfaces.lan.mtu: None -> 9000, vcpus: 1 -> 2"
    )
    impacts = {step.action.verb: step.impact for step in planned.steps if step.object.domain == "web"}
    assert impacts == {"define-domain": Impact.NEXT_BOOT, "update-device": Impact.LIVE}


def test_a_revert_clears_it() -> None:
    assert changes()[0] == ()


def test_the_live_definition_alone_can_differ() -> None:
    pulled = {**FIELDS, "interfaces": {"lan": {**CARD, "link": "down"}}}
    (live,), planned = changes(live=pulled, interfaces=[{**LAN, "link": "up"}])
    assert isinstance(live, DomainLiveDiffers)
    assert [step.action.verb for step in planned.steps if step.object.domain == "web"] == ["update-device"]


@pytest.mark.parametrize("more", [{"state": "paused"}, {"cordoned": True}, {"power": "stopped"}])
def test_a_domain_that_is_paused_or_moves_or_stops_is_changed_later(more: dict[str, object]) -> None:
    found, _ = changes(interfaces=[{**LAN, "link": "down"}], **more)  # type: ignore[arg-type]
    assert not any(isinstance(item, DomainLiveDiffers) for item in found)
    assert not any(isinstance(item, Held) and item.reason is HeldReason.RESTART_REQUIRED for item in found)


def test_an_interface_that_is_on_no_network_comes_to_one_at_the_next_start() -> None:
    """One that another hand made on a bridge; libvirt changes its kind only then."""
    card = {key: value for key, value in CARD.items() if key != "network"}
    found, _ = changes(live={**FIELDS, "interfaces": {"lan": card}}, interfaces=[LAN])
    assert [type(item) for item in found] == [Held]


MORE = {"name": "more", "pool": "images", "size": "1GiB"}
WAN = {"name": "wan", "network": "lan"}


def verbs(planned: Plan) -> list[str]:
    """Ids of the steps of web, without what is done to its volumes."""
    return [step.id for step in planned.steps if step.object.domain == "web"]


def test_a_disk_put_before_the_others_is_made_recorded_and_then_attached() -> None:
    found, planned = changes(disks=[MORE, ROOT])
    assert not any(isinstance(item, Held) for item in found)
    assert verbs(planned) == [
        "define-domain:domain/web@hv1",
        "record-disks:domain/web@hv1",
        "attach-device:disk/web/more@hv1",
    ]
    attach = planned.steps[-1]
    assert "record-disks:domain/web@hv1" in attach.needs
    assert {step.impact for step in planned.steps if step.object.domain == "web"} == {Impact.LIVE}
    [differs] = [item for item in found if isinstance(item, DomainDiffers)]
    disk = next(disk for disk in read(differs.xml).disks if disk.name == "more")
    assert (disk.target, disk.source) == ("vdb", "/cloud/web.more.qcow2")


def test_what_has_no_port_or_no_way_in_waits_for_the_next_start() -> None:
    found, planned = changes(disks=[ROOT, {**MORE, "bus": "sata"}], interfaces=[LAN, WAN], spare_ports=0)
    [held] = [item for item in found if isinstance(item, Held)]
    assert held.reason is HeldReason.RESTART_REQUIRED
    assert "disks.more.bus: None -> 'sata'" in held.message
    assert "interfaces.wan.network: None -> 'lan'" in held.message
    assert "attach-device" not in " ".join(verbs(planned))
    _, planned = changes(disks=[ROOT, MORE], interfaces=[LAN, WAN], spare_ports=1)
    assert "attach-device:disk/web/more@hv1" in verbs(planned)
    assert "attach-device:interface/web/wan@hv1" not in verbs(planned)


def test_an_external_snapshot_keeps_its_lines_and_its_disk_is_not_taken_out() -> None:
    """Another hand's tool moved the disk on; an edit touches its own lines, and nobody detaches the top of a chain."""
    overlay = "/cloud/web.root.snap1"
    definition = XML.replace("/cloud/web.root.qcow2", overlay)
    found, _ = changes(definition=definition, lies_on=overlay, interfaces=[{**LAN, "link": "down"}])
    [differs] = [item for item in found if isinstance(item, DomainDiffers)]
    disk = slice(definition.index("<disk"), definition.index("<interface"))
    assert definition[disk].replace("'", '"') in differs.xml.replace("'", '"')
    assert [str(field) for field in differs.fields] == ["interfaces.lan.link: 'up' -> 'down'"]
    found, planned = changes(definition=definition, lies_on=overlay, disks=[])
    [held] = [item for item in found if isinstance(item, Held)]
    assert held.reason is HeldReason.CANNOT_CHANGE
    assert held.message == (
        "disk root is not in its document any more, and lies on /cloud/web.root.snap1; "
        "end its snapshot or backup, detach it by hand, or name it"
    )
    assert verbs(planned) == []


def test_every_way_has_its_action() -> None:
    assert set(WAYS) == set(Way)
