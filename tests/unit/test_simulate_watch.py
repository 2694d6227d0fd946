"""Checkers that cannot fail prove nothing: each is shown what it must object to."""

from dataclasses import replace

import pytest

from reconciler.action import (
    CreateVolume,
    DefineDomain,
    DefineNetwork,
    MigrateDomain,
    ResumeDomain,
    ShutdownDomain,
    StartDomain,
    StopNetwork,
    StopPool,
)
from reconciler.simulate import SimEdge, act
from reconciler.simulate.machines import Hand
from reconciler.stopping import Stop
from tests.scenarios.rehearsal import Rehearsal, cloud, cordoned

GIB = 1024**3


class Scene:
    """The settled small cloud (db-1 and web-2 at hv1, web-1 at hv2), a watch, and an edge that we do wrong with."""

    def __init__(self):
        self.rehearsal = Rehearsal(cloud("small-cloud.yaml"))
        assert self.rehearsal.once() == 0
        self.world, self.watch = self.rehearsal.world, self.rehearsal.watch
        self.watch.planned = None
        self.edge = SimEdge(self.world, checkers=[self.watch.around])

    def person(self, *lines):
        for line in lines:
            act(self.world, line)

    def uuid(self, name):
        return next(d.uuid for _, d in self.world.all_domains() if d.name == name)

    def xml(self, name):
        return next(d.xml for _, d in self.world.all_domains() if d.name == name)

    def apply(self, action):
        self.edge.apply(action, lambda **values: None)
        self.rehearsal.clock.sleep(60.0)

    def migrate(self, name, target):
        return MigrateDomain("hv1", name, self.uuid(name), target, "", "", GIB, None, 1.0, 99.0, 99.0)

    def laws(self):
        return sorted({violation.partition(":")[0] for violation in self.watch.violations})


@pytest.fixture
def scene():
    made = Scene()
    yield made
    made.rehearsal.clock.close()


def test_nothing_wrong_is_nothing_said(scene):
    scene.person(
        "virsh destroy web-1@hv2", "virsh undefine db-1@hv1", "copy web-2@hv1 hv2", "rm nas:/srv/images/db-1.root.qcow2"
    )
    assert scene.laws() == []


def test_running_twice(scene):
    scene.person("virsh dumpxml-define web-1@hv2 hv1")
    scene.apply(StartDomain("hv1", "web-1", scene.uuid("web-1")))
    assert scene.laws() == ["law 2"]


def test_resuming_a_source_while_the_target_runs(scene):
    scene.person("migration db-1 cut confirm", "virsh migrate db-1@hv1 hv2")
    scene.rehearsal.clock.sleep(30.0)
    scene.apply(ResumeDomain("hv1", "db-1", scene.uuid("db-1")))
    assert scene.laws() == ["law 2"]


def test_acting_on_what_a_silent_host_has(scene):
    scene.person("host hv2 down")
    scene.apply(DefineDomain("hv1", "web-1", scene.uuid("web-1"), scene.xml("web-1")))
    assert scene.laws() == ["law 1"]


def test_stopping_a_guest(scene):
    scene.apply(ShutdownDomain("hv1", "db-1", scene.uuid("db-1"), Stop()))
    assert scene.laws() == ["law 3"]


def test_pulling_a_guests_plug_though_its_document_does_not_allow_it(scene):
    scene.person("guest db-1 deaf")
    scene.apply(ShutdownDomain("hv1", "db-1", scene.uuid("db-1"), Stop(5.0, force=True)))
    assert scene.laws() == ["law 3", "law 5"]


def test_a_guest_that_is_left_paused(scene):
    scene.person("migration db-1 cut finish", "virsh migrate db-1@hv1 hv2")
    scene.rehearsal.clock.sleep(30.0)
    scene.watch.at_end()
    assert scene.laws() == ["law 3"]


