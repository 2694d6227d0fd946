"""The simulator is held to the same contract as the real edge."""

import pytest

from reconciler.simulate import SimEdge, VirtualClock, act, build
from tests.contract.contract import EdgeContract, LiveContract, Setting, SilenceContract
from tests.scenarios.rehearsal import cloud

POOL = {"type": "netfs", "source_host": "10.77.0.11", "source_dir": "/srv/images", "target": "/var/lib/libvirt/cloud"}


class TestSimulator(EdgeContract, LiveContract, SilenceContract):
    @pytest.fixture
    def setting(self):
        desired, clock = cloud("small-cloud.yaml"), VirtualClock()
        world = build(clock, desired, {"events": ["nfs export nas /srv/images 10.77.0.0/24 rw,sync,no_root_squash"]})
        yield Setting(SimEdge(world), clock, desired, pool=POOL, silence=lambda: act(world, "host hv1 down"))
        clock.close()


class TestSimulatorWithLocalPools(EdgeContract):
    @pytest.fixture
    def setting(self):
        desired, clock = cloud("small-cloud.yaml"), VirtualClock()
        yield Setting(SimEdge(build(clock, desired)), clock, desired)
        clock.close()
