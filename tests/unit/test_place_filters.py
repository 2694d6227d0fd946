"""Every reason for which a host is not asked to take a domain, each alone: one table."""

from dataclasses import replace

import pytest

from reconciler.history import History
from reconciler.observed import Cell, HostFacts, Listing, Offer, SeenNetwork, Unknown
from reconciler.place import place
from tests.unit.made import GIB, desired, domain, facts, host, network, observed, pool, seen, seen_pool

CELLS = (Cell(0, frozenset(range(4)), ((2 << 20, 512),)), Cell(1, frozenset(range(4, 8)), ((2 << 20, 1024),)))
OFFERS = (("aarch64", Offer()), ("x86_64", Offer(frozenset({"q35", "pc-q35-7.2"}), frozenset({"/usr/bin/qemu"}))))
SPACIOUS: HostFacts = facts("hv1", memory=64 * GIB, cpus=8, offers=OFFERS, cells=CELLS, qemu_version=7_002_000).items[
    "hv1"
]
APART = {"apartFrom": {"matchLabels": {"app": "db"}, "required": True}}
DISK = [{"name": "root", "pool": "images", "size": "1GiB"}]
CARD = [{"name": "lan", "network": "lan"}]

TABLE = {
    "selector": ({"placement": {"hosts": ["hv2"]}}, {}, {}, "its labels or name are not what placement.hosts asks for"),
    "cordoned": ({}, {"cordoned": True}, {}, "it is cordoned"),
    "fenced": ({}, {"fenced": True}, {}, "it is fenced"),
    "twin": ({}, {}, {"uuid": "uuid-hv2"}, "it is the same machine as host/hv2"),
    "pool": ({"disks": DISK}, {}, {}, "pool/images is not for it"),
    "network": ({"interfaces": CARD}, {}, {}, "network/lan is not for it"),
    "kvm": (
        {"cpu": "host-passthrough"},
        {},
        {"virt_type": "qemu"},
        "host-passthrough needs KVM, which it does not have",
    ),
    "cpu": ({"cpu": "EPYC-Rome"}, {}, {}, "it cannot offer the CPU model EPYC-Rome"),
    "arch": ({"arch": "ppc64le"}, {}, {}, "it runs no guests of the architecture ppc64le"),
    "machine": ({"machine": "pc-q35-9.0"}, {}, {}, "it does not offer the machine type pc-q35-9.0"),
    "emulator": ({"emulator": "/opt/qemu"}, {}, {}, "it does not have the emulator /opt/qemu"),
    "cpuset": ({"cpuset": "6-9"}, {}, {}, "it has no CPU 8, to which the domain is bound"),
    "vcpu pin": ({"vcpuPins": ["8"]}, {}, {}, "it has no CPU 8, to which the domain is bound"),
    "emulator pin": ({"emulatorPin": "11"}, {}, {}, "it has no CPU 11, to which the domain is bound"),
    "numa": ({"numatune": {"nodeset": "2"}}, {}, {}, "it has no NUMA node 2, from which the memory shall come"),
    "huge pages": (
        {"hugepages": "2MiB", "memory": "4GiB"},
        {},
        {},
        "it has 3072 MiB in huge pages of 2048 KiB, 4096 MiB are needed",
    ),
    "memory": ({"memory": "64GiB"}, {}, {}, "it has 65024 MiB of memory left for guests, 65536 MiB are needed"),
    "vcpus": ({"vcpus": 33}, {}, {}, "it has 32 vCPUs left for guests, 33 are needed"),
    "apart": ({"placement": APART}, {}, {}, "domain/other is there, from which it must be apart"),
}


@pytest.mark.parametrize(("spec", "of_host", "of_facts", "reason"), TABLE.values(), ids=TABLE)
def test_a_host_is_rejected_for_this_alone(spec, of_host, of_facts, reason):
    lan, images = network(hosts=["hv2"]), pool("images", hosts=["hv2"])
    other = domain("other", {"app": "db"}, memory="512MiB", placement={"hosts": ["hv1"]})
    documents = desired(host("hv1", **of_host), host("hv2"), lan, images, domain("a", **spec), other)
    better = {"offers": (*OFFERS, ("ppc64le", Offer())), "memory": 256 * GIB, "cpus": 64}
    second = replace(SPACIOUS, uuid="uuid-hv2", **better)
    second = replace(second, offers=(("x86_64", Offer(frozenset({"q35"}), frozenset({"/opt/qemu"}))),))
    told = {"hv1": Listing({"hv1": replace(SPACIOUS, **of_facts)}, 0.0), "hv2": Listing({"hv2": second}, 0.0)}
    fields = {"vcpus": 0, "memory": 0}
    snapshot = observed(
        {"hv1": [seen("other", fields=fields, live=fields)] if "apart" in reason else [], "hv2": []}, facts=told
    )
    if "apart" not in reason:
        del documents.domains["other"]
    assert place(documents, snapshot, History()).rejections["a"]["hv1"] == reason


