"""Specific embedded emissions of a good: the graph from `see_total` down to ledger records (2547 Annex III Eq
57-63).

    SEE = (AttrEm + sum(M_i × SEE_i)) / AL        direct and indirect apart

Results of the graph: `see_direct`, `see_indirect`, `see_total`, `default_share` (of direct emissions), each
also `*_rounded` to 5 decimals half up, and `attributed_direct`, `attributed_indirect`. `see_total` holds what
is in scope. In the definitive scope a good inside the set with indirect emissions does not take those of
precursors outside it; a good outside the set takes those of precursors inside it (`see_indirect_in_scope`),
while its `see_indirect` tells all indirect emissions for information. A result that cannot be had is absent,
and a problem says what is missing.

Results are per tonne (electricity: per MWh) of the good. In the definitive scope a good that states its
composition also has them per functional unit (`see_direct_per_functional_unit`, ..., Eq 64-66).
"""

from dataclasses import dataclass
from decimal import Decimal

from carbonport.errors import Malformed
from carbonport.footprint.cbam.electricity import ABSENT, ElectricityFactor
from carbonport.footprint.cbam.good_share import GoodParts, content_field, good_parts, indirect_parts
from carbonport.footprint.cbam.precursors import PrecursorEmissions
from carbonport.footprint.cbam.process_chain import IndirectEmissions, ProcessChain
from carbonport.footprint.cbam.scope import Scope, indirect_counts, scope_entry
from carbonport.footprint.graph import Graph
from carbonport.footprint.graph_builder import GraphBuilder, NodeId
from carbonport.footprint.ledger import Good, Ledger, ProductionProcess
from carbonport.footprint.tables.rule_tables import PublishedNumber, RuleTables, ScopeEntry

SEE_DECIMALS = 5
"""2547: specific embedded emissions are stated with at most 5 decimals."""

EQUATION = "2547 Annex III Eq 57-63"

NO_DEFAULTS = PublishedNumber(Decimal(0), "1", "no precursor with a default value")


@dataclass(frozen=True, slots=True)
class Problem:
    """A result that is absent, and the error that says why and what to do."""

    result: str
    error: Malformed


@dataclass(frozen=True, slots=True)
class GoodRules:
    """The graph of one good and what the rules decided on the way."""

    good: Good
    entry: ScopeEntry
    graph: Graph
    indirect_in_scope: bool
    electricity: ElectricityFactor
    problems: tuple[Problem, ...]


def good_rules(ledger: Ledger, good: Good, scope: Scope, tables: RuleTables) -> GoodRules:
    """Build the graph of `good`; `Malformed` when even its direct emissions cannot be had."""
    return _GoodGraph(ledger, good, scope, tables).rules()


