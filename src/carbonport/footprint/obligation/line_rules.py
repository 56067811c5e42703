"""Which rules and which rows of tables apply to a line: the lookup before any arithmetic.

`RuleFinder.rules_for` gives the same object for lines that differ only in their own figures, so that a batch
looks each combination of good, origin, year, route and column up once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from carbonport.errors import Malformed, Misuse
from carbonport.footprint.obligation.benchmarks import ACTUAL_COLUMN, Benchmark
from carbonport.footprint.obligation.default_values import FoundDefault
from carbonport.footprint.obligation.import_line import ImportLine
from carbonport.footprint.obligation.obligation_graph import Allocation, SeeBasis, Shape
from carbonport.footprint.obligation.obligation_tables import ObligationTables
from carbonport.footprint.obligation.years_and_prices import YearRules
from carbonport.footprint.tables.rule_tables import ScopeEntry

MAX_REMEMBERED = 200_000
"""Combinations remembered at once; all codes from all listed origins in one year are 69,000."""

FERTILISERS = "Fertilizers"
ELECTRICITY = "Electricity"
NO_THRESHOLD = frozenset({"Hydrogen", ELECTRICITY})
"""Categories that the 50 t rule does not exempt (Regulation (EU) 2023/956 Article 2a)."""

CLINKER_CONTAINED = "t clinker contained"
CLINKER = "Cement clinker"

_Key = tuple[str, str, int, int, str, str, bool]


@dataclass(frozen=True, slots=True)
class LineRules:
    """What applies to a line. `values` are figures of tables by input path, `places` where they stand,
    `shape` is that of a line with no more than mass, price and SEE; `notes` are sentences for people. `complex`:
    actual values, and the benchmark covers less than the whole good: its precursors bring allocation of theirs."""

    scope: ScopeEntry
    origin: str
    shape: Shape
    values: Mapping[str, Decimal]
    places: Mapping[str, tuple[str, str]]
    default: FoundDefault | None
    benchmark: Benchmark | None
    markup: Decimal | None
    notes: tuple[str, ...]
    complex: bool = False

    @property
    def has_threshold(self) -> bool:
        """Whether mass of this good counts for the 50 t rule, and the rule can exempt it."""
        return counts_for_threshold(self.scope) and self.shape.exempt != "origin"


def counts_for_threshold(scope: ScopeEntry) -> bool:
    """Hydrogen and electricity neither count nor are exempted."""
    return scope.category not in NO_THRESHOLD


class RuleFinder:
    """Looks rules up in one set of tables and remembers what it found."""

    def __init__(self, tables: ObligationTables) -> None:
        self.tables = tables
        self._known: dict[_Key, LineRules] = {}
        self._origins: dict[str, tuple[str, bool]] = {}
        self._scopes: dict[str, ScopeEntry] = {}
        self._benchmarks: dict[tuple[str, tuple[str, ...], str, int], Benchmark] = {}
        self._shapes: dict[tuple[SeeBasis, bool, bool, bool], Shape] = {}

    def rules_for(self, line: ImportLine) -> LineRules:
        """The rules of `line`; errors say which table has no answer."""
        key = (line.cn, line.origin, line.year, line.production_year, line.route, line.column, line.actual)
        rules = self._known.get(key)
        if rules is None:
            rules = self._find(line)
            if len(self._known) >= MAX_REMEMBERED:
                self._known.clear()
                self._benchmarks.clear()
            self._known[key] = rules
        return rules

    def scope_of(self, cn: str) -> ScopeEntry:
        """The good of a code in the scope of CBAM; a code that only the benchmarks list (a later CN) takes
        the scope of its six-digit neighbours."""
        cn8 = cn[:8]
        found = self._scopes.get(cn8) or self.tables.rules.goods.get(cn8)
        if found is None and self.tables.benchmarks.lists(cn8):
            found = next(
                (entry for code, entry in self.tables.rules.goods.items() if code[:6] == cn8[:6]), None
            )
            if found is not None:
                self._scopes[cn8] = found
        if found is None:
            raise Malformed(
                "obligation-code-out-of-scope",
                found=f"the code {cn}",
                expected="a good of Regulation (EU) 2023/956 Annex I",
                remedy="Correct the code; goods outside Annex I owe nothing.",
            )
        return found

    def origin_of(self, text: str) -> tuple[str, bool]:
        """Two-letter code of a country and whether its goods are outside CBAM."""
        known = self._origins.get(text)
        if known is not None:
            return known
        country = self.tables.rules.country(text)
        if country is None:
            raise Malformed(
                "obligation-origin",
                found=f"the origin {text[:40]!r}",
                expected="a country by its two-letter code (ISO 3166-1) or its name",
                remedy="Correct the country of origin.",
            )
        if len(self._origins) >= MAX_REMEMBERED:
            self._origins.clear()
        self._origins[text] = (country.code, country.exempt)
        return country.code, country.exempt

    def _find(self, line: ImportLine) -> LineRules:
        scope = self.scope_of(line.cn)
        origin, outside = self.origin_of(line.origin)
        year = self.tables.years.of(line.year)
        if outside:
            return _outside(scope, origin)
        finding = _Finding()
        electricity = scope.sector == ELECTRICITY
        basis, default = self._see(line, scope, origin, year, finding)
        benchmark = None
        if not electricity:
            benchmark = self._benchmark(line, default, year, finding)
        markup = finding.values.get("default/markup")
        return LineRules(
            scope=scope,
            origin=origin,
            shape=self._shape(
                basis,
                indirect=basis is SeeBasis.ACTUAL and scope.indirect,
                benchmark=benchmark is not None,
                electricity=electricity,
            ),
            values=finding.values,
            places=finding.places,
            default=default,
            benchmark=benchmark,
            markup=markup,
            notes=tuple(finding.notes),
            complex=default is None and benchmark is not None and self._covers_part(line, benchmark, year),
        )

    def _covers_part(self, line: ImportLine, benchmark: Benchmark, year: YearRules) -> bool:
        """Whether column B, which covers a good with its precursors, allows more than this benchmark."""
        routes = (benchmark.route,) if benchmark.route else ()
        production = line.production_year or year.year
        whole = self.tables.benchmarks.for_default(line.cn8, routes, "", production)
        return whole.value > benchmark.value

    def _shape(self, basis: SeeBasis, *, indirect: bool, benchmark: bool, electricity: bool) -> Shape:
        """One object per shape: a batch groups lines by it."""
        key = (basis, indirect, benchmark, electricity)
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._shapes[key] = Shape(
                basis=basis,
                indirect=indirect,
                allocation=Allocation.BENCHMARK if benchmark else Allocation.NONE,
                precursors=0,
                clinker=False,
                nitrogen=False,
                reduction=None,
                exempt="",
                unit="MWh" if electricity else "t",
            )
        return shape

    def _see(
        self, line: ImportLine, scope: ScopeEntry, origin: str, year: YearRules, finding: "_Finding"
    ) -> tuple[SeeBasis, FoundDefault | None]:
        if line.actual:
            finding.notes.append("actual values count with a report of an accredited verifier for the period")
            return SeeBasis.ACTUAL, None
        default = self.tables.defaults.find(line.cn, origin, line.route)
        if default.fallback:
            finding.notes.append(f"{origin} has no default value of its own: other countries and territories")
        if default.assumed_grade:
            letters = "/".join(default.value.routes)
            finding.notes.append(
                f"{origin} has one value for this code, grade {letters}; a TARIC-10 code or route would say which"
            )
        published = default.value.published_with_markup(line.year)
        if published is not None or scope.sector == ELECTRICITY:
            finding.take("default/value", published or default.value.total, default.value.place)
            return SeeBasis.PUBLISHED, default
        finding.take("default/value", default.value.total, default.value.place)
        fertiliser = scope.sector == FERTILISERS
        markup = year.markup_fertilisers if fertiliser else year.markup_general
        finding.take("default/markup", markup, year.place)
        return SeeBasis.DEFAULT, default

    def _benchmark(
        self, line: ImportLine, default: FoundDefault | None, year: YearRules, finding: "_Finding"
    ) -> Benchmark:
        production = line.production_year or line.year
        table = self.tables.benchmarks
        if default is None:
            benchmark = table.for_process(line.cn8, line.column or ACTUAL_COLUMN, line.route, production)
            if benchmark.value == 0:
                finding.notes.append("column A of this good is 0: its allocation comes with its precursors")
        else:
            routes = default.value.routes
            key = (line.cn8, routes, line.route, production)
            found = self._benchmarks.get(key)
            if found is None:
                found = self._benchmarks[key] = table.for_default(line.cn8, routes, line.route, production)
            benchmark = found
            if line.route and routes and line.route not in routes:
                finding.notes.append(
                    f"the default value stands for route {'/'.join(routes)}: {line.route} does not matter"
                )
            if benchmark.highest:
                finding.notes.append("several benchmarks fit the default value: the highest stands")
        if benchmark.estimated:
            finding.notes.append(
                "no benchmark is published for this year of production yet: the last one stands"
            )
        if not year.cscf_published:
            finding.notes.append(
                f"the correction factor of {line.year} is not published yet: {year.cscf} assumed"
            )
        finding.take("year/free_share", year.free_share, year.place)
        finding.take("year/cscf", year.cscf, year.place)
        finding.take("benchmark/own", benchmark.value, benchmark.place)
        return benchmark


class _Finding:
    """Collects figures with their places, and notes."""

    def __init__(self) -> None:
        self.values: dict[str, Decimal] = {}
        self.places: dict[str, tuple[str, str]] = {}
        self.notes: list[str] = []

    def take(self, path: str, value: Decimal, place: tuple[str, str]) -> None:
        self.values[path] = value
        self.places[path] = place


def _outside(scope: ScopeEntry, origin: str) -> LineRules:
    shape = Shape(
        basis=SeeBasis.ACTUAL,
        indirect=False,
        allocation=Allocation.NONE,
        precursors=0,
        clinker=False,
        nitrogen=False,
        reduction=None,
        exempt="origin",
        unit="MWh" if scope.sector == ELECTRICITY else "t",
    )
    note = f"goods of origin {origin} are outside CBAM"
    return LineRules(scope, origin, shape, {}, {}, None, None, None, (note,))


def require_indirect(line: ImportLine, scope: ScopeEntry) -> None:
    """Actual values of a good whose indirect emissions count need both."""
    if line.actual and scope.indirect and line.see_indirect is None:
        raise Misuse(
            "obligation-indirect-missing",
            found=f"actual values of {line.cn} without indirect emissions",
            expected="both: indirect emissions of this good count (Regulation (EU) 2023/956 Article 7)",
            remedy="Give see_indirect as verified, or use the default value.",
        )
