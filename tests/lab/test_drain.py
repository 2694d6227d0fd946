"""Emptying a hypervisor: how many at once, what cannot move, what is not ours, and nowhere to go."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.lab import ticker
from tests.lab.cloud import HYPERVISORS, Cloud, bare_documents, foreign_domain, lab_of, leaving

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

MOVERS = ("one", "two", "three", "four", "five")
MORE = ("six", "seven", "eight")
MOVER: dict[str, Any] = {"disks": ticker.DISKS, "memory": "256MiB", "migration": {"bandwidth": "1MiB"}}
"""Even the empty memory of these guests needs a moment at that speed."""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """All guests at hv1, since hv2 was cordoned when they were made."""
    tmp = tmp_path_factory.mktemp("cloud")
    image = ticker.make_image(tmp / "calm.qcow2", busy=False)
    with lab_of("test-drain", bare_documents(tmp, image)) as cloud:
        for name in MOVERS:
            cloud.add_domain(name, **MOVER)
        cloud.cordon("hv2")
        cloud.once()
        cloud.uncordon("hv2")
        assert cloud.running("hv1") == set(MOVERS)
        yield cloud


@pytest.fixture
def cloud(filled: Cloud) -> Iterator[Cloud]:
    """Whatever a test does: no guest is started anew, twice, or lost."""
    born = ticker.all_told(filled, MOVERS)
    yield filled
    filled.end_all()
    filled.uncordon(*HYPERVISORS)
    filled.once()
    assert sorted(name for name, _ in filled.everywhere(filled.running)) == sorted(MOVERS)
    assert filled.everywhere(filled.defined) == filled.everywhere(filled.running)
    ticker.assert_go_on(filled, born)


def processes(cloud: Cloud) -> dict[tuple[str, str], int]:
    return {(name, host): cloud.qemu_pid(host, name) for name, host in cloud.everywhere(cloud.running)}


def test_two_leave_at_a_time(cloud: Cloud) -> None:
    all_of_them = (*MOVERS, *MORE)
    with ExitStack() as more:
        for name in MORE:
            more.enter_context(cloud.extra(name, **MOVER))
        cloud.cordon("hv2")
        cloud.once()
        cloud.uncordon("hv2")
        cloud.cordon("hv1")
        born = ticker.all_told(cloud, all_of_them)
        with leaving(cloud, "hv1") as watch:
            ended = cloud.once()
        assert max(map(int, watch.lines)) == 2
        assert sum(id_.startswith("migrate-domain:") for id_ in ended.steps) == len(all_of_them)
        assert cloud.running("hv2") == set(all_of_them)
        assert cloud.conditions("host/hv1")["SafeToPowerOff"] == "True"
        ticker.assert_go_on(cloud, born)


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
    cloud.add_domain("one", **MOVER, onDrain="stay")
    cloud.cordon(source)
    ended = cloud.once(3)
    assert ended.held == {f"domain/one@{source}": "OnDrainStay"}
    assert cloud.running(source) == {"one"}
    cloud.add_domain("one", **MOVER)
    cloud.once()
    assert cloud.running(source) == set()
