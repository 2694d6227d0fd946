"""libvirt's numbers (they never change), so that tables can be written without importing it.

Source: libvirt-domain.h, libvirt-host.h, libvirt-storage.h, virterror.h; a test compares them with the library.
"""

from collections.abc import Mapping
from enum import IntEnum

from reconciler.observed import DomainState

STATS_STATE = 1 << 0
STATS_BALLOON = 1 << 2
STATS_DIRTYRATE = 1 << 9
DIRTYRATE_MEASURING = 1
DIRTYRATE_MEASURED = 2
DIRTYRATE_MODE_PAGE_SAMPLING = 0
LIST_DOMAINS_AUTOSTART = 1 << 10
LIST_DOMAINS_TRANSIENT = 1 << 3
LIST_NETWORKS_ACTIVE = 1 << 1
LIST_NETWORKS_PERSISTENT = 1 << 2
LIST_POOLS_INACTIVE = 1 << 0
LIST_POOLS_ACTIVE = 1 << 1
DOMAIN_XML_SECURE = 1 << 0
DOMAIN_XML_INACTIVE = 1 << 1
NETWORK_XML_INACTIVE = 1 << 0
EVENT_LIFECYCLE = 0
EVENT_UNDEFINED = 1

DEFINE_VALIDATE = 1 << 0
BLOCK_RESIZE_BYTES = 1 << 0
AFFECT_LIVE = 1 << 0
AFFECT_CONFIG = 1 << 1
METADATA_ELEMENT = 2
METADATA_TEXTS: Mapping[str, int] = {"description": 0, "title": 1}
SHUTDOWN_ACPI = 1 << 0
SHUTDOWN_GUEST_AGENT = 1 << 1
INTERFACE_ADDRESSES_SRC_LEASE = 0
INTERFACE_ADDRESSES_SRC_AGENT = 1
INTERFACE_ADDRESSES_SRC_ARP = 2
DESTROY_GRACEFUL = 1 << 0
PAUSED, PAUSED_MIGRATION = 3, 2
JOB_NONE = 0
JOB_UNBOUNDED = 2
JOB_STATS_COMPLETED = 1 << 0

UNDEFINE_KEEP_NVRAM = 1 << 3
UNDEFINE_KEEP_TPM = 1 << 6

MIGRATE_LIVE = 1 << 0
MIGRATE_PEER2PEER = 1 << 1
MIGRATE_PERSIST_DEST = 1 << 3
MIGRATE_UNDEFINE_SOURCE = 1 << 4
MIGRATE_TUNNELLED = 1 << 2
MIGRATE_ABORT_ON_ERROR = 1 << 12
MIGRATE_AUTO_CONVERGE = 1 << 13
MIGRATE_POSTCOPY = 1 << 15
MIGRATE_TLS = 1 << 16


class Code(IntEnum):
    """virErrorNumber, as far as we tell them apart."""

    INTERNAL_ERROR = 1
    NO_SUPPORT = 3
    NO_CONNECT = 5
    INVALID_CONN = 6
    OPERATION_FAILED = 9
    OPERATION_DENIED = 29
    SYSTEM_ERROR = 38
    RPC = 39
    NO_DOMAIN = 42
    NO_NETWORK = 43
    AUTH_FAILED = 45
    NO_STORAGE_POOL = 49
    NO_STORAGE_VOL = 50
    OPERATION_INVALID = 55
    OPERATION_TIMEOUT = 68
    AUTH_CANCELLED = 79
    MIGRATE_UNSAFE = 81
    BLOCK_COPY_ACTIVE = 83
    OPERATION_UNSUPPORTED = 84
    SSH = 85
    AGENT_UNRESPONSIVE = 86
    RESOURCE_BUSY = 87
    ACCESS_DENIED = 88
    STORAGE_VOL_EXIST = 90
    CPU_INCOMPATIBLE = 91
    AGENT_UNSYNCED = 97
    LIBSSH = 98


class From(IntEnum):
    """virErrorDomain: which part of libvirt speaks."""

    RPC = 7
    REMOTE = 13
    SSH = 50
    LIBSSH = 66


STATES: Mapping[int, DomainState] = dict(enumerate(DomainState))
"""virDomainState"""

REASONS: Mapping[DomainState, tuple[str, ...]] = {
    DomainState.NOSTATE: ("unknown",),
    DomainState.RUNNING: (
        *("unknown", "booted", "migrated", "restored", "from-snapshot", "unpaused"),
        *("migration-canceled", "save-canceled", "wakeup", "crashed", "postcopy", "postcopy-failed"),
    ),
    DomainState.BLOCKED: ("unknown",),
    DomainState.PAUSED: (
        *("unknown", "user", "migration", "save", "dump", "ioerror", "watchdog", "from-snapshot"),
        *("shutting-down", "snapshot", "crashed", "starting-up", "postcopy", "postcopy-failed", "api-error"),
    ),
    DomainState.SHUTDOWN: ("unknown", "user"),
    DomainState.SHUTOFF: (
        *("unknown", "shutdown", "destroyed", "crashed", "migrated", "saved", "failed", "from-snapshot", "daemon"),
    ),
    DomainState.CRASHED: ("unknown", "panicked"),
    DomainState.PMSUSPENDED: ("unknown",),
}
"""virDomainRunningReason, virDomainPausedReason, ..., in libvirt's order."""


def state_of(state: int) -> DomainState:
    """A number that a newer libvirt may send and we do not know is `nostate`: hands off."""
    return STATES.get(state, DomainState.NOSTATE)


def reason_of(state: int, reason: int) -> str:
    """The reason's word; an unknown one by its number, so that no table has a rule for it."""
    words = REASONS[state_of(state)]
    return words[reason] if 0 <= reason < len(words) else f"reason-{reason}"
