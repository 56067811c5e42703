"""Figures: what a bench has measured, each beside a yardstick of the same run, and the machine it ran on.

A figure without its yardstick says more about the machine than about the program, so both come from one run, taken
in turns. Nothing here names the machine or a path on it.
"""

import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

SIGNIFICANT_DIGITS = 4
"""Digits a measured number is given with; more would be noise."""

CPU_FACTS = Path("/proc/cpuinfo")
"""Where Linux tells the model of the processor."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured quantity: median and spread (largest less smallest) of its rounds, in `unit`.

    `yardstick` names the figure it is measured against and `ratio` is its median as a multiple of that one's; both are
    None for a yardstick itself, and for a figure that stands alone.
    """

    name: str
    median: Decimal
    spread: Decimal
    unit: str
    yardstick: str | None = None
    ratio: Decimal | None = None

    @classmethod
    def of(
        cls, name: str, rounds: Sequence[float], unit: str, *, yardstick: "Figure | None" = None
    ) -> "Figure":
        """The figure of measured rounds, at least one."""
        median = statistics.median(rounds)
        ratio = None if yardstick is None else measured(median / float(yardstick.median))
        spread = measured(max(rounds) - min(rounds))
        against = None if yardstick is None else yardstick.name
        return cls(name, measured(median), spread, unit, against, ratio)

    def as_json(self) -> dict[str, str | None]:
        """The contract for scripts: numbers are decimal strings."""
        return {
            "name": self.name,
            "median": plain(self.median),
            "spread": plain(self.spread),
            "unit": self.unit,
            "yardstick": self.yardstick,
            "ratio": None if self.ratio is None else plain(self.ratio),
        }


def measured(value: float) -> Decimal:
    """A measured number at `SIGNIFICANT_DIGITS`."""
    exact = Decimal(repr(value))
    if not exact:
        return Decimal(0)
    place = Decimal(1).scaleb(exact.adjusted() - SIGNIFICANT_DIGITS + 1)
    return exact.quantize(place, ROUND_HALF_EVEN)


def plain(value: Decimal) -> str:
    """A decimal string without exponent."""
    return f"{value:f}"


def machine_facts() -> Mapping[str, str]:
    """Cores this process may use, the Python, and the processor's model where the system tells it."""
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "cpu": _cpu_model(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
    }


def _cpu_model() -> str:
    try:
        lines = CPU_FACTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "unknown"
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )
