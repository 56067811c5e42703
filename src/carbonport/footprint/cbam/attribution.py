"""Emissions attributed to a production process (2547 Annex III).

    Eq 55   AttrEm_dir = max(0, DirEm + heat_in - heat_out + WG_in - WG_out - Em_el)
    Eq 56   AttrEm_ind = MWh × EF_el
    Eq 53   WG_in  = V × NCV × 56.1         Eq 54   WG_out = V × NCV × 56.1 × 0.667   (V × NCV in TJ)

DirEm is the sum of the process's own source streams when the ledger attributes streams to it, else the
operator's own record. Gas that is exported stays in DirEm, gas that is imported stays out of it.
"""

from carbonport.errors import Malformed
from carbonport.footprint.cbam.streams import stream_emissions
from carbonport.footprint.graph_builder import GraphBuilder, NodeId
from carbonport.footprint.ledger import Ledger, ProductionProcess
from carbonport.footprint.tables.rule_tables import RuleTables

BY_STREAMS, BY_RECORD = "streams", "record"


def attributed_direct(
    builder: GraphBuilder, process: ProductionProcess, ledger: Ledger, tables: RuleTables
) -> NodeId:
    """Add Eq 55 for `process`."""
    base, name = f"process/{process.id}", process.label
    terms = [(1, direct_emissions(builder, process, ledger, tables))]
    terms += _carried(
        builder, process, ledger, "heat_import", "heat_import_factor", 1, "Eq 55: Q × EF, heat imported"
    )
    terms += _carried(
        builder, process, ledger, "heat_export", "heat_export_factor", -1, "Eq 55: Q × EF, heat exported"
    )
    terms += _waste_gas(builder, process, tables)
    terms += _carried(
        builder,
        process,
        ledger,
        "electricity_export",
        "electricity_export_factor",
        -1,
        "Eq 55: E × EF, electricity produced and exported",
    )
    balance = builder.sum(
        f"{base}/direct_balance",
        "tCO2e",
        terms,
        label=f"{name}: direct emissions, heat, waste gases and electricity exported",
        equation="2547 Annex III Eq 55: DirEm + heat_in - heat_out + WG_in - WG_out - Em_el",
    )
    return builder.floor(
        f"{base}/attributed_direct",
        "tCO2e",
        balance,
        label=f"{name}: attributed direct emissions",
        equation="2547 Annex III Eq 55: never below 0",
    )


def attributed_indirect(builder: GraphBuilder, process: ProductionProcess, factor: NodeId) -> NodeId:
    """Add Eq 56 for `process`, with the electricity factor that was chosen; the process states its
    electricity.
    """
    electricity = builder.input(process.records["electricity"], f"{process.label}: electricity consumed")
    return builder.product(
        f"process/{process.id}/attributed_indirect",
        "tCO2e",
        [electricity, factor],
        label=f"{process.label}: attributed indirect emissions",
        equation="2547 Annex III Eq 56: MWh × EF_el",
    )


def direct_emissions(
    builder: GraphBuilder, process: ProductionProcess, ledger: Ledger, tables: RuleTables
) -> NodeId:
    """Add DirEm of `process`: its streams, or the operator's own record."""
    if process.attributed_by == BY_RECORD:
        path = process.records.get("direct_emissions")
        if path is None:
            raise missing_figure(process, "direct_emissions", "directly attributable emissions")
        return builder.input(
            path, f"{process.label}: directly attributable emissions, as the operator states them"
        )
    if process.attributed_by != BY_STREAMS:
        raise Malformed(
            "process-unusable",
            found=f"direct emissions from {process.attributed_by[:40]!r}",
            expected=f"{BY_STREAMS} or {BY_RECORD}",
            remedy="Say where the direct emissions of the process come from.",
            where=f"production process {process.id}",
        )
    terms: list[tuple[int, NodeId]] = []
    for stream in sorted(ledger.streams, key=lambda stream: stream.id):
        if stream.process == process.id:
            emissions = stream_emissions(builder, stream, ledger, tables)
            terms.append((emissions.sign, emissions.fossil))
    return builder.sum(
        f"process/{process.id}/streams",
        "tCO2e",
        terms,
        label=f"{process.label}: direct emissions of its source streams",
        equation="2547 Annex II Eq 4: sum over source streams, outputs of mass balances subtracted",
    )


def missing_figure(process: ProductionProcess, field: str, label: str) -> Malformed:
    """The error for a figure that a process has to state."""
    return Malformed(
        "process-missing-figure",
        found=f"no {label} ({field})",
        expected=f"the {label} of the production process",
        remedy="State it in the workbook or ledger file.",
        where=f"production process {process.id}",
    )


def _carried(
    builder: GraphBuilder,
    process: ProductionProcess,
    ledger: Ledger,
    amount_field: str,
    factor_field: str,
    sign: int,
    equation: str,
) -> list[tuple[int, NodeId]]:
    """One signed term amount × factor; none when the amount is absent, or 0 with no factor stated (as
    templates do).
    """
    amount_path, factor_path = process.records.get(amount_field), process.records.get(factor_field)
    if amount_path is None:
        return []
    if factor_path is None:
        if ledger.records[amount_path].value == 0:
            return []
        raise missing_figure(process, factor_field, f"emission factor for {amount_field.replace('_', ' ')}")
    name = f"{process.label}: {amount_field.replace('_', ' ')}"
    amount = builder.input(amount_path, name)
    factor = builder.input(factor_path, f"{name}, emission factor")
    node = builder.product(
        f"process/{process.id}/{amount_field}_emissions",
        "tCO2e",
        [amount, factor],
        label=f"{name}, emissions",
        equation=f"2547 Annex III {equation}",
    )
    return [(sign, node)]


def _waste_gas(
    builder: GraphBuilder, process: ProductionProcess, tables: RuleTables
) -> list[tuple[int, NodeId]]:
    terms: list[tuple[int, NodeId]] = []
    for field, sign, number in (("waste_gas_import", 1, "Eq 53"), ("waste_gas_export", -1, "Eq 54")):
        path = process.records.get(field)
        if path is None:
            continue
        name = f"{process.label}: {field.replace('_', ' ')}"
        factors = [
            builder.input(path, name),
            builder.constant(
                "constant/waste_gas_factor",
                tables.constant("waste_gas_factor"),
                "emission factor of natural gas",
            ),
        ]
        equation = f"2547 Annex III {number}: energy × 56.1"
        if field == "waste_gas_export":
            correction = tables.constant("waste_gas_export_correction")
            factors.append(
                builder.constant(
                    "constant/waste_gas_export_correction", correction, "difference in efficiency"
                )
            )
            equation += " × 0.667"
        node = builder.product(
            f"process/{process.id}/{field}_emissions",
            "tCO2e",
            factors,
            label=f"{name}, emissions",
            equation=equation,
        )
        terms.append((sign, node))
    return terms
