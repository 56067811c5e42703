"""Thousands of random lines against the public package `opencbam`: agreement, or a disagreement with its reason.

Both read 2025/2621 (December 2025) and 2025/2620. Where they differ, one of these holds, and nothing else:

- `published-markup`: the act's columns with mark-up were computed from values with more decimals than it prints; ours
  are computed from the printed ones, `opencbam` repeats the columns. They differ by 0.001 tCO2e/t at most.
- `compounded`: for cement of Angola and Argentina the act's columns of 2027 and 2028 take 10 % two and three times
  over (1.260 x 1.1^2) where it says 20 and 30 %. `opencbam` repeats them.
- `row-not-read`: five rows of the act are not in `opencbam`'s table, which takes "other countries" instead; one row
  (Albania, white Portland cement) has its values in the wrong columns there; and where the row of white goods has no
  letter (South Korea, clinker), it does not find it by the letter.
- `same-process`: a heading's default row names a route of carbon steel and the good is of low alloy (or the other way
  round). `opencbam` finds no benchmark and grants no free allocation; we take the same process (C with F, D with G,
  E with H), as 2026/1740 does where it corrects such a heading to `C/F`.
- `two-letters`: a row names two routes (`C/F`, `E/H`). `opencbam` reads none and takes the highest of all routes; we
  take the highest of the two.

Whoever prefers the printed columns gives them as a table of default values with columns `markup_2026` and so on.
"""

import random
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from carbonport.errors import CarbonportError
from carbonport.footprint.obligation.assess import Obligation
from carbonport.footprint.obligation.batch import assess_lines
from carbonport.footprint.obligation.import_line import ImportLine
from carbonport.footprint.obligation.line_rules import RuleFinder
from carbonport.footprint.obligation.obligation_tables import ObligationTables, TableChoice

opencbam = pytest.importorskip("opencbam")

LINES = 6_000
CLINKER_CONTAINED = ("25231000", "25232100", "25232900", "25239000")
GRADED = ("25231000", "25239000")
THEIR_NAMES = {"MM": "Myanmar/Burma", "CD": "Democratic Republic of the Congo", "KR": "South Korea"}
"""Names of `opencbam`'s table where the ISO name is another; without its own name a country would silently be taken for
"other countries" there."""

COMPOUNDED = frozenset(
    {(country, cn) for country in ("AO", "AR") for cn in ("25231000", "25232900", "25239000")}
)
NOT_READ = frozenset(
    {
        ("EC", "28041000"),
        ("CG", "28041000"),
        ("GQ", "28041000"),
        ("QA", "28041000"),
        ("CL", "73061100"),
        ("AL", "25232100"),
        ("KR", "25231000"),
        ("KR", "25239000"),
    }
)


@pytest.fixture(scope="module")
def finder() -> RuleFinder:
    return RuleFinder(ObligationTables.load(TableChoice(state="2025-12")))


@pytest.fixture(scope="module")
def their_countries() -> dict[str, str]:
    """Their name of every country we know: of their table where it is listed, else ours."""
    from opencbam.engine.defaults import _fold, _load

    tables = ObligationTables.load()
    listed = {country for country, _ in _load()}
    names = {code: THEIR_NAMES.get(code, country.name) for code, country in tables.rules.countries.items()}
    for name in listed:
        found = tables.rules.country(name)
        if found is not None and _fold(names[found.code]) not in listed:
            names[found.code] = name
    return names


def drawn(finder: RuleFinder, *, actual: bool) -> list[ImportLine]:
    draw = random.Random(2621 + actual)
    goods = sorted({cn for cn, _ in finder.tables.benchmarks.rows})
    origins = [country.code for country in finder.tables.rules.countries.values() if not country.exempt]
    lines = []
    for _ in range(LINES):
        cn = draw.choice(goods)
        rows = finder.tables.benchmarks.rows[cn, "A"]
        route = (
            draw.choice([row.route for row in rows]) if actual else draw.choice("AB") if cn in GRADED else ""
        )
        indirect = finder.scope_of(cn).indirect
        lines.append(
            ImportLine(
                cn=cn,
                origin=draw.choice(origins),
                tonnes=Decimal(draw.randrange(1, 10**7)).scaleb(-3),
                year=draw.randrange(2026, 2036),
                price=Decimal(draw.randrange(5000, 12000)).scaleb(-2),
                route=route,
                see_direct=Decimal(draw.randrange(0, 10**6)).scaleb(-5) if actual else None,
                see_indirect=Decimal(draw.randrange(0, 10**5)).scaleb(-5) if actual and indirect else None,
            )
        )
    return lines


