"""First contact with the machines: can each do its part? Asks only; changes nothing."""

from reconciler.doctor.ask import Answers, Probe, ask
from reconciler.doctor.judge import exit_code, judge
from reconciler.doctor.line import Level, Line

__all__ = ["Answers", "Level", "Line", "Probe", "ask", "exit_code", "judge"]
