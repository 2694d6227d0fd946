"""A shell on another machine (over ssh) or on this one, kept open and never waited for without a deadline."""

import os
import re
import selectors
import shlex
import signal
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from secrets import token_hex

from reconciler.errors import HostUnreachable

CONNECT_S = 12.0
"""For ssh to connect and log in; its own ConnectTimeout only bounds the TCP connection."""
ANSWER_LIMIT = 1 << 20
"""What a machine may say at most: it may be hostile."""
SSH_OPTIONS = (
    "-T",
    *("-o", "BatchMode=yes"),
    *("-o", "ConnectTimeout=5"),
    *("-o", "ServerAliveInterval=5"),
    *("-o", "ServerAliveCountMax=3"),
)


FIRST_REST_S = 5.0
LONGEST_REST_S = 60.0


class Breaker:
    """A host that fails or hangs is left in peace for a while that grows, then tried again. Its time is monotonic."""

    def __init__(self) -> None:
        self._failures = 0
        self._until = 0.0
        self._cause = ""

    def failed(self, cause: str) -> None:
        """Leave the host in peace: 5 s, then 10, 20, 40, 60."""
        delay = min(FIRST_REST_S * 2**self._failures, LONGEST_REST_S)
        self._failures = min(self._failures + 1, 10)
        self._until = time.monotonic() + delay
        self._cause = cause

    def succeeded(self) -> None:
        self._failures = 0
        self._until = 0.0

    def refusal(self) -> str:
        """Why the host is not asked now; empty when it may be."""
        left = self._until - time.monotonic()
        return f"{self._cause} (asked again in {left:.0f} s)" if left > 0 else ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a script printed (stdout and stderr together), and its exit code."""

    code: int
    text: str

    @property
    def last_line(self) -> str:
        lines = [line.strip() for line in self.text.splitlines() if line.strip()]
        return lines[-1] if lines else f"it ended with {self.code}"


def ssh_argv(target: str, *, port: int | None = None, keyfile: str = "") -> tuple[str, ...]:
    """The words before the remote command; never asks anything of a terminal, never takes `target` for an option."""
    identity = ("-i", keyfile) if keyfile else ()
    where = ("-p", str(port)) if port else ()
    return ("ssh", *SSH_OPTIONS, *identity, *where, "--", target)


class Shell:
    """One long-lived `sh`. Thread-safe; scripts run one after another, each with nothing on its stdin.

    `login`: words before `sh` (see ssh_argv), none for this machine. A script must be harmless to run twice: it is,
    when a shell that was open from before turns out to be dead. Raises: HostUnreachable, with ssh's words as the cause.
    """

    def __init__(self, login: tuple[str, ...] = (), breaker: Breaker | None = None) -> None:
        self._login = login
        self._breaker = breaker or Breaker()
        self._lock = threading.Lock()
        self._process: _Process | None = None

    def run(self, script: str, timeout_s: float = 5.0) -> Answer:
        """What `script` answers within `timeout_s`, and CONNECT_S more when the shell must be opened first."""
        deadline = time.monotonic() + timeout_s
        if not self._lock.acquire(timeout=timeout_s):
            raise HostUnreachable(f"cannot ask {self.name}: the shell is busy for more than {timeout_s:g} s")
        try:
            kept = self._process
            if kept is not None and kept.is_alive():
                with suppress(_Ended):
                    return self._ask(kept, script, deadline)
            return self._ask_anew(script, deadline + CONNECT_S)
        except _TooMuch:
            raise HostUnreachable(f"cannot ask {self.name}: it says more than {ANSWER_LIMIT >> 20} MiB") from None
        finally:
            self._lock.release()

    def _ask_anew(self, script: str, deadline: float) -> Answer:
        refusal = self._breaker.refusal()
        if refusal:
            raise HostUnreachable(refusal)
        try:
            self._process = _Process([*self._login, "sh"])
            answer = self._ask(self._process, script, deadline)
        except _Ended as error:
            self._breaker.failed(f"cannot log in to {self.name}: {error}")
            raise HostUnreachable(f"cannot log in to {self.name}: {error}") from None
        except HostUnreachable as error:
            self._breaker.failed(str(error))
            raise
        self._breaker.succeeded()
        return answer

    def _ask(self, process: "_Process", script: str, deadline: float) -> Answer:
        try:
            return process.ask(script, deadline)
        except TimeoutError:
            self._end(process)
            raise HostUnreachable(f"cannot ask {self.name}: its shell did not answer in time") from None
        except BaseException:
            self._end(process)
            raise

    def _end(self, process: "_Process") -> None:
        process.kill()
        self._process = None

    def once(self, script: str, words: tuple[str, ...], text: str, timeout_s: float = 20.0) -> Answer:
        """Run `script` in a shell of its own, with `words` as $1, $2, ... and `text` on its stdin."""
        command = ("sh", "-c", script, "sh", *words)
        argv = [*self._login, shlex.join(command)] if self._login else list(command)
        try:
            ended = subprocess.run(
                argv,
                input=text.encode(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=timeout_s,
                start_new_session=True,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise HostUnreachable(f"cannot ask {self.name}: it did not answer within {timeout_s:g} s") from None
        except OSError as error:
            raise HostUnreachable(f"cannot run {argv[0]}: {error.strerror}") from None
        answer = Answer(ended.returncode, ended.stdout[-ANSWER_LIMIT:].decode(errors="replace"))
        if self._login and ended.returncode == 255:
            raise HostUnreachable(f"cannot log in to {self.name}: {cause_of(answer.text)}")
        return answer

    @property
    def name(self) -> str:
        return f"ssh {self._login[-1]}" if self._login else "the local shell"

    def close(self) -> None:
        """End the shell; waits for nothing."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()


