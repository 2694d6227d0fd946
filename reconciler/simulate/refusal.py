"""Errors as libvirt words them, with its numbers (virErrorNumber), sorted as the real edge sorts them."""

from enum import IntEnum

from reconciler.errors import ActionError, HostUnreachable, PermanentError, TransientError


class Code(IntEnum):
    """The virErrorNumber members that the simulator uses."""

    INTERNAL_ERROR = 1
    NO_SUPPORT = 3
    INVALID_ARG = 8
    OPERATION_FAILED = 9
    SYSTEM_ERROR = 38
    RPC = 39
    NO_DOMAIN = 42
    NO_NETWORK = 43
    NO_STORAGE_POOL = 49
    NO_STORAGE_VOL = 50
    OPERATION_INVALID = 55
    OPERATION_TIMEOUT = 68
    OPERATION_ABORTED = 78
    MIGRATE_UNSAFE = 81
    OPERATION_UNSUPPORTED = 84
    STORAGE_VOL_EXIST = 90
    CPU_INCOMPATIBLE = 91


class Refusal(Exception):
    """libvirt (or the server's shell) says no."""

    def __init__(self, code: Code, message: str) -> None:
        self.code = code
        super().__init__(message)


def translated(refusal: Refusal, attempt: str) -> ActionError:
    """Our error for a refusal, sorted as the real edge sorts libvirt's."""
    sorts = {Code.RPC: HostUnreachable, Code.OPERATION_TIMEOUT: TransientError}
    return sorts.get(refusal.code, PermanentError)(f"cannot {attempt}: {refusal}")


class Stuck(Exception):
    """The call does not return: something behind it hangs."""


def invalid(message: str) -> Refusal:
    """The commonest refusal: the object is not in a state for that."""
    return Refusal(Code.OPERATION_INVALID, f"Requested operation is not valid: {message}")


def failed(message: str) -> Refusal:
    return Refusal(Code.OPERATION_FAILED, f"operation failed: {message}")
