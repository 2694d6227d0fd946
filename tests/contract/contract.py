"""What every edge owes: the simulator, libvirt's test driver and the lab run this one suite.

A subclass gives the fixture `setting`. What only some can do is asked of `setting.can`, and said there.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from reconciler.action import (
    Action,
    AdoptDomain,
    AttachDevice,
    BuildPool,
    ClearAutostart,
    CreateVolume,
    DefineDomain,
    DefineNetwork,
    DefinePool,
    DeleteVolume,
    DetachDevice,
    LimitDisk,
    MakeClaim,
    ProvePath,
    RecordDisks,
    RefreshPool,
    RenameDomain,
    ResumeDomain,
    ShutdownDomain,
    StartDomain,
    StartNetwork,
    StartPool,
    StopNetwork,
    StopPool,
    UndefineDomain,
    UndefineNetwork,
    UndefinePool,
    UpdateDevice,
)
from reconciler.desired import Desired
from reconciler.desired.derive import claim_size, object_uuid, volume_name
from reconciler.errors import ActionError, HostUnreachable, PermanentError
from reconciler.hypervisor import Clock, Edge
from reconciler.live_action import PinCpus, PlugMemory, PlugVcpus, RecordRestart, SetStatsPeriod, SetTexts
from reconciler.mark import MadeDisk, Mark
from reconciler.observed import (
    EVERY_VOLUME,
    DomainState,
    HostFacts,
    Listing,
    Look,
    Observed,
    Part,
    SeenDomain,
    SeenVolume,
    Standing,
    Unknown,
)
from reconciler.ours import domain_mark, is_ours
from reconciler.presence import SeenGuest
from reconciler.stopping import Stop
from reconciler.xml import domain as domain_xml
from reconciler.xml.network import network_xml
from reconciler.xml.pool import pool_xml

MIB = 1024**2
OTHER_UUID = "5f2b9a30-0000-4000-8000-00000000abcd"


@contextmanager
def refused() -> Iterator[None]:
    """The call is refused for good: not a host that is silent, not an error of ours."""
    with pytest.raises(PermanentError) as caught:
        yield
    assert str(caught.value).startswith("cannot ")


def absorb(**values: Any) -> None:
    """A Progress that tells nobody."""


@dataclass
class Setting:
    """An edge, and the documents of the cloud behind it. `desired` has a Domain `guest` with one disk on `pool`.

    `pool`: what a pool of the documents has as fields here. `silence`: makes `host` silent, where that can be done.
    `can`: of "mount" (pools that mount a server), "files" (files appear behind libvirt's back).
    """

    edge: Edge
    clock: Clock
    desired: Desired
    host: str = "hv1"
    guest: str = "web-1"
    pool: dict[str, str] = field(default_factory=lambda: {"type": "dir", "target": "/srv/contract"})
    silence: Callable[[], None] | None = None

    @property
    def cluster(self) -> str:
        return self.desired.cluster_name

    def uuid(self, kind: str, name: str) -> str:
        return object_uuid(self.cluster, kind, name)

    def apply(self, *actions: Action) -> None:
        for action in actions:
            self.edge.apply(action, absorb)

    def observe(self) -> Observed:
        return self.edge.observe(self.desired)

    def mark(self, *made: str) -> Mark:
        """The guest's mark that lists these disks of its document as made."""
        disks = (disk for disk in self.desired.domains[self.guest].spec.disks if disk.name in made)
        return Mark(
            self.cluster,
            self.guest,
            tuple(MadeDisk(d.name, d.pool, volume_name(self.guest, d), d.format, d.size) for d in disks),
            claimed_by=self.host,
        )

    # --- what the tests make ----------------------------------------------------------------

    def network(self, name: str = "lan", bridge: str = "br0") -> str:
        fields = {"forward": "bridge", "bridge": bridge}
        return network_xml(None, name, self.uuid("network", name), fields, Mark(self.cluster, name))

    def make_pool(self, name: str = "images") -> None:
        xml = pool_xml(name, self.uuid("pool", name), self.pool)
        self.apply(DefinePool(self.host, name, xml), BuildPool(self.host, name), StartPool(self.host, name))

    def domain(self, **fields: Any) -> str:
        """The guest's definition, with its document's fields and these."""
        document = self.desired.domains[self.guest]
        listing = self.observe().facts[self.host]
        assert isinstance(listing, Listing)
        facts = listing.items[self.host]
        empty = domain_xml.skeleton(document, self.cluster, facts, None)
        wanted = {**domain_xml.wanted(document, self.cluster, only_set=False), "interfaces": {}, **fields}
        sources = {disk.name: self.path(volume_name(self.guest, disk)) for disk in document.spec.disks}
        return domain_xml.merge(empty, wanted, sources=sources, mark=Mark(self.cluster, self.guest))

    def path(self, volume: str) -> str:
        return f"{self.pool['target']}/{volume}"

    @property
    def domain_uuid(self) -> str:
        return self.uuid("domain", self.guest)

    def define(self, **fields: Any) -> None:
        self.apply(DefineDomain(self.host, self.guest, self.domain_uuid, self.domain(**fields)))

    def make_disk(self) -> CreateVolume:
        disk = self.desired.domains[self.guest].spec.disks[0]
        action = CreateVolume(
            self.host, disk.pool, volume_name(self.guest, disk), format=disk.format, capacity=disk.size
        )
        self.apply(action)
        return action

    def make_running(self) -> None:
        self.make_pool(self.desired.domains[self.guest].spec.disks[0].pool)
        self.define()
        self.make_disk()
        self.apply(StartDomain(self.host, self.guest, self.domain_uuid))
        self.until(Standing.RUNNING)

    def seen(self) -> SeenDomain | None:
        return self.observe().domain(self.host, self.guest)

    def until(self, standing: Standing) -> SeenDomain:
        for _ in range(100):
            seen = self.seen()
            if seen and seen.standing is standing:
                return seen
            self.clock.sleep(0.2)
        raise AssertionError(f"{self.guest} is never {standing}: {seen}")

    def until_live(self, sort: str, value: Any) -> SeenDomain:
        """Wait until the live definition has just that: a guest lets go of a device when it has time."""
        for _ in range(100):
            seen = self.seen()
            if seen and seen.live and seen.live[sort] == value:
                return seen
            self.clock.sleep(0.2)
        raise AssertionError(f"{sort} of {self.guest} are never {value}: {seen}")


class EdgeContract:
    """Tests of what an edge owes."""

    @pytest.fixture
    def setting(self) -> Setting:
        raise NotImplementedError

    # --- reading ----------------------------------------------------------------------------

    def test_facts_say_what_the_host_is(self, setting):
        facts = setting.observe().host_facts(setting.host)
        assert isinstance(facts, HostFacts)
        assert facts.uuid
        assert facts.arch
        assert facts.memory > 0
        assert facts.cpus > 0

    def test_an_observation_is_timed_sorted_and_whole(self, setting):
        before = setting.clock.now()
        observed = setting.observe()
        for part in (observed.facts, observed.domains, observed.networks, observed.pools):
            assert set(part) == set(setting.desired.hypervisors)
            for listing in part.values():
                assert isinstance(listing, Listing)
                assert before <= listing.at <= setting.clock.now()
                assert list(listing.items) == sorted(listing.items)
                assert listing.only is None
        assert set(observed.exports) == set(setting.desired.servers)

    def test_a_look_sees_what_an_observation_sees(self, setting):
        setting.apply(DefineNetwork(setting.host, "lan", setting.network()))
        setting.make_running()
        observed = setting.observe()
        for part, name, uuid, item in [
            (Part.FACTS, "", "", observed.host_facts(setting.host)),
            (Part.DOMAINS, setting.guest, setting.domain_uuid, observed.domain(setting.host, setting.guest)),
            (Part.NETWORKS, "lan", "", observed.network(setting.host, "lan")),
            (Part.POOLS, "images", "", observed.pool(setting.host, "images")),
        ]:
            looked = setting.edge.look(setting.desired, (Look(setting.host, part, name, uuid),))
            listing = getattr(looked, part.value)[setting.host]
            assert listing.items[name or setting.host] == item
            assert listing.only == (frozenset({name}) if name else None)

    def test_a_look_names_what_it_did_not_find(self, setting):
        look = Look(setting.host, Part.DOMAINS, "nobody", OTHER_UUID)
        listing = setting.edge.look(setting.desired, (look,)).domains[setting.host]
        assert isinstance(listing, Listing)
        assert listing.items == {}
        assert listing.only == frozenset({"nobody"})

    def test_a_look_finds_a_domain_by_its_uuid(self, setting):
        setting.define()
        look = Look(setting.host, Part.DOMAINS, "another-name", setting.domain_uuid)
        listing = setting.edge.look(setting.desired, (look,)).domains[setting.host]
        assert list(listing.items) == [setting.guest]
        assert listing.only == frozenset({"another-name", setting.guest})

    def test_a_look_reads_no_more_than_it_says(self, setting):
        looked = setting.edge.look(setting.desired, (Look(setting.host, Part.NETWORKS),))
        assert list(looked.networks) == [setting.host]
        assert not looked.domains
        assert not looked.pools
        assert not looked.facts

    # --- networks ------------------------------------------------------------------------------

    def test_the_life_of_a_network(self, setting):
        setting.apply(DefineNetwork(setting.host, "lan", setting.network()))
        seen = setting.observe().network(setting.host, "lan")
        assert (seen.active, seen.uuid) == (False, setting.uuid("network", "lan"))
        assert seen.mark == Mark(setting.cluster, "lan")
        assert (seen.fields["forward"], seen.fields["bridge"]) == ("bridge", "br0")
        setting.apply(StartNetwork(setting.host, "lan"))
        assert setting.observe().network(setting.host, "lan").active
        setting.apply(StopNetwork(setting.host, "lan"))
        assert not setting.observe().network(setting.host, "lan").active
        setting.apply(UndefineNetwork(setting.host, "lan"))
        assert setting.observe().network(setting.host, "lan") is None

    def test_a_network_is_defined_anew_in_place(self, setting):
        setting.apply(DefineNetwork(setting.host, "lan", setting.network()))
        setting.apply(DefineNetwork(setting.host, "lan", setting.network(bridge="br1")))
        assert setting.observe().network(setting.host, "lan").fields["bridge"] == "br1"

    def test_networks_refuse(self, setting):
        setting.apply(DefineNetwork(setting.host, "lan", setting.network()), StartNetwork(setting.host, "lan"))
        theirs = setting.network().replace(setting.uuid("network", "lan"), OTHER_UUID)
        for action in (
            DefineNetwork(setting.host, "lan", theirs),
            StartNetwork(setting.host, "lan"),
            StartNetwork(setting.host, "none"),
            StopNetwork(setting.host, "none"),
            UndefineNetwork(setting.host, "none"),
        ):
            with refused():
                setting.apply(action)

    # --- pools and volumes ------------------------------------------------------------------------

    def test_the_life_of_a_pool(self, setting):
        xml = pool_xml("images", setting.uuid("pool", "images"), setting.pool)
        setting.apply(DefinePool(setting.host, "images", xml))
        seen = setting.observe().pool(setting.host, "images")
        assert (seen.active, seen.uuid, seen.volumes) == (False, setting.uuid("pool", "images"), None)
        assert {key: seen.fields.get(key) for key in setting.pool} == setting.pool
        setting.apply(BuildPool(setting.host, "images"), StartPool(setting.host, "images"))
        seen = setting.observe().pool(setting.host, "images")
        assert (seen.active, seen.trouble) == (True, "")
        assert seen.volumes is not None
        assert seen.capacity > 0
        setting.apply(StopPool(setting.host, "images"))
        assert setting.observe().pool(setting.host, "images").volumes is None
        setting.apply(UndefinePool(setting.host, "images"))
        assert setting.observe().pool(setting.host, "images") is None

    def test_pools_refuse(self, setting):
        setting.make_pool()
        theirs = pool_xml("images", OTHER_UUID, {**setting.pool, "target": "/srv/elsewhere"})
        for action in (
            DefinePool(setting.host, "images", theirs),
            StartPool(setting.host, "images"),
            UndefinePool(setting.host, "images"),
            StartPool(setting.host, "none"),
            RefreshPool(setting.host, "none"),
        ):
            with refused():
                setting.apply(action)

    def test_a_volume_is_made_once_and_never_over_another(self, setting):
        setting.make_pool()
        action = setting.make_disk()
        volumes = setting.observe().pool(setting.host, "images").volumes
        made = volumes[action.volume]
        assert (made.capacity, made.format, made.backing) == (action.capacity, action.format, "")
        with refused():
            setting.apply(action)
        assert setting.observe().pool(setting.host, "images").volumes == volumes

    def test_a_claim_is_made_once_and_says_whose_it_is(self, setting):
        setting.make_pool()
        size = claim_size(setting.cluster, setting.guest, setting.host)
        claim = MakeClaim(setting.host, "images", f".{setting.guest}.claim", "raw", size)
        setting.apply(claim)
        with refused():
            setting.apply(replace(claim, capacity=size + 1))
        look = Look(setting.host, Part.POOLS, "images", volume=claim.volume)
        seen = setting.edge.look(setting.desired, (look,)).pool(setting.host, "images")
        assert seen.volumes[claim.volume] == SeenVolume(size, "raw")

    def test_a_refresh_keeps_what_is_there(self, setting):
        setting.make_pool()
        action = setting.make_disk()
        setting.apply(RefreshPool(setting.host, "images"))
        assert action.volume in setting.observe().pool(setting.host, "images").volumes

    def test_a_volume_is_deleted_once_and_can_be_made_again(self, setting):
        setting.make_pool()
        made = setting.make_disk()
        delete = DeleteVolume(setting.host, made.pool, made.volume)
        setting.apply(delete)
        assert made.volume not in setting.observe().pool(setting.host, "images").volumes
        for action in (delete, DeleteVolume(setting.host, "none", made.volume)):
            with refused():
                setting.apply(action)
        setting.apply(made)
        assert made.volume in setting.observe().pool(setting.host, "images").volumes

    def test_a_look_reads_the_details_of_every_volume(self, setting):
        setting.make_pool()
        made = setting.make_disk()
        above = CreateVolume(
            setting.host, "images", "above.qcow2", "qcow2", made.capacity, setting.path(made.volume), "qcow2"
        )
        setting.apply(above)
        look = Look(setting.host, Part.POOLS, "images", volume=EVERY_VOLUME)
        volumes = setting.edge.look(setting.desired, (look,)).pool(setting.host, "images").volumes
        assert {volumes[made.volume].backing, volumes["above.qcow2"].backing} == {"", setting.path(made.volume)}

    def test_a_volume_needs_an_active_pool(self, setting):
        xml = pool_xml("images", setting.uuid("pool", "images"), setting.pool)
        setting.apply(DefinePool(setting.host, "images", xml))
        with refused():
            setting.make_disk()

    # --- domains --------------------------------------------------------------------------------------

    def test_a_domain_can_be_defined_before_its_disks_exist(self, setting):
        setting.define()
        seen = setting.seen()
        assert (seen.uuid, seen.standing, seen.live) == (setting.domain_uuid, Standing.OFF, None)
        assert seen.mark == Mark(setting.cluster, setting.guest)
        disk = setting.desired.domains[setting.guest].spec.disks[0]
        assert [(d.name, d.source) for d in seen.disks] == [(disk.name, setting.path(volume_name(setting.guest, disk)))]

    def test_a_definition_reads_as_the_document_says(self, setting):
        setting.define()
        document = setting.desired.domains[setting.guest]
        wanted = domain_xml.wanted(document, setting.cluster, only_set=True)
        seen = setting.seen()
        assert seen.fields["vcpus"] == wanted["vcpus"]
        assert seen.fields["memory"] == wanted["memory"]
        assert set(seen.fields["disks"]) == set(wanted["disks"])
        assert seen.xml

    def test_the_life_of_a_domain(self, setting):
        setting.make_running()
        seen = setting.seen()
        assert seen.state is DomainState.RUNNING
        assert seen.live["memory"] == seen.fields["memory"]
        assert not seen.autostart
        setting.apply(ShutdownDomain(setting.host, setting.guest, setting.domain_uuid, Stop()))
        setting.until(Standing.OFF)
        setting.apply(UndefineDomain(setting.host, setting.guest, setting.domain_uuid))
        assert setting.seen() is None

    def test_a_running_domain_keeps_what_it_was_started_with(self, setting):
        setting.make_running()
        before = setting.seen().live["vcpus"]
        setting.define(vcpus=before + 1)
        seen = setting.seen()
        assert seen.standing is Standing.RUNNING
        assert (seen.live["vcpus"], seen.fields["vcpus"]) == (before, before + 1)

    def test_recorded_disks_are_kept(self, setting):
        setting.make_running()
        record = RecordDisks(setting.host, setting.guest, setting.domain_uuid, setting.mark("root"))
        setting.apply(record)
        wanted = setting.mark("root")
        assert setting.seen().mark == wanted
        setting.apply(ShutdownDomain(setting.host, setting.guest, setting.domain_uuid, Stop()))
        assert setting.until(Standing.OFF).mark == wanted

    def test_a_restart_is_recorded_beside_what_the_mark_says(self, setting):
        setting.make_running()
        setting.apply(RecordDisks(setting.host, setting.guest, setting.domain_uuid, setting.mark("root")))
        setting.apply(RecordRestart(setting.host, setting.guest, setting.domain_uuid, "c0ffee"))
        assert setting.seen().mark == replace(setting.mark("root"), restarted_for="c0ffee")

    def test_texts_of_a_running_domain_change_in_the_live_definition_alone(self, setting):
        setting.make_running()
        before = setting.seen()
        texts = ((("description",), "two\nlines"), (("title",), "A guest"))
        setting.apply(SetTexts(setting.host, setting.guest, setting.domain_uuid, texts))
        after = setting.seen()
        assert after.live == {**before.live, "description": "two\nlines", "title": "A guest"}
        assert after.xml == before.xml

    def test_what_another_hand_made_gets_our_mark_in_both_definitions_and_nothing_else(self, setting):
        setting.make_pool(setting.desired.domains[setting.guest].spec.disks[0].pool)
        theirs = setting.domain().replace(setting.domain_uuid, OTHER_UUID)
        setting.apply(DefineDomain(setting.host, setting.guest, OTHER_UUID, theirs))
        setting.make_disk()
        setting.apply(StartDomain(setting.host, setting.guest, OTHER_UUID))
        before = setting.until(Standing.RUNNING)
        assert not is_ours(before, setting.cluster)
        mark = domain_mark(setting.cluster, setting.guest, OTHER_UUID, ("root",))
        setting.apply(AdoptDomain(setting.host, setting.guest, OTHER_UUID, mark))
        after = setting.seen()
        assert is_ours(after, setting.cluster)
        assert (after.mark.disks, after.uuid) == ({"root"}, OTHER_UUID)
        assert (after.fields, after.live, after.disks) == (before.fields, before.live, before.disks)
        assert after.standing is Standing.RUNNING

    def test_what_a_running_guest_does_to_its_memory_is_told_where_it_is_named(self, setting):
        setting.make_running()
        looks = (
            Look(setting.host, Part.MEMORY, setting.guest, setting.domain_uuid),
            Look(setting.host, Part.MEMORY, "nobody", OTHER_UUID),
        )
        listing = setting.edge.look(setting.desired, looks).memory[setting.host]
        assert list(listing.items) == [setting.guest]
        assert listing.items[setting.guest].name == setting.guest
        assert listing.only == {setting.guest, "nobody"}
        assert setting.observe().memory == {}

    def test_what_guests_show_is_told_where_they_are_named(self, setting):
        setting.make_running()
        looks = (
            Look(setting.host, Part.GUESTS, setting.guest, setting.domain_uuid),
            Look(setting.host, Part.GUESTS, "nobody", OTHER_UUID),
        )
        listing = setting.edge.look(setting.desired, looks).guests[setting.host]
        assert listing.only == {setting.guest, "nobody"}
        assert listing.items[setting.guest].name == setting.guest
        assert listing.items["nobody"] == SeenGuest("nobody")
        assert setting.observe().guests == {}

    def test_a_look_that_finds_no_migration_tells_of_none(self, setting):
        setting.make_running()
        assert setting.seen().job is None

    def test_a_path_from_a_host_to_itself_works(self, setting):
        setting.make_pool()
        host = setting.desired.hosts[setting.host]
        peer = host.spec.hypervisor.peer
        setting.apply(ProvePath(setting.host, setting.host, peer, host.spec.address, ()))

    def test_an_autostart_is_cleared_once_and_again(self, setting):
        setting.define()
        clear = ClearAutostart(setting.host, setting.guest, setting.domain_uuid)
        setting.apply(clear, clear)
        assert not setting.seen().autostart

    def test_a_domain_that_is_off_gets_another_name_and_keeps_all_else(self, setting):
        setting.define()
        before = setting.seen()
        mark = replace(before.mark, name="web-9", former=setting.guest, uuid=before.uuid, protected=True)
        rename = RenameDomain(setting.host, "web-9", before.uuid, setting.guest, mark)
        setting.apply(rename, rename)
        assert setting.seen() is None
        after = setting.observe().domain(setting.host, "web-9")
        assert (after.uuid, after.fields, after.disks, after.mark) == (before.uuid, before.fields, before.disks, mark)
        assert is_ours(after, setting.cluster)

    def test_a_running_domain_keeps_its_name(self, setting):
        setting.make_running()
        with refused():
            setting.apply(RenameDomain(setting.host, "web-9", setting.domain_uuid, setting.guest, setting.mark()))
        assert setting.seen().standing is Standing.RUNNING

    def test_a_name_that_is_taken_is_refused(self, setting):
        setting.define()
        before = setting.seen()
        theirs = setting.domain().replace(setting.domain_uuid, OTHER_UUID)
        with refused():
            setting.apply(DefineDomain(setting.host, setting.guest, OTHER_UUID, theirs))
        assert setting.seen() == before

    def test_domains_refuse(self, setting):
        setting.make_running()
        uuid, nobody = setting.domain_uuid, OTHER_UUID
        for action in (
            StartDomain(setting.host, setting.guest, uuid),
            ResumeDomain(setting.host, setting.guest, uuid),
            UndefineDomain(setting.host, setting.guest, uuid),
            StartDomain(setting.host, "nobody", nobody),
            ShutdownDomain(setting.host, "nobody", nobody, Stop()),
            UndefineDomain(setting.host, "nobody", nobody),
        ):
            with refused():
                setting.apply(action)
        assert setting.seen().standing is Standing.RUNNING

    def test_broken_xml_changes_nothing(self, setting):
        with pytest.raises(ActionError):
            setting.apply(DefineDomain(setting.host, setting.guest, setting.domain_uuid, "<domain><name>x</name>"))
        assert setting.seen() is None


class LiveContract:
    """Of an edge that has machines behind its domains (libvirt's test driver has none; the lab shows it of QEMU)."""

    def start_with_a_card(self, setting) -> dict[str, Any]:
        """Run the guest with its document's first interface; what the live definition has of it."""
        card = setting.desired.domains[setting.guest].spec.interfaces[0]
        setting.apply(
            DefineNetwork(setting.host, card.network, setting.network(card.network)),
            StartNetwork(setting.host, card.network),
        )
        setting.make_pool()
        setting.define(interfaces={card.name: {"network": card.network, "mac": "52:54:00:00:00:01"}})
        setting.make_disk()
        setting.apply(StartDomain(setting.host, setting.guest, setting.domain_uuid))
        return setting.until(Standing.RUNNING).live["interfaces"][card.name]

    def update(self, setting, *values: Any) -> None:
        card = setting.desired.domains[setting.guest].spec.interfaces[0].name
        setting.apply(UpdateDevice(setting.host, setting.guest, setting.domain_uuid, "interfaces", card, values))

    def test_a_device_in_use_changes_in_the_live_definition_alone(self, setting):
        before = self.start_with_a_card(setting)
        persistent = setting.seen().xml
        self.update(setting, (("link",), "down"), (("bandwidth", "inbound"), 1024**2))
        seen = setting.seen()
        [after] = seen.live["interfaces"].values()
        assert after == {**before, "link": "down", "bandwidth": {"inbound": 1024**2}}
        assert seen.xml == persistent

    def test_a_disk_is_limited_while_it_is_used(self, setting):
        setting.make_running()
        limits = [(("iotune", "read_iops_sec"), 100), (("iotune", "total_bytes_sec"), 1024**2)]
        disk = setting.desired.domains[setting.guest].spec.disks[0].name
        for values in (limits[:1], limits[1:]):
            setting.apply(LimitDisk(setting.host, setting.guest, setting.domain_uuid, "disks", disk, tuple(values)))
        assert setting.seen().live["disks"][disk]["iotune"] == {"read_iops_sec": 100, "total_bytes_sec": 1024**2}

    def test_a_device_of_the_persistent_definition_is_attached_and_detached(self, setting):
        card = setting.desired.domains[setting.guest].spec.interfaces[0]
        setting.make_running()
        setting.apply(
            DefineNetwork(setting.host, card.network, setting.network(card.network)),
            StartNetwork(setting.host, card.network),
        )
        before = setting.seen()
        device = (setting.host, setting.guest, setting.domain_uuid, "interfaces", card.name)
        with refused():
            setting.apply(AttachDevice(*device))
        setting.define(interfaces={card.name: {"network": card.network, "mac": "52:54:00:00:00:01"}})
        setting.apply(AttachDevice(*device))
        seen = setting.seen()
        assert seen.live["interfaces"] == seen.fields["interfaces"]
        assert seen.live["disks"] == before.live["disks"]
        setting.apply(DetachDevice(*device), DetachDevice(*device))
        assert setting.until_live("interfaces", {}).fields == seen.fields

    def test_a_disk_is_attached_and_detached_and_its_volume_stays(self, setting):
        setting.make_running()
        disk = setting.desired.domains[setting.guest].spec.disks[0]
        device = (setting.host, setting.guest, setting.domain_uuid, "disks", disk.name)
        before = setting.seen()
        setting.apply(DetachDevice(*device))
        setting.until_live("disks", {})
        assert volume_name(setting.guest, disk) in setting.observe().pool(setting.host, disk.pool).volumes
        setting.apply(AttachDevice(*device))
        assert setting.seen().live["disks"] == before.live["disks"]
        with refused():
            setting.apply(AttachDevice(*device))

    def test_what_cannot_change_is_refused_and_stays(self, setting):
        self.start_with_a_card(setting)
        before = setting.seen()
        with refused():
            self.update(setting, (("model",), "e1000"))
        with refused():
            setting.apply(
                UpdateDevice(
                    setting.host, setting.guest, setting.domain_uuid, "interfaces", "none", ((("link",), "down"),)
                )
            )
        assert setting.seen() == before

    def test_processors_and_memory_are_added_as_far_as_it_was_started_with(self, setting):
        setting.make_pool()
        setting.define(vcpus=1, max_vcpus=2, memory=256 * MIB, max_memory=512 * MIB)
        setting.make_disk()
        setting.apply(StartDomain(setting.host, setting.guest, setting.domain_uuid))
        before = setting.until(Standing.RUNNING)
        guest = setting.host, setting.guest, setting.domain_uuid
        memory = PlugMemory(*guest, ((("memory",), 384 * MIB),))
        setting.apply(PlugVcpus(*guest, ((("vcpus",), 2),)), memory, memory)
        after = setting.seen()
        assert (after.live["vcpus"], after.live["memory"], after.xml) == (2, 384 * MIB, before.xml)
        with refused():
            setting.apply(PlugVcpus(*guest, ((("vcpus",), 3),)))
        with refused():
            setting.apply(PlugMemory(*guest, ((("memory",), 640 * MIB),)))
        assert setting.seen() == after

    def test_pins_and_the_balloons_period_change(self, setting):
        setting.make_running()
        guest = setting.host, setting.guest, setting.domain_uuid
        setting.apply(
            PinCpus(*guest, ((("emulator_pin",), "0"), (("vcpu_pins", "0"), "0"))),
            SetStatsPeriod(*guest, ((("memballoon", "stats_period"), 5),)),
        )
        live = setting.seen().live
        assert (live["emulator_pin"], live["vcpu_pins"], live["memballoon"]["stats_period"]) == ("0", {"0": "0"}, 5)

    def test_a_domain_that_is_off_has_nothing_to_change(self, setting):
        setting.define()
        with refused():
            disk = setting.desired.domains[setting.guest].spec.disks[0].name
            values = ((("iotune", "read_iops_sec"), 100),)
            setting.apply(LimitDisk(setting.host, setting.guest, setting.domain_uuid, "disks", disk, values))


class SilenceContract:
    """Of an edge whose host can be silenced."""

    def test_a_silent_host_is_unknown_and_writes_nothing(self, setting):
        setting.silence()
        observed = setting.observe()
        assert isinstance(observed.domains[setting.host], Unknown)
        assert isinstance(observed.pools[setting.host], Unknown)
        assert not observed.is_reachable(setting.host)
        with pytest.raises(HostUnreachable):
            setting.apply(StartNetwork(setting.host, "lan"))
