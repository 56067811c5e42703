"""Emissions attributed to a production process (2547 Annex III).

    Eq 55   AttrEm_dir = max(0, DirEm + heat_in - heat_out + WG_in - WG_out - Em_el)
    Eq 56   AttrEm_ind = MWh × EF_el
    Eq 53   WG_in  = V × NCV × 56.1         Eq 54   WG_out = V × NCV × 56.1 × 0.667   (V × NCV in TJ)

DirEm is the sum of the process's own source streams when the ledger attributes streams to it, else the
operator's own record. Gas that is exported stays in DirEm, gas that is imported stays out of it.
"""

from carbonport.errors import Malformed
from carbonport.footprint.cbam.co_products import molar_share
from carbonport.footprint.cbam.heat import carried_flow, heat_terms
from carbonport.footprint.cbam.missing_figure import missing_figure
from carbonport.footprint.cbam.owned_streams import owned_terms
from carbonport.footprint.cbam.reconciliation import reconciled
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.cbam.utilities import utility_factors
from carbonport.footprint.graph_builder import GraphBuilder, NodeId
from carbonport.footprint.ledger import Ledger, ProductionProcess
from carbonport.footprint.tables.rule_tables import RuleTables

BY_STREAMS, BY_RECORD = "streams", "record"


def attributed_direct(
    builder: GraphBuilder, process: ProductionProcess, ledger: Ledger, tables: RuleTables, scope: Scope
) -> NodeId:
    """Add Eq 55 for `process`."""
    base, name = f"process/{process.id}", process.label
    terms = [(1, direct_emissions(builder, process, ledger, tables, scope))]
    terms += heat_terms(builder, process, ledger, tables, scope)
    terms += _waste_gas(builder, process, ledger, tables)
    terms += _electricity_exported(builder, process, ledger, tables, scope)
    balance = builder.sum(
        f"{base}/direct_balance",
        "tCO2e",
        terms,
        label=f"{name}: direct emissions, heat, waste gases and electricity exported",
        equation="2547 Annex III Eq 55: DirEm + heat_in - heat_out + WG_in - WG_out - Em_el",
    )
    if process.co_products:
        balance = builder.product(
            f"{base}/direct_balance_of_good",
            "tCO2e",
            [balance, molar_share(builder, process, tables)],
            label=f"{name}: the good's part of the balance",
            equation="2547 Annex III Eq 43: by amount of substance",
        )
    return builder.floor(
        f"{base}/attributed_direct",
        "tCO2e",
        balance,
        label=f"{name}: attributed direct emissions",
        equation="2547 Annex III Eq 55: never below 0",
    )


def attributed_indirect(
    builder: GraphBuilder, process: ProductionProcess, factor: NodeId, ledger: Ledger, tables: RuleTables
) -> NodeId:
    """Add Eq 56 for `process`, with the electricity factor that was chosen; the process states its
    electricity.
    """
    label = f"{process.label}: electricity consumed"
    factors = [reconciled(builder, process, "electricity", ledger, label), factor]
    equation = "2547 Annex III Eq 56: MWh × EF_el"
    if process.co_products:
        factors.append(molar_share(builder, process, tables))
        equation += ", Eq 43: by amount of substance"
    return builder.product(
        f"process/{process.id}/attributed_indirect",
        "tCO2e",
        factors,
        label=f"{process.label}: attributed indirect emissions",
        equation=equation,
    )


def direct_emissions(
    builder: GraphBuilder,
    process: ProductionProcess,
    ledger: Ledger,
    tables: RuleTables,
    scope: Scope = Scope.DEFINITIVE,
) -> NodeId:
    """Add DirEm of `process`: its streams, or the operator's own record."""
    if process.attributed_by == BY_RECORD:
        if "direct_emissions" not in process.records:
            raise missing_figure(process, "direct_emissions", "directly attributable emissions")
        label = f"{process.label}: directly attributable emissions, as the operator states them"
        return reconciled(builder, process, "direct_emissions", ledger, label)
    if process.attributed_by != BY_STREAMS:
        raise Malformed(
            "process-unusable",
            found=f"direct emissions from {process.attributed_by[:40]!r}",
            expected=f"{BY_STREAMS} or {BY_RECORD}",
            remedy="Say where the direct emissions of the process come from.",
            where=f"production process {process.id}",
        )
    terms = owned_terms(builder, process.id, ledger, tables, scope)
    return builder.sum(
        f"process/{process.id}/streams",
        "tCO2e",
        terms,
        label=f"{process.label}: direct emissions of its source streams",
        equation="2547 Annex II Eq 4: sum over source streams, outputs of mass balances subtracted",
    )


def _electricity_exported(
    builder: GraphBuilder, process: ProductionProcess, ledger: Ledger, tables: RuleTables, scope: Scope
) -> list[tuple[int, NodeId]]:
    """Em_el: at the stated factor, else at that of the utility the process's electricity comes from."""
    own = None
    if process.electricity_from and "electricity_export_factor" not in process.records:
        own = utility_factors(builder, process.electricity_from, ledger, tables, scope).electricity
    return carried_flow(
        builder,
        process,
        ledger,
        "electricity_export",
        -1,
        "Eq 55: E × EF, electricity produced and exported",
        factor=own,
    )


def _waste_gas(
    builder: GraphBuilder, process: ProductionProcess, ledger: Ledger, tables: RuleTables
) -> list[tuple[int, NodeId]]:
    terms: list[tuple[int, NodeId]] = []
    for field, sign, number in (("waste_gas_import", 1, "Eq 53"), ("waste_gas_export", -1, "Eq 54")):
        if field not in process.records:
            continue
        name = f"{process.label}: {field.replace('_', ' ')}"
        factors = [
            reconciled(builder, process, field, ledger, name),
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
