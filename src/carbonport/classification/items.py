"""The items that can be asked for by name, and what each stands for in the graded ledger and the results.

An item is found first and graded; its value is read only after the decision (`Item.read`). Names:

- `operator`, `country`, `unlocode`, `latitude`, ...: a fact's field, where the ledger has one such fact;
- `cn`, `product_name`, `process_name`, `category`, `route`, `period`: of the subject's good;
- `see_direct`, `see_indirect`, `see_total`, `default_share`: rounded results of the good (tCO2e/t; the share
  1);
- any other output of the good's graph, `installation_` and an output of the installation's graph;
- `activity_level` and the other figures of the good's process;
- `precursors`: CN, country and specific emissions (tCO2e/t) of what the good's calculation consumes;
- `net_mass` (t) and `consignment` of the subject's consignment;
- a ledger path, such as `stream/coke/activity_data`.

Results, net mass and precursors' emissions are decimal strings; every other figure is `{"value", "unit"}`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from carbonport.classification.egress import Subject
from carbonport.classification.field_classes import FieldClass, FieldRule
from carbonport.classification.graded_ledger import GradedEntry, GradedLedger
from carbonport.classification.grades import Grade
from carbonport.classification.graph_grades import RESULT_DECIMALS, ROUNDED
from carbonport.classification.item_text import TYPED_FIELDS, checked_text, figure_text, fraction_text
from carbonport.classification.results import GoodResults, GradedResult, Results
from carbonport.crypto.canonical import Json
from carbonport.errors import Malformed
from carbonport.footprint.ledger import Fact, Precursor, Record

DECLARATION_ITEMS = (
    "operator",
    "installation_name",
    "registration_code",
    "unlocode",
    "country",
    "cn",
    "product_name",
    "route",
    "period",
    "see_direct",
    "see_indirect",
    "default_share",
    "precursors",
    "consignment",
    "net_mass",
    "verification_opinion",
)
"""What an importer gets for a CBAM declaration, where the ledger has it."""

REQUIRED_DECLARATION_ITEMS = frozenset(
    {"country", "cn", "period", "see_direct", "default_share", "consignment", "net_mass"}
)
"""Those without which there is nothing to attest: when one is missing, the release is refused."""

ROUNDED_RESULTS = frozenset(
    {"see_direct", "see_indirect", "see_indirect_in_scope", "see_total", "default_share"}
)
"""Results that leave only in their rounded form; their short names stand for it."""

INSTALLATION = "installation_"

MAX_REMEMBERED_ITEMS = 4096
"""Items found once are remembered; the ledger and its results never change under a gate."""

PRECURSOR_FIELDS = ("precursor_see_direct", "precursor_see_indirect")


@dataclass(frozen=True, slots=True)
class Part:
    """One graded thing that an item is made of."""

    rule: FieldRule
    grade: Grade
    reason: str

    @property
    def field_class(self) -> FieldClass:
        """Its class."""
        return self.rule.field_class


@dataclass(frozen=True, slots=True)
class Item:
    """An item by name: its graded parts, and how to read its value once that is allowed.

    `names` are the texts in it that people typed, to be searched for protected numbers.
    """

    name: str
    parts: tuple[Part, ...]
    read: Callable[[], Json]
    names: tuple[str, ...] = ()

    @property
    def leading(self) -> Part:
        """The most sensitive part: class and grade of the item."""
        return max(self.parts, key=lambda part: part.grade.rank)


class ItemSource:
    """Finds items in one graded ledger and its results."""

    def __init__(self, graded: GradedLedger, results: Results) -> None:
        self._graded, self._results = graded, results
        self._found: dict[tuple[str, Subject], Item | None] = {}
        self._facts: dict[str, list[str]] = {}
        for path, entry in graded.entries.items():
            if isinstance(entry.entry, Fact):
                self._facts.setdefault(entry.entry.field, []).append(path)

    def find(self, name: str, subject: Subject) -> Item | None:
        """The item called `name` for `subject`, or nothing when it does not exist or is not unique."""
        if (name, subject) not in self._found:
            if len(self._found) >= MAX_REMEMBERED_ITEMS:
                self._found.clear()
            self._found[name, subject] = self._find(name, subject)
        return self._found[name, subject]

    def stream_paths(self, stream_id: str) -> tuple[str, ...]:
        """Paths of the records behind a source stream's emissions; none where there is no such stream."""
        paths: list[str] = []
        for stream in self._graded.ledger.streams:
            if stream.id == stream_id:
                paths.extend(stream.records.values())
                for hour in stream.hours:
                    paths.extend(path for path in (hour.flow, hour.concentration, hour.data_share) if path)
        return tuple(paths)

    def _find(self, name: str, subject: Subject) -> Item | None:
        good = self._results.goods.get((subject.process, subject.cn))
        if good is None:
            return None
        consignment = f"consignment/{subject.consignment}"
        if name == "period":
            return self._period()
        if name == "precursors":
            return self._precursors(good)
        if name == "net_mass":
            return self._entry(name, f"{consignment}/net_mass", plain=True)
        if name == "consignment":
            return self._entry(name, f"{consignment}/name")
        if name in ("cn", "product_name", "process_name", "category", "route"):
            return self._of_good(name, good)
        return self._result(name, good) or self._figure(name, subject) or self._path(name)

    def _result(self, name: str, good: GoodResults) -> Item | None:
        if name.startswith(INSTALLATION):
            found = self._results.installation.get(name.removeprefix(INSTALLATION))
        else:
            found = good.outputs.get(name + ROUNDED if name in ROUNDED_RESULTS else name)
        if found is None:
            return None
        grade = found.grade
        rule = self._graded.table.rule(grade.field_class, grade.field)
        part = Part(rule, grade.grade, grade.reason)
        return Item(name, (part,), lambda: _result_value(name, found))

    def _figure(self, name: str, subject: Subject) -> Item | None:
        """A figure of the subject's process, such as `activity_level`."""
        processes = [process for process in self._graded.ledger.processes if process.id == subject.process]
        path = processes[0].records.get(name) if len(processes) == 1 else None
        return self._entry(name, path) if path is not None else None

    def _path(self, name: str) -> Item | None:
        paths = [name] if name in self._graded.entries else self._facts.get(name, [])
        return self._entry(name, paths[0]) if len(paths) == 1 else None

    def _entry(self, name: str, path: str, *, plain: bool = False) -> Item | None:
        graded = self._graded.entries.get(path)
        if graded is None:
            return None
        entry = graded.entry
        if isinstance(entry, Fact):
            text = entry.text
            typed = () if entry.field in TYPED_FIELDS else (text,)
            return Item(name, (_part(graded),), lambda: checked_text(entry.field, text), typed)
        return Item(name, (_part(graded),), lambda: _figure_value(entry, plain=plain))

    def _of_good(self, name: str, good: GoodResults) -> Item | None:
        ledger = self._graded.ledger
        processes = [process for process in ledger.processes if process.id == good.good.process]
        if len(processes) != 1:
            return None
        process = processes[0]
        texts = {
            "cn": (good.good.cn,),
            "product_name": (good.good.label,),
            "process_name": (process.label,),
            "category": (process.category,),
            "route": process.routes,
        }[name]
        if not any(texts):
            return None
        rule = self._graded.table.rule(FieldClass.PRODUCT, name)
        stated = self._stated(name, f"process/{process.id}/", f"good/{process.id}/{good.good.cn}/")
        parts = (Part(rule, rule.grade, rule.reason), *map(_part, stated))

        def read() -> Json:
            checked = [checked_text(name, text) for text in texts]
            return checked if name == "route" else checked[0]

        return Item(name, parts, read, () if name in TYPED_FIELDS else texts)

    def _stated(self, field: str, *bases: str) -> Iterable[GradedEntry]:
        """The ledger's own entries for a text that a process or good carries: a raised grade there counts."""
        paths = self._facts.get(field, [])
        return [self._graded.entries[path] for path in paths if path.startswith(bases)]

    def _period(self) -> Item:
        period = self._graded.ledger.period
        table = self._graded.table
        rules = [table.rule(FieldClass.PRODUCT, field) for field in ("period_start", "period_end")]
        value: Json = {"start": period.start.isoformat(), "end": period.end.isoformat()}
        return Item("period", tuple(Part(rule, rule.grade, rule.reason) for rule in rules), lambda: value)

    def _precursors(self, good: GoodResults) -> Item:
        ledger, table = self._graded.ledger, self._graded.table
        mine = [
            precursor
            for precursor in ledger.precursors
            if precursor.process == good.good.process
            or not good.input_paths.isdisjoint(precursor.records.values())
        ]
        parts: list[Part] = []
        for field in ("precursor_cn", "precursor_country", "precursor_basis"):
            rule = table.rule(FieldClass.PRECURSOR, field)
            parts.append(Part(rule, rule.grade, rule.reason))
        for precursor in mine:
            for path in self._precursor_paths(precursor):
                parts.append(_part(self._graded.entries[path]))
        return Item("precursors", tuple(parts), lambda: self._read_precursors(mine))

    def _precursor_paths(self, precursor: Precursor) -> list[str]:
        figures = [precursor.records[field] for field in PRECURSOR_FIELDS if field in precursor.records]
        base = f"precursor/{precursor.id}/precursor_"
        texts = [base + key for key in ("cn", "country", "basis") if base + key in self._graded.entries]
        return figures + texts

    def _read_precursors(self, precursors: list[Precursor]) -> Json:
        listed: list[dict[str, str]] = []
        for precursor in precursors:
            shown = {"basis": checked_text("precursor_basis", precursor.basis)}
            # The Commission's template names a purchased precursor by its aggregated category alone.
            if precursor.cn:
                shown["cn"] = checked_text("precursor_cn", precursor.cn)
            else:
                shown["category"] = checked_text("precursor_category", precursor.category)
            if precursor.country:
                shown["country"] = checked_text("precursor_country", precursor.country)
            for field in PRECURSOR_FIELDS:
                if field in precursor.records:
                    entry = self._graded.entries[precursor.records[field]].entry
                    shown[field.removeprefix("precursor_")] = _plain_figure(entry)
            listed.append(shown)
        # Sorted by what is shown: the ledger's order could tell amounts.
        return sorted(listed, key=lambda shown: sorted(shown.items()))


def _part(graded: GradedEntry) -> Part:
    return Part(graded.rule, graded.grade, graded.reason)


def _plain_figure(entry: Record | Fact) -> str:
    if isinstance(entry, Fact):
        raise Malformed(
            "egress-value-unusable",
            found="a text where a figure belongs",
            expected="a figure",
            remedy="Correct the entry in the ledger.",
            where=entry.path,
        )
    return figure_text(entry)


def _figure_value(record: Record, *, plain: bool) -> Json:
    return figure_text(record) if plain else {"value": figure_text(record), "unit": record.unit}


def _result_value(name: str, result: GradedResult) -> Json:
    decimals = RESULT_DECIMALS if name in ROUNDED_RESULTS or result.decimals is None else result.decimals
    text = fraction_text(name, result.value, decimals)
    return text if name in ROUNDED_RESULTS else {"value": text, "unit": result.unit}
