"""The chain of production processes behind a good: what each takes from others, recursively (2547 Annex III Eq
57-63).

A process that supplies another one of the installation is built first and enters it as a precursor with its
own SEE: (AttrEm + sum(M × SEE)) / AL. Processes that supply each other in a circle have no first one; such a
ledger is refused and the circle is named (join them into one process, as the law's bubble approach does).
"""

from dataclasses import dataclass
from decimal import Decimal

from carbonport.errors import Malformed
from carbonport.footprint.cbam.attribution import attributed_direct, attributed_indirect
from carbonport.footprint.cbam.categories import category_entry, makes_electricity
from carbonport.footprint.cbam.electricity import ElectricityFactor, electricity_factor, no_electricity
from carbonport.footprint.cbam.missing_figure import missing_figure
from carbonport.footprint.cbam.precursors import PrecursorEmissions, precursor_emissions
from carbonport.footprint.cbam.scope import Scope, indirect_counts, scope_entry
from carbonport.footprint.graph_builder import GraphBuilder, NodeId
from carbonport.footprint.ledger import InternalFlow, Ledger, ProductionProcess
from carbonport.footprint.tables.rule_tables import PublishedNumber, RuleTables

EQUATION = "2547 Annex III Eq 57-63"

NO_INDIRECT = PublishedNumber(
    Decimal(0), "tCO2e", "Regulation (EU) 2023/956 Annex IV: electricity as a good has direct emissions only"
)
"""Of a process that makes electricity and states no consumption."""


@dataclass(frozen=True, slots=True)
class ProcessEmissions:
    """What one process attributes directly and takes in."""

    process: ProductionProcess
    activity_level: NodeId
    attributed_direct: NodeId
    precursors: tuple[PrecursorEmissions, ...]


@dataclass(frozen=True, slots=True)
class IndirectEmissions:
    """What one process attributes indirectly; `attributed` is None with the `problem` that says why."""

    attributed: NodeId | None
    electricity: ElectricityFactor
    problem: Malformed | None


@dataclass(frozen=True, slots=True)
class _Specific:
    """SEE of a process that supplies another one, per unit of its activity level."""

    direct: NodeId
    indirect: NodeId | None
    counted: NodeId | None
    counts: bool
    default: NodeId | None


