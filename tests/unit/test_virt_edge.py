"""The join of hypervisors and NFS servers."""

import pytest

from reconciler import edge as edge_module
from reconciler.action import StartPool, WriteExport
from reconciler.edge import RealEdge
from reconciler.errors import HostUnreachable, PermanentError
from reconciler.nfs import servers
from reconciler.observed import Listing, Look, Observed, Part, SeenPool, Unknown
from tests.unit.made import desired, host, pool

pytest.importorskip("libvirt")

NAS = host("nas", address="192.0.2.200", hypervisor=None, nfsServer={"ssh": "root@nas", "manage": False})
EXPORT = WriteExport("nas", "images", "c", "/srv", ("*",), ("rw",))


def absorb(**values: object) -> None:
    pass


@pytest.fixture
def edge(monkeypatch):
    made = RealEdge()
    monkeypatch.setattr(servers, "answers", lambda address: address == "192.0.2.200")
    yield made
    made.close()


def test_every_server_of_a_pool_is_probed_once(edge, monkeypatch):
    asked = []
    monkeypatch.setattr(servers, "answers", lambda address: asked.append(address) or True)
    documents = desired(
        NAS,
        pool(source={"host": "nas", "dir": "/a"}),
        pool("more", source={"host": "192.0.2.200", "dir": "/b"}),
        pool("other", source={"host": "192.0.2.9", "dir": "/c"}),
    )
    monkeypatch.setattr(edge._servers, "observe", lambda *words: {})
    assert edge.observe(documents).answering == {"192.0.2.200": True, "192.0.2.9": True}
    assert sorted(asked) == ["192.0.2.200", "192.0.2.9"]


def test_a_pool_of_a_silent_server_has_unknown_contents(edge, monkeypatch):
    silent = SeenPool("images", "u", True, {"source_host": "192.0.2.9"}, volumes={"a": None})
    other = SeenPool("other", "v", True, {"source_host": "192.0.2.200"}, volumes={"a": None})
    off = SeenPool("off", "w", False, {"source_host": "192.0.2.9"})
    seen = Observed(pools={"hv1": Listing({p.name: p for p in (silent, other, off)}, 0.0), "hv2": Unknown("x")})
    monkeypatch.setattr(edge._hypervisors, "observe", lambda *words: seen)
    pools = edge.observe(desired(pool(source={"host": "192.0.2.9", "dir": "/a"}))).pools
    assert pools["hv1"].items["images"].volumes is None
    assert pools["hv1"].items["images"].trouble == "its NFS server 192.0.2.9 does not answer"
    assert pools["hv1"].items["other"] == other
    assert pools["hv1"].items["off"] == off
    assert pools["hv2"] == Unknown("x")


def test_looks_go_where_they_belong(edge, monkeypatch):
    asked = []
    monkeypatch.setattr(edge._servers, "observe", lambda desired, hosts: asked.append(list(hosts)) or {})
    monkeypatch.setattr(edge._hypervisors, "look", lambda desired, looks, answers: Observed())
    edge.look(desired(NAS), (Look("nas", Part.EXPORTS), Look("nas", Part.EXPORTS, "x"), Look("hv1", Part.DOMAINS)))
    assert asked == [["nas"]]


def test_actions_go_where_they_belong(edge):
    with pytest.raises(HostUnreachable, match="no document names it as an NFS server"):
        edge.apply(EXPORT, absorb)
    with pytest.raises(HostUnreachable, match="no document names it"):
        edge.apply(StartPool("hv1", "images"), absorb)


def test_a_server_that_is_only_observed_is_not_written_to(edge):
    edge._servers.know(desired(NAS))
    with pytest.raises(PermanentError, match="manage: false"):
        edge.apply(EXPORT, absorb)


def test_a_probe_that_is_young_counts(edge, monkeypatch):
    asked = []
    monkeypatch.setattr(servers, "answers", lambda address: asked.append(address) or True)
    assert edge._servers.answers("192.0.2.200")
    assert edge._servers.answers("192.0.2.200")
    assert edge._servers.answers("192.0.2.200", 0.0)
    assert len(asked) == 2


def test_a_probe_that_hangs_is_an_answer_too(edge, monkeypatch):
    monkeypatch.setattr(servers, "ANSWER_S", -0.9)
    monkeypatch.setattr(servers, "answers", lambda address: __import__("time").sleep(5))
    assert edge._servers.answers("192.0.2.200") is False


def test_the_binding_is_asked_for_by_name(monkeypatch):
    from reconciler.errors import ReconcilerError
    from reconciler.virt import lib

    def missing(name: str) -> None:
        raise ImportError("No module named 'libvirt'")

    lib._library.cache_clear()
    monkeypatch.setattr(lib, "import_module", missing)
    with pytest.raises(ReconcilerError, match="apt-get install python3-libvirt"):
        edge_module.RealEdge()
    monkeypatch.undo()
    lib._library.cache_clear()