def theirs(line: ImportLine, names: dict[str, str]) -> Any:
    """Their assessment, or None where they have no value."""
    from opencbam.engine.reference import Route
    from opencbam.engine.types import DataSource, Sector

    sector = opencbam.sector_for_cn(line.cn) or opencbam.sector_for_cn(line.cn[:6])
    extra: dict[str, Any] = {"functional_unit_mass": line.tonnes} if line.cn in CLINKER_CONTAINED else {}
    if line.actual:
        extra |= {
            "verified": True,
            "see_direct_actual": line.see_direct,
            "see_indirect_actual": line.see_indirect,
        }
    try:
        return opencbam.assess_good(
            cn_code=line.cn,
            country=names[line.origin],
            mass=line.tonnes,
            year=line.year,
            data_source=DataSource.ACTUAL if line.actual else DataSource.DEFAULT,
            sector=Sector(sector),
            certificate_price=line.price,
            route=Route(line.route) if line.route else None,
            **extra,
        )
    except ValueError:
        return None


def reason(line: ImportLine, ours: Obligation | CarbonportError, their: Any, finder: RuleFinder) -> str:
    """`equal`, why the two differ, or `unexplained`."""
    if their is None or isinstance(ours, CarbonportError):
        # Neither has a value where a country has two grades or the code is subdivided.
        return "neither" if their is None and isinstance(ours, CarbonportError) else "unexplained"
    rules = ours.prepared.rules
    assert rules.benchmark is not None
    see, benchmark = their.see_obligation == ours.see, their.benchmark == rules.benchmark.value
    if see and benchmark:
        # Theirs are rounded to 3 decimals before euros are made of them.
        assert abs(Fraction(their.certificates_due) - Fraction(ours.certificates)) <= Fraction(1, 2000)
        tolerance = Fraction(line.price) / 2000 + Fraction(1, 100)
        assert abs(Fraction(their.liability_eur) - Fraction(ours.cost_eur)) <= tolerance
        return "equal"
    if rules.default is None:
        return "unexplained"
    row = rules.default.value
    found = []
    if not see:
        near = abs(Fraction(their.see_obligation) - Fraction(ours.see)) <= Fraction(1, 1000)
        if (line.origin, line.cn) in NOT_READ:
            return "row-not-read"
        compounded = (row.country, line.cn) in COMPOUNDED and line.year >= 2027
        found.append("published-markup" if near else "compounded" if compounded else "unexplained")
    if not benchmark:
        listed = {each.route for each in finder.tables.benchmarks.rows[line.cn, "B"]}
        if len(row.routes) > 1:
            found.append("two-letters")
        else:
            known = their.benchmark is None and row.routes and listed.isdisjoint(row.routes)
            found.append("same-process" if known else "unexplained")
    return "+".join(found)


def test_default_lines_agree_or_differ_for_a_known_reason(
    finder: RuleFinder, their_countries: dict[str, str]
) -> None:
    lines = drawn(finder, actual=False)
    reasons: Counter[str] = Counter()
    unexplained = []
    for line, ours in zip(lines, assess_lines(lines, finder), strict=True):
        why = reason(line, ours, theirs(line, their_countries), finder)
        reasons[why] += 1
        if "unexplained" in why:
            unexplained.append((line.cn, line.origin, line.year, line.route, why))
    assert unexplained == []
    assert reasons["equal"] > LINES * 3 // 4, reasons
    assert {"published-markup", "same-process"} <= reasons.keys()


def test_actual_lines_agree(finder: RuleFinder, their_countries: dict[str, str]) -> None:
    lines = drawn(finder, actual=True)
    for line, ours in zip(lines, assess_lines(lines, finder), strict=True):
        assert reason(line, ours, theirs(line, their_countries), finder) == "equal", line


def test_free_allocation_and_markups_are_theirs(finder: RuleFinder) -> None:
    from opencbam.engine.constants import cbam_factor
    from opencbam.engine.financial import markup_rate
    from opencbam.engine.types import Sector

    for year in range(2026, 2041):
        rules = finder.tables.years.of(year)
        assert rules.free_share == cbam_factor(year)
        assert rules.markup_fertilisers == markup_rate(Sector.FERTILISERS, year)
        assert rules.markup_general == markup_rate(Sector.IRON_STEEL, year)


def test_the_same_goods_count_indirect_emissions(finder: RuleFinder) -> None:
    from opencbam.engine.reference import is_annex_ii

    differing = {
        cn
        for cn, scope in finder.tables.rules.goods.items()
        if scope.sector != "Electricity" and scope.indirect == is_annex_ii(cn)
    }
    assert differing == set()
