"""Specific embedded free allocation of a good made from actual data (2025/2620): a graph of its own.

    SFA   = CBAM_y × CSCF_y × BM        column A of the good's benchmark, by its production route    Eq 2
    SEFA  = SFA + sum(m_i × SEFA_i)     m_i = M_i / AL                                               Eq 4
    SEFA  = CBAM_y × CSCF_y × BM        column B, for precursors with default values                 Eq 6

Precursors made in the installation have their own SEFA, recursively; a purchased one with actual values has
what its supplier attests (`precursor_sefa`), else column A of its code. Those of exempt origin carry none.
The year is that of production. Only in the definitive scope, and not for electricity.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from carbonport.errors import CarbonportError, Malformed
from carbonport.footprint.cbam.categories import category_codes
from carbonport.footprint.cbam.precursors import UNKNOWN_ORIGIN, is_default
from carbonport.footprint.cbam.process_chain import supply_order
from carbonport.footprint.cbam.scope import ELECTRICITY, Scope
from carbonport.footprint.evaluate import Values, evaluate_outputs
from carbonport.footprint.graph import Graph
from carbonport.footprint.graph_builder import GraphBuilder, NodeId
from carbonport.footprint.ledger import Good, Ledger, Precursor, ProductionProcess
from carbonport.footprint.obligation.benchmarks import ACTUAL_COLUMN, DEFAULT_COLUMN, Benchmark, Benchmarks
from carbonport.footprint.obligation.default_values import DefaultValues
from carbonport.footprint.obligation.years_and_prices import ObligationYears
from carbonport.footprint.tables.rule_tables import PublishedNumber, RuleTables

ACT = "Implementing Regulation (EU) 2025/2620"

SEFA_DECIMALS = 5
"""As many as an SEE has."""

ROUTE_LETTERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("basic oxygen", ("C", "F")),
    ("blast furnace", ("C", "F")),
    ("direct reduc", ("D", "G")),
    ("dri", ("D", "G")),
    ("electric arc", ("E", "H")),
    ("white", ("B",)),
    ("grey", ("A",)),
    ("primary", ("K",)),
    ("secondary", ("L",)),
)
"""Words in the name of a route, and the letters of the benchmarks' table (carbon steel, low alloy)."""


@dataclass(frozen=True, slots=True)
class FreeAllocation:
    """The graph and its results, or the problem why there is none."""

    graph: Graph | None
    source: Mapping[str, Fraction]
    problem: CarbonportError | None


def free_allocation(
    ledger: Ledger, good: Good, scope: Scope, tables: RuleTables, values: Values
) -> FreeAllocation | None:
    """SEFA of `good`; None where there is no such thing (transitional scope, electricity)."""
    if scope is Scope.TRANSITIONAL or tables.goods[good.cn].sector == ELECTRICITY:
        return None
    try:
        graph = _AllocationGraph(ledger, good, tables).graph()
    except CarbonportError as error:
        return FreeAllocation(None, {}, error)
    return FreeAllocation(graph, evaluate_outputs(graph, values), None)


