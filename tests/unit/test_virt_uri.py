"""What a URI tells."""

import pytest

from reconciler.virt.uri import quiet, reach


@pytest.mark.parametrize(
    ("uri", "transport", "target", "port", "keyfile"),
    [
        ("qemu+ssh://root@hv1/system", "ssh", "root@hv1", None, ""),
        ("qemu+ssh://hv1:2222/system?keyfile=/k/id", "ssh", "hv1", 2222, "/k/id"),
        ("qemu+ssh://root@[fd00::2]/system", "ssh", "root@fd00::2", None, ""),
        ("qemu+tcp://hv1/system", "tcp", "hv1", 16509, ""),
        ("qemu+tls://hv1:99/system?pkipath=/p", "tls", "hv1", 99, ""),
        ("qemu://hv1/system", "tls", "hv1", 16514, ""),
    ],
)
def test_far_hosts(uri, transport, target, port, keyfile):
    found = reach(uri)
    assert (found.transport, found.ssh_target, found.port, found.keyfile) == (transport, target, port, keyfile)
    assert not found.is_local


@pytest.mark.parametrize("uri", ["qemu:///system", "test:///default", "test:///tmp/node.xml"])
def test_this_machine(uri):
    assert reach(uri).is_local
    assert reach(uri).is_test is uri.startswith("test")
    assert reach(uri).uri == uri


def test_ssh_never_asks_a_terminal():
    assert quiet("qemu+ssh://hv1/system") == "qemu+ssh://hv1/system?no_tty=1"
    assert quiet("qemu+ssh://hv1/system?keyfile=/k") == "qemu+ssh://hv1/system?keyfile=/k&no_tty=1"
    assert quiet("qemu+ssh://hv1/system?no_tty=1") == "qemu+ssh://hv1/system?no_tty=1"
    assert quiet("qemu+tcp://hv1/system") == "qemu+tcp://hv1/system"
