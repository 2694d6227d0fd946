"""What would be if a host were emptied, or lost."""

import pytest

from reconciler.history import History
from reconciler.observed import Unknown
from reconciler.place import drainable, drainable_as_seen, host_loss
from tests.unit.made import GIB, desired, domain, host, observed, pool, seen

HOSTS = tuple(host(f"hv{n}") for n in (1, 2, 3))


def running(name, gib=1, **more):
    fields = {"memory": gib * GIB, "vcpus": 1}
    return seen(name, **{"fields": fields, "live": fields, **more})


def fits(documents, snapshot):
    return drainable(documents, snapshot, History())


def test_each_host_is_asked_by_itself_and_nothing_is_kept_of_it():
    documents = desired(*HOSTS, *(domain(n, memory="4GiB") for n in "abc"))
    snapshot = observed({"hv1": [running("a", 4)], "hv2": [running("b", 4)], "hv3": [running("c", 4)]})
    assert {host: fit.fits for host, fit in fits(documents, snapshot).items()} == dict.fromkeys(
        ("hv1", "hv2", "hv3"), False
    )
    snapshot = observed({"hv1": [running("a", 4)], "hv2": [running("b", 4)], "hv3": []})
    documents = desired(*HOSTS, *(domain(n, memory="4GiB") for n in "ab"))
    assert {host: fit.moves for host, fit in fits(documents, snapshot).items()} == {
        "hv1": (("a", "hv3"),),
        "hv2": (("b", "hv3"),),
        "hv3": (),
    }


def test_who_does_not_fit_is_named_with_each_host_s_reason():
    documents = desired(*HOSTS[:2], domain("a", memory="4GiB"), domain("b", memory="4GiB"))
    fit = fits(documents, observed({"hv1": [running("a", 4)], "hv2": [running("b", 4)]}))["hv1"]
    assert fit.left == (
        (
            "a",
            "no host fits: host/hv1: it would be cordoned; "
            "host/hv2: it has 3584 MiB of memory left for guests, 4096 MiB are needed",
        ),
    )


def test_advice_says_whose_move_would_help():
    documents = desired(*HOSTS, *(domain(n, memory=f"{m}GiB") for n, m in (("a", 5), ("x", 3), ("y", 4))))
    snapshot = observed({"hv1": [running("a", 5)], "hv2": [running("x", 3)], "hv3": [running("y", 4)]})
    fit = fits(documents, snapshot)["hv1"]
    assert not fit.fits
    assert fit.advice == ("domain/a would fit if domain/x moved to host/hv3 (placement.makeRoom would do that)",)
    allowed = desired(*documents.hosts.values(), *documents.domains.values(), placement={"makeRoom": True})
    assert fits(allowed, snapshot)["hv1"].moves == (("a", "hv2"), ("x", "hv3"))


@pytest.mark.parametrize(
    ("spec", "state", "expected"),
    [
        ({"onDrain": "stay"}, "running", (True, ())),
        ({"onDrain": "stop"}, "running", (True, ())),
        ({"onDrain": "restart"}, "running", (True, (("a", "hv2"),))),
        ({"power": "stopped"}, "shutoff", (True, (("a", "hv2"),))),
    ],
)
def test_on_drain_decides_who_would_have_to_go(spec, state, expected):
    fit = fits(desired(*HOSTS[:2], domain("a", **spec)), observed({"hv1": [seen("a", state)], "hv2": []}))["hv1"]
    assert (fit.fits, fit.moves) == expected


@pytest.mark.parametrize(
    ("guest", "reason"),
    [
        (running("a", obstacles=("it has a snapshot",)), "it has a snapshot"),
        (running("x"), "no document speaks of it; move or stop it by hand"),
        (seen("a", "paused", "user"), "it was paused by a person or a tool; resume it with: virsh resume a"),
    ],
)
def test_what_nobody_may_move_keeps_a_host_from_being_empty(guest, reason):
    documents = desired(*HOSTS[:2], domain("a"))
    fit = fits(documents, observed({"hv1": [guest], "hv2": []}))["hv1"]
    assert (fit.fits, fit.left) == (False, ((guest.name, reason),))


def test_a_local_disk_ties_a_guest_to_its_host():
    local = pool("local", type="dir", source=None)
    documents = desired(*HOSTS[:2], local, domain("a", disks=[{"name": "root", "pool": "local", "size": "1GiB"}]))
    snapshot = observed({"hv1": [running("a")], "hv2": []})
    assert "a directory of host/hv1 alone" in fits(documents, snapshot)["hv1"].left[0][1]
    assert host_loss(documents, snapshot)["hv1"].left == (
        ("a", "its disk root is in pool/local, a directory of the lost host alone"),
    )