def test_touching_what_is_not_ours(scene):
    scene.person("virsh net-define office@hv1 bridge=br0", "virsh net-start office@hv1", "virsh define vm@hv1")
    scene.apply(StopNetwork("hv1", "office"))
    assert scene.laws() == ["law 4"]


def test_adopting_a_foreign_domain(scene):
    scene.person("virsh define vm@hv1")
    ours = scene.xml("web-2").replace("web-2", "vm").replace(scene.uuid("web-2"), scene.uuid("vm"))
    scene.apply(DefineDomain("hv1", "vm", scene.uuid("vm"), ours))
    assert "law 4" in scene.laws()


def test_making_a_lost_disk_again(scene):
    scene.person("virsh destroy web-1@hv2", "rm nas:/srv/images/web-1.root.qcow2", "virsh pool-refresh images@hv2")
    scene.apply(CreateVolume("hv2", "images", "web-1.root.qcow2", "qcow2", GIB))
    assert scene.laws() == ["law 5"]


def test_removing_a_file(scene):
    with scene.world.acting(Hand.US):
        del scene.world.servers["nas"].dirs["/srv/images"].files["db-1.data.qcow2"]
        scene.world.tell("nas", "file", "removed")
    assert scene.laws() == ["law 5"]


def test_writing_below_an_unmounted_directory(scene):
    scene.person("virsh destroy web-1@hv2", "umount /var/lib/libvirt/cloud hv2")
    scene.apply(CreateVolume("hv2", "images", "new.qcow2", "qcow2", GIB))
    assert "law 1" in scene.laws()


def test_bringing_a_guest_to_a_cordoned_host(scene):
    scene.watch.desired = cordoned(scene.rehearsal.desired, "hv2")
    scene.apply(scene.migrate("web-2", "hv2"))
    assert scene.laws() == ["law 13"]


def test_bringing_a_guest_where_placement_forbids_it(scene):
    web = scene.rehearsal.desired.domains["web-2"]
    spec = web.spec.model_copy(update={"placement": web.spec.placement.model_copy(update={"hosts": ("hv1",)})})
    domains = {**scene.rehearsal.desired.domains, "web-2": web.model_copy(update={"spec": spec})}
    scene.watch.desired = replace(scene.rehearsal.desired, domains=domains)
    scene.apply(scene.migrate("web-2", "hv2"))
    assert scene.laws() == ["law 13"]


def test_too_many_migrations(scene):
    limits = scene.rehearsal.desired.cluster.spec.migration.model_copy(update={"outbound_per_host": 1})
    spec = scene.rehearsal.desired.cluster.spec.model_copy(update={"migration": limits})
    cluster = scene.rehearsal.desired.cluster.model_copy(update={"spec": spec})
    scene.watch.desired = replace(scene.rehearsal.desired, cluster=cluster)
    action = scene.migrate("db-1", "hv2")
    scene.rehearsal.clock.spawn(lambda: scene.edge.apply(action, lambda **values: None), "first")
    scene.apply(scene.migrate("web-2", "hv2"))
    assert scene.laws() == ["law 13"]


def test_doing_what_no_plan_shows(scene):
    scene.person("virsh destroy web-1@hv2")
    scene.watch.planned = frozenset()
    scene.apply(StopPool("hv2", "images"))
    assert scene.laws() == ["law 13"]


def test_calling_done_what_is_not(scene):
    scene.person("virsh destroy web-1@hv2")
    scene.watch.claimed(StartDomain("hv2", "web-1", scene.uuid("web-1")))
    scene.watch.claimed(CreateVolume("hv2", "images", "none.qcow2", "qcow2", GIB))
    assert len(scene.watch.violations) == 2
    assert scene.laws() == ["law 9"]


def test_an_edit_of_our_own_network_is_no_violation(scene):
    ours = scene.world.hypervisors["hv1"].networks["lan"].xml
    scene.apply(DefineNetwork("hv1", "lan", ours))
    assert scene.laws() == []