class ProcessChain:
    """Builds processes in one graph, each once."""

    def __init__(self, builder: GraphBuilder, ledger: Ledger, scope: Scope, tables: RuleTables) -> None:
        self._builder, self._ledger = builder, ledger
        self._scope, self._tables = scope, tables
        self._processes = {process.id: process for process in ledger.processes}
        self._suppliers: dict[str, list[InternalFlow]] = {}
        for flow in sorted(ledger.flows, key=lambda flow: (flow.consumer, flow.producer)):
            self._suppliers.setdefault(flow.consumer, []).append(flow)
        self._specific: dict[str, _Specific] = {}

    def emissions(self, process_id: str) -> ProcessEmissions:
        """The process `process_id` with everything it takes from others; `Malformed` for a circle."""
        order = supply_order(self._ledger, process_id)
        for supplier in order[:-1]:
            if supplier not in self._specific:
                self._specific[supplier] = self._supply(self._own(supplier))
        return self._own(process_id)

    def _own(self, process_id: str) -> ProcessEmissions:
        builder, process = self._builder, self._processes[process_id]
        level = process.records.get("activity_level")
        if level is None:
            raise missing_figure(process, "activity_level", "activity level")
        activity_level = builder.input(level, f"{process.label}: activity level")
        precursors = [
            precursor_emissions(builder, precursor, self._scope, self._tables, self._ledger.period.end.year)
            for precursor in sorted(self._ledger.precursors, key=lambda precursor: precursor.id)
            if precursor.process == process.id
        ]
        precursors += [self._taken_in(flow) for flow in self._suppliers.get(process_id, [])]
        direct = attributed_direct(builder, process, self._ledger, self._tables, self._scope)
        return ProcessEmissions(process, activity_level, direct, tuple(precursors))

    def indirect(self, process: ProductionProcess) -> IndirectEmissions:
        """Eq 56 of `process`, where its electricity and a factor are known."""
        builder = self._builder
        factor = electricity_factor(builder, process, self._ledger, self._scope, self._tables)
        path = process.records.get("electricity")
        if path is None and makes_electricity(process, self._tables):
            return IndirectEmissions(
                builder.constant("constant/no_indirect", NO_INDIRECT, "indirect emissions of electricity"),
                factor,
                None,
            )
        if path is None:
            problem = missing_figure(process, "electricity", "electricity consumed")
            return IndirectEmissions(None, factor, problem)
        node = factor.node
        if node is None and self._ledger.records[path].value == 0:
            node = no_electricity(builder)
        if node is None:
            return IndirectEmissions(None, factor, factor.problem)
        attributed = attributed_indirect(builder, process, node, self._ledger, self._tables)
        return IndirectEmissions(attributed, factor, None)

    def counts(self, process: ProductionProcess) -> bool:
        """Whether the indirect emissions of what `process` makes count in themselves."""
        if self._scope is Scope.TRANSITIONAL:
            return True
        goods = self._ledger.goods_of(process.id)
        if goods:
            return any(indirect_counts(scope_entry(good.cn, self._tables), self._scope) for good in goods)
        entry = category_entry(process.category, self._tables)
        if entry is None:
            raise Malformed(
                "category-unknown",
                found=f"the goods category {process.category[:60]!r} of a process without goods",
                expected="an aggregated goods category of 2547 Annex I, in English",
                remedy="Correct the category, or list a good with its CN code for the process.",
                where=f"production process {process.id}",
            )
        return indirect_counts(entry, self._scope)

    def _taken_in(self, flow: InternalFlow) -> PrecursorEmissions:
        supplier, specific = self._processes[flow.producer], self._specific[flow.producer]
        path = flow.records.get("internal_amount")
        if path is None:
            raise missing_figure(supplier, "internal_amount", f"amount passed on to {flow.consumer}")
        amount = self._builder.input(path, f"{supplier.label}: passed on to {flow.consumer}")
        base = f"flow/{flow.producer}/{flow.consumer}"

        def embedded(kind: str, node: NodeId | None) -> NodeId | None:
            if node is None:
                return None
            return self._builder.product(
                f"{base}/embedded_{kind}",
                "tCO2e",
                [amount, node],
                label=f"{supplier.label}: {kind.replace('_', ' ')} emissions passed on to {flow.consumer}",
                equation=f"{EQUATION}: M × SEE",
            )

        direct = embedded("direct", specific.direct)
        assert direct is not None
        indirect = embedded("indirect", specific.indirect)
        same = specific.counted == specific.indirect
        counted = indirect if same else embedded("indirect_in_scope", specific.counted)
        return PrecursorEmissions(
            id=flow.producer,
            direct=direct,
            indirect=indirect,
            counted=counted,
            indirect_counts=specific.counts,
            default=embedded("default", specific.default),
        )

    def _supply(self, own: ProcessEmissions) -> _Specific:
        """The SEE of a supplying process, by its activity level."""
        counts = self.counts(own.process)
        direct = self._see(own, "direct", [own.attributed_direct, *(p.direct for p in own.precursors)])
        default_parts = [item.default for item in own.precursors if item.default is not None]
        default = self._see(own, "default", default_parts) if default_parts else None
        wanted = own.precursors
        if counts and self._scope is Scope.DEFINITIVE:
            wanted = tuple(item for item in own.precursors if item.indirect_counts)
        parts = [self.indirect(own.process).attributed, *(item.indirect for item in wanted)]
        known = [part for part in parts if part is not None]
        indirect = self._see(own, "indirect", known) if len(known) == len(parts) else None
        counted = indirect
        if not counts:
            counted_parts = [item.counted for item in own.precursors if item.counted is not None]
            counted = self._see(own, "indirect_in_scope", counted_parts) if counted_parts else None
            unknown = any(item.indirect_counts and item.counted is None for item in own.precursors)
            if unknown:
                # What counts is not known either: the good above has to say so.
                return _Specific(direct, indirect, None, True, default)
        return _Specific(direct, indirect, counted, counts, default)

    def _see(self, own: ProcessEmissions, kind: str, parts: list[NodeId]) -> NodeId:
        base, name = f"process/{own.process.id}", own.process.label
        total = self._builder.sum(
            f"{base}/embedded_{kind}",
            "tCO2e",
            [(1, part) for part in parts],
            label=f"{name}: {kind.replace('_', ' ')} emissions with those of precursors",
            equation=f"{EQUATION}: AttrEm + sum(M × SEE)",
        )
        return self._builder.quotient(
            f"{base}/see_{kind}",
            "tCO2e/t",
            total,
            own.activity_level,
            label=f"{name}: SEE {kind.replace('_', ' ')}",
            equation=f"{EQUATION}: (AttrEm + sum(M × SEE)) / AL",
        )


def supply_order(ledger: Ledger, process_id: str) -> list[str]:
    """The processes behind `process_id`, suppliers before those they supply, itself last."""
    suppliers: dict[str, list[str]] = {}
    for flow in ledger.flows:
        suppliers.setdefault(flow.consumer, []).append(flow.producer)
    order: list[str] = []
    done: set[str] = set()
    path: list[str] = []
    on_path: set[str] = set()
    stack: list[tuple[str, bool]] = [(process_id, False)]
    while stack:
        current, left = stack.pop()
        if left:
            path.pop()
            on_path.discard(current)
            done.add(current)
            order.append(current)
        elif current not in done:
            if current in on_path:
                circle = [*path[path.index(current) :], current]
                raise Malformed(
                    "precursor-cycle",
                    found="processes that supply each other: " + " <- ".join(circle)[:200],
                    expected="precursors that do not go back into what they were made from",
                    remedy="Join these processes into one (bubble approach), or correct the flows.",
                    where=f"production process {current}",
                )
            path.append(current)
            on_path.add(current)
            stack.append((current, True))
            stack.extend((supplier, False) for supplier in sorted(suppliers.get(current, ())))
    return order
