"""What libvirt tells of a migration: while it goes (virDomainGetJobStats at its source), and once it is over."""

from collections.abc import Mapping
from typing import Any

from reconciler.moving import SeenJob
from reconciler.virt import codes, lib

PAGE_BYTES = 4096


def read_job(domain: lib.Domain) -> SeenJob | None:
    """The job that runs now; None where there is none. Raises: libvirt's errors."""
    return seen_job(domain.jobStats(0))


def seen_job(stats: Mapping[str, Any]) -> SeenJob | None:
    """libvirt's figures in our units: it tells milliseconds, and pages dirtied a second."""

    def figure(name: str, default: int = 0) -> int:
        return int(stats.get(name, default))

    if figure("type") != codes.JOB_UNBOUNDED:
        return None
    return SeenJob(
        total=figure("data_total"),
        remaining=figure("data_remaining"),
        rate=figure("memory_bps"),
        dirty_rate=figure("memory_dirty_rate") * figure("memory_page_size", PAGE_BYTES),
        iteration=figure("memory_iteration", 1),
        elapsed_s=figure("time_elapsed") / 1000,
    )


def ended_job(stats: Mapping[str, Any]) -> dict[str, float]:
    """Of a migration that is over, in seconds: `total`, and `downtime` where it is told."""
    told = {"total": "time_elapsed", "downtime": "downtime"}
    return {ours: int(stats[theirs]) / 1000 for ours, theirs in told.items() if theirs in stats}
