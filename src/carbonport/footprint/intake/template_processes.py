"""Production processes of the template (D_Processes, ten blocks of 65 rows): production, DirEm*, heat, waste
gases, electricity.

Blank and zero flows are absent from the ledger; a stated zero of electricity is kept.
"""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from carbonport.footprint.exact_decimal import round_half_up
from carbonport.footprint.intake.record_keeper import RecordKeeper
from carbonport.footprint.intake.template_cells import TemplateCells
from carbonport.footprint.intake.template_installation import NamedProcess
from carbonport.footprint.intake.template_map import BALANCE, PROCESS_ROWS, PROCESSES, ProcessBlock
from carbonport.footprint.ledger import Ledger, ProductionProcess

DIRECT_EMISSIONS_OFFSET = 43
RELATIVE_TOLERANCE = Fraction(1, 10**9)
"""Between a sum the template calculated with doubles and the exact one."""

UNITS = ("t", "MWh")
"""Of production; MWh for electricity as a good."""

FLOWS = (
    ("heat_import", "L", 46, "TJ", "heat_import_factor", 47, "tCO2/TJ"),
    ("heat_export", "M", 46, "TJ", "heat_export_factor", 47, "tCO2/TJ"),
    ("waste_gas_import", "L", 50, "TJ", "", 51, ""),
    ("waste_gas_export", "M", 50, "TJ", "", 51, ""),
    ("electricity", "L", 54, "MWh", "electricity_factor", 55, "tCO2/MWh"),
    ("electricity_export", "L", 60, "MWh", "electricity_export_factor", 61, "tCO2/MWh"),
)
"""Field, column, row offset and unit of each flow; then the same of its factor. Waste gas has the law's
factor; electricity consumed without one gets the default of its country.
"""


def read_process(cells: TemplateCells, keeper: RecordKeeper, named: NamedProcess) -> ProductionProcess | None:
    """One process, attributed by its own record if it states DirEm*; None when its production is faulty."""
    block = ProcessBlock.numbered(named.number)
    base = f"process/{named.id}"
    keeper.fact(f"{base}/process_name", "process_name", named.name, PROCESSES, block.cell("G", 0))
    keeper.fact(f"{base}/category", "category", named.category, PROCESSES, block.cell("L", 0))
    level = _activity_level(cells, block)
    if level is None:
        return None
    cell, amount, level_unit = level
    records = {"activity_level": keeper.record(base, "activity_level", amount, level_unit, PROCESSES, cell)}
    for field, column, offset, unit, factor_field, factor_offset, factor_unit in FLOWS:
        flow_cell, factor_cell = block.cell(column, offset), block.cell(column, factor_offset)
        flow = cells.amount(PROCESSES, flow_cell)
        factor = cells.amount(PROCESSES, factor_cell) if factor_field else None
        if flow is None or (flow == 0 and field != "electricity"):
            continue
        records[field] = keeper.record(base, field, flow, unit, PROCESSES, flow_cell)
        if factor is not None:
            records[factor_field] = keeper.record(
                base, factor_field, factor, factor_unit, PROCESSES, factor_cell
            )
        elif factor_field and flow and field != "electricity":
            cells.missing(
                PROCESSES,
                factor_cell,
                f"the emission factor in {factor_unit}, since {flow_cell} has an amount",
            )
    source = cells.text(PROCESSES, block.cell("L", 56))
    source_cell = block.cell("L", 56)
    keeper.fact(f"{base}/electricity_source", "electricity_source", source, PROCESSES, source_cell)
    routes = _routes(cells, keeper, base, block)
    direct_cell = block.cell("L", DIRECT_EMISSIONS_OFFSET)
    direct = cells.amount(PROCESSES, direct_cell)
    if direct is not None:
        records["direct_emissions"] = keeper.record(
            base, "direct_emissions", direct, "tCO2e", PROCESSES, direct_cell
        )
    _check_whereabouts(cells, block, amount)
    cells.leave(PROCESSES, [block.cell("L", 30)], "what goes into goods outside CBAM does not matter here")
    return ProductionProcess(named.id, named.name, named.category, routes, "record", records, source)


