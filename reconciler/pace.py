"""When a migration that gets nowhere is helped on, and when it is given up. Pure; every edge goes by it.

Source: oVirt's and Nova's steps of downtime, KubeVirt's two timeouts.
"""

from dataclasses import dataclass

from reconciler.action import MigrateDomain
from reconciler.moving import SeenJob

FIRST_DOWNTIME_S = 0.1
DOWNTIME_STEPS = 5
"""From the first downtime to the longest: 100, 200, 300, 400, 500 ms."""
BARELY = 0.9
"""A pass over memory that begins with more than this share of what the best one began with has stalled."""
FLOWS_S = 5.0
"""Nothing sent for so long: the link may be dead, and a post-copy over a dead link loses the guest."""


@dataclass(frozen=True, slots=True)
class Order:
    """What shall be done to the migration now, if anything. `give_up`: why it is aborted."""

    downtime_s: float | None = None
    post_copy: bool = False
    give_up: str = ""


@dataclass
class Pace:
    """One migration. Progress is a pass that begins with less than any before, and less left within such a pass.

    `switched`: set by whoever started the post-copy; from then on there is no way back, and nothing is ordered.
    """

    action: MigrateDomain
    begun: float
    switched: bool = False

    def __post_init__(self) -> None:
        self._level = 0
        self._tried_post_copy = False
        self._pass = 0
        self._begins_with = self._least = self._last = -1
        self._progressed = self._flowed = self.begun

    @property
    def downtime_s(self) -> float:
        """The downtime that is allowed now."""
        longest = self.action.max_downtime_s
        first = min(FIRST_DOWNTIME_S, longest)
        return first + (longest - first) * self._level / (DOWNTIME_STEPS - 1)

    def judge(self, job: SeenJob | None, now: float) -> Order:
        """What to do after a look at the job (None: the look told nothing; the deadlines go on)."""
        if self.switched:
            return Order()
        stalls = job is not None and job.is_measured and self._note(job, now)
        if stalls and self._level < DOWNTIME_STEPS - 1 and self.action.max_downtime_s > FIRST_DOWNTIME_S:
            self._level += 1
            return Order(downtime_s=self.downtime_s)
        cause = self._overdue(now)
        if (stalls or cause) and self._may_switch(now):
            self._tried_post_copy = True
            return Order(post_copy=True)
        return Order(give_up=cause)

    def _note(self, job: SeenJob, now: float) -> bool:
        """Remember where it is; whether a pass has begun that has no less to send than the best one had."""
        if job.remaining != self._last:
            self._last, self._flowed = job.remaining, now
        if job.iteration > self._pass:
            first, self._pass = self._pass == 0, job.iteration
            if not first and job.remaining > BARELY * self._begins_with:
                return True
            self._begins_with = self._least = job.remaining
            self._progressed = now
        elif job.remaining < self._least:
            self._least, self._progressed = job.remaining, now
        return False

    def _overdue(self, now: float) -> str:
        if now - self._progressed > self.action.progress_timeout_s:
            return f"no progress for {self.action.progress_timeout_s:g} s"
        if now - self.begun > self.action.timeout_s:
            return f"not done within {self.action.timeout_s:g} s"
        return ""

    def _may_switch(self, now: float) -> bool:
        """All memory was gone over once, so that what is missing is little, and it flows."""
        return self.action.post_copy and not self._tried_post_copy and self._pass > 1 and now - self._flowed < FLOWS_S
