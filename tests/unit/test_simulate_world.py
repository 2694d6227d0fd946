"""The simulated world behaves as libvirt, the NFS server and QEMU do, refusals included."""

import pytest

from reconciler.action import CreateVolume, MigrateDomain, StartDomain, UploadImage
from reconciler.errors import HostUnreachable, PermanentError, TransientError, UsageError
from reconciler.observed import DomainState, Listing, Unknown
from reconciler.simulate import SimEdge, VirtualClock, act, build
from reconciler.simulate.migration import migrate
from tests.scenarios.rehearsal import Rehearsal, cloud, golden

GIB = 1024**3


@pytest.fixture
def settled():
    """The small cloud, converged: db-1 and web-2 at hv1, web-1 at hv2."""
    rehearsal = Rehearsal(cloud("small-cloud.yaml"))
    assert rehearsal.once() == 0
    yield rehearsal
    rehearsal.clock.close()


def quiet(**values):
    """A Progress that tells nobody."""


def texts(rehearsal, since=0):
    return [f"{change.host} {change.object}: {change.text}" for change in rehearsal.world.journal[since:]]


def domain(rehearsal, name, host):
    return rehearsal.world.hypervisors[host].named(name)


def migration_of(rehearsal, name, target, **values):
    found = domain(rehearsal, name, "hv1")
    fields = {"peer_uri": f"qemu+ssh://{target}/system", "address": "10.77.0.13", "memory": GIB, "bandwidth": None}
    fields |= {"max_downtime_s": 0.5, "progress_timeout_s": 150.0, "timeout_s": 300.0, **values}
    return MigrateDomain("hv1", name, found.uuid, target, **fields)


# --- storage ----------------------------------------------------------------------------


def test_a_volume_is_not_listed_at_other_hosts_until_they_refresh(settled):
    hv1, hv2 = settled.world.hypervisors["hv1"], settled.world.hypervisors["hv2"]
    SimEdge(settled.world).apply(CreateVolume("hv1", "images", "new.qcow2", "qcow2", GIB), quiet)
    assert "new.qcow2" in hv1.pools["images"].listed
    assert "new.qcow2" not in hv2.pools["images"].listed
    act(settled.world, "virsh pool-refresh images@hv2")
    assert "new.qcow2" in hv2.pools["images"].listed


def test_creation_is_exclusive_also_for_a_file_that_nobody_lists(settled):
    act(settled.world, "file nas:/srv/images/new.qcow2 1GiB")
    with pytest.raises(PermanentError, match="File exists"):
        SimEdge(settled.world).apply(CreateVolume("hv1", "images", "new.qcow2", "qcow2", GIB), quiet)


def test_a_refresh_that_fails_deactivates_the_pool(settled):
    act(settled.world, "virsh destroy web-1@hv2")
    act(settled.world, "nfs withdraw nas /srv/images")
    act(settled.world, "virsh pool-refresh images@hv2")
    pool = settled.world.hypervisors["hv2"].pools["images"]
    assert not pool.active
    assert "/var/lib/libvirt/cloud" not in settled.world.hypervisors["hv2"].mounts
    assert "refused" in texts(settled)[-1]


def test_a_busy_pool_cannot_be_stopped(settled):
    act(settled.world, "virsh pool-destroy images@hv1")
    assert "target is busy" in texts(settled)[-1]
    assert settled.world.hypervisors["hv1"].pools["images"].active


def test_a_mount_needs_an_export_in_force(settled):
    for line in ("virsh destroy web-1@hv2", "virsh pool-destroy images@hv2", "nfs withdraw nas /srv/images"):
        act(settled.world, line)
    act(settled.world, "virsh pool-start images@hv2")
    assert "access denied by server" in texts(settled)[-1]


def test_a_half_upload_is_finished_by_the_next(settled):
    edge, upload = (
        SimEdge(settled.world),
        UploadImage("hv1", "images", "base.qcow2", "base.complete", "/x", "0" * 64, "qcow2"),
    )
    settled.clock.at(settled.clock.now() + 0.3, lambda: act(settled.world, "host hv1 down"))
    with pytest.raises(HostUnreachable):
        edge.apply(upload, quiet)
    file = settled.world.servers["nas"].dirs["/srv/images"].files["base.qcow2"]
    assert not file.complete
    act(settled.world, "host hv1 up")
    edge.apply(upload, quiet)
    assert file.complete
    assert "base.complete" in settled.world.servers["nas"].dirs["/srv/images"].files


