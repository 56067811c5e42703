"""Calculate a ledger: every good's specific embedded emissions and the installation's totals.

Two results stand side by side. The *source* result uses what the documents say; it is what an operator is
shown. The *declared* result uses the values at the catalogue's decimals; it is what is committed, signed and
attested. Where the fifth decimal differs, the calculation says so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from carbonport.footprint.cbam.attribution import BY_STREAMS
from carbonport.footprint.cbam.free_allocation import FreeAllocation, free_allocation
from carbonport.footprint.cbam.installation import installation_graph
from carbonport.footprint.cbam.precursor_periods import other_periods, require_precursor_periods
from carbonport.footprint.cbam.precursors import ACTUAL
from carbonport.footprint.cbam.scope import ELECTRICITY, Scope, scope_of
from carbonport.footprint.cbam.specific_emissions import SEE_DECIMALS, GoodRules, Problem, good_rules
from carbonport.footprint.evaluate import Values, declared_values, evaluate, evaluate_outputs, source_values
from carbonport.footprint.exact_decimal import decimal_text, round_half_up
from carbonport.footprint.graph import Graph
from carbonport.footprint.ledger import Ledger
from carbonport.footprint.tables.rule_tables import RuleTables

SEE_RESULTS = ("see_direct", "see_indirect", "see_total")
"""The results whose fifth decimal matters."""

STREAMS_TOLERANCE = Fraction(1, 1_000_000)
"""Relative difference above which an operator's own DirEm and the sum of the streams are worth a word."""

NAMED_PATHS = 20
"""How many of the figures that are not used one notice names."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the operator should know: an id, a sentence, and what it is about."""

    id: str
    text: str
    where: str


@dataclass(frozen=True, slots=True)
class GoodResult:
    """One good: its rules and graph, and the results by name, from source and from declared values.

    `allocation` is its specific embedded free allocation, in a graph of its own (None: there is no such thing).
    """

    rules: GoodRules
    source: Mapping[str, Fraction]
    declared: Mapping[str, Fraction]
    allocation: FreeAllocation | None = None

    @property
    def process(self) -> str:
        """The production process."""
        return self.rules.good.process

    @property
    def cn(self) -> str:
        """The CN-8 code."""
        return self.rules.good.cn

    @property
    def graph(self) -> Graph:
        """The calculation graph: what the verification statement signs the digest of."""
        return self.rules.graph

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Results that are absent, and why."""
        return self.rules.problems

    def attested(self, name: str) -> str:
        """A declared result with exactly 5 decimals, as an attestation states it: `see_direct` gives
        `1.53898`.
        """
        return format(round_half_up(self.declared[name], SEE_DECIMALS), "f")


@dataclass(frozen=True, slots=True)
class InstallationResult:
    """The installation's graph and totals by name."""

    graph: Graph
    source: Mapping[str, Fraction]
    declared: Mapping[str, Fraction]


@dataclass(frozen=True, slots=True)
class Calculation:
    """Everything that was calculated from one ledger in one scope, with the versions of the tables used."""

    ledger: Ledger
    scope: Scope
    goods: tuple[GoodResult, ...]
    installation: InstallationResult
    notices: tuple[Notice, ...]
    table_versions: Mapping[str, str]

    def good(self, process: str, cn: str) -> GoodResult:
        """The result of one good; KeyError when the ledger has no such good."""
        for good in self.goods:
            if (good.process, good.cn) == (process, cn):
                return good
        raise KeyError((process, cn))


def calculate(ledger: Ledger, scope: Scope | None = None, tables: RuleTables | None = None) -> Calculation:
    """Calculate `ledger`; without `scope` the period decides, without `tables` those that ship are used.

    Raises `Malformed` when a direct result cannot be had. A missing indirect result is a problem of its good.
    """
    scope = scope_of(ledger.period) if scope is None else scope
    tables = RuleTables.load() if tables is None else tables
    require_precursor_periods(ledger, scope)
    source, declared = source_values(ledger), declared_values(ledger)
    goods = tuple(
        _good_result(
            good_rules(ledger, good, scope, tables),
            source,
            declared,
            free_allocation(ledger, good, scope, tables, source),
        )
        for good in sorted(ledger.goods, key=lambda good: (good.process, good.cn))
    )
    graph = installation_graph(ledger, scope, tables)
    installation = InstallationResult(
        graph, evaluate_outputs(graph, source), evaluate_outputs(graph, declared)
    )
    notices = [
        *_declared_notices(goods),
        *_electricity_notices(goods),
        *_unit_notices(goods),
        *_grouping_notices(goods, scope),
        *_precursor_notices(ledger, scope),
        *_stream_notices(ledger, goods, source),
        *_unused_notices(ledger, [*(good.graph for good in goods), graph]),
    ]
    return Calculation(ledger, scope, goods, installation, tuple(notices), tables.versions)


