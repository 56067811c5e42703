"""Precursors of the template: purchased ones (A_InstData, E_PurchPrec) and what processes pass on to each other
(D_Processes).

The template knows a purchased precursor by its goods category and country. One that several processes consume
becomes one entry per process, all with the same specific emissions. What is purchased but goes elsewhere is
named among the unused cells.
"""

from decimal import Decimal

from carbonport.footprint.intake.record_keeper import RecordKeeper, plain_id
from carbonport.footprint.intake.template_cells import TemplateCells
from carbonport.footprint.intake.template_installation import NamedProcess
from carbonport.footprint.intake.template_map import (
    INSTALLATION,
    PRECURSORS,
    PROCESS_ROWS,
    PROCESSES,
    PURCHASED_ROWS,
    PrecursorBlock,
    ProcessBlock,
)
from carbonport.footprint.intake.template_words import TemplateWords
from carbonport.footprint.ledger import InternalFlow, Precursor

ELECTRICITY = "Electricity (export to EU)"
"""The only category that is counted in MWh."""

FIGURES = (
    ("precursor_see_direct", 35, "tCO2e/{unit}"),
    ("precursor_electricity", 36, "MWh/{unit}"),
    ("precursor_electricity_factor", 37, "tCO2/MWh"),
    ("precursor_see_indirect", 38, "tCO2e/{unit}"),
)
"""Field, row offset and unit of what is stated per unit of precursor."""


def read_purchased(
    cells: TemplateCells, keeper: RecordKeeper, words: TemplateWords, processes: tuple[NamedProcess, ...]
) -> tuple[Precursor, ...]:
    """Every purchased precursor that a process consumes."""
    by_number = {process.number: process for process in processes}
    taken: set[str] = set()
    precursors: list[Precursor] = []
    for number, row in enumerate(PURCHASED_ROWS):
        block = PrecursorBlock.numbered(number)
        text = cells.text(INSTALLATION, f"E{row}")
        if not text:
            unlisted = cells.filled(PRECURSORS, block.inputs())
            cells.refuse(PRECURSORS, unlisted, "figures of a precursor that A_InstData does not list")
            others = cells.filled(INSTALLATION, [f"{column}{row}" for column in "FL"])
            if others:
                cells.missing(INSTALLATION, f"E{row}", "the goods category of the precursor")
            continue
        category = words.category(text)
        if not category:
            cells.unknown(INSTALLATION, f"E{row}", text, "a goods category of the template's list")
            continue
        precursors += _purchased(cells, keeper, words, block, row, category, by_number, taken)
    return tuple(precursors)


def read_flows(
    cells: TemplateCells, keeper: RecordKeeper, processes: tuple[NamedProcess, ...], units: dict[str, str]
) -> tuple[InternalFlow, ...]:
    """What each process passes on to others; `units` is the unit of each one's production."""
    by_number = {process.number: process for process in processes}
    flows = []
    for process in processes:
        block = ProcessBlock.numbered(process.number)
        others = [number for number in range(len(PROCESS_ROWS)) if number != process.number]
        for row, other in zip(block.internal_rows, others, strict=True):
            cell = f"L{row}"
            amount = cells.amount(PROCESSES, cell)
            if not amount:
                continue
            consumer = by_number.get(other)
            if consumer is None:
                cells.inconsistent(
                    PROCESSES, cell, f"an amount for process P{other + 1}", "a process that A_InstData lists"
                )
                continue
            base = f"flow/{process.id}/{consumer.id}"
            unit = units.get(process.id, "t")
            path = keeper.record(base, "internal_amount", amount, unit, PROCESSES, cell)
            flows.append(InternalFlow(process.id, consumer.id, {"internal_amount": path}))
    return tuple(flows)