# --- domains ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "refusal"),
    [
        ("virsh start db-1@hv1", "domain is already running"),
        ("virsh resume db-1@hv1", "domain is already running"),
        ("virsh destroy vm@hv1", "domain is not running"),
        ("virsh suspend vm@hv1", "domain is not running"),
        ("virsh start vm@hv1", "Cannot access storage file '/nowhere/disk.qcow2'"),
        ("virsh define db-1@hv1", "domain 'db-1' already exists with uuid"),
        ("virsh net-define lan@hv1 bridge=br0", "network 'lan' already exists with uuid"),
        ("virsh pool-define images@hv1 target=/x", "pool 'images' already exists with uuid"),
        ("virsh net-start lan@hv1", "network is already active"),
        ("virsh pool-start images@hv1", "storage pool 'images' is already active"),
        ("virsh pool-undefine images@hv1", "storage pool 'images' is still active"),
        ("virsh pool-refresh none@hv1", "no storage pool with matching name 'none'"),
        ("virsh net-start none@hv1", "no network with matching name 'none'"),
    ],
)
def test_libvirt_refuses(settled, line, refusal):
    act(settled.world, "virsh define vm@hv1 disks=/nowhere/disk.qcow2")
    act(settled.world, line)
    assert settled.world.journal[-1].text.startswith("refused: ")
    assert refusal in settled.world.journal[-1].text


def test_undefining_a_running_domain_leaves_it_running_without_a_definition(settled):
    act(settled.world, "virsh undefine db-1@hv1")
    found = domain(settled, "db-1", "hv1")
    assert (found.xml, found.runs) == (None, True)
    act(settled.world, "virsh destroy db-1@hv1")
    assert domain(settled, "db-1", "hv1") is None


def test_an_edit_waits_for_the_next_start(settled):
    act(settled.world, "virsh setvcpus db-1@hv1 4")
    found = domain(settled, "db-1", "hv1")
    assert ">4</vcpu>" in found.xml
    assert ">1</vcpu>" in found.live
    act(settled.world, "virsh destroy db-1@hv1")
    act(settled.world, "virsh start db-1@hv1")
    assert ">4</vcpu>" in found.live


def test_a_start_needs_its_network_its_bridge_and_memory(settled):
    world = settled.world
    act(world, "virsh destroy web-1@hv2")
    uuid = domain(settled, "web-1", "hv2").uuid
    act(world, "virsh net-destroy lan@hv2")
    with pytest.raises(PermanentError, match="network 'lan' is not active"):
        SimEdge(world).apply(StartDomain("hv2", "web-1", uuid), quiet)
    act(world, "virsh net-start lan@hv2")
    world.hypervisors["hv2"].bridges.clear()
    with pytest.raises(PermanentError, match="Cannot get interface MTU on 'br0'"):
        SimEdge(world).apply(StartDomain("hv2", "web-1", uuid), quiet)
    world.hypervisors["hv2"].bridges.add("br0")
    world.hypervisors["hv2"].memory = 1024
    with pytest.raises(PermanentError, match="Cannot allocate memory"):
        SimEdge(world).apply(StartDomain("hv2", "web-1", uuid), quiet)


def test_a_guest_that_ends_while_it_is_asked_to(settled):
    act(settled.world, "guest db-1 deaf")
    act(settled.world, "virsh shutdown db-1@hv1")
    settled.clock.sleep(60.0)
    assert domain(settled, "db-1", "hv1").runs
    act(settled.world, "virsh shutdown web-2@hv1")
    settled.clock.sleep(60.0)
    assert not domain(settled, "web-2", "hv1").runs


# --- migration ------------------------------------------------------------------------------


@pytest.fixture
def drained():
    rehearsal = golden("drain")
    yield rehearsal
    rehearsal.clock.close()


def test_a_migration_goes_on_without_us_and_leaves_one_definition(drained):
    source, target = drained.world.hypervisors["hv1"], drained.world.hypervisors["hv2"]
    uuid = domain(drained, "app-1", "hv1").uuid
    started = migrate(drained.world, source, uuid, target, None)
    drained.clock.sleep(1.0)
    assert target.domains[uuid].state is DomainState.PAUSED
    assert target.domains[uuid].reason == "migration"
    assert source.domains[uuid].runs
    drained.clock.sleep(60.0)
    assert started.is_over
    assert uuid not in source.domains
    assert target.domains[uuid].runs
    assert target.domains[uuid].xml


@pytest.mark.parametrize(
    ("phase", "source", "target"),
    [
        ("begin", ("running", "booted"), None),
        ("prepare", ("running", "booted"), None),
        ("perform", ("running", "booted"), None),
        ("finish", ("paused", "migration"), None),
        ("confirm", ("paused", "migration"), ("running", "migrated")),
    ],
)
def test_what_a_cut_in_each_phase_leaves(drained, phase, source, target):
    act(drained.world, f"migration app-1 cut {phase}")
    uuid = domain(drained, "app-1", "hv1").uuid
    started = migrate(drained.world, drained.world.hypervisors["hv1"], uuid, drained.world.hypervisors["hv2"], None)
    drained.clock.sleep(60.0)
    assert started.error is not None
    left = drained.world.hypervisors["hv1"].domains[uuid]
    there = drained.world.hypervisors["hv2"].domains.get(uuid)
    assert (left.state, left.reason) == source
    assert (there and (there.state, there.reason)) == target


