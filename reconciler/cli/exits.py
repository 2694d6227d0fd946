"""Exit codes. Fixed: scripts rely on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.step import Plan

CONVERGED = 0
FAILED = 1
PENDING = 2
HELD = 3
UNREACHABLE = 4
USAGE = 64
INVALID = 65
LOCKED = 75
LAB_FAILED = 125
INTERRUPTED = 130
TERMINATED = 143


def of_plan(plan: Plan, *, drainable: bool = True) -> int:
    """What `plan` ends with: 4 before 3 before 2. `drainable`: whether every host stays so that was asked to."""
    from reconciler.step import WAITING

    if plan.silent or any(held.reason in WAITING for held in plan.held):
        return UNREACHABLE
    if plan.held or not drainable:
        return HELD
    return PENDING if plan.steps else CONVERGED


def of_reach(plan: Plan) -> int:
    """What a command that only shows ends with."""
    return UNREACHABLE if plan.silent else CONVERGED


def of_wait(plan: Plan, *, reached: bool) -> int:
    """What waiting for a condition ends with: 4 before 3 where the time ran out."""
    return CONVERGED if reached else of_reach(plan) or HELD
