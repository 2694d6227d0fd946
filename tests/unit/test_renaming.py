"""A domain under another name than its document gives it: renamed where that is safe, else held; never made anew."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.change import DomainOn, DomainRenamed, DomainUndefined
from reconciler.desired.derive import object_uuid
from reconciler.desired.seed import Seed
from reconciler.diff import diff
from reconciler.diff.seeds import seeding
from reconciler.history import History
from reconciler.mark import MadeDisk, Mark
from reconciler.observed import SeenDisk, SeenVolume, Unknown
from reconciler.ours import is_ours
from reconciler.place import place
from reconciler.renaming import with_volumes_as_made
from reconciler.step import HeldReason
from reconciler.whereabouts import whereabouts
from tests.unit.made import desired, domain, host, observed, pool, seen, seen_pool

GIB = 1024**3
OLD = object_uuid("c", "domain", "old")
DISK = {"name": "root", "pool": "images", "size": "1GiB"}
MADE = (MadeDisk("root", "images", "old.root.qcow2", "qcow2", GIB),)
FIELDS = {"vcpus": 1, "memory": GIB, "disks": {"root": {}}}


def new(**spec: Any) -> Any:
    made = domain("new", disks=[DISK], **{"power": "stopped", **spec})
    return made.model_copy(update={"metadata": made.metadata.model_copy(update={"renamed_from": "old"})})


def guest(name: str = "old", state: str = "shutoff", mark: Mark | None = None, **more: Any) -> Any:
    disks = (SeenDisk("root", "vda", "/cloud/old.root.qcow2"),)
    ours = mark or Mark("c", "old", MADE, "hv1")
    live = FIELDS if state == "running" else None
    return seen(name, state, uuid=OLD, mark=ours, disks=disks, fields=FIELDS, live=live, xml="<domain/>", **more)


def found(*here: Any, document: Any = None, hv2: Any = ()) -> Any:
    wanted = desired(host("hv1"), host("hv2"), pool(), document or new())
    looked = observed({"hv1": list(here), "hv2": hv2 if isinstance(hv2, Unknown) else list(hv2)})
    volumes = seen_pool(volumes={"old.root.qcow2": SeenVolume(GIB, "qcow2")})
    pools = {name: replace(looked.pools["hv1"], items={"images": volumes}) for name in ("hv1", "hv2")}
    looked = replace(looked, pools=pools)
    return diff(wanted, looked, place(wanted, looked, History()), History())


def sorts(changes: Any) -> list[type]:
    return [type(change) for change in changes.changes]


def reasons(changes: Any) -> list[HeldReason]:
    return [held.reason for held in changes.held]


def test_what_is_off_gets_the_name_and_a_mark_that_vouches_for_its_uuid():
    changes = found(guest())
    assert (sorts(changes), changes.held, changes.orphans) == ([DomainRenamed], (), ())
    [change] = changes.changes
    assert change.mark == Mark("c", "new", MADE, "hv1", uuid=OLD, former="old")
    assert is_ours(guest("new", mark=change.mark), "c")


def test_a_rename_that_was_cut_goes_on():
    assert sorts(found(guest("new"))) == [DomainRenamed]


def test_a_second_rename_remembers_the_first_name():
    twice = Mark("c", "old", MADE, "hv1", uuid=OLD, former="first")
    [change] = found(guest(mark=twice)).changes
    assert (change.mark.name, change.mark.former) == ("new", "first")


def test_what_runs_is_stopped_where_its_document_says_so_and_held_where_not():
    assert sorts(found(guest(state="running"))) == [DomainOn, DomainRenamed]
    changes = found(guest(state="running"), document=new(power="running"))
    assert (sorts(changes), reasons(changes)) == ([], [HeldReason.CANNOT_RENAME])
    assert "write power: stopped" in changes.held[0].message


@pytest.mark.parametrize(
    ("here", "hv2", "reason"),
    [
        ([], [], HeldReason.CANNOT_RENAME),
        ([], Unknown("off"), HeldReason.HOST_UNKNOWN),
        ([guest()], Unknown("off"), HeldReason.HOST_UNKNOWN),
        ([guest()], [guest()], HeldReason.CANNOT_RENAME),
        ([guest(), seen("new", "shutoff")], [], HeldReason.CANNOT_RENAME),
        ([guest(), seen("new", "shutoff", uuid="5", mark=None)], [], HeldReason.CANNOT_RENAME),
        ([guest(bound=("it has 1 snapshot",))], [], HeldReason.CANNOT_CHANGE),
        ([guest(unknown="its monitor hangs")], [], HeldReason.STATE_UNCLEAR),
        ([guest(state="paused", reason="user")], [], HeldReason.PAUSED),
    ],
)
def test_all_else_is_held_and_nothing_is_made(here, hv2, reason):
    changes = found(*here, hv2=hv2)
    assert (sorts(changes), set(reasons(changes))) == ([], {reason})


def test_a_stranger_of_the_former_name_is_not_renamed():
    changes = found(replace(guest(), mark=None))
    assert (sorts(changes), reasons(changes)) == ([], [HeldReason.CANNOT_RENAME])


def test_absent_under_the_former_name_is_said_there():
    changes = found(guest(), document=new(state="absent"))
    assert (sorts(changes), reasons(changes)) == ([], [HeldReason.CANNOT_RENAME])
    assert found(document=new(state="absent")).held == ()


def test_the_volumes_keep_their_names_with_renamed_from_or_without():
    renamed = guest("new", mark=Mark("c", "new", MADE, "hv1", uuid=OLD, former="old"))
    for document in (new(), domain("new", disks=[DISK], power="stopped")):
        wanted = desired(host("hv1"), host("hv2"), pool(), document)
        looked = observed({"hv1": [renamed], "hv2": []})
        assert whereabouts(wanted, looked)["new"].seen is renamed
        [disk] = with_volumes_as_made(wanted, looked).domains["new"].spec.disks
        assert disk.volume == "old.root.qcow2"
    named = desired(host("hv1"), pool(), domain("new", disks=[{**DISK, "volume": "mine.qcow2"}]))
    assert with_volumes_as_made(named, observed({"hv1": [renamed]})).domains["new"].spec.disks[0].volume == "mine.qcow2"


def test_a_former_name_is_not_given_to_another():
    renamed = guest("new", mark=Mark("c", "new", MADE, "hv1", uuid=OLD, former="old"))
    changes = found(renamed, document=domain("old", disks=[DISK]))
    assert DomainUndefined not in sorts(changes)
    assert "was renamed from it" in changes.held[0].message


@pytest.mark.parametrize(("instance", "given"), [(1, "images/old.seed-1-0123456789ab.iso"), (2, "images/new.seed-2-")])
def test_a_guest_is_not_set_up_anew_for_another_name(instance, given):
    init = {"userData": "#cloud-config\n", "instance": instance, "pool": "images"}
    wanted = desired(host("hv1"), pool(), domain("new", disks=[DISK], cloudInit=init))
    wanted = replace(wanted, seeds={"new": Seed("u", "local-hostname: new", instance=instance)})
    mark = Mark("c", "new", MADE, "hv1", uuid=OLD, former="old", seed="images/old.seed-1-0123456789ab.iso")
    found = seeding(wanted, wanted.domains["new"], guest("new", mark=mark))
    assert found.given.startswith(given)
    assert found.differs == ""
