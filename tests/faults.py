"""The faults that are survived: who showed it on real machines, and which scenarios play it.

A scenario stands in tests/scenarios, a lab test below tests/lab; `kinds` are what the simulator does to bring a fault
about: an outcome of a call, or a kind of tests/properties/grammar.py.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One fault, by a name that people know it by."""

    name: str
    lab: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


def _fault(name: str, lab: str = "", scenarios: str = "", kinds: str = "") -> Fault:
    return Fault(name, tuple(lab.split()), tuple(scenarios.split()), tuple(kinds.split()))


FAULTS = (
    # our process
    _fault("killed in mid-migration", "test_killed_in_mid_migration", "killed-in-mid-drain"),
    _fault(
        "killed at any call", "test_killed_at_any_moment", "image", "crash-before crash-after-effect crash-after-answer"
    ),
    _fault("told to stop", "test_stops_in_time", "told-to-stop"),
    _fault("stopped for a while, then goes on", "", "stopped-and-continued"),
    # network
    _fault("a host is gone", "test_silent_host_costs_only_itself", "host-silent", "links"),
    _fault("packets vanish in mid-call", "", "packets-vanish"),
    _fault("a link flaps", "", "flapping"),
    _fault(
        "hosts reach us and not each other",
        "test_hosts_that_reach_us_but_not_each_other test_ports_shut_in_mid_copy",
        "peers-cannot-talk",
    ),
    _fault("a link is cut in mid-copy", "test_cut_in_mid_copy", "link-cut-in-mid-copy"),
    _fault("an answer is lost after the switch-over", "test_answer_lost_after_switch_over", "answer-lost"),
    _fault("all hosts are silent", "", "all-silent"),
    # libvirt and QEMU
    _fault("libvirtd restarts, events are lost", "", "libvirtd-restarts"),
    _fault("libvirtd dies in mid-copy", "test_libvirtd_dies_in_mid_copy", "source-libvirtd-dies target-libvirtd-dies"),
    _fault(
        "libvirtd accepts and never answers",
        "test_stopped_libvirtd_costs_only_its_host",
        "libvirtd-hangs",
        "hang daemons",
    ),
    _fault("one domain's calls block", "", "wedged"),
    _fault("QEMU dies", "test_dead_guest_is_started_where_it_was", "drift-guest", "guests"),
    _fault("QEMU dies in mid-copy", "test_qemu_dies_in_mid_copy", "source-qemu-dies target-qemu-dies", "migrations"),
    _fault("an error that took effect", "", "error-that-took-effect"),
    _fault("a success without effect", "", "success-without-effect"),
    _fault("a migration is cut at its very end", "", "cut-at-the-very-end paused-source"),
    # storage
    _fault("the NFS server hangs", "test_mounts_survive_reloads_a_hang_and_a_restart", "nfs-hangs", "nfs"),
    _fault("one host's mount hangs", "", "nfs-hangs-at-one-host"),
    _fault("the export is full", "", "export-full"),
    _fault("the export is withdrawn or edited", "test_export_is_served_again", "drift-export export-conflict"),
    _fault("something else is in the pool's place", "", "target-occupied"),
    _fault("different mounts at one path", "test_another_mount_at_the_pools_path", "mounts-differ"),
    _fault("an upload breaks", "", "upload-cut"),
    _fault("a volume is there before us", "test_volume_that_is_there_first_is_left_alone", "volume-of-another-size"),
    _fault(
        "a volume is listed late", "test_volume_that_nobody_lists_yet_is_left_alone", "volume-without-domain", "stale"
    ),
    _fault(
        "an NFS client lists what was",
        "test_a_guest_that_another_host_made_a_moment_ago_is_not_made_again",
        "directory-cache directory-cache-and-silent",
    ),
    _fault("a disk is gone", "", "disk-lost"),
    _fault("a dead host's image lock stays", "", "image-locked"),
    _fault("a pool is stopped or unmounted", "test_pool_is_mounted_again", "drift-pool unmounted"),
    # guests
    _fault(
        "a guest ignores shutdown",
        "test_a_guest_that_does_not_stop_is_held_and_forced_where_its_document_says_so",
        "deaf-guest deaf-guest-forced deaf-guest-and-drain",
    ),
    _fault(
        "a guest dirties its memory too fast",
        "test_a_busy_guest_is_given_up_and_the_next_one_goes",
        "busy-guest",
        "busy",
    ),
    _fault("a post-copy breaks", "", "post-copy-broken"),
    _fault("a guest ends in mid-copy", "test_guest_that_ends_by_itself_in_mid_copy", "ends-in-mid-copy"),
    # people
    _fault("moved by hand between plan and step", "test_guest_moved_by_hand_between_plan_and_step", "moved-by-hand"),
    _fault("moved by hand while hosts are read", "", "moved-while-being-read"),
    _fault(
        "destroyed, suspended, undefined by hand",
        "test_destroyed_guest_is_started_where_it_was",
        "meddled-with-in-mid-drain",
    ),
    _fault("a definition is edited by hand", "test_edited_definition_is_put_right", "drift-vcpus devices-of-others"),
    _fault("a network is undefined", "test_network_is_defined_and_started_again", "drift-network"),
    _fault("our name is taken", "test_taken_name_is_not_ours", "name-taken pool-name-taken"),
    _fault("our UUID is taken", "test_taken_uuid_is_not_ours", "uuid-taken"),
    _fault("started twice by hand", "", "runs-twice"),
    _fault("power fails", "test_off_kills_guests_and_on_brings_back_disks_and_definitions", "fenced", "power"),
    # documents and writers
    _fault("a broken commit", "", "bad-documents"),
    _fault(
        "documents change in mid-pass",
        "test_passes_are_made_when_documents_change",
        "documents-change-under-the-daemon",
    ),
    _fault(
        "a host's document is removed",
        "test_guest_of_a_host_without_a_document_is_not_started_elsewhere",
        "host-document-removed",
    ),
    _fault("a second reconciler", "test_second_reconciler_is_refused"),
    _fault("the lock's holder is killed", "test_lock_is_free_at_once_after_a_kill"),
)

UNSEEN = {
    "error-without-effect": "every refusal is one",
    "error-with-effect": "made up, so that no answer is taken for a proof",
    "success-without-effect": "made up, so that no answer is taken for a proof",
    "slow": "no fault of its own, only later",
    "partial": "what a hung pool leaves of a host's answer",
    "seat": "as a silent host, for all hosts",
    "mounts": "as the server's hang, for one host",
    "deaf": "a guest without ACPI",
    "io-errors": "QEMU's pause on an error of its disk",
    "wedged": "a stopped QEMU",
}
"""Kinds that no lab test has shown by itself, and what they stand for."""
