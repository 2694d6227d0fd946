"""Proving a path with the shells of two machines that are one: this one. No ssh, no libvirt."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reconciler.action import ProvePath, SharedPool
from reconciler.errors import PermanentError
from reconciler.shell import Answer, Shell
from reconciler.virt import paths

UUID = "11111111-2222-3333-4444-555555555555"


class Host:
    """A link in the form that a proof needs. `says`: pattern of a script -> what it answers; the rest runs here."""

    def __init__(self, *, shell: bool = True) -> None:
        self.says: dict[str, Answer] = {
            "^id -u": Answer(0, "0"),
            "capabilities": Answer(0, UUID),
            "dev/tcp": Answer(0, ""),
        }
        self.ran: list[str] = []
        self._has_shell, self._real = shell, Shell()

    def new_shell(self) -> Any:
        return self if self._has_shell else None

    def session(self, purpose: str) -> Any:
        return SimpleNamespace(facts={"uuid": UUID})

    def run(self, script: str, timeout_s: float) -> Answer:
        self.ran.append(script)
        said = next((answer for pattern, answer in self.says.items() if re.search(pattern, script)), None)
        return said or self._real.run(script, timeout_s)

    def once(self, script: str, words: tuple[str, ...], text: str, timeout_s: float) -> Answer:
        return self.run(script, timeout_s)

    def close(self) -> None:
        self._real.close()


@pytest.fixture
def hosts():
    both = Host(), Host()
    yield both
    for one in both:
        one.close()


def prove(hosts: Any, target: Path, address: str = "10.0.0.2") -> str:
    pool = SharedPool("images", str(target), "nas:/srv/images")
    action = ProvePath("hv1", "hv2", "qemu+ssh://root@hv2/system", address, (pool,))
    notes: list[str] = []
    paths.prove(*hosts, action, lambda note: notes.append(note))
    return "; ".join(notes)


def test_a_path_that_works_leaves_nothing_behind(hosts, tmp_path):
    assert prove(hosts, tmp_path) == ""
    assert list(tmp_path.iterdir()) == []
    assert any("49215" in script for script in hosts[0].ran)


def test_what_a_crash_left_goes_and_what_is_young_stays(hosts, tmp_path):
    import os

    (tmp_path / ".reconciler-path.young").touch()
    (tmp_path / ".reconciler-path.old").touch()
    os.utime(tmp_path / ".reconciler-path.old", (0, 0))
    (tmp_path / "disk.qcow2").touch()
    os.utime(tmp_path / "disk.qcow2", (0, 0))
    prove(hosts, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".reconciler-path.young", "disk.qcow2"]


def test_other_files_under_one_name_are_refused(hosts, tmp_path):
    hosts[1].says["head -c"] = Answer(1, "head: cannot open: No such file or directory")
    with pytest.raises(PermanentError, match=r"what host/hv1 writes into pool/images is not there at host/hv2") as told:
        prove(hosts, tmp_path)
    assert str(told.value).startswith("cannot prove path host/hv2@hv1: ")
    assert list(tmp_path.iterdir()) == []


def test_root_that_may_not_write_proves_nothing(hosts, tmp_path):
    hosts[0].says["set -C"] = Answer(2, "sh: 5: cannot create x: Permission denied")
    assert prove(hosts, tmp_path) == "pool/images was not tried: root of host/hv1 may not write there"


def test_a_full_pool_is_not_called_unshared(hosts, tmp_path):
    hosts[0].says["set -C"] = Answer(2, "printf: I/O error: No space left on device")
    with pytest.raises(PermanentError, match=r"host/hv1 cannot write into pool/images: .*No space left on device"):
        prove(hosts, tmp_path)


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (Answer(1, "error: failed to connect\nHost key verification failed."), "Host key verification failed"),
        (Answer(124, ""), "no answer in time"),
    ],
)
def test_no_login(hosts, tmp_path, answer, cause):
    hosts[0].says["capabilities"] = answer
    with pytest.raises(PermanentError, match=rf"cannot reach libvirt of host/hv2 at qemu\+ssh:.*{cause}"):
        prove(hosts, tmp_path)


def test_a_name_that_leads_elsewhere(hosts, tmp_path):
    hosts[0].says["capabilities"] = Answer(0, "99999999-2222-3333-4444-555555555555")
    with pytest.raises(PermanentError, match="leads to another machine than host/hv2"):
        prove(hosts, tmp_path)


@pytest.mark.parametrize(
    ("answer", "works"),
    [
        (Answer(0, ""), True),
        (Answer(1, "bash: connect: Connection refused"), True),
        (Answer(124, ""), False),
        (Answer(1, "bash: connect: No route to host"), False),
    ],
)
def test_ports(hosts, tmp_path, answer, works):
    hosts[0].says["dev/tcp"] = answer
    hosts[1].says["migration_port_max"] = Answer(0, "50000")
    if works:
        assert prove(hosts, tmp_path) == ""
    else:
        with pytest.raises(PermanentError, match=r"host/hv1 cannot reach port 50000 of 10\.0\.0\.2"):
            prove(hosts, tmp_path)


def test_tunnelled_tries_no_port(hosts, tmp_path):
    hosts[0].says["dev/tcp"] = Answer(124, "")
    assert prove(hosts, tmp_path, address="") == ""


def test_without_a_shell_of_root_nothing_is_tried(hosts, tmp_path):
    assert prove((Host(shell=False), hosts[1]), tmp_path).startswith(
        "nothing was tried: host/hv1 is reached by libvirt"
    )
    hosts[0].says["^id -u"] = Answer(0, "1000")
    assert prove(hosts, tmp_path).startswith("nothing was tried: we are not root at host/hv1")
    assert hosts[0].ran == ["id -u"]


def test_a_target_without_a_shell_leaves_its_pools_untried(hosts, tmp_path):
    assert prove((hosts[0], Host(shell=False)), tmp_path) == (
        "pool/images was not tried: host/hv2 is reached by libvirt alone"
    )
