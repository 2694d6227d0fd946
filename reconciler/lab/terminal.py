"""Lending the terminal to a command, so that an interactive shell in the lab has job control.

The command's process group cannot see ours: it lives in another process namespace.
"""

import os
import signal
import subprocess

STDIN = 0


def is_ours() -> bool:
    """Whether stdin is a terminal and we are in its foreground."""
    try:
        return os.tcgetpgrp(STDIN) == os.getpgrp()
    except OSError:
        return False


def take() -> None:
    """Put the calling process's group into the terminal's foreground, also from the background."""
    old = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    os.tcsetpgrp(STDIN, os.getpgrp())
    signal.pthread_sigmask(signal.SIG_SETMASK, old)


def wait(child: "subprocess.Popen[bytes]") -> int:
    """Wait for a command that has the terminal, stopping and going on with it; returns as Popen.wait does."""
    while True:
        _, status = os.waitpid(child.pid, os.WUNTRACED)
        take()
        if not os.WIFSTOPPED(status):
            child.returncode = os.waitstatus_to_exitcode(status)
            return child.returncode
        os.kill(os.getpid(), signal.SIGSTOP)
        os.tcsetpgrp(STDIN, child.pid)
        os.killpg(child.pid, signal.SIGCONT)
