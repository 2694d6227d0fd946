"""What this computer can give to a lab: its memory, and whether its KVM truly works."""

import os
import subprocess
from dataclasses import dataclass

KVM_TRIAL_S = 15.0
_KVM_TRIAL = (
    *("qemu-system-x86_64", "-accel", "kvm", "-cpu", "kvm64,enforce", "-machine", "pc", "-S"),
    *("-nodefaults", "-display", "none", "-qmp", "stdio"),
)


@dataclass(frozen=True, slots=True)
class Computer:
    """This computer, as far as it limits a lab."""

    memory_bytes: int
    has_kvm: bool


def survey() -> Computer:
    """Look at this computer; tries KVM, which takes a fraction of a second."""
    return Computer(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), has_working_kvm())


def has_working_kvm() -> bool:
    """Whether KVM can show a guest even its plainest CPU; a /dev/kvm that is there and usable proves nothing.

    Nested and half-virtualised machines offer a KVM that starts guests and then fails in the middle of their boot.
    """
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    try:
        trial = subprocess.run(
            _KVM_TRIAL,
            input=b'{"execute": "qmp_capabilities"}{"execute": "quit"}',
            capture_output=True,
            timeout=KVM_TRIAL_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return trial.returncode == 0
