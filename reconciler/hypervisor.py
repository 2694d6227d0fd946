"""The seam: what the real edge and the simulator both fulfil, and the clock that both live by."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from reconciler.action import Action
from reconciler.desired import Desired
from reconciler.moving import SeenJob
from reconciler.observed import Look, Observed


class Progress(Protocol):
    """Told how far a long action is."""

    def __call__(self, **values: Any) -> None:
        """`percent`: 0 to 100; of a migration what `figures` names, and at its end `total`, `downtime`, `expected`.

        Bytes and seconds. `note`: what the step's report shall say beside how it ended.
        """
        ...


def figures(job: SeenJob) -> dict[str, Any]:
    """How a migration gets on, for Progress. `left`: seconds to its expected end; inf, or None where nobody knows."""
    return {
        "percent": job.percent,
        "remaining": job.remaining,
        "rate": job.rate,
        "dirty_rate": job.dirty_rate,
        "iteration": job.iteration,
        "elapsed": job.elapsed_s,
        "left": job.left_s,
    }


class Edge(Protocol):
    """Everything outside this process: libvirt and NFS servers, or the simulator."""

    def observe(self, desired: Desired) -> Observed:
        """Read every host of the documents, in parallel, each within its deadline.

        Raises: nothing; what cannot be read is Unknown.
        """
        ...

    def look(self, desired: Desired, looks: tuple[Look, ...]) -> Observed:
        """Read only what `looks` name. Raises: nothing."""
        ...

    def apply(self, action: Action, progress: Progress) -> None:
        """Do one thing. Returning is not proof (law 9).

        Raises: TransientError, PermanentError, HostUnreachable.
        """
        ...

    def close(self) -> None:
        """Let go of connections; waits for nothing that hangs."""
        ...


class Mailbox(Protocol):
    """A queue between threads of one clock."""

    def put(self, item: Any) -> None: ...

    def get(self, timeout_s: float) -> Any:
        """The oldest item. Raises: TimeoutError after `timeout_s`."""
        ...


class Clock(Protocol):
    """Time and threads, so that the simulator can have both of its own."""

    def now(self) -> float:
        """Monotonic seconds."""
        ...

    def wall(self) -> datetime:
        """What a calendar and a clock on the wall show, in UTC; it may jump, so nothing is measured by it."""
        ...

    def sleep(self, seconds: float) -> None: ...

    def mailbox(self) -> Mailbox: ...

    def spawn(self, work: Callable[[], None], name: str) -> None:
        """Run `work` beside us, in a thread that never keeps the process alive."""
        ...