@pytest.mark.parametrize("event", ["link hv1 hv2 cut", "libvirtd hv2 kill", "libvirtd hv1 kill", "host hv2 off"])
def test_a_break_in_mid_copy_leaves_the_guest_running(drained, event):
    uuid = domain(drained, "app-6", "hv1").uuid
    migrate(drained.world, drained.world.hypervisors["hv1"], uuid, drained.world.hypervisors["hv2"], None)
    drained.clock.sleep(5.0)
    act(drained.world, event)
    drained.clock.sleep(60.0)
    assert drained.world.hypervisors["hv1"].domains[uuid].runs
    assert uuid not in drained.world.hypervisors["hv2"].domains
    assert drained.world.migrations == []


def test_a_busy_guest_never_ends_its_copy_and_is_given_up(drained):
    act(drained.world, "guest app-1 dirty 1GiB")
    with pytest.raises(PermanentError, match="canceled by client"):
        SimEdge(drained.world).apply(migration_of(drained, "app-1", "hv2", progress_timeout_s=20.0), quiet)
    assert domain(drained, "app-1", "hv1").runs


def test_progress_is_told(drained):
    told = []
    SimEdge(drained.world).apply(migration_of(drained, "app-6", "hv2"), lambda **values: told.append(values["percent"]))
    assert told == sorted(told)
    assert 20 < told[len(told) // 2] < 80


def test_one_migration_at_a_time(drained):
    edge, again = SimEdge(drained.world), migration_of(drained, "app-6", "hv3")
    uuid = again.uuid
    migrate(drained.world, drained.world.hypervisors["hv1"], uuid, drained.world.hypervisors["hv2"], None)
    with pytest.raises(TransientError, match="cannot acquire state change lock"):
        edge.apply(again, quiet)


@pytest.mark.parametrize(
    ("event", "refusal"),
    [
        ("virsh net-destroy lan@hv2", "network 'lan' is not active"),
        ("host hv2 down", "No route to host"),
        ("virsh snapshot-create app-1@hv1", "cannot migrate domain with 1 snapshots"),
        ("virsh define app-1@hv2", "domain 'app-1' already exists"),
    ],
)
def test_libvirt_refuses_a_migration(drained, event, refusal):
    act(drained.world, event)
    with pytest.raises(PermanentError, match=refusal):
        SimEdge(drained.world).apply(migration_of(drained, "app-1", "hv2"), quiet)
    assert domain(drained, "app-1", "hv1").runs


# --- silence ---------------------------------------------------------------------------------


def test_a_hung_daemon_does_what_it_was_asked_when_it_wakes(settled):
    act(settled.world, "virsh destroy web-1@hv2")
    act(settled.world, "libvirtd hv2 stop")
    began = settled.clock.now()
    with pytest.raises(HostUnreachable, match="within 30 s"):
        SimEdge(settled.world).apply(StartDomain("hv2", "web-1", domain(settled, "web-1", "hv2").uuid), quiet)
    assert settled.clock.now() - began > 30.0
    assert not domain(settled, "web-1", "hv2").runs
    act(settled.world, "libvirtd hv2 cont")
    assert domain(settled, "web-1", "hv2").runs


@pytest.mark.parametrize("event", ["host hv2 down", "host hv2 off", "libvirtd hv2 stop", "libvirtd hv2 kill"])
def test_a_silent_host_is_unknown_and_the_other_is_not(settled, event):
    act(settled.world, event)
    observed = SimEdge(settled.world).observe(settled.desired)
    assert isinstance(observed.domains["hv2"], Unknown)
    assert isinstance(observed.domains["hv1"], Listing)


def test_a_stalled_server_makes_pools_useless_and_nothing_else(settled):
    act(settled.world, "nfs stall nas")
    observed = SimEdge(settled.world).observe(settled.desired)
    assert observed.answering == {"10.77.0.11": False}
    pool = observed.pool("hv1", "images")
    assert (pool.volumes, pool.trouble) == (None, "its server 10.77.0.11 does not answer")
    assert observed.is_reachable("hv1")


def test_a_mount_that_hangs_at_one_host_hides_its_pools_only(settled):
    act(settled.world, "link hv2 nas cut")
    observed = SimEdge(settled.world).observe(settled.desired)
    assert isinstance(observed.pools["hv2"], Unknown)
    assert isinstance(observed.pools["hv1"], Listing)
    assert isinstance(observed.domains["hv2"], Listing)


# --- people ------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["", "dance", "virsh destroy nobody@hv1", "host hv9 down", "host hv1 sideways"])
def test_a_word_that_nobody_knows_is_an_error(settled, line):
    with pytest.raises(UsageError):
        act(settled.world, line)


@pytest.mark.parametrize(
    "spec", [{"colour": "blue"}, {"hosts": {"hv1": {"wheels": 4}}}, {"events": ["virsh destroy nobody@hv1"]}]
)
def test_a_cluster_that_nobody_can_build_is_an_error(spec):
    with pytest.raises(UsageError):
        build(VirtualClock(), cloud("small-cloud.yaml"), spec)
