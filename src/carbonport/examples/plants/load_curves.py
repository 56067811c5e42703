"""Readings of invented plants' electricity meters, every fifteen minutes.

A curve is made of what plants do: a base load, batches that draw power for some slots and rest for some (an arc
furnace's heats, a kiln's charges), shifts that run at different loads, weekends, days of maintenance, and noise. Plants
differ in all of these, and have in common what time does to a plant.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

SLOTS_PER_DAY = 96
"""Readings of a day."""

SLOTS_PER_SHIFT = SLOTS_PER_DAY // 3
"""Three shifts of eight hours."""

LATE_SHARE = 0.2
"""How often a shift's first batch starts a quarter of an hour late."""

CURVE_COLUMNS = ("exporter", "day", "slot", "kwh")
"""Columns of a reading as text."""

METER_ERROR = 0.02
"""Standard deviation of a reading around what was drawn, as a share."""


@dataclass(frozen=True, slots=True)
class LoadHabits:
    """How a plant draws power: loads in kWh per slot, batch lengths in slots, and what shifts and days off do."""

    base_kwh: float
    batch_kwh: float
    on_slots: int
    off_slots: int
    shift_shares: tuple[float, float, float]
    weekend_share: float
    maintenance_weekday: int
    maintenance_weeks: int


@dataclass(frozen=True, slots=True)
class Reading:
    """One meter interval: the day from 0 (a Monday), the slot of the day from 0, and the energy."""

    day: int
    slot: int
    kwh: float


def draw_habits(random: Random) -> LoadHabits:
    """A plant's habits."""
    scale = math.exp(random.uniform(math.log(40), math.log(400)))
    return LoadHabits(
        base_kwh=scale * random.uniform(0.25, 0.5),
        batch_kwh=scale * random.uniform(0.6, 1.2),
        on_slots=random.randint(3, 6),
        off_slots=random.randint(1, 3),
        shift_shares=(random.uniform(0.35, 0.8), 1.0, random.uniform(0.7, 1.0)),
        weekend_share=random.choice((0.1, 0.3, 0.6)),
        maintenance_weekday=random.randrange(5),
        maintenance_weeks=random.randint(2, 4),
    )


def draw_load_curve(habits: LoadHabits, days: int, random: Random) -> Iterator[Reading]:
    """The readings of `days` days, in order."""
    cycle = habits.on_slots + habits.off_slots
    level = 1.0
    started = 0
    for day in range(days):
        weekday = day % 7
        resting = weekday == habits.maintenance_weekday and (day // 7) % habits.maintenance_weeks == 0
        day_share = habits.weekend_share if weekday >= 5 else 1.0
        for slot in range(SLOTS_PER_DAY):
            if slot % SLOTS_PER_SHIFT == 0:
                # Each shift starts its first batch when it begins, or a little later.
                started = slot + (random.random() < LATE_SHARE)
            level = 1 + 0.9 * (level - 1) + random.gauss(0, 0.02)
            shift = habits.shift_shares[slot // SLOTS_PER_SHIFT]
            running = slot >= started and (slot - started) % cycle < habits.on_slots
            drawn = habits.base_kwh * (0.5 + 0.5 * day_share)
            if resting and 24 <= slot < 72:
                drawn *= 0.6
            elif running:
                drawn += habits.batch_kwh * shift * day_share * level
            yield Reading(day, slot, drawn * math.exp(random.gauss(0, METER_ERROR)))
