"""Lending the terminal to a command, so that an interactive shell in the lab has job control.

The command cannot live in our process group: from its process namespace it could not see it.
"""

import os
import signal
import subprocess

TERMINAL = "/dev/tty"


def is_ours() -> bool:
    """Whether we have a terminal, and are in its foreground."""
    try:
        fd = os.open(TERMINAL, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    finally:
        os.close(fd)


def give(group: int) -> None:
    """Put a process group into the terminal's foreground, also from the background."""
    old = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    fd = os.open(TERMINAL, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.tcsetpgrp(fd, group)
    finally:
        os.close(fd)
        signal.pthread_sigmask(signal.SIG_SETMASK, old)


def wait(child: "subprocess.Popen[bytes]") -> int:
    """Wait for a command that has the terminal, stopping and going on with it; returns as Popen.wait does."""
    while True:
        _, status = os.waitpid(child.pid, os.WUNTRACED)
        give(os.getpgrp())
        if not os.WIFSTOPPED(status):
            child.returncode = os.waitstatus_to_exitcode(status)
            return child.returncode
        os.kill(os.getpid(), signal.SIGSTOP)
        give(child.pid)
        os.killpg(child.pid, signal.SIGCONT)
