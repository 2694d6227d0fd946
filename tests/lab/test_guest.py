"""The lab's guest: it boots under emulation, answers on the network, and obeys the power button."""

import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.lab.guest import GuestImageError, make_image

pytestmark = pytest.mark.lab

BOOT_DEADLINE_S = 60
POWER_DEADLINE_S = 20
ANSWER = re.compile(r"(?P<name>\S+) (?P<uptime_s>\d+\.\d+) (?P<boot_id>[0-9a-f-]{36})\n")


@dataclass(frozen=True)
class Guest:
    """A running QEMU with the image in it; the guest's port 8080 is `port` on the loopback interface."""

    qemu: subprocess.Popen[bytes]
    port: int
    monitor: Path
    console: Path

    def ask(self) -> re.Match[str] | None:
        """Return what the guest answers, or None while it does not."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                return ANSWER.fullmatch(connection.makefile().read())
        except OSError:
            return None

    def wait(self) -> re.Match[str]:
        """Return the first answer."""
        deadline = time.monotonic() + BOOT_DEADLINE_S
        while time.monotonic() < deadline:
            if answer := self.ask():
                return answer
            time.sleep(0.1)
        raise AssertionError(f"no answer in {BOOT_DEADLINE_S} s; console:\n{self.console.read_text()}")

    def press_power_button(self) -> None:
        """Send the ACPI event that `virsh shutdown` sends."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.monitor))
            connection.sendall(b"system_powerdown\n")
            connection.settimeout(POWER_DEADLINE_S)
            while connection.recv(4096):  # until QEMU ends
                pass


def until(is_so: Callable[[], bool], what: str) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + POWER_DEADLINE_S
    while not is_so():
        assert time.monotonic() < deadline, f"cannot see {what} in {POWER_DEADLINE_S} s"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("guest") / "guest.qcow2"
    make_image(out, print)
    return out


@contextmanager
def boot(image: Path, tmp_path: Path, *arguments: str, drive: str = "", serial: str = "") -> Iterator[Guest]:
    """Start QEMU on the image, by emulation, with no network but one port on the loopback interface."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    monitor, console = tmp_path / "monitor", tmp_path / "console"
    argv = ["qemu-system-x86_64", "-accel", "tcg", "-m", "96", "-display", "none", "-nodefaults"]
    argv += ["-drive", drive or f"file={image},if=virtio,format=qcow2,snapshot=on"]
    argv += ["-netdev", f"user,id=lan,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:8080"]
    argv += ["-device", "virtio-net-pci,netdev=lan,mac=52:54:00:12:34:56"]
    argv += ["-serial", serial or f"file:{console}", "-monitor", f"unix:{monitor},server=on,wait=off", *arguments]
    qemu = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    try:
        yield Guest(qemu, port, monitor, console)
    finally:
        qemu.kill()
        qemu.wait()


@pytest.mark.parametrize("machine", ["pc", "q35"])
def test_guest_lives_and_ends(image: Path, tmp_path: Path, machine: str) -> None:
    with boot(image, tmp_path, "-machine", machine) as guest:
        first = guest.wait()
        time.sleep(1)
        second = guest.wait()
        assert first["name"] == second["name"] == "52:54:00:12:34:56"
        assert first["boot_id"] == second["boot_id"]
        assert float(second["uptime_s"]) >= float(first["uptime_s"]) + 0.5
        assert "guest: 52:54:00:12:34:56 is up at 10.0.2.15" in guest.console.read_text()
        guest.press_power_button()
        assert guest.qemu.wait(POWER_DEADLINE_S) == 0
        assert "power button" in guest.console.read_text()


def test_guest_takes_its_name_from_the_product_serial(image: Path, tmp_path: Path) -> None:
    with boot(image, tmp_path, "-smbios", "type=1,serial=web-1") as guest:
        assert guest.wait()["name"] == "web-1"


def test_guest_without_a_serial_port_and_with_a_burst_of_callers(image: Path, tmp_path: Path) -> None:
    with boot(image, tmp_path, serial="none") as guest:
        guest.wait()
        calls = [socket.create_connection(("127.0.0.1", guest.port), timeout=10) for _ in range(12)]
        assert all(ANSWER.fullmatch(call.makefile().read()) for call in calls)
        for call in calls:
            call.close()


def test_guest_tells_of_storage_that_stalls_and_fails(image: Path, tmp_path: Path) -> None:
    export = f"nbd+unix:///?socket={tmp_path}/nbd"
    nbd = subprocess.Popen(["qemu-nbd", "-t", "-r", "-f", "qcow2", "-k", str(tmp_path / "nbd"), str(image)])
    try:
        until((tmp_path / "nbd").exists, "a socket")
        with boot(image, tmp_path, drive=f"file={export},if=virtio,format=raw,snapshot=on") as guest:
            boot_id = guest.wait()["boot_id"]
            nbd.send_signal(signal.SIGSTOP)
            time.sleep(5)
            nbd.send_signal(signal.SIGCONT)
            until(lambda: "guest: a read of /dev/vda took" in guest.console.read_text(), "word of the stall")
            nbd.kill()
            until(lambda: "guest: I/O error on /dev/vda" in guest.console.read_text(), "word of the error")
            assert guest.wait()["boot_id"] == boot_id
    finally:
        nbd.kill()
        nbd.wait()


def test_image_is_small_and_the_same_each_time(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    again = tmp_path / "again.qcow2"
    make_image(again, print)
    assert again.read_bytes() == image.read_bytes()
    assert again.stat().st_size < 16 * 2**20
    assert list(tmp_path.iterdir()) == [again]


@pytest.mark.usefixtures("image")  # fills the cache
def test_missing_tool_is_named_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for tool in ("sh", "dpkg-deb", "apt-get", "apt-cache", "tar", "xz"):
        if found := shutil.which(tool):
            (tmp_path / tool).symlink_to(found)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GuestImageError, match=r"cannot write .*: no program qemu-img; run: apt-get install qemu-utils"):
        make_image(tmp_path / "guest.qcow2", print)
