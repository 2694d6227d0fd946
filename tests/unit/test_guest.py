"""What is known of a guest itself."""

import pytest

from reconciler.guest import has_come_up
from reconciler.observed import DomainState, SeenDomain
from reconciler.simulate import SimEdge, act
from tests.scenarios.rehearsal import Rehearsal, cloud


@pytest.mark.parametrize(
    ("state", "connected", "is_up"),
    [
        (DomainState.RUNNING, True, True),
        (DomainState.RUNNING, False, False),
        (DomainState.PAUSED, True, False),
        (DomainState.SHUTOFF, False, False),
    ],
)
def test_a_guest_has_come_up_once_its_agent_is_there(state: DomainState, connected: bool, is_up: bool) -> None:
    assert has_come_up(SeenDomain("web-1", "u", state, agent_connected=connected)) is is_up


def test_a_pass_sees_the_agent_of_what_runs() -> None:
    rehearsal = Rehearsal(cloud("small-cloud.yaml"))
    assert rehearsal.once() == 0

    def is_up() -> bool:
        seen = SimEdge(rehearsal.world).observe(rehearsal.desired).domain("hv2", "web-1")
        assert seen is not None
        return has_come_up(seen)

    try:
        assert not is_up()
        act(rehearsal.world, "guest web-1 agent well")
        assert is_up()
        act(rehearsal.world, "virsh destroy web-1@hv2")
        assert not is_up()
    finally:
        rehearsal.clock.close()
