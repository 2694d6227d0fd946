"""Passwords at the edge, against libvirt's test driver: kept through every definition, and shown to nobody."""

import pytest

from reconciler.action import DefineDomain, SetPassword
from reconciler.desired.secrets import SecretRef
from reconciler.edge import RealEdge
from reconciler.errors import PermanentError, ReconcilerError
from reconciler.observed import Look, Part
from reconciler.redact import redact
from reconciler.screen import Password, SeenPassword
from reconciler.secrets import Secrets
from reconciler.virt import codes
from reconciler.virt.act import Stage, act
from reconciler.virt.connect import Link
from tests.unit.made import desired, host
from tests.unit.made import domain as made_domain

pytest.importorskip("libvirt")
pytestmark = pytest.mark.libvirt

UUID = "11111111-2222-3333-4444-555555555555"
NODE = "<node><cpu><mhz>1</mhz><model>x</model><active>1</active></cpu><memory>4194304</memory></node>"
CANARY = "canary77"
OTHER = "99999999-2222-3333-4444-555555555555"


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


# --- compared and set ----------------------------------------------------------------------

MARKED = "<metadata><r:mark xmlns:r='urn:reconciler:v1' cluster='c' name='web'/></metadata>"
ENV = SecretRef("env", ("VNC",))


def documents(tmp_path, source):
    graphics = {"type": "vnc", "password": {"valueFrom": source}}
    at = host("hv1", hypervisor={"uri": f"test://{tmp_path}/node.xml"})
    return desired(at, made_domain("web", graphics=graphics))


@pytest.fixture
def edge(tmp_path):
    (tmp_path / "node.xml").write_text(NODE)
    made = RealEdge(secrets=Secrets(runs_commands=False, environment={"VNC": CANARY, "LONG": "ninechars"}))
    made.observe(documents(tmp_path, {"env": "VNC"}))
    yield made
    made.close()


def define(edge, password):
    xml = domain(password).replace("<memory>", f"{MARKED}<memory>")
    edge._hypervisors.link("hv1").session("only").connection.defineXMLFlags(xml, 0)


@pytest.mark.parametrize(
    ("there", "source", "expected"),
    [
        ("", {"env": "VNC"}, Password.NONE),
        (CANARY, {"env": "VNC"}, Password.RIGHT),
        ("another", {"env": "VNC"}, Password.WRONG),
        (CANARY, {"command": ("false",)}, Password.SOME),
        ("", {"command": ("false",)}, Password.NONE),
    ],
)
def test_it_leaves_the_edge_as_yes_or_no(edge, tmp_path, there, source, expected):
    define(edge, there)
    seen = edge.observe(documents(tmp_path, source)).domain("hv1", "web")
    assert seen.password == SeenPassword(expected)
    assert CANARY not in repr(seen)
    looked = edge.look(documents(tmp_path, source), (Look("hv1", Part.DOMAINS, "web", UUID),))
    assert looked.domain("hv1", "web").password == SeenPassword(expected)


@pytest.mark.parametrize(
    ("source", "trouble"),
    [({"env": "OTHER"}, "environment does not have it"), ({"env": "LONG"}, "longer than the 8 bytes that VNC knows")],
)
def test_a_secret_that_cannot_be_used_is_said(edge, tmp_path, source, trouble):
    define(edge, "another")
    seen = edge.observe(documents(tmp_path, source)).domain("hv1", "web")
    assert seen.password.persistent is Password.SOME
    assert trouble in seen.password.trouble
    assert "ninechars" not in seen.password.trouble


def test_nobody_asks_where_no_document_names_one(edge, tmp_path):
    define(edge, CANARY)
    at = host("hv1", hypervisor={"uri": f"test://{tmp_path}/node.xml"})
    assert edge.observe(desired(at, made_domain("web"))).domain("hv1", "web").password is None


def test_it_is_set_and_its_error_does_not_tell_it(edge, tmp_path):
    define(edge, "")
    edge.apply(SetPassword("hv1", "web", UUID, ENV, "vnc"), absorb)
    seen = edge.observe(documents(tmp_path, {"env": "VNC"})).domain("hv1", "web")
    assert seen.password == SeenPassword(Password.RIGHT)
    with pytest.raises(ReconcilerError, match="Domain not found") as refused:
        edge.apply(SetPassword("hv1", "gone", OTHER, ENV, "vnc"), absorb)
    assert CANARY not in str(refused.value)
    with pytest.raises(PermanentError, match="environment does not have it"):
        edge.apply(SetPassword("hv1", "web", UUID, SecretRef("env", ("OTHER",)), "vnc"), absorb)


def test_what_was_seen_once_is_kept_out_of_every_message(edge, tmp_path):
    define(edge, "another1")
    edge.observe(documents(tmp_path, {"env": "VNC"}))
    assert redact(f"it was another1, and is {CANARY}") == "it was ***, and is ***"
