"""libvirt's errors in our words."""

from typing import Any

import pytest

from reconciler.errors import HostUnreachable, PermanentError, TransientError
from reconciler.virt.codes import Code, From
from reconciler.virt.translate import is_broken, translate

libvirt: Any = pytest.importorskip("libvirt")


def said(code: int, domain: int = 10, message: str = "it is so") -> Exception:
    error: Exception = libvirt.libvirtError("")
    error.err = (code, domain, message, 2, None, None, None, -1, -1)  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (said(Code.RPC, From.RPC), HostUnreachable),
        (said(Code.NO_CONNECT), HostUnreachable),
        (said(Code.INVALID_CONN), HostUnreachable),
        (said(Code.INTERNAL_ERROR, From.RPC, "internal error: client socket is closed"), HostUnreachable),
        (said(Code.SYSTEM_ERROR, From.RPC, "Cannot recv data: Connection reset by peer"), HostUnreachable),
        (said(Code.SYSTEM_ERROR, From.SSH), HostUnreachable),
        (said(Code.INTERNAL_ERROR), PermanentError),
        (said(Code.SYSTEM_ERROR, 18, "cannot open file"), PermanentError),
        (said(Code.OPERATION_TIMEOUT), TransientError),
        (said(Code.RESOURCE_BUSY), TransientError),
        (said(Code.INTERNAL_ERROR, 18, "internal error: pool 'a' has asynchronous jobs running."), TransientError),
        (said(Code.OPERATION_INVALID), PermanentError),
        (said(Code.NO_DOMAIN), PermanentError),
        (said(Code.OPERATION_DENIED), PermanentError),
        (said(9999), PermanentError),
    ],
)
def test_kinds(error, kind):
    ours = translate(error, "start domain/web@hv1")
    assert type(ours) is kind
    assert str(ours).startswith("cannot start domain/web@hv1: ")
    assert is_broken(error) is (kind is HostUnreachable)


def test_a_message_is_one_line_and_bounded():
    ours = translate(said(Code.OPERATION_FAILED, message="line\none\n\tand " + "x" * 5000), "do it")
    assert "\n" not in str(ours)
    assert len(str(ours)) < 700


@pytest.mark.parametrize(
    ("error", "way_out"),
    [
        (said(Code.INTERNAL_ERROR, 10, 'Failed to get "write" lock'), "no lock is broken"),
        (
            said(Code.OPERATION_INVALID, 10, "Refusing to undefine while domain managed save image exists"),
            "managedsave",
        ),
        (said(Code.OPERATION_DENIED), "an account"),
        (said(Code.STORAGE_VOL_EXIST, 18, "storage volume 'a' exists already"), "remove that file"),
    ],
)
def test_ways_out(error, way_out):
    assert way_out in str(translate(error, "do it"))


def test_other_errors_are_bugs():
    bug = KeyError("x")
    assert translate(bug, "do it") is bug
    assert not is_broken(bug)