def _purchased(
    cells: TemplateCells,
    keeper: RecordKeeper,
    words: TemplateWords,
    block: PrecursorBlock,
    row: int,
    category: str,
    by_number: dict[int, NamedProcess],
    taken: set[str],
) -> list[Precursor]:
    name = cells.text(INSTALLATION, f"L{row}") or f"PP{row - PURCHASED_ROWS.start + 1} - {category}"
    unit = "MWh" if category == ELECTRICITY else "t"
    consumed = _consumed(cells, block, by_number)
    cells.leave(
        PRECURSORS,
        [*(f"L{each}" for each in block.purchased_rows), block.cell("L", 24)],
        "amounts purchased or used elsewhere; what the processes consume counts",
    )
    if not consumed:
        cells.leave(PRECURSORS, block.inputs(), "no production process consumes this precursor")
        return []
    basis = _basis(cells, words, block)
    root = plain_id(name, f"pp{row - PURCHASED_ROWS.start + 1}", taken)
    shared = _specific(cells, keeper, block, f"precursor/{root}", unit)
    precursors: list[Precursor] = []
    for process, cell, amount in consumed:
        precursor_id = root if not precursors else plain_id(f"{root}-to-{process.id}", root, taken)
        base = f"precursor/{precursor_id}"
        path = keeper.record(base, "precursor_amount", amount, unit, PRECURSORS, cell)
        country = cells.text(INSTALLATION, f"F{row}")
        keeper.fact(f"{base}/precursor_name", "precursor_name", name, INSTALLATION, f"L{row}")
        keeper.fact(f"{base}/precursor_category", "precursor_category", category, INSTALLATION, f"E{row}")
        keeper.fact(f"{base}/precursor_country", "precursor_country", country, INSTALLATION, f"F{row}")
        keeper.fact(f"{base}/precursor_basis", "precursor_basis", basis, PRECURSORS, block.cell("M", 35))
        precursors.append(
            Precursor(
                id=precursor_id,
                label=name,
                cn="",
                country=country or "unknown",
                process=process.id,
                basis=basis,
                records={"precursor_amount": path, **shared},
                category=category,
            )
        )
    return precursors


def _consumed(
    cells: TemplateCells, block: PrecursorBlock, by_number: dict[int, NamedProcess]
) -> list[tuple[NamedProcess, str, Decimal]]:
    consumed = []
    for number, each in enumerate(block.consumed_rows):
        amount = cells.amount(PRECURSORS, f"L{each}")
        if not amount:
            continue
        process = by_number.get(number)
        if process is None:
            cells.inconsistent(
                PRECURSORS,
                f"L{each}",
                f"an amount for process P{number + 1}",
                "a process that A_InstData lists",
            )
            continue
        consumed.append((process, f"L{each}", amount))
    return consumed


def _basis(cells: TemplateCells, words: TemplateWords, block: PrecursorBlock) -> str:
    cell = block.cell("M", 35)
    text = cells.text(PRECURSORS, cell)
    basis = words.basis(text)
    if text and not basis:
        cells.unknown(PRECURSORS, cell, text, "Measured, Default or Unknown")
    if not text:
        cells.notes.append(
            f"{PRECURSORS}!{cell} is blank: where the precursor's value comes from is taken as unknown."
        )
    return basis or "unknown"


def _specific(
    cells: TemplateCells, keeper: RecordKeeper, block: PrecursorBlock, base: str, unit: str
) -> dict[str, str]:
    """What is stated per unit of precursor. SEE indirect is the template's own product of the two above it:
    taken only where they are not both stated.
    """
    records: dict[str, str] = {}
    for field, offset, template in FIGURES:
        cell = block.cell("L", offset)
        both = {"precursor_electricity", "precursor_electricity_factor"} <= set(records)
        if field == "precursor_see_indirect" and both:
            continue
        value = cells.amount(PRECURSORS, cell)
        if value is not None:
            records[field] = keeper.record(base, field, value, template.format(unit=unit), PRECURSORS, cell)
    if "precursor_see_direct" not in records:
        cells.missing(PRECURSORS, block.cell("L", 35), "the specific direct embedded emissions")
    return records
