"""Emptying a hypervisor: how many at once, what cannot move, what is not ours, and nowhere to go."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab.cloud import HYPERVISORS, Cloud, foreign_domain, leaving

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

MOVERS = ("one", "two", "three", "four", "five")
SLOW = {"bandwidth": "1MiB"}
"""Even the empty memory of these guests needs a moment at that speed."""


@pytest.fixture(scope="module")
def filled(bare_cloud: Cloud) -> Cloud:
    """All guests at hv1, since hv2 was cordoned when they were made."""
    cloud = bare_cloud
    for name in MOVERS:
        cloud.add_domain(name, memory="512MiB", migration=SLOW)
    cloud.cordon("hv2")
    cloud.once()
    cloud.uncordon("hv2")
    assert cloud.running("hv1") == set(MOVERS)
    return cloud


@pytest.fixture
def cloud(filled: Cloud) -> Iterator[Cloud]:
    """Whatever a test does: no guest is started anew, twice, or lost."""
    yield filled
    filled.end_all()
    filled.uncordon(*HYPERVISORS)
    filled.once()
    assert sorted(name for name, _ in filled.everywhere(filled.running)) == sorted(MOVERS)
    assert filled.everywhere(filled.defined) == filled.everywhere(filled.running)


def processes(cloud: Cloud) -> dict[tuple[str, str], int]:
    return {(name, host): cloud.qemu_pid(host, name) for name, host in cloud.everywhere(cloud.running)}


def test_two_leave_at_a_time(cloud: Cloud) -> None:
    cloud.cordon("hv1")
    with leaving(cloud, "hv1") as watch:
        ended = cloud.once()
    assert max(map(int, watch.lines)) == 2
    assert sum(id_.startswith("migrate-domain:") for id_ in ended.steps) == len(MOVERS)
    assert cloud.running("hv2") == set(MOVERS)
    assert cloud.conditions("host/hv1")["SafeToPowerOff"] == "True"


def test_nowhere_to_go_holds_and_stops_nobody(cloud: Cloud) -> None:
    before = processes(cloud)
    cloud.cordon(*HYPERVISORS)
    ended = cloud.once(3)
    assert ended.steps == []
    assert {ref.partition("@")[0] for ref in ended.held} >= {f"domain/{name}" for name in MOVERS}
    assert processes(cloud) == before


def test_guest_that_cannot_move_is_held_and_the_rest_goes(cloud: Cloud) -> None:
    apart: dict[str, Any] = {
        "labels": "{pair: a}",
        "placement": {"apartFrom": {"matchLabels": {"pair": "a"}, "required": True}},
    }
    with cloud.extra("pair-1", **apart), cloud.extra("pair-2", **apart):
        cloud.once()
        source = cloud.host_of("one")
        pair = {cloud.host_of(name): name for name in ("pair-1", "pair-2")}
        assert set(pair) == set(HYPERVISORS)
        stuck = cloud.qemu_pid(source, pair[source])
        cloud.cordon(source)
        ended = cloud.once(3)
        assert list(ended.held) == [f"domain/{pair[source]}@{source}"]
        assert cloud.running(source) == {pair[source]}
        assert cloud.qemu_pid(source, pair[source]) == stuck
        conditions = cloud.conditions(f"host/{source}")
        assert (conditions["Drained"], conditions["SafeToPowerOff"]) == ("False", "False")


def test_foreign_guest_keeps_its_host_on(cloud: Cloud) -> None:
    source = cloud.host_of("one")
    cloud.feed(source, foreign_domain("stranger"), "create")
    try:
        xml = cloud.xml(source, "stranger", inactive=False)
        cloud.cordon(source)
        ended = cloud.once(3)
        assert list(ended.held.values()) == ["ForeignGuest"]
        assert cloud.running(source) == {"stranger"}
        assert cloud.xml(source, "stranger", inactive=False) == xml
        conditions = cloud.conditions(f"host/{source}")
        assert (conditions["Drained"], conditions["SafeToPowerOff"]) == ("True", "False")
    finally:
        cloud.virsh(source, "destroy", "stranger")


def test_guest_that_stays_is_held(cloud: Cloud) -> None:
    source = cloud.host_of("one")
    cloud.add_domain("one", memory="512MiB", migration=SLOW, onDrain="stay")
    cloud.cordon(source)
    ended = cloud.once(3)
    assert ended.held == {f"domain/one@{source}": "OnDrainStay"}
    assert cloud.running(source) == {"one"}
    cloud.add_domain("one", memory="512MiB", migration=SLOW)
    cloud.once()
    assert cloud.running(source) == set()
