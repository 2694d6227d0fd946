"""Fetching secrets from where documents say they are: the only room that has their values.

Nothing is fetched before somebody needs it. What a failing source printed is never shown: it may be half a secret.
"""

import os
import select
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from reconciler.desired.secrets import SecretRef
from reconciler.errors import PermanentError, TransientError
from reconciler.redact import SHORTEST, Secret

MOST_BYTES = 1 << 20
COMMAND_S = 10.0
FRESH_S = 60.0
"""What a command printed counts for so long: one pass asks for it several times."""
CREDENTIALS = "CREDENTIALS_DIRECTORY"


class Secrets:
    """Fetches secrets. Thread-safe. `runs_commands`: whether programs that documents name may be run."""

    def __init__(
        self,
        *,
        runs_commands: bool,
        environment: Mapping[str, str] = os.environ,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runs_commands = runs_commands
        self._environment = environment
        self._now = now
        self._locks: dict[SecretRef, threading.Lock] = {}
        self._printed: dict[SecretRef, tuple[float, Secret]] = {}

    def may_fetch(self, ref: SecretRef) -> bool:
        """Whether it may be fetched at all."""
        return self._runs_commands or ref.kind != "command"

    def fetch(self, ref: SecretRef) -> Secret:
        """The secret. Raises: PermanentError, TransientError that name the source, and nothing of what it holds."""
        if not self.may_fetch(ref):
            raise PermanentError(f"cannot fetch the secret from {ref}: commands are not run here")
        if ref.kind == "command":
            return self._fresh(ref)
        raw = {"file": self._file, "env": self._variable, "credential": self._credential}[ref.kind](ref)
        return _secret(ref, raw)

    def _variable(self, ref: SecretRef) -> bytes:
        value = self._environment.get(ref.words[0])
        if value is None:
            raise PermanentError(f"cannot fetch the secret from {ref}: the reconciler's environment does not have it")
        return os.fsencode(value)

    def _credential(self, ref: SecretRef) -> bytes:
        directory = self._environment.get(CREDENTIALS)
        if not directory:
            cause = f"{CREDENTIALS} is not set; run it as a systemd service with LoadCredential={ref.words[0]}:PATH"
            raise PermanentError(f"cannot fetch the secret from {ref}: {cause}")
        return self._file(SecretRef(ref.kind, (os.path.join(directory, ref.words[0]),), (directory,)))

    def _file(self, ref: SecretRef) -> bytes:
        try:
            real = os.path.realpath(ref.words[0], strict=True)
            if not any(_is_below(real, root) for root in ref.roots):
                raise PermanentError(f"cannot fetch the secret from {ref}: it is a link that leaves its directory")
            handle = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        except (OSError, ValueError) as error:
            raise PermanentError(f"cannot fetch the secret from {ref}: {_cause(error)}") from None
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise PermanentError(f"cannot fetch the secret from {ref}: it is no regular file")
        with open(handle, "rb") as file:
            return file.read(MOST_BYTES + 1)

    def _fresh(self, ref: SecretRef) -> Secret:
        """What the command printed lately, else what it prints now; never twice at once."""
        lock = self._locks.setdefault(ref, threading.Lock())
        with lock:
            known = self._printed.get(ref)
            if known is None or self._now() - known[0] > FRESH_S:
                self._printed.pop(ref, None)
                known = self._printed[ref] = (self._now(), _secret(ref, _printed_by(ref)))
            return known[1]


def _is_below(path: str, root: str) -> bool:
    return os.path.commonpath([path, os.path.realpath(root)]) == os.path.realpath(root)


def _printed_by(ref: SecretRef) -> bytes:
    """Run the command; its stdout. Its stderr goes nowhere, and it never waits for stdin."""
    try:
        child = subprocess.Popen(
            ref.words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise PermanentError(f"cannot fetch the secret from {ref}: {_cause(error)}") from None
    deadline = time.monotonic() + COMMAND_S
    try:
        printed = _read(child, deadline)
        code = 0 if len(printed) > MOST_BYTES else child.wait(max(0.1, deadline - time.monotonic()))
    except (TimeoutError, subprocess.TimeoutExpired):
        cause = f"it has not ended within {COMMAND_S:g} s, and was ended"
        raise TransientError(f"cannot fetch the secret from {ref}: {cause}") from None
    finally:
        _end(child)
    if code:
        hint = "what it says is not shown, run it by hand"
        raise PermanentError(f"cannot fetch the secret from {ref}: it ended with {code}; {hint}")
    return printed


def _read(child: "subprocess.Popen[bytes]", deadline: float) -> bytes:
    """All that it prints, or a little more than is allowed. Raises: TimeoutError."""
    assert child.stdout is not None
    printed = b""
    with child.stdout as stdout:
        while len(printed) <= MOST_BYTES:
            ready, _, _ = select.select([stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            piece = os.read(stdout.fileno(), 1 << 16)
            if not piece:
                break
            printed += piece
    return printed


def _end(child: "subprocess.Popen[bytes]") -> None:
    """The command and what it started, where it still runs."""
    if child.poll() is None:
        with suppress(OSError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _secret(ref: SecretRef, raw: bytes) -> Secret:
    """The value without the newline at its end. Raises: PermanentError where it can be none."""
    if len(raw) > MOST_BYTES:
        raise PermanentError(f"cannot fetch the secret from {ref}: it is longer than {MOST_BYTES >> 20} MiB")
    try:
        text = raw.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise PermanentError(f"cannot fetch the secret from {ref}: it is not UTF-8") from None
    if len(text) < SHORTEST:
        what = f"has fewer than {SHORTEST} characters" if text else "is empty"
        raise PermanentError(f"cannot fetch the secret from {ref}: it {what}")
    if not text.isprintable():
        raise PermanentError(f"cannot fetch the secret from {ref}: it has control characters, or more than one line")
    return Secret(text)


def _cause(error: OSError | ValueError) -> str:
    return (error.strerror or str(error)).lower() if isinstance(error, OSError) else "its name holds a NUL"
