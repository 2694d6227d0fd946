"""A restart for a change: what is planned, what stands against it, and that none is made in vain again."""

from dataclasses import replace

from reconciler.change import DomainStaged
from reconciler.diff import diff
from reconciler.history import History
from reconciler.mark import Mark
from reconciler.place import place
from reconciler.plan import plan
from reconciler.step import HeldReason, Impact
from reconciler.xml.domain import read
from tests.unit.made import GIB, desired, domain, host, observed, seen

XML = "<domain type='kvm'><name>a</name><vcpu>{}</vcpu><memory unit='GiB'>1</memory><devices/></domain>"


def guest(vcpus=2, **more):
    """What its definition has is not what runs."""
    fields = {"vcpus": vcpus, "memory": GIB}
    return replace(seen("a"), fields=fields, xml=XML.format(vcpus), **more)


def changes(one, policy=None, **spec):
    wanted = desired(host("hv1"), host("hv2"), domain("a", vcpus=2, onChange="restart", **spec), **(policy or {}))
    world = observed({"hv1": [one], "hv2": []})
    return diff(wanted, world, place(wanted, world, History()), History()), wanted, world


def held(found):
    return [item.message for item in found.held if item.reason is HeldReason.RESTART_REQUIRED]


def test_it_is_restarted_and_nothing_is_held():
    found, wanted, world = changes(guest())
    steps = plan(wanted, world, found).steps
    verbs = [(step.action.verb, step.impact, step.limit) for step in steps]
    assert held(found) == []
    assert verbs == [
        ("shutdown-domain", Impact.RESTART, "restarts"),
        ("start-domain", Impact.RESTART, ""),
        ("record-restart", Impact.LIVE, ""),
    ]
    assert [step.needs for step in steps] == [(), (steps[0].id,), (steps[1].id,)]


def test_what_is_not_written_down_yet_is_written_down_first():
    found, wanted, world = changes(guest(vcpus=1))
    verbs = [step.action.verb for step in plan(wanted, world, found).steps]
    assert verbs == ["define-domain", "shutdown-domain", "start-domain", "record-restart"]


def staged(one, **spec):
    found, _, _ = changes(one, **spec)
    return next(item for item in found.changes if isinstance(item, DomainStaged))


def test_it_is_not_restarted_for_the_same_again():
    again = guest(mark=Mark("c", "a", restarted_for=staged(guest()).cause))
    found, _, _ = changes(again)
    assert found.changes == ()
    assert "restarted for this before" in held(found)[0]


def test_for_another_value_it_is():
    mark = Mark("c", "a", restarted_for=staged(guest()).cause)
    other = guest(mark=mark, live={"vcpus": 2, "memory": GIB // 2})
    assert staged(other).cause not in ("", mark.restarted_for)


def test_a_new_definition_says_nothing_of_the_last_restart():
    found, _, _ = changes(guest(vcpus=4, mark=Mark("c", "a", restarted_for="x")))
    defined = next(item for item in found.changes if not isinstance(item, DomainStaged))
    assert read(defined.xml).mark.restarted_for == ""


def test_who_would_not_be_started_again_is_not_stopped():
    found, _, _ = changes(guest(), power="unmanaged")
    assert found.changes == ()
    assert "power is unmanaged" in held(found)[0]


def test_its_own_window_goes_before_the_clusters():
    policy = {"restartWindow": "02:00-05:00"}
    assert str(staged(guest(), policy=policy).window) == "02:00-05:00"
    assert str(staged(guest(), policy=policy, restartWindow="Sun 00:00-24:00").window) == "Sun 00:00-24:00"
