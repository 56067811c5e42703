"""Source streams of the template (B_EmInst rows 17-91): combustion, process emissions, mass balance.

A negative amount is meant only in a mass balance, where it is what leaves: it becomes a positive amount with
direction *output*. Blank oxidation and conversion factors mean 1, a blank biomass content 0: they are then
absent from the ledger.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from carbonport.footprint.intake.record_keeper import RecordKeeper, plain_id
from carbonport.footprint.intake.template_cells import TemplateCells
from carbonport.footprint.intake.template_map import EMISSIONS, STREAM_ROWS
from carbonport.footprint.intake.template_words import TemplateWords
from carbonport.footprint.ledger import Direction, SourceStream

AMOUNT_UNITS = ("t", "1000Nm3")
INPUT_COLUMNS = ("D", "E", "F", "H", "J", "L", "N", "P", "R", "T")
"""Columns into which an operator writes; a row in which all of them are blank is no stream."""

ENERGY_FACTOR_UNIT = "tCO2/TJ"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a stream: its catalogue field, its cell, its value as the ledger keeps it, its unit."""

    field: str
    cell: str
    value: Decimal
    unit: str


def read_streams(
    cells: TemplateCells, keeper: RecordKeeper, words: TemplateWords, process: str, taken: set[str]
) -> tuple[SourceStream, ...]:
    """Every filled-in stream; `process` is the one they all belong to, or empty when there are several."""
    streams = []
    for row in STREAM_ROWS:
        if any(not cells.blank(EMISSIONS, f"{column}{row}") for column in INPUT_COLUMNS):
            stream = _read_stream(cells, keeper, words, row, process, taken)
            if stream is not None:
                streams.append(stream)
    filled = cells.filled(EMISSIONS, [f"T{row}" for row in STREAM_ROWS])
    cells.refuse(EMISSIONS, filled, "biomass that is not sustainable")
    return tuple(streams)


def _read_stream(
    cells: TemplateCells,
    keeper: RecordKeeper,
    words: TemplateWords,
    row: int,
    process: str,
    taken: set[str],
) -> SourceStream | None:
    method = _method(cells, words, row)
    label = cells.text(EMISSIONS, f"E{row}") or f"source stream {row - STREAM_ROWS.start + 1}"
    amount, direction = _amount(cells, row, method)
    unit = cells.text(EMISSIONS, f"G{row}")
    if unit not in AMOUNT_UNITS:
        if unit or cells.blank(EMISSIONS, f"G{row}"):
            cells.unknown(EMISSIONS, f"G{row}", unit, " or ".join(AMOUNT_UNITS))
        return None
    if amount is None or not method:
        return None
    figures = [Figure("activity_data", f"F{row}", amount, unit), *_factors(cells, row, method, unit)]
    stream_id = plain_id(label, f"row-{row}", taken)
    keeper.fact(f"stream/{stream_id}/stream_name", "stream_name", label, EMISSIONS, f"E{row}")
    records: Mapping[str, str] = {
        figure.field: keeper.record(
            f"stream/{stream_id}", figure.field, figure.value, figure.unit, EMISSIONS, figure.cell
        )
        for figure in figures
    }
    return SourceStream(stream_id, label, method, direction, process, records)


def _method(cells: TemplateCells, words: TemplateWords, row: int) -> str:
    text = cells.text(EMISSIONS, f"D{row}")
    method = words.method(text)
    if not text:
        cells.missing(EMISSIONS, f"D{row}", "a method, since the row has other entries")
    elif not method:
        cells.unknown(EMISSIONS, f"D{row}", text, "Combustion, Process emissions or Mass balance")
    return method


def _amount(cells: TemplateCells, row: int, method: str) -> tuple[Decimal | None, Direction]:
    """The amount as a positive number, and its direction."""
    cell = f"F{row}"
    if method == "mass-balance":
        amount = cells.number(EMISSIONS, cell)
        if amount is not None and amount < 0:
            return -amount, Direction.OUTPUT
    else:
        amount = cells.amount(EMISSIONS, cell)
    if amount is None:
        cells.missing(EMISSIONS, cell, "activity data in the unit of column G")
    return amount, Direction.INPUT


def _factors(cells: TemplateCells, row: int, method: str, unit: str) -> list[Figure]:
    """The factors that the method uses, as far as they are stated; the ones it needs and lacks are faults."""
    figures = []
    energy = cells.amount(EMISSIONS, f"H{row}")
    if energy is not None:
        figures.append(Figure("net_calorific_value", f"H{row}", energy, f"GJ/{unit}"))
    if method == "mass-balance":
        carbon = cells.amount(EMISSIONS, f"L{row}")
        if carbon is None:
            cells.missing(EMISSIONS, f"L{row}", f"the carbon content in tC/{unit}")
        else:
            figures.append(Figure("carbon_content", f"L{row}", carbon, f"tC/{unit}"))
    else:
        figures += _emission_factor(cells, row, unit, has_energy=energy is not None)
    used = {"combustion": ("N", "oxidation_factor"), "process": ("P", "conversion_factor")}.get(method)
    for column, field in (used, ("R", "biomass_fraction")) if used else (("R", "biomass_fraction"),):
        share = cells.percent(EMISSIONS, f"{column}{row}")
        if share is not None:
            figures.append(Figure(field, f"{column}{row}", share, "%"))
    unused = {"combustion": "LP", "process": "LN", "mass-balance": "JNP"}.get(method, "")
    ignored = cells.filled(EMISSIONS, [f"{column}{row}" for column in unused])
    if ignored:
        cells.notes.append(
            f"{EMISSIONS}!{', '.join(ignored)}: the method of the row does not use this; not taken."
        )
    return figures


def _emission_factor(cells: TemplateCells, row: int, unit: str, *, has_energy: bool) -> list[Figure]:
    factor = cells.amount(EMISSIONS, f"J{row}")
    if factor is None:
        cells.missing(EMISSIONS, f"J{row}", "the emission factor in the unit of column K")
        return []
    stated = cells.text(EMISSIONS, f"K{row}")
    if stated == ENERGY_FACTOR_UNIT:
        if not has_energy:
            cells.missing(EMISSIONS, f"H{row}", "the net calorific value, since the factor is per TJ")
    elif stated != f"tCO2/{unit}":
        cells.unknown(
            EMISSIONS, f"K{row}", stated, f"{ENERGY_FACTOR_UNIT} or tCO2/{unit}, as the amount is in {unit}"
        )
        return []
    return [Figure("emission_factor", f"J{row}", factor, stated)]