class _Ended(Exception):
    """The shell's process has ended; the text says why."""


class _TooMuch(Exception):
    """The machine says more than it may."""


class _Process:
    def __init__(self, argv: list[str]) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        try:
            self._child = subprocess.Popen(argv, bufsize=0, start_new_session=True, **pipes)  # type: ignore[call-overload]
        except OSError as error:
            raise _Ended(f"cannot run {argv[0]}: {error.strerror}") from None
        self._complaints = b""
        for pipe in (self._child.stdin, self._child.stdout, self._child.stderr):
            os.set_blocking(pipe.fileno(), False)

    def is_alive(self) -> bool:
        return self._child.poll() is None

    def kill(self) -> None:
        with suppress(OSError):
            os.killpg(self._child.pid, signal.SIGKILL)  # with what it started: it leads a session of its own
        for pipe in (self._child.stdin, self._child.stdout, self._child.stderr):
            with suppress(OSError):
                pipe.close()
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout=0.2)

    def ask(self, script: str, deadline: float) -> Answer:
        """Raises: TimeoutError, _Ended, _TooMuch."""
        mark = token_hex(16)
        # The mark is put together over there, so that a shell that echoes what it reads cannot answer for itself.
        end = f"printf '\\n%s%s %d\\n' '{mark[:16]}' '{mark[16:]}' $?"
        unsent = f"(\n{script}\n) </dev/null 2>&1; {end}\n".encode()
        pattern = re.compile(rf"\n{mark} (\d+)\n".encode())
        said = b""
        with selectors.DefaultSelector() as ready:
            ready.register(self._child.stdin, selectors.EVENT_WRITE)
            ready.register(self._child.stdout, selectors.EVENT_READ)
            ready.register(self._child.stderr, selectors.EVENT_READ)
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                for key, _ in ready.select(left):
                    if key.fileobj is self._child.stdin:
                        unsent = self._send(unsent)
                        if not unsent:
                            ready.unregister(self._child.stdin)
                    elif key.fileobj is self._child.stderr:
                        self._hear_complaint(ready)
                    else:
                        said += self._hear()
                found = pattern.search(said, max(0, len(said) - 70_000))
                if found:
                    return Answer(int(found[1]), said[: found.start()].decode(errors="replace"))
                if len(said) > ANSWER_LIMIT:
                    raise _TooMuch

    def _send(self, unsent: bytes) -> bytes:
        try:
            return unsent[os.write(self._child.stdin.fileno(), unsent) :]
        except BlockingIOError:
            return unsent
        except OSError:
            raise self._ended() from None

    def _hear(self) -> bytes:
        try:
            heard = os.read(self._child.stdout.fileno(), 65536)
        except BlockingIOError:
            return b""
        if not heard:
            raise self._ended()
        return heard

    def _hear_complaint(self, ready: selectors.BaseSelector) -> None:
        with suppress(BlockingIOError):
            heard = os.read(self._child.stderr.fileno(), 65536)
            if not heard:
                ready.unregister(self._child.stderr)
            self._complaints = (self._complaints + heard)[-8192:]

    def _ended(self) -> _Ended:
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout=0.5)
        with suppress(OSError):
            self._complaints += os.read(self._child.stderr.fileno(), 65536)
        return _Ended(cause_of(self._complaints.decode(errors="replace")) or f"it ended with {self._child.returncode}")


def cause_of(complaints: str) -> str:
    """The line of ssh's complaints that says why; with the fingerprint of a host key that was refused."""
    lines = [line.strip() for line in complaints.splitlines() if line.strip()]
    prints = re.search(r"SHA256:[A-Za-z0-9+/=]{20,64}", complaints)
    if not lines:
        return ""
    return f"{lines[-1]} (it shows the host key {prints[0]})" if prints else lines[-1]
