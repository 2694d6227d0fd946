"""What a domain keeps when its definition goes: NVRAM and the state of its TPM, in libvirt's own flags."""

from typing import Any

import pytest

from reconciler.action import UndefineDomain
from reconciler.errors import PermanentError
from reconciler.virt.apply import SHORT

NVRAM, TPM = 8, 64
ACTION = UndefineDomain("hv1", "web", "uuid")


class Libvirt:
    """A connection, and the one domain that it finds."""

    def __init__(self, xml: str, version: int = 9_000_000, active: int = 0) -> None:
        self.xml, self.version, self.active = xml, version, active
        self.flags: list[int] = []

    def getLibVersion(self) -> int:
        return self.version

    def lookupByUUIDString(self, uuid: str) -> "Libvirt":
        return self

    def isActive(self) -> int:
        return self.active

    def XMLDesc(self, flags: int) -> str:
        return self.xml

    def undefineFlags(self, flags: int) -> int:
        self.flags.append(flags)
        return 0


def undefine(domain: Any) -> None:
    SHORT[UndefineDomain].call(domain, ACTION)


@pytest.mark.parametrize(
    ("xml", "flags"),
    [
        ("<domain><os/></domain>", 0),
        ("<domain><os firmware='efi'/></domain>", NVRAM),
        ("<domain><os><nvram>/var/lib/web.fd</nvram></os></domain>", NVRAM),
        ("<domain><devices><tpm model='tpm-crb'/></devices></domain>", TPM),
        ("<domain><os firmware='efi'/><devices><tpm model='tpm-tis'/></devices></domain>", NVRAM | TPM),
    ],
)
def test_nvram_and_tpm_state_are_kept(xml: str, flags: int) -> None:
    domain = Libvirt(xml)
    undefine(domain)
    assert domain.flags == [flags]


def test_where_libvirt_cannot_keep_the_tpm_the_domain_stays() -> None:
    domain = Libvirt("<domain><devices><tpm model='tpm-crb'/></devices></domain>", version=8_008_000)
    with pytest.raises(PermanentError, match="would delete the state of its TPM"):
        undefine(domain)
    assert domain.flags == []


def test_a_running_domain_stays() -> None:
    domain = Libvirt("<domain/>", active=1)
    with pytest.raises(PermanentError, match="it is running"):
        undefine(domain)
    assert domain.flags == []
