"""Passwords at the edge, against libvirt's test driver: kept through every definition, and shown to nobody."""

import pytest

from reconciler.action import DefineDomain
from reconciler.errors import ReconcilerError
from reconciler.virt import codes
from reconciler.virt.act import Stage, act
from reconciler.virt.connect import Link

pytest.importorskip("libvirt")
pytestmark = pytest.mark.libvirt

UUID = "11111111-2222-3333-4444-555555555555"
NODE = "<node><cpu><mhz>1</mhz><model>x</model><active>1</active></cpu><memory>4194304</memory></node>"
CANARY = "canary77"


def domain(password: str = "", title: str = "") -> str:
    passwd = f" passwd='{password}'" if password else ""
    said = f"<title>{title}</title>" if title else ""
    return (
        f"<domain type='test'><name>web</name><uuid>{UUID}</uuid>{said}<memory>1024</memory><vcpu>1</vcpu>"
        f"<os><type>hvm</type></os><devices><graphics type='vnc' autoport='yes'{passwd}/></devices></domain>"
    )


def absorb(**values: object) -> None:
    pass


@pytest.fixture
def stage(tmp_path):
    (tmp_path / "node.xml").write_text(NODE)
    links = {host: Link(host, f"test://{tmp_path}/node.xml") for host in ("hv1", "hv2")}
    yield Stage(links.__getitem__)
    for link in links.values():
        link.close()


def shown(stage: Stage, host: str) -> str:
    found = stage.link(host).session("only").connection.lookupByUUIDString(UUID)
    return found.XMLDesc(codes.DOMAIN_XML_INACTIVE | codes.DOMAIN_XML_SECURE)


def test_a_password_set_by_hand_outlives_an_edit(stage):
    stage.link("hv1").session("only").connection.defineXMLFlags(domain(CANARY), 0)
    act(stage, DefineDomain("hv1", "web", UUID, domain(title="edited")), absorb)
    assert "<title>edited</title>" in shown(stage, "hv1")
    assert f"passwd='{CANARY}'" in shown(stage, "hv1")


def test_it_comes_along_to_another_host(stage):
    stage.link("hv1").session("only").connection.defineXMLFlags(domain(CANARY), 0)
    act(stage, DefineDomain("hv2", "web", UUID, domain(), source="hv1"), absorb)
    assert f"passwd='{CANARY}'" in shown(stage, "hv2")


def test_a_new_domain_has_none(stage):
    act(stage, DefineDomain("hv1", "web", UUID, domain()), absorb)
    assert "passwd" not in shown(stage, "hv1")


def test_a_refusal_does_not_tell_it(stage):
    stage.link("hv1").session("only").connection.defineXMLFlags(domain(CANARY), 0)
    broken = domain().replace("<memory>1024</memory>", "<memory>much</memory>")
    with pytest.raises(ReconcilerError) as refused:
        act(stage, DefineDomain("hv1", "web", UUID, broken), absorb)
    assert CANARY not in str(refused.value)