def _check_whereabouts(cells: TemplateCells, block: ProcessBlock, production: Decimal) -> None:
    """The template's own control (e): what is sold, passed on and used otherwise is all that was produced."""
    places = [block.cell("L", 16), *(f"L{row}" for row in block.internal_rows), block.cell("L", 30)]
    stated = [amount for amount in (cells.amount(PROCESSES, place) for place in places) if amount is not None]
    total = sum(map(Fraction, stated), Fraction(0))
    if not cells.blank(PROCESSES, places[0]) and abs(
        total - Fraction(production)
    ) > RELATIVE_TOLERANCE * Fraction(production):
        cells.notes.append(
            f"{PROCESSES}!{block.cell('L', 31)}: of {production} produced, {round_half_up(total, 3)} are accounted for"
            " (sold, passed on to other processes, used for goods outside CBAM)."
        )


def attributed_by_streams(ledger: Ledger) -> Ledger:
    """The ledger with its direct emissions from the source streams; the operator's records of them go."""
    dropped = {process.records.get("direct_emissions", "") for process in ledger.processes}
    processes = tuple(
        replace(
            process,
            attributed_by="streams",
            records={field: path for field, path in process.records.items() if path not in dropped},
        )
        for process in ledger.processes
    )
    records = {path: record for path, record in ledger.records.items() if path not in dropped}
    return replace(ledger, processes=processes, records=records)


def require_direct_emissions(cells: TemplateCells, named: NamedProcess) -> None:
    """Several processes share the streams, so that each must state DirEm* itself."""
    cell = ProcessBlock.numbered(named.number).cell("L", DIRECT_EMISSIONS_OFFSET)
    if cells.blank(PROCESSES, cell):
        cells.missing(PROCESSES, cell, "the directly attributable emissions (DirEm*) in tCO2e")


def refuse_unlisted(cells: TemplateCells, processes: tuple[NamedProcess, ...]) -> None:
    """Notes figures in blocks of processes that A_InstData does not list, and totals entered by hand."""
    listed = {process.number for process in processes}
    for number in range(len(PROCESS_ROWS)):
        if number not in listed:
            block = ProcessBlock.numbered(number)
            inputs = [*block.inputs(), block.cell("L", DIRECT_EMISSIONS_OFFSET)]
            filled = cells.filled(PROCESSES, inputs)
            cells.refuse(PROCESSES, filled, "figures of a process that A_InstData does not list")
    cells.leave(
        BALANCE,
        [f"{column}26" for column in "HIJKLM"],
        "totals entered by hand; the totals are calculated from source streams and processes",
    )
    cells.leave(BALANCE, [f"{column}16" for column in "HIJK"], "no result depends on the fuel balance")


def _activity_level(cells: TemplateCells, block: ProcessBlock) -> tuple[str, Decimal, str] | None:
    """The denominator of SEE, its cell and its unit: the one amount by route, or the total the template calculates."""
    amounts: dict[str, Decimal] = {}
    found_unit = "t"
    for row in block.route_rows:
        amount = cells.amount(PROCESSES, f"L{row}")
        if amount is not None:
            amounts[f"L{row}"] = amount
            unit = cells.derived_text(PROCESSES, f"K{row}")
            if unit not in {"", *UNITS}:
                cells.unknown(PROCESSES, f"K{row}", unit, " or ".join(UNITS))
            elif unit:
                found_unit = unit
    total_cell = f"L{block.total_row}"
    if len(amounts) == 1:
        total_cell, total = next(iter(amounts.items()))
    else:
        stated = cells.amount(PROCESSES, total_cell)
        if stated is None:
            cells.missing(PROCESSES, total_cell, "the production of the period in t")
            return None
        total = stated
        difference = abs(Fraction(total) - sum(map(Fraction, amounts.values())))
        if amounts and difference > RELATIVE_TOLERANCE * Fraction(total):
            cells.inconsistent(
                PROCESSES, total_cell, f"a total of {total} t", "the sum of the amounts by route above it"
            )
    if total == 0:
        cells.inconsistent(
            PROCESSES, total_cell, "a production of 0", "a positive production: emissions are per tonne"
        )
    return total_cell, total, found_unit


def _routes(cells: TemplateCells, keeper: RecordKeeper, base: str, block: ProcessBlock) -> tuple[str, ...]:
    routes = []
    for row in block.route_rows:
        route = cells.derived_text(PROCESSES, f"H{row}")
        if route and cells.filled(PROCESSES, [f"L{row}"]):
            routes.append(route)
            keeper.fact(f"{base}/route/{len(routes)}", "route", route, PROCESSES, f"H{row}")
    return tuple(routes)
