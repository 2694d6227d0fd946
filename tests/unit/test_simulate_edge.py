"""The simulated edge: every way in which a call can end, and what is left of it."""

import pytest

from reconciler.action import MigrateDomain, StopNetwork
from reconciler.errors import HostUnreachable, PermanentError, TransientError
from reconciler.hypervisor import Clock, Edge, Mailbox
from reconciler.observed import Listing, Look, Part, Unknown
from reconciler.simulate import Crash, Fault, Faults, Outcome, SimEdge, VirtualClock
from tests.scenarios.rehearsal import Rehearsal, cloud

STOP = StopNetwork("hv1", "lan")


def fulfils(clock: Clock, edge: Edge, mailbox: Mailbox) -> tuple[Clock, Edge, Mailbox]:
    """For mypy: the simulator has the Protocols' shape."""
    return clock, edge, mailbox


@pytest.fixture
def settled():
    rehearsal = Rehearsal(cloud("small-cloud.yaml"))
    assert rehearsal.once() == 0
    yield rehearsal
    rehearsal.clock.close()


def quiet(**values):
    """A Progress that tells nobody."""


def edge_with(rehearsal, outcome, number=1, **values):
    return SimEdge(rehearsal.world, Faults({number: Fault(outcome, **values)}))


def is_stopped(rehearsal):
    return not rehearsal.world.hypervisors["hv1"].networks["lan"].active


def test_the_simulator_has_the_protocols_shape(settled):
    clock = VirtualClock()
    assert fulfils(clock, SimEdge(settled.world), clock.mailbox())


@pytest.mark.parametrize(
    ("outcome", "raised", "takes_effect"),
    [
        (Outcome.CRASH_BEFORE, Crash, False),
        (Outcome.CRASH_AFTER_EFFECT, Crash, True),
        (Outcome.CRASH_AFTER_ANSWER, Crash, True),
        (Outcome.ERROR_WITHOUT_EFFECT, TransientError, False),
        (Outcome.ERROR_WITH_EFFECT, TransientError, True),
        (Outcome.SUCCESS_WITHOUT_EFFECT, None, False),
        (Outcome.SLOW, None, True),
        (Outcome.HANG, HostUnreachable, False),
        (Outcome.STALE, None, True),
        (Outcome.PARTIAL, None, True),
    ],
)
def test_a_write(settled, outcome, raised, takes_effect):
    edge = edge_with(settled, outcome)
    if raised is None:
        edge.apply(STOP, quiet)
    else:
        with pytest.raises(raised):
            edge.apply(STOP, quiet)
    assert is_stopped(settled) is takes_effect


def test_the_dead_do_nothing_more(settled):
    edge = edge_with(settled, Outcome.CRASH_BEFORE)
    for _ in range(2):
        with pytest.raises(Crash):
            edge.apply(STOP, quiet)
    with pytest.raises(Crash):
        edge.observe(settled.desired)
    assert not is_stopped(settled)


def test_a_crash_is_no_error_that_anybody_catches():
    assert not issubclass(Crash, Exception)


def test_a_migration_goes_on_after_our_death(settled):
    found = settled.world.hypervisors["hv1"].named("db-1")
    action = MigrateDomain("hv1", "db-1", found.uuid, "hv2", "qemu+ssh://hv2/system", "10.77.0.13", 1, None, 1, 99, 99)
    with pytest.raises(Crash):
        edge_with(settled, Outcome.CRASH_AFTER_EFFECT).apply(action, quiet)
    assert settled.world.where("db-1") == ("hv1",)
    settled.clock.sleep(30.0)
    assert settled.world.where("db-1") == ("hv2",)


@pytest.mark.parametrize("outcome", [Outcome.ERROR_WITHOUT_EFFECT, Outcome.ERROR_WITH_EFFECT, Outcome.HANG])
def test_a_read_that_fails_leaves_one_host_unknown(settled, outcome):
    observed = edge_with(settled, outcome, host="hv2").observe(settled.desired)
    assert isinstance(observed.domains["hv2"], Unknown)
    assert isinstance(observed.domains["hv1"], Listing)


def test_a_partial_read_has_the_domains_and_not_the_pools(settled):
    observed = edge_with(settled, Outcome.PARTIAL, host="hv1").observe(settled.desired)
    assert isinstance(observed.domains["hv1"], Listing)
    assert isinstance(observed.pools["hv1"], Unknown)
    assert isinstance(observed.pools["hv2"], Listing)


def test_a_stale_read_is_old_and_says_so(settled):
    edge = edge_with(settled, Outcome.STALE, 3, host="hv1")
    before = edge.observe(settled.desired)
    edge.apply(STOP, quiet)
    settled.clock.sleep(100.0)
    stale = edge.look(settled.desired, (Look("hv1", Part.NETWORKS),)).networks["hv1"]
    assert stale == before.networks["hv1"]
    assert stale.at < settled.clock.now() - 100.0
    assert not edge.observe(settled.desired).network("hv1", "lan").active


def test_after_a_write_the_next_read_is_spoilt(settled):
    edge = edge_with(settled, Outcome.STALE, 2, host="hv1")
    edge.observe(settled.desired)
    edge.apply(STOP, quiet)
    assert edge.observe(settled.desired).network("hv1", "lan").active
    assert not edge.observe(settled.desired).network("hv1", "lan").active


def test_a_slow_call_takes_its_time(settled):
    began = settled.clock.now()
    edge_with(settled, Outcome.SLOW, seconds=90.0).observe(settled.desired)
    assert settled.clock.now() - began > 90.0


def test_a_fault_can_be_named_instead_of_counted(settled):
    faults = Faults(
        named=[("apply stop-network network/lan@hv1", Fault(Outcome.ERROR_WITHOUT_EFFECT, error=PermanentError))]
    )
    edge = SimEdge(settled.world, faults)
    edge.observe(settled.desired)
    with pytest.raises(PermanentError, match=r"cannot stop network network/lan@hv1: injected"):
        edge.apply(STOP, quiet)
    edge.apply(STOP, quiet)
    assert edge.calls == ["observe", *["apply stop-network network/lan@hv1"] * 2]
    assert [(write.call, write.action) for write in edge.writes] == [(2, STOP), (3, STOP)]


def test_the_answer_can_get_lost(settled):
    settled.clock.at(settled.clock.now() + 0.05, lambda: settled.world.cuts.add(frozenset({"seat", "hv1"})))
    with pytest.raises(HostUnreachable):
        SimEdge(settled.world).apply(STOP, quiet)


def test_hosts_are_not_read_at_one_instant(settled):
    observed = SimEdge(settled.world).observe(settled.desired)
    assert observed.domains["hv1"].at < observed.domains["hv2"].at