class _GoodGraph:
    def __init__(self, ledger: Ledger, good: Good, scope: Scope, tables: RuleTables) -> None:
        self._ledger, self._good, self._scope, self._tables = ledger, good, scope, tables
        stated = ledger.facts.get(f"good/{good.process}/{good.cn}/cn")
        self._entry = scope_entry(good.cn, tables, stated.source.place if stated is not None else "")
        self._process: ProductionProcess = ledger.process(good.process)
        self._builder = GraphBuilder(ledger)
        self._chain = ProcessChain(self._builder, ledger, scope, tables)
        self._content = ""
        if scope is Scope.DEFINITIVE:
            self._content = good.records.get(content_field(self._entry.functional_unit), "")
        level = self._process.records.get("activity_level")
        self._unit = f"tCO2e/{ledger.records[level].unit}" if level else "tCO2e/t"
        self._base = f"good/{good.process}/{good.cn}"
        self._problems: list[Problem] = []

    def rules(self) -> GoodRules:
        builder = self._builder
        parts = good_parts(
            builder, self._chain, self._ledger, self._good, self._scope, self._entry.functional_unit
        )
        activity_level, precursors = parts.amount, parts.precursors
        if len(parts.direct) == 1:
            builder.output("attributed_direct", parts.direct[0])
        direct_total = self._embedded("direct", parts.direct, [item.direct for item in precursors])
        see_direct = self._specific("direct", direct_total, activity_level)
        indirect = indirect_parts(builder, self._chain, self._ledger, self._good, parts)
        see_indirect = self._indirect(parts, indirect)
        in_scope = indirect_counts(self._entry, self._scope)
        self._total(see_direct, see_indirect, precursors, activity_level, in_scope=in_scope)
        self._default_share(precursors, direct_total)
        return GoodRules(
            self._good,
            self._entry,
            builder.build(),
            in_scope,
            indirect[0].electricity,
            tuple(self._problems),
        )

    def _embedded(self, kind: str, attributed: tuple[NodeId, ...], embedded: list[NodeId]) -> NodeId:
        return self._builder.sum(
            f"{self._base}/embedded_{kind}",
            "tCO2e",
            [(1, node) for node in (*attributed, *embedded)],
            label=f"{self._process.label}: {kind} emissions with those of precursors",
            equation=f"{EQUATION}: AttrEm + sum(M × SEE)",
        )

    def _specific(self, kind: str, total: NodeId, activity_level: NodeId) -> NodeId:
        node = self._builder.quotient(
            f"{self._base}/see_{kind}",
            self._unit,
            total,
            activity_level,
            label=f"SEE {kind}, CN {self._good.cn}",
            equation=f"{EQUATION}: (AttrEm + sum(M × SEE)) / AL",
        )
        self._result(f"see_{kind}", node, f"SEE {kind}")
        return node

    def _result(self, name: str, node: NodeId, label: str) -> None:
        rounded = self._builder.round(
            f"{node}_rounded",
            node,
            SEE_DECIMALS,
            label=f"{label}, CN {self._good.cn}, as stated",
            equation=f"2547: at most {SEE_DECIMALS} decimals, half up",
        )
        self._builder.output(name, node)
        self._builder.output(f"{name}_rounded", rounded)
        if self._content and name != "default_share":
            self._per_functional_unit(name, node, label)

    def _per_functional_unit(self, name: str, per_tonne: NodeId, label: str) -> None:
        """Eq 64-66 backwards: per functional unit, for those who compare compositions."""
        content = self._builder.input(self._content, f"CN {self._good.cn}: functional units contained")
        unit = "t clinker"
        if "kg N" in self._entry.functional_unit:
            unit = "kg N"
            scale = self._builder.constant(
                "constant/kilograms_per_tonne", self._tables.constant("kilograms_per_tonne"), "kg per t"
            )
            content = self._builder.product(
                f"{self._base}/nitrogen_per_tonne",
                "kg N/t",
                [content, scale],
                label=f"CN {self._good.cn}: nitrogen per tonne",
                equation="2547 Annex III Eq 66: kg N per t",
            )
        node = self._builder.quotient(
            f"{per_tonne}_per_functional_unit",
            f"tCO2e/{unit}",
            per_tonne,
            content,
            label=f"{label} per {unit}, CN {self._good.cn}",
            equation="2547 Annex III Eq 64-66: SEE per t / functional units per t",
        )
        self._builder.output(f"{name}_per_functional_unit", node)

    def _indirect(self, parts: GoodParts, indirect: tuple[IndirectEmissions, ...]) -> NodeId | None:
        """SEE indirect where every part of it is known: all of it, or for a definitive good in the set what
        counts.
        """
        attributed = [item.attributed for item in indirect if item.attributed is not None]
        if len(attributed) < len(indirect):
            missing = next(item for item in indirect if item.attributed is None)
            self._absent("see_indirect", missing.problem)
            return None
        if len(attributed) == 1:
            self._builder.output("attributed_indirect", attributed[0])
        only_counting = self._scope is Scope.DEFINITIVE and self._entry.indirect
        wanted = [item for item in parts.precursors if item.indirect_counts or not only_counting]
        unknown = next((item.id for item in wanted if item.indirect is None), None)
        if unknown is not None:
            self._unknown_indirect("see_indirect", unknown)
            return None
        known = [item.indirect for item in wanted if item.indirect is not None]
        total = self._embedded("indirect", tuple(attributed), known)
        return self._specific("indirect", total, parts.amount)

    def _total(
        self,
        see_direct: NodeId,
        see_indirect: NodeId | None,
        precursors: tuple[PrecursorEmissions, ...],
        activity_level: NodeId,
        *,
        in_scope: bool,
    ) -> None:
        """see_total: direct, and what of the indirect emissions is in scope."""
        terms = [(1, see_direct)]
        if in_scope:
            if see_indirect is None:
                self._absent("see_total", self._problems[-1].error)
                return
            terms.append((1, see_indirect))
        else:
            unknown = [item.id for item in precursors if item.indirect_counts and item.counted is None]
            if unknown:
                self._unknown_indirect("see_total", unknown[0])
                return
            if known := [item.counted for item in precursors if item.counted is not None]:
                terms.append((1, self._indirect_in_scope(known, activity_level)))
        equation = "direct and indirect" if len(terms) > 1 else "direct emissions only"
        node = self._builder.sum(
            f"{self._base}/see_total",
            self._unit,
            terms,
            label=f"SEE in scope, CN {self._good.cn}",
            equation=f"2547 Article 4, {self._scope} scope: {equation}",
        )
        self._result("see_total", node, "SEE in scope")

    def _indirect_in_scope(self, embedded: list[NodeId], activity_level: NodeId) -> NodeId:
        total = self._builder.sum(
            f"{self._base}/embedded_indirect_in_scope",
            "tCO2e",
            [(1, node) for node in embedded],
            label="Indirect emissions of precursors whose indirect emissions count",
            equation=f"{EQUATION}: sum(M × SEE) over those precursors",
        )
        node = self._builder.quotient(
            f"{self._base}/see_indirect_in_scope",
            self._unit,
            total,
            activity_level,
            label=f"SEE indirect that counts, CN {self._good.cn}",
            equation=f"{EQUATION}: sum(M × SEE) / AL",
        )
        self._result("see_indirect_in_scope", node, "SEE indirect that counts")
        return node

    def _unknown_indirect(self, result: str, precursor: str) -> None:
        self._absent(
            result,
            Malformed(
                "precursor-indirect-missing",
                found=f"no indirect emissions of the precursor {precursor}",
                expected="its SEE indirect, or its electricity per tonne with an emission factor",
                remedy="State them in the workbook or ledger file; direct results do not depend on them.",
                where=f"precursor {precursor}",
            ),
        )

    def _default_share(self, precursors: tuple[PrecursorEmissions, ...], direct_total: NodeId) -> None:
        defaults = [(1, item.default) for item in precursors if item.default is not None]
        node_id, label = f"{self._base}/default_share", f"Share of default values, CN {self._good.cn}"
        if not defaults:
            self._builder.output("default_share", self._builder.constant(node_id, NO_DEFAULTS, label))
            self._builder.output("default_share_rounded", node_id)
            return
        part = self._builder.sum(
            f"{self._base}/embedded_default",
            "tCO2e",
            defaults,
            label="Direct emissions embedded by default values",
            equation=f"{EQUATION}: sum(M × SEE) over precursors with default values",
        )
        node = self._builder.quotient(
            node_id,
            "1",
            part,
            direct_total,
            label=label,
            equation="2547 Annex IV: default part / direct emissions with those of precursors",
        )
        self._result("default_share", node, "Share of default values")

    def _absent(self, result: str, error: Malformed | None) -> None:
        if error is None:
            raise AssertionError(f"a missing factor ({ABSENT}) always comes with its problem")
        self._problems.append(Problem(result, error))
