"""The real edge, held to the contract on libvirt's test driver: real libvirt calls, no daemon, no root.

Each `test:///path` is a world of its own. It has no events of QEMU, no migration, and no shell to tell mounts.
"""

from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from reconciler.action import CreateVolume, DefineNetwork, RecordDisks, StartDomain, StartNetwork
from reconciler.clock import RealClock
from reconciler.desired import Desired
from reconciler.desired.documents import Cluster, Domain, Host, Network, Pool
from reconciler.edge import RealEdge
from reconciler.observed import Listing, Look, Part, SeenVolume, Unknown
from tests.contract.contract import EdgeContract, Setting

pytestmark = pytest.mark.libvirt
libvirt: Any = pytest.importorskip("libvirt")

NODE = """\
<node>
  <cpu><mhz>2000</mhz><model>x86_64</model><active>4</active><nodes>1</nodes><sockets>1</sockets><cores>4</cores>
    <threads>1</threads></cpu>
  <memory>8388608</memory>
</node>
"""
POOL = {"type": "dir", "target": "/srv/contract"}


def document(model: Any, name: str, **spec: Any) -> Any:
    return model.model_validate(
        {"apiVersion": "reconciler/v1", "kind": model.__name__, "metadata": {"name": name}, "spec": spec}
    )


@pytest.fixture
def desired(tmp_path):
    (tmp_path / "node.xml").write_text(NODE)
    disks = [{"name": "root", "pool": "images", "size": "1GiB"}]
    return Desired(
        cluster=document(Cluster, "contract"),
        hosts={
            "hv1": document(Host, "hv1", address="10.0.0.1", hypervisor={"uri": f"test://{tmp_path}/node.xml"}),
        },
        pools={"images": document(Pool, "images", **POOL)},
        networks={"lan": document(Network, "lan", bridge="br0")},
        domains={"web-1": document(Domain, "web-1", vcpus=1, memory="128MiB", disks=disks)},
    )


class TestTestDriver(EdgeContract):
    @pytest.fixture
    def setting(self, desired):
        clock = RealClock()
        edge = RealEdge(clock)
        edge.observe(desired)  # an action names its host; only documents tell how to reach it
        yield Setting(edge, clock, desired, pool=POOL)
        edge.close()


# --- what the contract does not say ---------------------------------------------------------


