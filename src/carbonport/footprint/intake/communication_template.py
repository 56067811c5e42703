"""The Commission's communication template (V2.1, .xlsx) becomes a ledger.

Promises: every figure of the ledger names its cell; a cell that cannot be read, or that this version cannot
calculate with, is named and nothing is dropped or guessed; the file is read within bounds, in a process of
its own. Results that the workbook calculated itself are not taken, except DirEm*: the template makes every SEE
from it. One process whose streams give the same DirEm* is built from its streams, so that its value is explained
down to them; where they differ by more than the rounding of doubles, what the operator states counts (decision
0026). Source: official template V2.1 (2024-12-13); the places are in `template_map`.
"""

from fractions import Fraction
from pathlib import Path

from carbonport.errors import Malformed
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.cbam.attribution import direct_emissions
from carbonport.footprint.evaluate import evaluate, source_values
from carbonport.footprint.exact_decimal import round_half_up
from carbonport.footprint.graph_builder import GraphBuilder
from carbonport.footprint.intake import Reading
from carbonport.footprint.intake.record_keeper import RecordKeeper
from carbonport.footprint.intake.template_cells import TemplateCells
from carbonport.footprint.intake.template_installation import (
    read_installation,
    read_period,
    read_process_names,
)
from carbonport.footprint.intake.template_map import ANCHORS, BALANCE, INPUTS, SHEETS, WORD_SHEETS
from carbonport.footprint.intake.template_other_methods import read_measured, read_perfluorocarbons
from carbonport.footprint.intake.template_precursors import read_flows, read_purchased
from carbonport.footprint.intake.template_processes import (
    RELATIVE_TOLERANCE,
    attributed_by_streams,
    read_process,
    refuse_unlisted,
    require_direct_emissions,
)
from carbonport.footprint.intake.template_products import read_goods
from carbonport.footprint.intake.template_streams import read_streams
from carbonport.footprint.intake.template_tools import read_tools
from carbonport.footprint.intake.template_words import TemplateWords
from carbonport.footprint.intake.workbook_cells import WorkbookCells, read_workbook_cells
from carbonport.footprint.intake.workbook_place import Area
from carbonport.footprint.ledger import Ledger
from carbonport.footprint.tables.rule_tables import RuleTables


def read_communication_template(path: Path, catalogue: Catalogue) -> Reading:
    """The ledger in the workbook at `path`, and notes. Raises Malformed or Refused naming sheet and cells."""
    workbook = read_workbook_cells(path, SHEETS)
    _check_layout(workbook)
    cells = TemplateCells(workbook)
    keeper = RecordKeeper(cells, catalogue, cells.derived_text(BALANCE, "R40"))
    words = TemplateWords(lambda: read_workbook_cells(path, WORD_SHEETS))
    name, country = read_installation(cells, keeper)
    period = read_period(cells, keeper)
    named = read_process_names(cells, words)
    only_process = named[0].id if len(named) == 1 else ""
    taken: set[str] = set()
    streams = (
        *read_streams(cells, keeper, words, only_process, taken),
        *read_perfluorocarbons(cells, keeper, words, only_process, taken),
        *read_measured(cells, keeper, only_process, taken),
    )
    processes = [read_process(cells, keeper, process) for process in named]
    refuse_unlisted(cells, named)
    units = {
        process.id: keeper.records[process.records["activity_level"]].unit
        for process in processes
        if process is not None and process.records["activity_level"] in keeper.records
    }
    flows = read_flows(cells, keeper, named, units)
    precursors = read_purchased(cells, keeper, words, named)
    utilities = read_tools(cells, keeper)
    goods = read_goods(cells, keeper, {process.name: process.id for process in named})
    if not (only_process and streams):
        for process in named:
            require_direct_emissions(cells, process)
    cells.name_the_rest({sheet: [Area.parse(area) for area in areas] for sheet, areas in INPUTS.items()})
    cells.finish()
    assert period is not None
    ledger = Ledger(
        installation=name,
        country=country,
        period=period,
        records=keeper.records,
        facts=keeper.facts,
        streams=streams,
        processes=tuple(process for process in processes if process is not None),
        precursors=precursors,
        goods=goods,
        flows=flows,
        utilities=utilities,
    )
    if only_process and streams:
        ledger = _attributed(ledger, cells)
    elif streams:
        cells.notes.append(
            "Several processes share the source streams: each one's DirEm* is the operator's own."
        )
    return Reading(ledger, tuple(cells.notes), tuple(cells.unused))


def _check_layout(workbook: WorkbookCells) -> None:
    """Raises for another version of the template: its row numbers stand elsewhere."""
    for sheet, place, wanted in ANCHORS:
        found = workbook.sheets[sheet].get(place)
        if found is None or (found.kind != "uncached" and found.text != wanted):
            raise Malformed(
                "intake-layout",
                found=f"{found.text[:40]!r}" if found else "a blank cell",
                expected=f"{wanted!r}, as in version 2.1 of the communication template",
                remedy="Copy the entries into the template's version 2.1 and do not insert or delete rows.",
                where=f"{workbook.document} {sheet}!{place}",
            )


def _attributed(ledger: Ledger, cells: TemplateCells) -> Ledger:
    """The ledger of one process, by its streams where they explain DirEm*, else by the operator's record."""
    process = ledger.processes[0]
    stated = ledger.records.get(process.records.get("direct_emissions", ""))
    by_streams = attributed_by_streams(ledger)
    if stated is None:
        cells.notes.append("DirEm* is blank: taken as the sum of the source streams.")
        return by_streams
    builder = GraphBuilder(by_streams)
    node = direct_emissions(builder, by_streams.processes[0], by_streams, RuleTables.load())
    total = evaluate(builder.build(), source_values(by_streams))[node]
    if abs(total - Fraction(stated.value)) <= RELATIVE_TOLERANCE * abs(total):
        return by_streams
    cells.notes.append(
        f"{stated.source.location} states {stated.value} t of direct emissions, the source streams give"
        f" {round_half_up(total, 3)} t: the statement is taken, as the operator's own record."
    )
    return ledger
