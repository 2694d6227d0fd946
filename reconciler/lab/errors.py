"""The lab's errors."""

from reconciler.errors import ReconcilerError


class LabError(ReconcilerError):
    """The lab cannot do what was asked; one line that names the cause and the way out.

    `exit_code` is what `reconcile lab` should exit with: 1, or 125 and above from `exec` (as with `env`).
    """

    exit_code = 1


class EnterError(LabError):
    """`exec` could not start the command because the lab itself failed."""

    exit_code = 125


class CommandNotRunnable(LabError):
    """`exec` entered the machine, but the command is there not executable (126) or not found (127)."""

    def __init__(self, message: str, *, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code