class Counting:
    """A libvirt object (or a list, or a tuple of them) that counts the calls made on it."""

    LOCAL = ("name", "UUIDString", "isAlive")
    """Answered by the binding itself: no call to the hypervisor."""

    def __init__(self, real: Any, calls: Counter[str]) -> None:
        self._real, self._calls = real, calls

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)

        def call(*args: Any) -> Any:
            if name not in self.LOCAL:
                self._calls[name] += 1
            return self._wrapped(real(*args))

        return call

    def _wrapped(self, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return type(value)(self._wrapped(one) for one in value)
        return Counting(value, self._calls) if type(value).__module__ == "libvirt" else value


@pytest.fixture
def calls(monkeypatch):
    from reconciler.virt import lib

    counted: Counter[str] = Counter()
    opened = lib.open_connection
    monkeypatch.setattr(lib, "open_connection", lambda uri: Counting(opened(uri), counted))
    return counted


@pytest.fixture
def setting(desired):
    edge = RealEdge()
    edge.observe(desired)
    yield Setting(edge, RealClock(), desired, pool=POOL)
    edge.close()


@pytest.mark.parametrize("domains", [0, 1, 3])
def test_a_pass_makes_exactly_these_calls(calls, setting, domains):
    setting.apply(DefineNetwork("hv1", "lan", setting.network()), StartNetwork("hv1", "lan"))
    if domains:
        setting.make_running()
        setting.apply(RecordDisks("hv1", "web-1", setting.domain_uuid, setting.mark("root")))
    connection = setting.edge._hypervisors.link("hv1").session("read").connection
    for number in range(1, domains):
        connection.defineXML(
            f"<domain type='test'><name>d{number}</name><memory>1024</memory><os><type>hvm</type></os></domain>"
        )
    setting.observe()
    calls.clear()
    observed = setting.observe()
    assert len(observed.domains["hv1"].items) == domains
    running, pools = min(domains, 1), min(domains, 1)
    assert calls == Counter(
        getAllDomainStats=1,
        listAllDomains=1,
        getInfo=1,
        listAllNetworks=2,
        listAllStoragePools=2,
        XMLDesc=domains + running + 1 + pools,
        **({"listAllVolumes": pools} if pools else {}),
    )


def test_unchanged_things_are_the_same_objects(setting):
    setting.make_running()
    first, second = setting.observe(), setting.observe()
    assert first.domain("hv1", "web-1") is second.domain("hv1", "web-1")


def test_details_are_read_of_disks_that_nobody_has_marked_as_made(setting):
    setting.make_pool()
    made = setting.make_disk()
    setting.apply(CreateVolume("hv1", "images", "other.raw", "raw", 4096))
    volumes = setting.observe().pool("hv1", "images").volumes
    assert volumes == {made.volume: SeenVolume(made.capacity, "qcow2"), "other.raw": None}
    setting.define()
    setting.apply(RecordDisks("hv1", "web-1", setting.domain_uuid, setting.mark("root")))
    assert setting.observe().pool("hv1", "images").volumes == {made.volume: None, "other.raw": None}


def test_a_transient_domain_has_no_definition(setting):
    connection = setting.observe() and setting.edge._hypervisors.link("hv1").session("read").connection
    xml = "<domain type='test'><name>guest</name><memory>1024</memory><os><type>hvm</type></os></domain>"
    connection.createXML(xml, 0)
    for seen in (
        setting.observe().domain("hv1", "guest"),
        setting.edge.look(setting.desired, (Look("hv1", Part.DOMAINS, "guest"),)).domain("hv1", "guest"),
    ):
        assert seen.fields is None
        assert seen.live["memory"] == 1 << 20


def test_a_running_domain_that_is_undefined_is_noticed(setting):
    """Its XML stays the same to the letter."""
    setting.make_running()
    assert setting.observe().domain("hv1", "web-1").fields
    connection = setting.edge._hypervisors.link("hv1").session("read").connection
    with suppress(libvirt.libvirtError):
        connection.lookupByName("web-1").undefine()
    for _ in range(50):
        if setting.observe().domain("hv1", "web-1").fields is None:
            return
        setting.clock.sleep(0.1)
    pytest.fail("it still seems to be defined")


def test_looks_at_several_objects_of_one_host_are_one_listing(setting):
    setting.make_running()
    looks = (Look("hv1", Part.DOMAINS, "web-1", setting.domain_uuid), Look("hv1", Part.DOMAINS, "nobody"))
    listing = setting.edge.look(setting.desired, looks).domains["hv1"]
    assert list(listing.items) == ["web-1"]
    assert listing.only == {"web-1", "nobody"}


def test_a_look_at_everything_covers_a_look_at_one(calls, setting):
    setting.define()
    setting.observe()
    calls.clear()
    looks = (Look("hv1", Part.DOMAINS, "web-1"), Look("hv1", Part.DOMAINS))
    assert setting.edge.look(setting.desired, looks).domains["hv1"].only is None
    assert calls["lookupByName"] == 0


def test_a_host_that_cannot_be_opened_is_unknown_for_a_while(desired, tmp_path):
    edge = RealEdge()
    broken = desired.hosts["hv1"].spec.hypervisor.model_copy(update={"uri": f"test://{tmp_path}/none.xml"})
    spec = desired.hosts["hv1"].spec.model_copy(update={"hypervisor": broken})
    host = desired.hosts["hv1"].model_copy(update={"spec": spec})
    observed = edge.observe(Desired(cluster=desired.cluster, hosts={"hv1": host}))
    assert isinstance(observed.domains["hv1"], Unknown)
    assert "cannot connect to libvirt at host/hv1" in observed.silence("hv1")
    assert not isinstance(observed.facts["hv1"], Listing)
    edge.close()


def test_starting_what_is_not_defined_says_so(setting):
    setting.observe()
    with pytest.raises(Exception, match=r"^cannot start domain/web-1@hv1: .*not found"):
        setting.apply(StartDomain("hv1", "web-1", setting.domain_uuid))
