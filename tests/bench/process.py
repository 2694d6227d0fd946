"""A whole process, from its start to its end."""

import os
import subprocess
import time
from pathlib import Path
from typing import Any

PROCESS_S = 240.0


def whole(argv: list[str], bytecode: Path) -> dict[str, Any]:
    """One process, from its start to its end. Modules are compiled in the round that is dropped, as by an installer."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(bytecode)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    before, wall = os.times(), time.perf_counter()
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=PROCESS_S, check=False, env=environment)
    seconds, after = time.perf_counter() - wall, os.times()
    if ended.returncode:
        raise SystemExit(f"bench: {' '.join(argv)}: exit {ended.returncode}\n{ended.stdout[-2000:]}{ended.stderr}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {"seconds": seconds, "cpu": cpu, "stdout": ended.stdout[-2000:]}