class _AllocationGraph:
    def __init__(self, ledger: Ledger, good: Good, tables: RuleTables) -> None:
        self._ledger, self._good, self._tables = ledger, good, tables
        self._builder = GraphBuilder(ledger)
        self._benchmarks = Benchmarks.load()
        self._year = ledger.period.end.year
        self._rules = ObligationYears.load().of(self._year)

    def graph(self) -> Graph:
        specific: dict[str, NodeId] = {}
        for process_id in supply_order(self._ledger, self._good.process):
            specific[process_id] = self._process(self._ledger.process(process_id), specific)
        node = specific[self._good.process]
        self._builder.output("sefa", node)
        self._builder.output(
            "sefa_rounded",
            self._builder.round(
                f"{node}_rounded",
                node,
                SEFA_DECIMALS,
                label=f"SEFA, CN {self._good.cn}, as stated",
                equation=f"at most {SEFA_DECIMALS} decimals, half up",
            ),
        )
        return self._builder.build()

    def _process(self, process: ProductionProcess, specific: Mapping[str, NodeId]) -> NodeId:
        base = f"allocation/{process.id}"
        terms = [(1, self._free_share(base, process.label, self._benchmark(process)))]
        level = self._builder.input(process.records["activity_level"], f"{process.label}: activity level")
        for precursor in sorted(self._ledger.precursors, key=lambda precursor: precursor.id):
            if precursor.process == process.id:
                brought = self._purchased(precursor)
                if brought is not None:
                    path = precursor.records["precursor_amount"]
                    terms.append((1, self._per_tonne(base, precursor.id, path, brought, level)))
        for flow in sorted(self._ledger.flows, key=lambda flow: flow.producer):
            if flow.consumer == process.id:
                path = flow.records["internal_amount"]
                brought = specific[flow.producer]
                terms.append((1, self._per_tonne(base, flow.producer, path, brought, level)))
        return self._builder.sum(
            f"{base}/sefa",
            "tCO2e/t",
            terms,
            label=f"{process.label}: specific embedded free allocation",
            equation=f"{ACT} Eq 4: SFA + sum(m × SEFA)",
        )

    def _per_tonne(self, base: str, name: str, path: str, brought: NodeId, level: NodeId) -> NodeId:
        amount = self._builder.input(path, f"{name}: amount")
        share = self._builder.quotient(
            f"{base}/from/{name}/share",
            "t/t",
            amount,
            level,
            label=f"{name} per tonne",
            equation=f"{ACT} Eq 4: m = M / AL",
        )
        return self._builder.product(
            f"{base}/from/{name}",
            "tCO2e/t",
            [share, brought],
            label=f"{name}: free allocation brought in",
            equation=f"{ACT} Eq 4: m × SEFA",
        )

    def _free_share(self, base: str, label: str, benchmark: Benchmark, equation: str = "Eq 2") -> NodeId:
        place, row = self._rules.place
        numbers = (
            ("constant/free_share", self._rules.free_share, f"free share of {self._year}"),
            ("constant/cscf", self._rules.cscf, f"cross-sectoral correction factor of {self._year}"),
        )
        factors = [
            self._builder.constant(name, PublishedNumber(value, "1", f"{place}, {row}"), text)
            for name, value, text in numbers
        ]
        number = PublishedNumber(benchmark.value, "tCO2e/t", f"{ACT}, {', '.join(benchmark.place)}")
        factors.append(
            self._builder.constant(
                f"{base}/benchmark", number, f"{label}: benchmark, column {benchmark.column}"
            )
        )
        return self._builder.product(
            f"{base}/sfa",
            "tCO2e/t",
            factors,
            label=f"{label}: specific free allocation",
            equation=f"{ACT} {equation}: CBAM_y × CSCF_y × BM",
        )

    def _purchased(self, precursor: Precursor) -> NodeId | None:
        """SEFA of a purchased precursor; None: it brings none."""
        country = self._tables.country(precursor.country)
        if country is not None and country.exempt:
            return None
        base = f"allocation/precursor/{precursor.id}"
        if "precursor_sefa" in precursor.records:
            path = precursor.records["precursor_sefa"]
            return self._builder.input(path, f"{precursor.label}: SEFA as attested")
        if not precursor.cn:
            return self._by_category(precursor, base)
        if is_default(precursor.basis, Scope.DEFINITIVE):
            values = DefaultValues.load()
            if country is None or precursor.country in UNKNOWN_ORIGIN:
                routes = values.find_unknown_origin(precursor.cn).routes
            else:
                routes = values.find(precursor.cn, country.code).value.routes
            found = self._benchmarks.for_default(precursor.cn, routes, "", self._year)
            return self._free_share(base, precursor.label, found, "Eq 6")
        found = self._benchmarks.for_process(precursor.cn, ACTUAL_COLUMN, "", self._year)
        return self._free_share(base, precursor.label, found)

    def _by_category(self, precursor: Precursor, base: str) -> NodeId:
        """Of a precursor without CN code, as in the template: where all goods of its category have one benchmark."""
        column, equation = ACTUAL_COLUMN, "Eq 2"
        if is_default(precursor.basis, Scope.DEFINITIVE):
            column, equation = DEFAULT_COLUMN, "Eq 6"
        found: dict[Fraction, Benchmark] = {}
        for cn in self._of_category(precursor.category):
            try:
                benchmark = self._benchmarks.for_process(cn, column, "", self._year)
            except CarbonportError:
                found.clear()
                break
            found[Fraction(benchmark.value)] = benchmark
        if len(found) != 1:
            raise _missing(
                f"precursor {precursor.id}", "a category whose goods have several benchmarks, and no CN code"
            )
        return self._free_share(base, precursor.label, next(iter(found.values())), equation)

    def _of_category(self, category: str) -> list[str]:
        return [cn for cn in category_codes(category, self._tables) if self._benchmarks.lists(cn)]

    def _benchmark(self, process: ProductionProcess) -> Benchmark:
        codes = self._codes(process)
        found = {(benchmark := self._of_code(cn, process)).value: benchmark for cn in codes}
        if len(found) != 1:
            raise _missing(
                f"production process {process.id}", "goods with several benchmarks" if found else "no CN code"
            )
        return next(iter(found.values()))

    def _codes(self, process: ProductionProcess) -> list[str]:
        if process.id == self._good.process:
            return [self._good.cn]
        goods = [good.cn for good in self._ledger.goods_of(process.id)]
        if goods:
            return goods
        return self._of_category(process.category)

    def _of_code(self, cn: str, process: ProductionProcess) -> Benchmark:
        rows = self._benchmarks.rows.get((cn, ACTUAL_COLUMN), ())
        letters = {row.route for row in rows}
        return self._benchmarks.for_process(cn, ACTUAL_COLUMN, _letter(process.routes, letters), self._year)


def _letter(routes: tuple[str, ...], letters: set[str]) -> str:
    """The letter among `letters` that the one route of a process stands for; empty when it is not clear."""
    found: set[str] = set()
    for route in routes:
        if route.strip() in letters:
            found.add(route.strip())
            continue
        for words, known in ROUTE_LETTERS:
            if words in route.casefold():
                found |= letters.intersection(known)
                break
    return found.pop() if len(found) == 1 else ""


def _missing(where: str, found: str) -> Malformed:
    return Malformed(
        "free-allocation-benchmark",
        found=found,
        expected="one benchmark: a CN code, or a category whose goods all have the same",
        remedy="State the CN code (a good of the process, or that of the precursor), or its SEFA.",
        where=where,
    )