def _good_result(
    rules: GoodRules, source: Values, declared: Values, allocation: FreeAllocation | None
) -> GoodResult:
    return GoodResult(
        rules,
        evaluate_outputs(rules.graph, source),
        evaluate_outputs(rules.graph, declared),
        allocation,
    )


def _declared_notices(goods: Iterable[GoodResult]) -> Iterable[Notice]:
    for good in goods:
        for name in SEE_RESULTS:
            rounded = f"{name}_rounded"
            if rounded in good.source and good.source[rounded] != good.declared[rounded]:
                yield Notice(
                    "declared-fifth-decimal",
                    f"{name} is {decimal_text(good.source[rounded])} from source values and "
                    f"{decimal_text(good.declared[rounded])} from declared values, which are attested",
                    f"{good.process}, CN {good.cn}",
                )


def _electricity_notices(goods: Iterable[GoodResult]) -> Iterable[Notice]:
    seen: set[str] = set()
    for good in goods:
        if good.process not in seen:
            seen.add(good.process)
            yield Notice(
                "electricity-factor", f"electricity factor: {good.rules.electricity.reason}", good.process
            )


def _unit_notices(goods: Iterable[GoodResult]) -> Iterable[Notice]:
    for good in goods:
        unit = good.rules.entry.functional_unit
        counted = "see_direct_per_functional_unit" in good.source or good.rules.entry.sector == ELECTRICITY
        if not unit.startswith("t of CN") and not counted:
            yield Notice(
                "functional-unit",
                f"results are per tonne of the activity level; this CN code's functional unit: {unit}",
                f"{good.process}, CN {good.cn}",
            )


def _grouping_notices(goods: Iterable[GoodResult], scope: Scope) -> Iterable[Notice]:
    """From 2026 on, one value per CN code and installation."""
    processes: dict[str, list[str]] = {}
    for good in goods:
        processes.setdefault(good.cn, []).append(good.process)
    for cn, ids in processes.items():
        if len(ids) > 1 and scope is Scope.DEFINITIVE:
            yield Notice(
                "grouped",
                "one value for all routes of this CN code: averaged over " + ", ".join(ids),
                f"CN {cn}",
            )


def _precursor_notices(ledger: Ledger, scope: Scope) -> Iterable[Notice]:
    """From 2026 on actual values of precursors need an accredited verification report for the period."""
    for precursor in ledger.precursors:
        if scope is Scope.DEFINITIVE and precursor.basis == "measured":
            yield Notice(
                "precursor-unverified",
                "a supplier's value without a verification report for the period: the default value applies "
                "unless the verifier finds one",
                f"precursor {precursor.id}",
            )
        elif (
            scope is Scope.DEFINITIVE
            and precursor.basis not in ACTUAL
            and "precursor_see_direct" in precursor.records
        ):
            yield Notice(
                "precursor-default-stated",
                "a default value as the operator states it is taken as it stands: from 2026 on it has to include the "
                "mark-up (state only CN code and country, and the table's is taken)",
                f"precursor {precursor.id}",
            )
    for precursor, sentence in other_periods(ledger):
        yield Notice("precursor-other-period", sentence, f"precursor {precursor.id}")


def _stream_notices(ledger: Ledger, goods: Iterable[GoodResult], source: Values) -> Iterable[Notice]:
    """An operator's own DirEm that its streams do not add up to, and a process by streams that has none."""
    graphs = {good.process: good.graph for good in goods}
    for process in ledger.processes:
        graph = graphs.get(process.id)
        if process.attributed_by != BY_STREAMS or graph is None:
            continue
        path = process.records.get("direct_emissions")
        total = Fraction(0)
        if path is not None:
            total = evaluate(graph, source)[f"process/{process.id}/streams"]
        if path is not None and abs(total - Fraction(source[path])) > STREAMS_TOLERANCE * abs(total):
            yield Notice(
                "direct-emissions-differ",
                f"the operator states {source[path]:f} tCO2e, the source streams, which are used, "
                f"give {decimal_text(total)} tCO2e",
                process.id,
            )
        if not ledger.streams_of(process.id):
            yield Notice("process-without-streams", "no source stream belongs to this process", process.id)


def _unused_notices(ledger: Ledger, graphs: Iterable[Graph]) -> Iterable[Notice]:
    """One notice for all figures that no result depends on: nothing is dropped silently."""
    used = {node.path for graph in graphs for node in graph.inputs()}
    unused = [path for path in ledger.records if path not in used]
    if unused:
        named = ", ".join(unused[:NAMED_PATHS]) + (", ..." if len(unused) > NAMED_PATHS else "")
        text = f"figures that this calculation does not need ({len(unused)}): {named}"
        yield Notice("figures-not-used", text, "")
