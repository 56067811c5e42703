"""Which part of which processes a good stands for: composition of co-produced goods and mandatory grouping.

- One good per process: the whole process, by its activity level.
- Several goods of one process that state amount and composition (clinker or nitrogen contained, 2547 Annex
  III Eq 64-66): each takes the part of its functional units, so that SEE per functional unit is one for all.
- One CN code from several processes of the installation (2547: all routes averaged, from 2026 on): all of
  them, each with the good's amount.
"""

from dataclasses import dataclass, replace

from carbonport.errors import Malformed
from carbonport.footprint.cbam.precursors import PrecursorEmissions
from carbonport.footprint.cbam.process_chain import IndirectEmissions, ProcessChain, ProcessEmissions
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.graph_builder import GraphBuilder, NodeId
from carbonport.footprint.ledger import Good, Ledger

CONTENTS = {"t clinker contained": "clinker_content", "kg N": "nitrogen_content"}
"""Functional units that count what a good contains, by the beginning or part of their name, and the field."""

ALL_ROUTES = "2547 Annex I: one value per CN code and installation, all routes averaged"


@dataclass(frozen=True, slots=True)
class GoodParts:
    """What goes into one good: amounts attributed directly, precursors, the amount to divide by, and the
    processes with the good's share of each (None: all of it).
    """

    direct: tuple[NodeId, ...]
    precursors: tuple[PrecursorEmissions, ...]
    amount: NodeId
    members: tuple[tuple[ProcessEmissions, NodeId | None], ...]


def content_field(functional_unit: str) -> str:
    """The field that states how many functional units a tonne contains; empty when the unit is the tonne."""
    return next((field for name, field in CONTENTS.items() if name in functional_unit), "")


def good_parts(
    builder: GraphBuilder, chain: ProcessChain, ledger: Ledger, good: Good, scope: Scope, unit: str
) -> GoodParts:
    """The parts of `good`, whose functional unit is `unit`."""
    group = [good]
    if scope is Scope.DEFINITIVE:
        group = sorted(
            (other for other in ledger.goods if other.cn == good.cn), key=lambda other: other.process
        )
    whole = _Whole(builder, ledger, good, content_field(unit) if scope is Scope.DEFINITIVE else "")
    parts: list[tuple[ProcessEmissions, NodeId | None, NodeId]] = []
    for member in group:
        own = chain.emissions(member.process)
        weight, amount = whole.weight(member, own, grouped=len(group) > 1)
        parts.append((own, weight, amount))
    amounts = [amount for *_, amount in parts]
    amount = amounts[0]
    if len(amounts) > 1:
        amount = builder.sum(
            f"good/{good.process}/{good.cn}/grouped_amount",
            "t",
            [(1, each) for each in amounts],
            label=f"CN {good.cn} of all processes",
            equation=ALL_ROUTES,
        )
    return GoodParts(
        direct=tuple(whole.part(own.attributed_direct, weight) for own, weight, _ in parts),
        precursors=tuple(
            whole.precursor(item, weight) for own, weight, _ in parts for item in own.precursors
        ),
        amount=amount,
        members=tuple((own, weight) for own, weight, _ in parts),
    )


def indirect_parts(
    builder: GraphBuilder, chain: ProcessChain, ledger: Ledger, good: Good, parts: GoodParts
) -> tuple[IndirectEmissions, ...]:
    """What the processes of `parts` attribute indirectly to the good, each as far as it is known."""
    whole = _Whole(builder, ledger, good, "")
    found = []
    for own, weight in parts.members:
        indirect = chain.indirect(own.process)
        if indirect.attributed is not None:
            indirect = replace(indirect, attributed=whole.part(indirect.attributed, weight))
        found.append(indirect)
    return tuple(found)


class _Whole:
    def __init__(self, builder: GraphBuilder, ledger: Ledger, good: Good, content: str) -> None:
        self._builder, self._ledger, self._good, self._content = builder, ledger, good, content
        self._base = f"good/{good.process}/{good.cn}"

    def weight(self, good: Good, own: ProcessEmissions, *, grouped: bool) -> tuple[NodeId | None, NodeId]:
        """The good's share of its process (None: all of it), and the amount to divide by."""
        siblings = self._ledger.goods_of(good.process)
        fields = ("good_amount", self._content)
        if (
            self._content
            and len(siblings) > 1
            and all(field in sibling.records for sibling in siblings for field in fields)
        ):
            return self._by_content(good, siblings), self._amount(good)
        if not grouped or (len(siblings) == 1 and "good_amount" not in good.records):
            return None, own.activity_level
        if "good_amount" not in good.records:
            raise Malformed(
                "good-amount-missing",
                found="one CN code from several processes, one of which makes other goods too",
                expected="the amount of this good from each process, to average over all routes",
                remedy="State the amount of the good for each process.",
                where=f"good {good.cn} of {good.process}",
            )
        amount = self._amount(good)
        share = self._builder.quotient(
            f"{self._base}/share_of/{good.process}",
            "1",
            amount,
            own.activity_level,
            label=f"CN {good.cn}: share of {own.process.label}",
            equation="amount of the good / AL",
        )
        return share, amount

    def part(self, node: NodeId, weight: NodeId | None) -> NodeId:
        """The good's part of an amount of its process."""
        if weight is None:
            return node
        return self._builder.product(
            f"{self._base}/part/{node}",
            "tCO2e",
            [node, weight],
            label=f"CN {self._good.cn}: its part of {node}",
            equation="amount of the process × share of the good",
        )

    def precursor(self, item: PrecursorEmissions, weight: NodeId | None) -> PrecursorEmissions:
        """The good's part of what a precursor brings in."""
        if weight is None:
            return item

        def part(node: NodeId | None) -> NodeId | None:
            return None if node is None else self.part(node, weight)

        return replace(
            item,
            direct=self.part(item.direct, weight),
            indirect=part(item.indirect),
            counted=part(item.counted),
            default=part(item.default),
        )

    def _amount(self, good: Good) -> NodeId:
        return self._builder.input(good.records["good_amount"], f"CN {good.cn} from {good.process}: amount")

    def _by_content(self, good: Good, siblings: tuple[Good, ...]) -> NodeId:
        units = {
            sibling.cn: self._builder.product(
                f"good/{sibling.process}/{sibling.cn}/functional_units",
                "t",
                [
                    self._amount(sibling),
                    self._builder.input(
                        sibling.records[self._content], f"CN {sibling.cn}: {self._content.replace('_', ' ')}"
                    ),
                ],
                label=f"CN {sibling.cn}: functional units made",
                equation="2547 Annex III Eq 64-66: amount × content",
            )
            for sibling in sorted(siblings, key=lambda sibling: sibling.cn)
        }
        whole = self._builder.sum(
            f"process/{good.process}/functional_units",
            "t",
            [(1, node) for node in units.values()],
            label=f"{good.process}: functional units made",
            equation="2547 Annex III Eq 64-66: sum of amount × content",
        )
        return self._builder.quotient(
            f"good/{good.process}/{good.cn}/share_of_functional_units",
            "1",
            units[good.cn],
            whole,
            label=f"CN {good.cn}: share of the functional units",
            equation="2547 Annex III Eq 64-66: (amount × content) / sum of amount × content",
        )
