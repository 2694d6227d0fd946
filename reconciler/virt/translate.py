"""libvirt's errors in our words: one table says what each means for the one who tries again."""

from collections.abc import Mapping

from reconciler.errors import ActionError, HostUnreachable, PermanentError, TransientError
from reconciler.virt.codes import Code, From
from reconciler.virt.lib import Refusal, refusal

UNREACHABLE = frozenset({Code.NO_CONNECT, Code.INVALID_CONN, Code.RPC, Code.SSH, Code.LIBSSH})
"""The connection is gone or was never there."""
TRANSIENT = frozenset({Code.OPERATION_TIMEOUT, Code.RESOURCE_BUSY, Code.AGENT_UNRESPONSIVE})
"""Somebody else holds the object for a moment."""
TRANSIENT_WORDS = (
    "asynchronous jobs running",
    "cannot acquire state change lock",
    "another migration job is already running",
)
"""Said under codes that mean other things too."""
BROKEN_FROM = frozenset({From.RPC, From.REMOTE, From.SSH, From.LIBSSH})
"""An internal or system error from here is about the connection."""

WAYS_OUT: Mapping[Code, str] = {
    Code.AUTH_FAILED: "give this account access to libvirt there",
    Code.AUTH_CANCELLED: "give this account access to libvirt there",
    Code.OPERATION_DENIED: "use an account that may change things there",
    Code.ACCESS_DENIED: "use an account that may change things there",
    Code.STORAGE_VOL_EXIST: "remove that file, or name another volume",
    Code.MIGRATE_UNSAFE: "its disks must lie on a pool that both hosts share",
    Code.BLOCK_COPY_ACTIVE: "wait for the block job, or end it with virsh blockjob",
}
_IMAGE_LOCK = "another process, maybe a dead host's, holds the image; end it there; no lock is broken"
WAYS_OUT_BY_WORDS: Mapping[str, str] = {
    'Failed to get "write" lock': _IMAGE_LOCK,
    'Failed to get shared "write" lock': _IMAGE_LOCK,
    "volume target path": "remove that file, or name another volume",
    "managed save": "start it, or drop the saved state with virsh managedsave-remove",
    "snapshots": "remove them with virsh snapshot-delete, or keep the definition",
    "Unable to read from monitor": "see /var/log/libvirt/qemu on that host",
}


def translate(error: BaseException, attempt: str) -> BaseException:
    """Our error for what an attempt ("start domain/web@hv1") raised; what is not libvirt's comes back as it is."""
    said = refusal(error)
    if said is None:
        return error
    way_out = _way_out(said)
    message = f"cannot {attempt}: {said.message}"
    return _kind(said)(f"{message}; {way_out}" if way_out else message)


def is_broken(error: BaseException) -> bool:
    """Whether the connection that raised this is of no more use."""
    said = refusal(error)
    return said is not None and _kind(said) is HostUnreachable


def _kind(said: Refusal) -> type[ActionError]:
    vague = said.code in (Code.INTERNAL_ERROR, Code.SYSTEM_ERROR)
    if said.code in UNREACHABLE or (vague and said.domain in BROKEN_FROM):
        return HostUnreachable
    if said.code in TRANSIENT or any(words in said.message for words in TRANSIENT_WORDS):
        return TransientError
    return PermanentError


def _way_out(said: Refusal) -> str:
    by_words = (way for words, way in WAYS_OUT_BY_WORDS.items() if words in said.message)
    known = {int(code): way for code, way in WAYS_OUT.items()}
    return next(by_words, "") or known.get(said.code, "")
