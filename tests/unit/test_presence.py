"""Which of what is told of a guest's addresses is shown."""

import pytest

from reconciler.presence import LONGEST_ADDRESS, MOST_ADDRESSES, AddressSource, SeenAddress, sorted_out

AGENT, LEASE, ARP = AddressSource
MAC = "52:54:00:aa:00:01"


def test_each_address_once_by_its_best_source_ipv4_first() -> None:
    told = [
        (ARP, MAC, "10.77.0.100"),
        (ARP, MAC, "10.77.0.9"),
        (AGENT, MAC.upper(), "fd00::2"),
        (AGENT, MAC, "10.77.0.100"),
        (LEASE, "", "192.168.122.7"),
    ]
    assert sorted_out(told) == (
        SeenAddress("10.77.0.100", AGENT, MAC),
        SeenAddress("fd00::2", AGENT, MAC),
        SeenAddress("192.168.122.7", LEASE),
        SeenAddress("10.77.0.9", ARP, MAC),
    )


@pytest.mark.parametrize(
    "text",
    [
        *("127.0.0.1", "::1", "169.254.3.4", "fe80::1", "224.0.0.1", "ff02::1", "0.0.0.0", "::", "255.255.255.255"),
        *("", "10.0.0.1/24", "fe80::1%eth0", "web-1", "10.0.0.1\x1b[2J", "٣.٣.٣.٣", "0" * (LONGEST_ADDRESS + 1)),
    ],
)
def test_what_is_no_address_of_the_guest_is_left_out(text: str) -> None:
    assert sorted_out([(AGENT, MAC, text)]) == ()


@pytest.mark.parametrize("mac", ["", "x", "52:54:00:aa:00", "52:54:00:aa:00:zz", "\x1b[2J", "-1:54:00:aa:00:01"])
def test_what_is_no_mac_is_not_shown_as_one(mac: str) -> None:
    assert sorted_out([(AGENT, mac, "10.0.0.1")]) == (SeenAddress("10.0.0.1", AGENT),)


def test_a_guest_that_names_thousands_gets_a_few() -> None:
    told = [(AGENT, MAC, f"10.{number // 250}.0.{number % 250 + 1}") for number in range(5000)]
    assert len(sorted_out(told)) == MOST_ADDRESSES
