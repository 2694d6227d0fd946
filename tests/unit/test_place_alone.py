"""Where a domain could go by itself, and all that stands against it."""

from dataclasses import replace
from typing import Any

from reconciler.desired import Desired
from reconciler.observed import CpuFacts, Listing, Observed, SeenDisk, SeenDomain, Unknown
from reconciler.place import Way, ways
from tests.unit.made import GIB, desired, domain, host, observed, pool, seen

HOSTS = tuple(host(f"hv{n}") for n in (1, 2, 3))


def way(documents: Desired, *found: SeenDomain, others: Any = ()) -> Way:
    return ways(documents, observed({"hv1": list(found), "hv2": list(others), "hv3": []}))["a"]


def test_all_hosts_that_would_take_it_are_named() -> None:
    assert way(desired(*HOSTS, domain("a")), seen("a")) == Way(("hv2", "hv3"))


def test_each_host_says_why_not() -> None:
    documents = desired(HOSTS[0], host("hv2", cordoned=True), HOSTS[2], domain("a", memory="16GiB"))
    found = way(documents, seen("a"))
    assert (found.targets, found.against) == ((), ())
    room = "it has 7680 MiB of memory left for guests, 16384 MiB are needed"
    assert found.no_host == f"no host fits: host/hv1: it is there now; host/hv2: it is cordoned; host/hv3: {room}"


def test_others_that_would_leave_too_are_not_counted() -> None:
    """Unlike a drain, which asks for room for all of the host at once."""
    documents = desired(*HOSTS[:2], *(domain(name, memory="5GiB") for name in "ab"))
    fields = {"fields": {"memory": 5 * GIB, "vcpus": 1}, "live": {"memory": 5 * GIB, "vcpus": 1}}
    found = ways(documents, observed({"hv1": [seen("a", **fields), seen("b", **fields)], "hv2": []}))
    assert {name: one.targets for name, one in found.items()} == {"a": ("hv2",), "b": ("hv2",)}


def test_all_that_ties_it_is_told() -> None:
    local = pool("local", type="dir", target="/srv/local", source=None)
    disks = [{"name": name, "pool": "local", "size": "1GiB"} for name in ("root", "data")]
    obstacles = ("it has 2 snapshots", "a usb device of its host is passed through to it")
    lying = (
        SeenDisk("root", "vda", "/srv/local/a.root.qcow2"),
        SeenDisk("iso", "sda", "/iso/debian.iso", writable=False),
    )
    found = way(desired(*HOSTS, local, domain("a", disks=disks)), seen("a", obstacles=obstacles, disks=lying))
    assert found.against == (
        *obstacles,
        "its disk root is in pool/local, a directory of host/hv1 alone",
        "its disk data is in pool/local, a directory of host/hv1 alone",
        "its disk iso is /iso/debian.iso, in no pool that hosts share",
    )


def test_one_that_is_off_is_not_tied_by_what_only_runs() -> None:
    assert way(desired(*HOSTS, domain("a")), seen("a", "shutoff", obstacles=("it has 2 snapshots",))).against == ()


def test_a_guest_that_sees_its_hosts_cpu_needs_the_same_one() -> None:
    live = {"memory": GIB, "vcpus": 1, "cpu": "host-passthrough"}
    documents = desired(*HOSTS, domain("a", cpu="host-passthrough"))
    snapshot = observed({"hv1": [seen("a", fields=live, live=live)], "hv2": [], "hv3": []})
    listing = snapshot.facts["hv2"]
    assert isinstance(listing, Listing)
    other = replace(listing.items["hv2"], cpu=CpuFacts("Skylake-Server", (), frozenset()))
    mixed: Observed = replace(snapshot, facts={**snapshot.facts, "hv2": replace(listing, items={"hv2": other})})
    assert ways(documents, snapshot)["a"].targets == ("hv2", "hv3")
    assert ways(documents, mixed)["a"].targets == ("hv3",)
    alone = desired(*HOSTS[:2], domain("a", cpu="host-passthrough"))
    assert ways(alone, mixed)["a"].no_host.endswith(
        "host/hv2: its CPU is Skylake-Server, and the domain runs on EPYC (host-passthrough)"
    )


def test_nothing_is_said_of_what_is_nowhere_or_not_to_be_touched() -> None:
    documents = desired(*HOSTS[:2], domain("a"))
    assert ways(documents, observed({"hv1": [], "hv2": []})) == {}
    assert ways(documents, observed({"hv1": Unknown("silent"), "hv2": []})) == {}
    assert ways(documents, observed({"hv1": [seen("a")], "hv2": [seen("a")]})) == {}