def test_without_anything_against_it_a_host_takes_the_domain():
    spec = {"hugepages": "2MiB", "memory": "3GiB", "cpuset": "0-7", "machine": "q35", "arch": "x86_64", "cpu": "EPYC"}
    documents = desired(host("hv1"), domain("a", emulator="/usr/bin/qemu", **spec))
    snapshot = observed({"hv1": []}, facts={"hv1": Listing({"hv1": SPACIOUS}, 0.0)})
    assert place(documents, snapshot, History()).of["a"].target == "hv1"


BOUND = {"machine": "pc-q35-9.0", "arch": "ppc64le", "cpuset": "99", "emulator": "/opt/qemu"}


def test_what_a_host_does_not_tell_is_no_reason():
    documents = desired(host("hv1", cordoned=True), host("hv2"), domain("a"))
    fields = {"memory": GIB, "vcpus": 1, **BOUND}
    snapshot = observed({"hv1": [seen("a", fields=fields, live=fields)], "hv2": []})
    assert place(documents, snapshot, History()).of["a"].target == "hv2"


def _move(target_qemu, live=None, **spec):
    documents = desired(host("hv1", cordoned=True), host("hv2"), domain("a", **spec))
    fields = {"memory": GIB, "vcpus": 1, **(live or {})}
    rich = (*OFFERS, ("s390x", Offer(frozenset(), frozenset({"/opt/qemu"}))))
    told = {
        "hv1": Listing({"hv1": replace(SPACIOUS, offers=rich)}, 0.0),
        "hv2": Listing({"hv2": replace(SPACIOUS, uuid="uuid-hv2", qemu_version=target_qemu)}, 0.0),
    }
    snapshot = observed({"hv1": [seen("a", fields=fields, live=fields)], "hv2": []}, facts=told)
    return place(documents, snapshot, History())


def test_what_runs_does_not_move_to_an_older_qemu_unless_its_document_allows_it():
    why = "its QEMU 6.2.0 is older than 7.2.0, on which it runs (placement.allowOlderQemu would allow it)"
    assert _move(6_002_000).rejections["a"]["hv2"] == why
    assert _move(6_002_000, placement={"allowOlderQemu": True}).of["a"].target == "hv2"
    assert _move(7_002_000).of["a"].target == _move(8_000_000).of["a"].target == "hv2"


@pytest.mark.parametrize(
    ("live", "reason"),
    [
        ({"machine": "pc-i440fx-9.1"}, "it does not offer the machine type pc-i440fx-9.1"),
        ({"arch": "s390x"}, "it runs no guests of the architecture s390x"),
        ({"emulator": "/opt/qemu"}, "it does not have the emulator /opt/qemu"),
        ({"cpu": "EPYC-Genoa"}, "it cannot offer the CPU model EPYC-Genoa"),
        ({"cpuset": "6-9"}, "it has no CPU 8, to which the domain is bound"),
        ({"vcpu_pins": ("0", "8")}, "it has no CPU 8, to which the domain is bound"),
        ({"emulator_pin": "11"}, "it has no CPU 11, to which the domain is bound"),
        ({"numatune": {"nodeset": "2"}}, "it has no NUMA node 2, from which the memory shall come"),
        ({"hugepages": 2 << 20, "memory": 4 * GIB}, "it has 3072 MiB in huge pages of 2048 KiB, 4096 MiB are needed"),
        (
            {"hugepages": 2 << 20, "memory": 2 * GIB, "numatune": {"nodeset": "0"}},
            "it has 1024 MiB in huge pages of 2048 KiB, 2048 MiB are needed",
        ),
    ],
)
def test_of_what_runs_its_live_definition_counts(live, reason):
    assert _move(7_002_000, live).rejections["a"]["hv2"] == reason


@pytest.mark.parametrize("live", [{"emulator": "/opt/mine"}, {"cpuset": "0-3,^2"}, {"machine": "q35", "cpuset": "0-7"}])
def test_what_nobody_can_judge_or_the_host_has_is_no_reason(live):
    assert _move(7_002_000, live).of["a"].target == "hv2"


def test_a_pool_in_trouble_and_a_network_of_others_are_reasons():
    lan, images = network(), pool("images")
    documents = desired(host("hv1"), lan, images, domain("a", disks=DISK), domain("b", interfaces=CARD))
    ill = seen_pool(trouble="its server does not answer")
    foreign = SeenNetwork("lan", "its-own", active=True)
    parts = {"pools": {"hv1": Listing({"images": ill}, 0.0)}, "networks": {"hv1": Listing({"lan": foreign}, 0.0)}}
    found = place(documents, observed({"hv1": []}, **parts), History()).rejections
    assert found["a"]["hv1"] == "pool/images: its server does not answer"
    assert found["b"]["hv1"] == "network/lan there is not ours"


def test_a_silent_host_is_rejected_with_the_cause():
    found = place(desired(host("hv1"), domain("a")), observed({"hv1": Unknown("no route")}), History())
    assert found.rejections["a"]["hv1"] == "it is unknown: no route"
