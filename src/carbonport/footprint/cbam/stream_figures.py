"""The figures of one source stream for the rules that use them: what it states, then what its standard factor
says.

A figure that a rule needs and that is nowhere, or whose unit does not fit the activity, raises `Malformed`
with the stream and its place.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from carbonport.errors import Malformed
from carbonport.footprint.graph_builder import GraphBuilder, NodeId
from carbonport.footprint.ledger import Ledger, SourceStream
from carbonport.footprint.tables.rule_tables import PublishedNumber, RuleTables
from carbonport.footprint.units import base_unit, convert, unit_named

PER = {"mass": "per mass", "volume": "per volume", "energy": "per energy"}
"""What a factor has to be per, for an activity of each kind."""


@dataclass(frozen=True, slots=True)
class StreamEmissions:
    """The nodes of a stream: fossil emissions, biomass emissions (None: no biomass stated), the sign in a
    sum.
    """

    fossil: NodeId
    biomass: NodeId | None
    sign: int


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: its node, its unit, what it is for people."""

    node: NodeId
    unit: str
    label: str


class StreamFigures:
    """Looks figures of one stream up and adds them to the graph; `base` is the path of its nodes."""

    def __init__(
        self, builder: GraphBuilder, stream: SourceStream, ledger: Ledger, tables: RuleTables
    ) -> None:
        self.builder, self.stream, self.tables = builder, stream, tables
        self._ledger = ledger
        self.base = f"stream/{stream.id}"

    def has(self, field: str) -> bool:
        """Whether the stream itself states `field`."""
        return field in self.stream.records

    def needed(self, field: str, label: str, standard_field: str = "") -> Figure:
        """The figure; it has to be there."""
        found = self.figure(field, label, standard_field)
        if found is None:
            raise Malformed(
                "stream-missing-factor",
                found=f"no {label}",
                expected=f"a {label} for the method {self.stream.method}",
                remedy="State it for the stream, or name a standard factor that has it.",
                where=self.where(),
            )
        return found

    def figure(self, field: str, label: str, standard_field: str = "") -> Figure | None:
        """The stated figure, else that of the standard factor (under `standard_field`), else None."""
        path = self.stream.records.get(field)
        name = f"{self.stream.label}: {label}"
        if path is not None:
            return Figure(self.builder.input(path, name), self._ledger.records[path].unit, label)
        number = self._standard().get(standard_field or field)
        if number is None:
            return None
        unit = unit_named(number.unit)
        base = base_unit(unit.kind)
        converted = PublishedNumber(convert(number.value, unit, base), base.name, number.source)
        node = self.builder.constant(f"{self.base}/{field}", converted, f"{name} of {self.stream.standard}")
        return Figure(node, base.name, label)

    def at(self, path: str, label: str) -> NodeId:
        """The record at `path`, which the stream refers to otherwise than by field."""
        return self.builder.input(path, f"{self.stream.label}: {label}")

    def value(self, path: str) -> Decimal:
        """The declared value at `path`, for a choice between rules (the graph then shows which was taken)."""
        return self._ledger.records[path].declared

    def constant(self, name: str, label: str) -> NodeId:
        """A constant of the rules."""
        return self.builder.constant(f"constant/{name}", self.tables.constant(name), label)

    def standard_factor(self, name: str, field: str, label: str) -> NodeId:
        """A named standard factor, whether or not the stream names it."""
        number = self.tables.standard_factors[name][field]
        return self.builder.constant(f"{self.base}/{field}", number, f"{self.stream.label}: {label}")

    def fits(self, figure: Figure, kind: str, activity: Figure) -> None:
        """Raise when `figure` does not measure what `kind` says."""
        if unit_named(figure.unit).kind != kind:
            raise Malformed(
                "unit-does-not-fit",
                found=f"the {figure.label} in {figure.unit}, the activity in {activity.unit}",
                expected=f"a {figure.label} that is {kind}",
                remedy="State the factor per unit of the activity.",
                where=self.where(),
            )

    def bad(self, found: str, expected: str) -> Malformed:
        """The error of a stream that cannot be meant."""
        return Malformed(
            "stream-unusable",
            found=found,
            expected=expected,
            remedy="Correct the source stream in the workbook or ledger file.",
            where=self.where(),
        )

    def where(self) -> str:
        """The stream and its place."""
        path = next(iter(self.stream.records.values()), "")
        path = self.stream.records.get("activity_data", path)
        place = f", {self._ledger.records[path].source.place}" if path else ""
        return f"source stream {self.stream.id}{place}"

    def _standard(self) -> Mapping[str, PublishedNumber]:
        if not self.stream.standard:
            return {}
        factors = self.tables.standard_factors.get(self.stream.standard)
        if factors is None:
            raise self.bad(
                f"the standard factor {self.stream.standard[:60]!r}",
                f"a name of {self.tables.versions['standard_factors']}",
            )
        return factors
