"""How long a migration takes: from what is known before, and from what is seen while it goes."""

import math

import pytest

from reconciler.forecast import forecast, is_worth_measuring
from reconciler.moving import MemoryUse, SeenJob, expected_s
from tests.unit.made import desired, domain, facts, host, observed, seen

MIB = 1 << 20
GIB = 1 << 30


@pytest.mark.parametrize(
    ("use", "rate", "expected"),
    [
        (None, None, None),
        (None, 100 * MIB, 12),
        (MemoryUse("x", resident=256 * MIB), 100 * MIB, 4),
        (MemoryUse("x", resident=4 * GIB), 100 * MIB, 12),
        (MemoryUse("x", dirty_rate=50 * MIB), 100 * MIB, 22),
        (MemoryUse("x", dirty_rate=100 * MIB), 100 * MIB, math.inf),
    ],
)
def test_expected_before_it_begins(use, rate, expected):
    assert expected_s(GIB, use, rate) == expected


def test_a_post_copy_always_ends():
    use = MemoryUse("x", dirty_rate=200 * MIB)
    assert expected_s(GIB, use, 100 * MIB, post_copy=True) == pytest.approx(22, abs=1)


@pytest.mark.parametrize(
    ("job", "percent", "left"),
    [
        (SeenJob(), 0, None),
        (SeenJob(total=100, remaining=60, rate=10), 40, 6),
        (SeenJob(total=100, remaining=60, rate=10, dirty_rate=10), 40, math.inf),
        (SeenJob(total=100, remaining=0, rate=10), 99, 0),
    ],
)
def test_while_it_goes(job, percent, left):
    assert (job.percent, job.left_s) == (percent, left)


def test_the_slower_link_and_the_bound_decide():
    cloud = desired(host("hv1"), host("hv2"), domain("web"), domain("db", migration={"bandwidth": "1GiB"}))
    known = observed(
        {"hv1": [seen("web"), seen("db")], "hv2": []},
        facts={"hv1": facts("hv1", link=512 * MIB), "hv2": facts("hv2", link=64 * MIB)},
    )
    assert forecast(cloud, known, cloud.domains["web"], "hv1", "hv2") == 17
    assert forecast(cloud, known, cloud.domains["db"], "hv1", "hv2") == 17


def test_without_any_speed_nobody_knows():
    cloud = desired(host("hv1"), host("hv2"), domain("web"))
    known = observed({"hv1": [seen("web")], "hv2": []})
    assert forecast(cloud, known, cloud.domains["web"], "hv1", "hv2") is None
    bounded = desired(host("hv1"), host("hv2"), domain("web", migration={"bandwidth": "128MiB"}))
    assert forecast(bounded, known, bounded.domains["web"], "hv1", "hv2") == 9


@pytest.mark.parametrize(
    ("link", "bandwidth", "worth"), [(None, None, False), (GIB, None, False), (GIB, "64MiB", True)]
)
def test_only_long_copies_of_known_speed_are_measured(link, bandwidth, worth):
    cloud = desired(host("hv1"), host("hv2"), domain("web", migration={"bandwidth": bandwidth}))
    known = observed({"hv1": [seen("web")], "hv2": []}, facts={h: facts(h, link=link) for h in ("hv1", "hv2")})
    assert is_worth_measuring(cloud, known, cloud.domains["web"], "hv1", "hv2") is worth
