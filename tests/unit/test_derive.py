"""What we derive never changes, and never mixes up two objects."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired import derive
from reconciler.desired.documents import Disk, Domain, Image, Interface, Pool

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,8}", fullmatch=True).filter(lambda name: ".." not in name)
INTERFACE_NAMES = NAMES.filter(lambda name: len(name) <= 15)


def interface(name: str, mac: str | None = None) -> Interface:
    return Interface(name=name, network="lan", mac=mac)


def image(name: str = "tiny.qcow2", sha256: str = "AB" * 32) -> Image:
    return Image(name=name, from_="x", sha256=sha256)


def test_what_was_derived_once_is_derived_for_ever() -> None:
    """Running clouds carry these: a change here would make strangers of them."""
    assert derive.object_uuid("small-cloud", "domain", "web-1") == "8946a67a-f6e2-5f72-a0ee-e39639642b7a"
    assert derive.mac("small-cloud", "web-1", interface("lan")) == "52:54:00:d5:4b:22"
    assert derive.volume_name("web-1", Disk(name="root", pool="images", size="1GiB")) == "web-1.root.qcow2"
    assert derive.image_volume(image()) == "tiny-abababababababab.qcow2"
    assert derive.image_marker(image()) == "tiny-abababababababab.qcow2.complete"
    assert derive.image_volume(image("tiny")) == "tiny-abababababababab"


def test_a_document_may_name_mac_and_volume() -> None:
    assert derive.mac("c", "d", interface("lan", "52:54:00:AA:00:01")) == "52:54:00:aa:00:01"
    disk = Disk(name="root", pool="p", size="1GiB", volume="mine.img")
    assert derive.volume_name("web-1", disk) == "mine.img"


def test_parts_are_hashed_apart() -> None:
    assert derive.mac("c", "a", interface("b-c")) != derive.mac("c", "a-b", interface("c"))
    assert derive.object_uuid("c", "domain", "x") != derive.object_uuid("c", "network", "x")
    assert derive.object_uuid("ca", "domain", "x") != derive.object_uuid("c", "adomain", "x")


@given(NAMES, NAMES, INTERFACE_NAMES)
def test_macs_are_unicast_and_qemus(cluster: str, domain: str, name: str) -> None:
    mac = derive.mac(cluster, domain, interface(name))
    assert mac.startswith("52:54:00:")
    assert len(mac) == 17
    assert not int(mac[:2], 16) & 1


@given(st.tuples(NAMES, NAMES, NAMES), st.tuples(NAMES, NAMES, NAMES))
def test_different_objects_have_different_uuids(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    first, second = derive.object_uuid(*one), derive.object_uuid(*other)
    assert (first == second) == (one == other)
    assert uuid.UUID(first).version == 5


def domain(*pools: str) -> Domain:
    disks = [{"name": f"d{number}", "pool": pool, "size": "1GiB"} for number, pool in enumerate(pools)]
    spec = {"vcpus": 1, "memory": "64MiB", "disks": disks}
    return Domain.model_validate(
        {"apiVersion": "reconciler/v1", "kind": "Domain", "metadata": {"name": "web-1"}, "spec": spec}
    )


def pool(name: str, type_: str) -> Pool:
    spec: dict[str, object] = {"type": type_, "target": f"/srv/{name}"}
    if type_ == "netfs":
        spec["source"] = {"host": "10.0.0.9", "dir": f"/srv/{name}"}
    return Pool.model_validate(
        {"apiVersion": "reconciler/v1", "kind": "Pool", "metadata": {"name": name}, "spec": spec}
    )


def test_a_claim_lies_beside_the_first_shared_disk() -> None:
    pools = {"local": pool("local", "dir"), "a": pool("a", "netfs"), "b": pool("b", "netfs")}
    assert derive.claim(domain("local", "b", "a"), pools) == ("b", ".web-1.claim")
    assert derive.claim(domain("local"), pools) is None
    assert derive.claim(domain(), pools) is None


@given(NAMES, NAMES, NAMES)
def test_a_claim_says_whose_it_is_by_a_size_that_costs_nothing(cluster: str, name: str, host: str) -> None:
    size = derive.claim_size(cluster, name, host)
    assert 1 <= size <= 16 * 1024**2
    assert size != derive.claim_size(cluster, name, host + "x")
    assert size != derive.claim_size(cluster, name + host, "")
