"""Our copies of libvirt's numbers are libvirt's numbers."""

import re
from typing import Any

import pytest

from reconciler.observed import STANDINGS, DomainState
from reconciler.virt import codes

libvirt: Any = pytest.importorskip("libvirt")

NAMES = {
    "STATS_STATE": "DOMAIN_STATS_STATE",
    "LIST_DOMAINS_AUTOSTART": "CONNECT_LIST_DOMAINS_AUTOSTART",
    "LIST_DOMAINS_TRANSIENT": "CONNECT_LIST_DOMAINS_TRANSIENT",
    "LIST_NETWORKS_ACTIVE": "CONNECT_LIST_NETWORKS_ACTIVE",
    "LIST_NETWORKS_PERSISTENT": "CONNECT_LIST_NETWORKS_PERSISTENT",
    "LIST_POOLS_INACTIVE": "CONNECT_LIST_STORAGE_POOLS_INACTIVE",
    "LIST_POOLS_ACTIVE": "CONNECT_LIST_STORAGE_POOLS_ACTIVE",
    "EVENT_LIFECYCLE": "DOMAIN_EVENT_ID_LIFECYCLE",
    "EVENT_UNDEFINED": "DOMAIN_EVENT_UNDEFINED",
    "DEFINE_VALIDATE": "DOMAIN_DEFINE_VALIDATE",
    "AFFECT_LIVE": "DOMAIN_AFFECT_LIVE",
    "AFFECT_CONFIG": "DOMAIN_AFFECT_CONFIG",
    "METADATA_ELEMENT": "DOMAIN_METADATA_ELEMENT",
    "SHUTDOWN_ACPI": "DOMAIN_SHUTDOWN_ACPI_POWER_BTN",
    "JOB_UNBOUNDED": "DOMAIN_JOB_UNBOUNDED",
    "JOB_STATS_COMPLETED": "DOMAIN_JOB_STATS_COMPLETED",
}
OURS = {name: value for name, value in vars(codes).items() if name.isupper() and isinstance(value, int)}


@pytest.mark.parametrize("name", sorted(OURS))
def test_flags(name):
    theirs = getattr(libvirt, f"VIR_{NAMES.get(name, name)}", None)
    assert OURS[name] == (getattr(libvirt, f"VIR_DOMAIN_{name}") if theirs is None else theirs)


@pytest.mark.parametrize("name", ["NETWORK_DEFINE_VALIDATE", "STORAGE_POOL_DEFINE_VALIDATE"])
def test_validate_is_the_same_flag_everywhere(name):
    assert getattr(libvirt, f"VIR_{name}") == codes.DEFINE_VALIDATE


@pytest.mark.parametrize("code", list(codes.Code))
def test_error_codes(code):
    assert code == getattr(libvirt, f"VIR_ERR_{code.name}")


@pytest.mark.parametrize("domain", list(codes.From))
def test_error_domains(domain):
    assert domain == getattr(libvirt, f"VIR_FROM_{domain.name}")


NO_REASONS = re.compile(r"VIR_DOMAIN_(PMSUSPENDED_DISK_|SHUTDOWN_(?!UNKNOWN|USER)).*")
"""Another state, and flags, whose names begin alike."""


@pytest.mark.parametrize("state", list(DomainState))
def test_states_and_reasons(state):
    assert codes.state_of(getattr(libvirt, f"VIR_DOMAIN_{state.name}")) is state
    number = list(DomainState).index(state)
    for name in dir(libvirt):
        found = re.fullmatch(rf"VIR_DOMAIN_{state.name}_([A-Z_]+)", name)
        if found and not NO_REASONS.fullmatch(name):
            assert codes.reason_of(number, getattr(libvirt, name)) == found[1].lower().replace("_", "-")


def test_every_reason_that_has_a_rule_exists():
    assert all(reason in codes.REASONS[state] for state, reason in STANDINGS)


def test_numbers_of_a_newer_libvirt_are_unclear():
    assert codes.state_of(99) is DomainState.NOSTATE
    assert codes.reason_of(1, 99) == "reason-99"
    assert codes.reason_of(1, -1) == "reason--1"
