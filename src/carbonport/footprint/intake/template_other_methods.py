"""Perfluorocarbons (B_EmInst rows 98-107) and continuous measurement (rows 113-122) of the template.

Both become source streams. Efficiencies: the current efficiency stands in percent, the collection efficiency
as a fraction, as the template's own formulas take them.
"""

from collections.abc import Sequence
from decimal import Decimal

from carbonport.footprint.intake.record_keeper import RecordKeeper, plain_id
from carbonport.footprint.intake.template_cells import TemplateCells
from carbonport.footprint.intake.template_map import (
    EMISSIONS,
    MEASURED_INPUTS,
    MEASURED_ROWS,
    PFC_INPUTS,
    PFC_ROWS,
)
from carbonport.footprint.intake.template_words import TemplateWords
from carbonport.footprint.ledger import Direction, SourceStream

Column = tuple[str, str, str]
"""Catalogue field, column, unit."""

PFC_COMMON: Sequence[Column] = (("activity_data", "F", "t"), ("c2f6_ratio", "AM", "1"))

PFC_COLUMNS: dict[str, Sequence[Column]] = {
    "pfc-slope": (
        ("anode_effect_frequency", "AG", "1/cell-day"),
        ("anode_effect_duration", "AH", "min"),
        ("slope_factor", "AI", "kgCF4/t/(min/cell-day)"),
    ),
    "pfc-overvoltage": (
        ("anode_effect_overvoltage", "AJ", "mV"),
        ("current_efficiency", "AK", "%"),
        ("overvoltage_coefficient", "AL", "kgCF4/t/mV"),
    ),
}

MEASURED_COLUMNS: Sequence[Column] = (
    ("ghg_concentration", "V", "g/Nm3"),
    ("operating_hours", "X", "h"),
    ("flue_gas_flow", "Z", "1000Nm3/h"),
)

GASES = ("CO2", "N2O")


def read_perfluorocarbons(
    cells: TemplateCells, keeper: RecordKeeper, words: TemplateWords, process: str, taken: set[str]
) -> list[SourceStream]:
    """The filled-in rows of the PFC table."""
    streams = []
    for number, row in enumerate(PFC_ROWS, start=1):
        if not cells.filled(EMISSIONS, [f"{column}{row}" for column in PFC_INPUTS]):
            continue
        text = cells.text(EMISSIONS, f"D{row}")
        method = words.pfc_method(text)
        if not method:
            if text:
                cells.unknown(EMISSIONS, f"D{row}", text, "Slope method or Overvoltage method")
            else:
                cells.missing(EMISSIONS, f"D{row}", "a method, since the row has other entries")
            continue
        technology = cells.text(EMISSIONS, f"E{row}")
        label = f"PFC {number}" + (f", {technology}" if technology else "")
        stream_id = plain_id(f"pfc-{number}", f"row-{row}", taken)
        base = f"stream/{stream_id}"
        keeper.fact(f"{base}/stream_name", "stream_name", label, EMISSIONS, f"E{row}")
        records = _needed(cells, keeper, base, row, (*PFC_COMMON, *PFC_COLUMNS[method]))
        efficiency = cells.amount(EMISSIONS, f"AT{row}")
        if efficiency is not None:
            records["collection_efficiency"] = keeper.record(
                base, "collection_efficiency", efficiency, "1", EMISSIONS, f"AT{row}"
            )
        others = PFC_COLUMNS["pfc-slope" if method == "pfc-overvoltage" else "pfc-overvoltage"]
        cells.leave(
            EMISSIONS, [f"{column}{row}" for _, column, _ in others], "the row's method does not use this"
        )
        streams.append(SourceStream(stream_id, label, method, Direction.INPUT, process, records))
    return streams


def read_measured(
    cells: TemplateCells, keeper: RecordKeeper, process: str, taken: set[str]
) -> list[SourceStream]:
    """The filled-in rows of the table of continuous measurement."""
    streams = []
    for number, row in enumerate(MEASURED_ROWS, start=1):
        if not cells.filled(EMISSIONS, [f"{column}{row}" for column in MEASURED_INPUTS]):
            continue
        gas = cells.text(EMISSIONS, f"E{row}").replace("₂", "2")
        if gas not in GASES:
            if gas:
                cells.unknown(EMISSIONS, f"E{row}", gas, " or ".join(GASES))
            else:
                cells.missing(EMISSIONS, f"E{row}", "the gas, since the row has other entries")
            continue
        label = cells.text(EMISSIONS, f"D{row}") or f"emission source {number}"
        stream_id = plain_id(label, f"source-{number}", taken)
        base = f"stream/{stream_id}"
        keeper.fact(f"{base}/stream_name", "stream_name", label, EMISSIONS, f"D{row}")
        records = _needed(cells, keeper, base, row, MEASURED_COLUMNS)
        biomass = cells.percent(EMISSIONS, f"R{row}")
        if biomass is not None:
            records["biomass_fraction"] = keeper.record(
                base, "biomass_fraction", biomass, "%", EMISSIONS, f"R{row}"
            )
        streams.append(
            SourceStream(stream_id, label, "measurement", Direction.INPUT, process, records, gas=gas)
        )
    return streams


def _needed(
    cells: TemplateCells, keeper: RecordKeeper, base: str, row: int, columns: Sequence[Column]
) -> dict[str, str]:
    records: dict[str, str] = {}
    for field, column, unit in columns:
        cell = f"{column}{row}"
        amount: Decimal | None = cells.amount(EMISSIONS, cell)
        if amount is None:
            cells.missing(EMISSIONS, cell, f"a figure in {unit}, since the row has other entries")
        else:
            records[field] = keeper.record(base, field, amount, unit, EMISSIONS, cell)
    return records
