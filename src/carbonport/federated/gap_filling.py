"""Filling gaps in a meter's readings from what other plants' meters show.

A straight line through a gap of four hours misses every batch in it. What it misses resembles what it would have missed
at the same hours of the day and the week before, and how far to believe that is alike in many plants: this is what is
learned. Everything is relative to a plant's own mean load, which never leaves it, so that large plants and small ones
teach each other.

The target of a row is (reading - straight line) / mean load. What is estimated is marked as an estimate wherever it
goes.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from carbonport.errors import Malformed
from carbonport.federated.boosting import BoostingModel, BoostingTask
from carbonport.federated.features import Floats, PublicRange, Rows

SLOTS_PER_DAY = 96
"""Readings of a day: one every fifteen minutes."""

SLOTS_PER_WEEK = 7 * SLOTS_PER_DAY

LONGEST_GAP = 16
"""Missing readings in a row that are filled: four hours."""

GAP_STEP = 53
"""Slots from one invented gap in a complete history to the next: prime to the day, so that all hours occur."""

NEEDED = SLOTS_PER_WEEK + 2
"""Readings before a gap: a week and the slope into it."""

GAP_TASK = BoostingTask(
    numbers={
        "slope_before": PublicRange(-1.0, 1.0),
        "slope_after": PublicRange(-1.0, 1.0),
        "rise": PublicRange(-1.5, 1.5),
        "line": PublicRange(0.0, 2.5),
        "place": PublicRange(0.0, 1.0),
        "missed_day_before": PublicRange(-1.5, 1.5),
        "missed_week_before": PublicRange(-1.5, 1.5),
        "day_before": PublicRange(-1.5, 1.5),
        "week_before": PublicRange(-1.5, 1.5),
        "slot": PublicRange(0.0, 1.0),
        "weekend": PublicRange(0.0, 1.0),
    },
    categories={},
    target=PublicRange(-1.5, 1.5),
    seed="gap filling",
    trees=200,
    per_exchange=20,
    shrinkage=Fraction(1, 8),
    minimum_cell_rows=20,
)
"""The public definition: what of its readings a participant lets the task read, each relative to its mean load."""


@dataclass(frozen=True, slots=True)
class FilledReading:
    """A reading in kWh; `estimated` says that no meter showed it."""

    slot: int
    kwh: float
    estimated: bool


def training_rows(readings: Floats, weekday: int = 0) -> Rows:
    """Rows of invented gaps in a complete history that starts at midnight of `weekday` (0 a Monday)."""
    starts = range(NEEDED, len(readings) - LONGEST_GAP - 1, GAP_STEP)
    listed = [_gap_rows(readings, start, LONGEST_GAP, weekday) for start in starts]
    if not listed:
        raise Malformed(
            "gap-history",
            found=f"{len(readings)} readings",
            expected=f"at least {NEEDED + LONGEST_GAP + 2}, a week and a day",
            remedy="Take part with a longer history.",
        )
    names = listed[0].numbers
    return Rows(
        {name: np.concatenate([rows.numbers[name] for rows in listed]) for name in names},
        {},
        np.concatenate([rows.target for rows in listed]),
    )


def fill_gaps(readings: Floats, model: BoostingModel, weekday: int = 0) -> list[FilledReading]:
    """The history with its gaps (NaN) filled, each such reading marked.

    Raises Malformed (`gap-too-long`, `gap-surroundings`) for a gap longer than `LONGEST_GAP`, or one whose neighbours,
    or whose same hours a day and a week before, are missing too.
    """
    filled = readings.copy()
    missing = np.isnan(readings)
    mean = float(np.nanmean(readings)) if not missing.all() else 0.0
    for start, length in _gaps(missing):
        if length > LONGEST_GAP:
            raise _unfillable("gap-too-long", start, f"{length} missing readings", f"at most {LONGEST_GAP}")
        if start < NEEDED or start + length + 1 >= len(filled):
            raise _unfillable(
                "gap-surroundings", start, "a gap near an end", "a week before, two readings after"
            )
        rows = _gap_rows(filled, start, length, weekday, mean)
        predicted = model.predict(rows)
        if not np.isfinite(predicted).all():
            raise _unfillable(
                "gap-surroundings", start, "more missing readings", "the same hours before, and both sides"
            )
        lines = rows.numbers["line"] * mean
        filled[start : start + length] = np.maximum(0.0, lines + predicted * mean)
    return [FilledReading(slot, float(kwh), bool(missing[slot])) for slot, kwh in enumerate(filled)]


def straight_line(before: float, after: float, length: int) -> Floats:
    """What interpolation says of a gap: the yardstick."""
    places: Floats = np.arange(1, length + 1, dtype=np.float64) / (length + 1)
    return before + (after - before) * places


def _gaps(missing: NDArray[np.bool_]) -> list[tuple[int, int]]:
    gaps, start = [], None
    for slot, is_missing in enumerate([*missing.tolist(), False]):
        if is_missing and start is None:
            start = slot
        elif not is_missing and start is not None:
            gaps.append((start, slot - start))
            start = None
    return gaps


def _gap_rows(readings: Floats, start: int, length: int, weekday: int, mean: float | None = None) -> Rows:
    scale = float(np.nanmean(readings)) if mean is None else mean
    if not scale > 0:
        raise Malformed(
            "gap-load",
            found="a mean load that is not above 0",
            expected="readings of a plant that runs",
            remedy="Check the unit and the sign of the readings.",
        )
    end = start + length
    line = straight_line(readings[start - 1], readings[end], length)
    slots = np.arange(start, end)

    def missed(back: int) -> Floats:
        then = readings[start - back : end - back]
        expected = straight_line(readings[start - back - 1], readings[end - back], length)
        difference: Floats = (then - expected) / scale
        return difference

    def every(value: float) -> Floats:
        return np.full(length, value / scale)

    numbers = {
        "slope_before": every(readings[start - 1] - readings[start - 2]),
        "slope_after": every(readings[end] - readings[end + 1]),
        "rise": every(readings[end] - readings[start - 1]),
        "line": line / scale,
        "place": (np.arange(length) + 0.5) / length,
        "missed_day_before": missed(SLOTS_PER_DAY),
        "missed_week_before": missed(SLOTS_PER_WEEK),
        "day_before": (readings[slots - SLOTS_PER_DAY] - line) / scale,
        "week_before": (readings[slots - SLOTS_PER_WEEK] - line) / scale,
        "slot": (slots % SLOTS_PER_DAY) / SLOTS_PER_DAY,
        "weekend": (((slots // SLOTS_PER_DAY) + weekday) % 7 >= 5).astype(np.float64),
    }
    return Rows(numbers, {}, (readings[start:end] - line) / scale)


def _unfillable(error_id: str, start: int, found: str, expected: str) -> Malformed:
    return Malformed(
        error_id,
        found=found,
        expected=expected,
        remedy="Fill this gap by another method, and say so in the ledger.",
        where=f"reading {start}",
    )
