"""Obligations a second beside the public package `opencbam`, on the same lines in the same run.

The lines are drawn over all goods, origins and years of the tables, so that most combinations come up once; a
second figure takes lines as an importer has them, where combinations repeat. Both are per core: one process,
processor time. A third uses every core.
"""

import os
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from functools import partial
from multiprocessing import get_context
from typing import Any

from carbonport.footprint.obligation.assess import Obligation
from carbonport.footprint.obligation.batch import assess_lines
from carbonport.footprint.obligation.import_line import ImportLine
from carbonport.footprint.obligation.line_rules import RuleFinder
from carbonport.footprint.obligation.obligation_tables import ObligationTables, TableChoice
from carbonport.node.bench.figures import Figure

YARDSTICK_STATE = "2025-12"
"""The state of the default values that `opencbam` holds."""

LINES = 4_000
"""Lines of a round."""

REPEATED_COMBINATIONS = 400
"""Combinations of good, origin and year among the lines of an importer."""

SEED = 2621
"""The lines are the same in every run."""

MAX_ROUNDS = 9
"""Turns of ours and theirs; the median is over them."""

ELECTRICITY_AND_SPLIT = ("27160000", "31021010")
"""No default value under these codes."""


def obligation_rates(seconds: float) -> Sequence[Figure]:
    """Measure for about `seconds`. Without `opencbam` the figures stand without their yardstick."""
    tables = ObligationTables.load(TableChoice(state=YARDSTICK_STATE))
    drawn = drawn_lines(tables, LINES)
    usual = _repeated(drawn)
    theirs = _yardstick(drawn, tables)
    stop = time.monotonic() + seconds
    fresh_rounds: list[float] = []
    usual_rounds: list[float] = []
    their_rounds: list[float] = []
    every_core: list[float] = []
    cores = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(cores, get_context("spawn"), initializer=_start) as pool:
        list(pool.map(_assess_drawn, range(cores)))
        for _ in range(MAX_ROUNDS):
            finder = RuleFinder(tables)
            fresh_rounds.append(_rate(partial(_all_answered, drawn, finder)))
            _all_answered(usual, finder)
            usual_rounds.append(_rate(partial(_all_answered, usual, finder)))
            if theirs is not None:
                their_rounds.append(_rate(theirs))
            began = time.perf_counter()
            list(pool.map(_assess_drawn, range(cores)))
            every_core.append(cores * LINES / (time.perf_counter() - began))
            if time.monotonic() > stop:
                break
    yardstick = Figure.of("opencbam", their_rounds, "lines/s/core") if their_rounds else None
    figures = [
        Figure.of("obligations", fresh_rounds, "lines/s/core", yardstick=yardstick),
        Figure.of("obligations-repeated", usual_rounds, "lines/s/core", yardstick=yardstick),
        Figure.of(f"obligations-{cores}-cores", every_core, "lines/s", yardstick=yardstick),
    ]
    return (*figures, yardstick) if yardstick is not None else tuple(figures)


def drawn_lines(tables: ObligationTables, count: int) -> list[ImportLine]:
    """Lines over all goods with a default value and all origins, the same in every run."""
    draw = random.Random(SEED)  # noqa: S311 - lines of a bench, not secrets
    goods = [
        cn
        for cn in tables.rules.goods
        if cn not in ELECTRICITY_AND_SPLIT and cn not in tables.defaults.splits
    ]
    origins = [country.code for country in tables.rules.countries.values() if not country.exempt]
    return [
        ImportLine(
            cn=draw.choice(goods),
            origin=draw.choice(origins),
            tonnes=Decimal(draw.randrange(1, 10**7)).scaleb(-3),
            year=draw.randrange(2026, 2031),
            price=Decimal(draw.randrange(5000, 12000)).scaleb(-2),
        )
        for _ in range(count)
    ]


def _repeated(lines: Sequence[ImportLine]) -> list[ImportLine]:
    few = lines[:REPEATED_COMBINATIONS]
    return [
        ImportLine(
            cn=few[number % len(few)].cn,
            origin=few[number % len(few)].origin,
            tonnes=line.tonnes,
            year=few[number % len(few)].year,
            price=line.price,
        )
        for number, line in enumerate(lines)
    ]


def _all_answered(lines: Sequence[ImportLine], finder: RuleFinder) -> None:
    outcomes = assess_lines(lines, finder)
    wrong = sum(not isinstance(outcome, Obligation) for outcome in outcomes)
    if wrong:
        raise RuntimeError(f"{wrong} lines of the bench were not answered")


def _rate(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return LINES / (time.process_time() - began)


def _yardstick(lines: Sequence[ImportLine], tables: ObligationTables) -> Callable[[], None] | None:
    """`opencbam` on the same lines, or None when it is not installed (it is a dependency of the tests)."""
    try:
        from opencbam import assess_good, sector_for_cn
        from opencbam.engine.types import DataSource, Sector
    except ImportError:
        return None
    calls: list[dict[str, Any]] = []
    for line in lines:
        call = {
            "cn_code": line.cn,
            "country": tables.rules.countries[line.origin].name,
            "mass": line.tonnes,
            "year": line.year,
            "data_source": DataSource.DEFAULT,
            "sector": Sector(sector_for_cn(line.cn)),
            "certificate_price": line.price,
        }
        if tables.rules.goods[line.cn].functional_unit.startswith("t clinker"):
            call["functional_unit_mass"] = line.tonnes
        calls.append(call)

    def assess_all() -> None:
        for call in calls:
            assess_good(**call)

    assess_all()
    return assess_all


_lines: list[ImportLine] = []
_tables: ObligationTables | None = None


def _start() -> None:
    global _tables
    _tables = ObligationTables.load(TableChoice(state=YARDSTICK_STATE))
    _lines.extend(drawn_lines(_tables, LINES))


def _assess_drawn(_: int) -> None:
    if _tables is not None:
        _all_answered(_lines, RuleFinder(_tables))