def test_what_this_pass_places_counts_and_a_silent_host_is_left_out():
    documents = desired(*HOSTS, domain("a", memory="4GiB"), domain("n", memory="4GiB"))
    found = fits(documents, observed({"hv1": [running("a", 4)], "hv2": [], "hv3": Unknown("no route")}))
    assert {host: fit.fits for host, fit in found.items()} == {"hv1": False, "hv2": False}


def test_a_host_that_is_being_drained_tells_of_its_drain():
    documents = desired(
        host("hv1", cordoned=True), HOSTS[1], *(domain(n, memory=f"{m}GiB") for n, m in (("a", 5), ("b", 4)))
    )
    found = fits(documents, observed({"hv1": [running("a", 5), running("b", 4)], "hv2": []}))["hv1"]
    assert (found.fits, found.moves, [name for name, _ in found.left]) == (False, (("a", "hv2"),), ["b"])


def test_together_or_not_at_all():
    together = {"placement": {"togetherWith": {"matchLabels": {"app": "db"}, "required": True}}}
    documents = desired(*HOSTS, domain("a", memory="3GiB", **together), domain("b", {"app": "db"}, memory="3GiB"))
    snapshot = observed({"hv1": [running("a", 3), running("b", 3)], "hv2": [], "hv3": []})
    assert fits(documents, snapshot)["hv1"].moves == (("a", "hv2"), ("b", "hv2"))
    stays = seen("b", "paused", "user")
    left = dict(fits(documents, observed({"hv1": [running("a", 3), stays], "hv2": [], "hv3": []}))["hv1"].left)
    assert left["a"] == "it must be with domain/b, which would stay"


# --- as it is -----------------------------------------------------------------------


APART = {"apartFrom": {"matchLabels": {"app": "web"}, "required": True}}


@pytest.mark.parametrize(
    "change",
    [
        [domain("a", memory="6GiB"), domain("b", memory="3GiB")],
        [domain("a"), domain("b"), domain("new", memory="6GiB")],
        [domain("a", {"app": "web"}, placement=APART), domain("b", {"app": "web"}, placement=APART)],
        [domain("a", placement={"hosts": ["hv1"]}), domain("b")],
        [domain("b")],
    ],
    ids=["bigger memory", "a new domain", "a rule", "a selector", "a document taken away"],
)
def test_what_only_documents_say_does_not_count_as_seen(change):
    documents = desired(*HOSTS[:2], *change)
    snapshot = observed({"hv1": [running("a")], "hv2": [running("b")]})
    assert not fits(documents, snapshot)["hv1"].fits
    assert drainable_as_seen(documents, snapshot)["hv1"].fits


def test_a_cordon_does_not_count_as_seen():
    documents = desired(HOSTS[0], host("hv2", cordoned=True), domain("a"))
    snapshot = observed({"hv1": [running("a")], "hv2": []})
    assert not fits(documents, snapshot)["hv1"].fits
    assert drainable_as_seen(documents, snapshot)["hv1"].fits


def test_what_is_too_big_as_it_is_is_not_blamed_on_documents():
    documents = desired(*HOSTS[:2], domain("a"), domain("b"))
    snapshot = observed({"hv1": [running("a", 5)], "hv2": [running("b", 5)]})
    assert not drainable_as_seen(documents, snapshot)["hv1"].fits


# --- lost -------------------------------------------------------------------------------


def test_what_runs_must_find_room_when_its_host_is_lost():
    documents = desired(
        *HOSTS[:2], domain("a", memory="4GiB"), domain("b", memory="4GiB"), domain("off", power="stopped")
    )
    snapshot = observed({"hv1": [running("a", 4), seen("off", "shutoff")], "hv2": [running("b", 4)]})
    found = host_loss(documents, snapshot)["hv1"]
    assert [name for name, _ in found.left] == ["a"]
    assert "host/hv1: it would be lost" in found.left[0][1]


def test_what_cannot_be_migrated_can_be_started_elsewhere():
    snapshot = observed({"hv1": [running("a", obstacles=("it has a snapshot",)), seen("x", mark=None)], "hv2": []})
    for policy in ("stay", "stop"):
        fit = host_loss(desired(*HOSTS[:2], domain("a", onDrain=policy)), snapshot)["hv1"]
        assert (fit.fits, fit.moves) == (True, (("a", "hv2"),))
