"""The template's tools (F_Tools): cogeneration becomes a utility of the ledger, the tool for the carbon price is
only named.

The results of the cogeneration tool are typed into D_Processes by the operator; the utility lets anyone
recompute them. It does not enter the processes by itself.
"""

from carbonport.footprint.intake.record_keeper import RecordKeeper
from carbonport.footprint.intake.template_cells import TemplateCells
from carbonport.footprint.intake.template_map import CARBON_PRICE_ROWS, TOOL_BLOCKS, TOOLS, ToolBlock
from carbonport.footprint.ledger import Utility


def read_tools(cells: TemplateCells, keeper: RecordKeeper) -> tuple[Utility, ...]:
    """The cogeneration units that are filled in."""
    utilities = []
    for number, block in enumerate(TOOL_BLOCKS, start=1):
        if cells.filled(TOOLS, [f"{column}{block.energy}" for column in "JKL"]):
            utilities.append(_cogeneration(cells, keeper, block, number))
        else:
            # The template prints reference efficiencies into a tool that nobody uses.
            cells.filled(TOOLS, [f"{column}{block.reference}" for column in "JK"])
    cells.leave(
        TOOLS,
        [f"{column}{row}" for row in CARBON_PRICE_ROWS for column in "HJK"],
        "the carbon price due is the obligation's matter; state it there with its evidence",
    )
    return tuple(utilities)


def _cogeneration(cells: TemplateCells, keeper: RecordKeeper, block: ToolBlock, number: int) -> Utility:
    emissions = [f"{column}{block.emissions}" for column in "JK"]
    stated = cells.filled(TOOLS, emissions)
    total = stated[0] if len(stated) == 1 else f"L{block.emissions}"
    base, records = f"utility/chp-{number}", {}
    for field, cell, unit in (
        ("fuel_input", f"J{block.energy}", "TJ"),
        ("heat_produced", f"K{block.energy}", "TJ"),
        ("electricity_produced", f"L{block.energy}", "MWh"),
        ("direct_emissions", total, "tCO2e"),
        ("heat_reference_efficiency", f"J{block.reference}", "1"),
        ("electric_reference_efficiency", f"K{block.reference}", "1"),
    ):
        amount = cells.amount(TOOLS, cell)
        if amount is not None:
            records[field] = keeper.record(base, field, amount, unit, TOOLS, cell)
    return Utility(f"chp-{number}", f"Cogeneration {number} (F_Tools)", "chp", records)
