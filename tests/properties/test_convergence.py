"""Random clouds, random lives: safety after every step; then a healthy core must converge, and then everything.

People and the world do what they like, our process runs, dies and hears lies; the checkers read the world itself.
"""

import os
import subprocess
import sys
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.properties.life import Life, Options, lived

SHARE = 10
"""How many lives one test lives."""

MARKED_LIVES = 1000
RARE = {
    "migrated to": 40,
    "superseded: volume": 40,
    "not-begun:": 100,
    "BackingOff:": 100,
    ": look ": 200,
    "MigrationRunning:": 400,
    "Unsettled:": 400,
    "failed: cannot migrate": 500,
    ": apply ": 500,
    "VolumeWithoutDomain:": 500,
    "OverLimit:": 800,
    "lost its connection": 800,
    "the call returned, but": 800,
}
"""Words of rare ways that lives take, each with the number of lives in which it is taken for sure: a way that nobody
takes any more is tested by nobody. `make test-long` lives enough for all of them."""


def pytest_generate_tests(metafunc):
    if "first" in metafunc.fixturenames:
        metafunc.parametrize("first", range(0, metafunc.config.getoption("--lives"), SHARE))


def test_lives(first):
    for seed in range(first, first + SHARE):
        lived(seed)


def test_rare_ways_are_taken(request):
    lives = min(request.config.getoption("--lives"), MARKED_LIVES)
    untaken = {words for words, enough in RARE.items() if enough <= lives}
    for seed in range(lives):
        if not untaken:
            break
        told = "\n".join(lived(seed).log)
        untaken = {words for words in untaken if words not in told}
    assert untaken == set()


def test_a_life_is_all_in_its_seed():
    """The order of sets differs from one process to the next; nothing that is done or told may."""
    told = set()
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-m", "tests.properties.life", "3", "5"]
        told.add(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
    assert len(told) == 1
    assert told.pop().count(b"\n") > 200


def test_a_failure_says_how_to_see_it_again(monkeypatch):
    def fail(self):
        raise AssertionError("law 0: everything is wrong")

    monkeypatch.setattr(Life, "check", fail)
    with pytest.raises(AssertionError) as caught:
        lived(7)
    said = str(caught.value).splitlines()
    assert said[0] == "law 0: everything is wrong"
    assert said[1].startswith("seed 7: ")
    assert said[2].endswith("again by: python -m tests.properties.life 7")


class Cloud(RuleBasedStateMachine):
    """The same lives, with Hypothesis choosing what happens next: it finds the shortest one that goes wrong."""

    @initialize(seed=st.integers(0, 9999))
    def begin(self, seed):
        self.life = Life.born(Options.of(seed))

    @rule(number=st.integers(0, 2**32))
    def step(self, number):
        self.life.step(Random(number))

    def teardown(self):
        if hasattr(self, "life"):
            try:
                self.life.end()
            finally:
                self.life.clock.close()


Cloud.TestCase.settings = settings(
    max_examples=20,
    stateful_step_count=20,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
    print_blob=True,
    derandomize=True,
)
TestConvergence = Cloud.TestCase
