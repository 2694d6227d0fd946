"""The main job: from nothing to converged, a hypervisor emptied and switched off under guests that go on counting.

One story: each test begins where the one before ended.
"""

from dataclasses import dataclass

import pytest

from tests.lab.cloud import HYPERVISORS, POOL, Cloud, Ended, Pulse, events

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

GUESTS = ("db-1", "web-1", "web-2")
LONGEST_GAP_S = 5.0
"""A guest may be away for so long at a switch-over, on a slow machine under emulation."""


@dataclass(frozen=True)
class Story:
    """The cloud after its first run. `left`: the host that is emptied, since the stopped guest is defined there."""

    cloud: Cloud
    planned: Ended
    first: Ended
    boots: dict[str, str]
    left: str

    @property
    def kept(self) -> str:
        return next(host for host in HYPERVISORS if host != self.left)


@pytest.fixture(scope="module")
def story(booting_cloud: Cloud) -> Story:
    cloud = booting_cloud
    cloud.add_domain("spare", power="stopped")
    planned = cloud.reconcile("plan")
    first = cloud.once()
    [left] = [host for host in HYPERVISORS if "spare" in cloud.defined(host)]
    return Story(cloud, planned, first, {guest: cloud.answer(guest)[1] for guest in GUESTS}, left)


def test_one_pass_makes_everything_and_one_looks(story: Story) -> None:
    made, *later = story.first.passes
    assert {step["outcome"] for step in made["steps"]} == {"done"}
    assert [one["steps"] for one in later] == [[]]
    assert story.first.json["result"] == "converged"


def test_the_plan_is_what_happened(story: Story) -> None:
    assert story.planned.code == 2
    assert [step["id"] for step in story.planned.json["steps"]] == story.first.steps
    assert story.planned.json["summary"]["held"] == 0


def test_the_world_is_as_written(story: Story) -> None:
    cloud = story.cloud
    assert cloud.host_of("web-1") != cloud.host_of("web-2")
    assert sorted(name for name, _ in cloud.everywhere(cloud.running)) == sorted(GUESTS)
    assert sorted(name for name, _ in cloud.everywhere(cloud.defined)) == sorted([*GUESTS, "spare"])
    assert "/srv/images  10.77.0.0/24(" in cloud.run("exportfs", "-s", on="nas")
    for host in HYPERVISORS:
        assert cloud.virsh(host, "pool-list", "--name").split() == ["images"]
        assert cloud.virsh(host, "net-list", "--name").split() == ["lan"]
        assert cloud.run("findmnt", "-no", "SOURCE", POOL, on=host).strip() in (
            "nas:/srv/images",
            "10.77.0.11:/srv/images",
        )
        assert cloud.virsh(host, "list", "--all", "--autostart", "--name").split() == []
    assert len(set(story.boots.values())) == len(GUESTS)


def test_nothing_is_written_when_nothing_has_changed(story: Story) -> None:
    before = story.cloud.written()
    with events(story.cloud) as watch:
        for _ in range(3):
            ended = story.cloud.once()
            assert (ended.steps, ended.held) == ([], {})
    assert watch.lines == []
    assert story.cloud.written() == before
    assert story.cloud.reconcile("plan").code == 0


def test_cordon_moves_running_guests_and_stopped_ones(story: Story) -> None:
    cloud = story.cloud
    moving = sorted(cloud.running(story.left))
    assert moving
    cloud.cordon(story.left)
    with Pulse(cloud, moving[0]) as one, Pulse(cloud, moving[-1]) as other:
        cloud.once()
        for guest in moving:
            assert cloud.answer(guest)[1] == story.boots[guest]
    one.assert_steady(LONGEST_GAP_S)
    other.assert_steady(LONGEST_GAP_S)
    assert cloud.defined(story.left) == cloud.running(story.left) == set()
    assert cloud.running(story.kept) == set(GUESTS)
    assert cloud.defined(story.kept) == {*GUESTS, "spare"}
    for guest in moving:
        assert cloud.virsh(story.kept, "domstate", "--reason", guest).strip() == "running (migrated)"
        command = cloud.run("cat", f"/proc/{cloud.qemu_pid(story.kept, guest)}/cmdline", on=story.kept)
        assert "-incoming" in command.split("\0")
    conditions = cloud.conditions(f"host/{story.left}")
    assert (conditions["Drained"], conditions["SafeToPowerOff"]) == ("True", "True")


def test_guests_go_on_while_the_emptied_host_is_off(story: Story) -> None:
    cloud = story.cloud
    with Pulse(cloud, "db-1") as pulse:
        cloud.off(story.left)
        cloud.once(4)
    pulse.assert_steady(LONGEST_GAP_S)
    assert cloud.running(story.kept) == set(GUESTS)
    assert {guest: cloud.answer(guest)[1] for guest in GUESTS} == story.boots


def test_the_host_comes_back_and_takes_guests_again(story: Story) -> None:
    cloud = story.cloud
    cloud.boot(story.left)
    cloud.uncordon(story.left)
    cloud.once()
    assert cloud.virsh(story.left, "pool-list", "--name").split() == ["images"]
    assert cloud.running(story.kept) == set(GUESTS)
    assert {guest: cloud.answer(guest)[1] for guest in GUESTS} == story.boots
    assert cloud.once().steps == []
