"""How much memory the processes of a demo take, by what they are; known where the kernel has /proc."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROCESSES = Path("/proc")
"""Where Linux tells of processes."""

KILOBYTES_PER_MEGABYTE = 1024

KINDS: Mapping[str, bytes] = {
    "superlink": b"superlink",
    "carrier": b"carrier",
    "supernode": b"supernode",
    "executor": b"participant",
    "federate serve": b"federate\0serve",
    "federate join": b"federate\0join",
    "node": b"serve",
}
"""What a process is, by a word of its command line; the first that fits."""


@dataclass(frozen=True, slots=True)
class Resident:
    """Processes of a kind: how many, and the memory of the largest and of all in MB, shared pages counted in each; and
    the most that one of them ever had."""

    processes: int
    largest_mb: int
    together_mb: int
    peak_mb: int


def resident_memory() -> dict[str, Resident]:
    """The resident memory of everything that this process started, directly or not, by kind."""
    taken: dict[str, list[tuple[int, int]]] = {}
    for pid in _descendants(os.getpid()):
        kind, kilobytes = _kind(pid), _kilobytes(pid, "VmRSS")
        if kind and kilobytes:
            taken.setdefault(kind, []).append((kilobytes, _kilobytes(pid, "VmHWM")))
    return {
        kind: Resident(
            len(sizes),
            max(now for now, _ in sizes) // KILOBYTES_PER_MEGABYTE,
            sum(now for now, _ in sizes) // KILOBYTES_PER_MEGABYTE,
            max(peak for _, peak in sizes) // KILOBYTES_PER_MEGABYTE,
        )
        for kind, sizes in sorted(taken.items())
    }


def _descendants(root: int) -> list[int]:
    """Everybody whose parent, or parent's parent, is `root`."""
    children: dict[int, list[int]] = {}
    for status in PROCESSES.glob("[0-9]*/status"):
        children.setdefault(_field(status, "PPid"), []).append(int(status.parent.name))
    found, waiting = [], [root]
    while waiting:
        next_ones = children.get(waiting.pop(), [])
        found += next_ones
        waiting += next_ones
    return found


def _kilobytes(pid: int, field: str) -> int:
    return _field(PROCESSES / str(pid) / "status", field)


def _field(status: Path, name: str) -> int:
    """A number of a status file; 0 when the process is gone or has none."""
    try:
        lines = status.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)


def _kind(pid: int) -> str:
    try:
        command = (PROCESSES / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""
    words = b"\0".join(command)
    return next((kind for kind, word in KINDS.items() if b"\0" + word + b"\0" in words + b"\0"), "")
