"""Processor time of running processes, which says more than a rate on a machine that others use too.

Read from /proc, so on Linux only; elsewhere nothing is measured.
"""

import os
from collections.abc import Mapping
from pathlib import Path

PROCESSES = Path("/proc")
"""Where Linux tells about processes."""

_USER, _SYSTEM = 11, 12
"""Places of utime and stime after the name in /proc/PID/stat (proc_pid_stat(5), fields 14 and 15)."""


def processor_seconds(pids: Mapping[str, int]) -> Mapping[str, float]:
    """Seconds that each process and its children have had, by name; empty where the system does not tell."""
    if not (PROCESSES / "self" / "stat").exists():
        return {}
    return {name: _seconds(pid) for name, pid in pids.items()}


def _seconds(pid: int) -> float:
    """Of one process and its running children; 0 once it is gone."""
    try:
        fields = (PROCESSES / str(pid) / "stat").read_text().rpartition(")")[2].split()
        threads = list((PROCESSES / str(pid) / "task").iterdir())
        children = [int(child) for each in threads for child in (each / "children").read_text().split()]
    except OSError:
        return 0.0
    ticks = int(fields[_USER]) + int(fields[_SYSTEM])
    return ticks / os.sysconf("SC_CLK_TCK") + sum(map(_seconds, children))
