"""Measurable heat that crosses the boundary of a process (2547 Annex II C.1, Annex III Eq 55).

    Q = (h_flow - h_return) × m         Eq 30-33; the return is water at 90 C when it is not known
    Q = 0.70 × E_in                     Eq 34, heat that is not measured
    heat_in = Q × EF, heat_out = Q × EF

EF is the stated factor, the factor of the installation's own utility that supplies the heat, or the usual
industrial fuel's factor where the supplier is, divided by 0.90. Heat of exothermic reactions counts as 0: it
is not imported.
"""

from carbonport.footprint.cbam.missing_figure import missing_figure
from carbonport.footprint.cbam.reconciliation import reconciled
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.cbam.utilities import utility_factors
from carbonport.footprint.graph_builder import GraphBuilder, NodeId
from carbonport.footprint.ledger import Ledger, ProductionProcess
from carbonport.footprint.tables.rule_tables import RuleTables

IMPORTED, EXPORTED = "Eq 55: Q × EF, heat imported", "Eq 55: Q × EF, heat exported"


def heat_terms(
    builder: GraphBuilder, process: ProductionProcess, ledger: Ledger, tables: RuleTables, scope: Scope
) -> list[tuple[int, NodeId]]:
    """Signed emissions of heat imported and exported."""
    own = None
    if process.heat_from:
        own = utility_factors(builder, process.heat_from, ledger, tables, scope).heat
    elif "heat_fuel_factor" in process.records and "heat_import_factor" not in process.records:
        own = _by_usual_fuel(builder, process, tables)
    amount = None
    if "heat_import" not in process.records:
        amount = _by_enthalpy(builder, process, tables) or _by_fuel(builder, process, tables)
    return [
        *carried_flow(builder, process, ledger, "heat_import", 1, IMPORTED, factor=own, amount=amount),
        *carried_flow(
            builder,
            process,
            ledger,
            "heat_export",
            -1,
            EXPORTED,
            factor=own if process.heat_from and "heat_export_factor" not in process.records else None,
        ),
    ]


def carried_flow(
    builder: GraphBuilder,
    process: ProductionProcess,
    ledger: Ledger,
    field: str,
    sign: int,
    equation: str,
    *,
    factor: NodeId | None = None,
    amount: NodeId | None = None,
) -> list[tuple[int, NodeId]]:
    """One signed term amount × factor; none when the amount is absent, or 0 with no factor stated (as
    templates do).
    """
    name = f"{process.label}: {field.replace('_', ' ')}"
    factor_field = f"{field}_factor"
    if amount is None and field not in process.records:
        return []
    if factor is None:
        path = process.records.get(factor_field)
        if path is None:
            if amount is None and ledger.records[process.records[field]].value == 0:
                return []
            raise missing_figure(process, factor_field, f"emission factor for {field.replace('_', ' ')}")
        if amount is None:
            amount = reconciled(builder, process, field, ledger, name)
        factor = builder.input(path, f"{name}, emission factor")
    elif amount is None:
        amount = reconciled(builder, process, field, ledger, name)
    node = builder.product(
        f"process/{process.id}/{field}_emissions",
        "tCO2e",
        [amount, factor],
        label=f"{name}, emissions",
        equation=f"2547 Annex III {equation}",
    )
    return [(sign, node)]


def _by_enthalpy(builder: GraphBuilder, process: ProductionProcess, tables: RuleTables) -> NodeId | None:
    records, name, base = process.records, process.label, f"process/{process.id}"
    if "heat_steam_mass" not in records:
        return None
    if "heat_steam_enthalpy" not in records:
        raise missing_figure(process, "heat_steam_enthalpy", "specific enthalpy of the steam")
    if "heat_return_enthalpy" in records:
        back = builder.input(records["heat_return_enthalpy"], f"{name}: enthalpy of the return")
    else:
        back = builder.constant(
            "constant/condensate_enthalpy", tables.constant("condensate_enthalpy"), "return at 90 C"
        )
    difference = builder.sum(
        f"{base}/heat_enthalpy_difference",
        "kJ/kg",
        [(1, builder.input(records["heat_steam_enthalpy"], f"{name}: enthalpy of the flow")), (-1, back)],
        label=f"{name}: heat given off per kilogram",
        equation="2547 Annex II Eq 30: h_flow - h_return",
    )
    scale = builder.constant(
        "constant/enthalpy_to_terajoules", tables.constant("enthalpy_to_terajoules"), "TJ per t × kJ/kg"
    )
    mass = builder.input(records["heat_steam_mass"], f"{name}: steam or hot water imported")
    return builder.product(
        f"{base}/heat_by_enthalpy",
        "TJ",
        [mass, difference, scale],
        label=f"{name}: heat imported",
        equation="2547 Annex II Eq 30: (h_flow - h_return) × m",
    )


def _by_fuel(builder: GraphBuilder, process: ProductionProcess, tables: RuleTables) -> NodeId | None:
    if "heat_fuel_input" not in process.records:
        return None
    efficiency = builder.constant(
        "constant/heat_method_efficiency", tables.constant("heat_method_efficiency"), "reference efficiency"
    )
    fuel = builder.input(process.records["heat_fuel_input"], f"{process.label}: fuel energy into the heat")
    return builder.product(
        f"process/{process.id}/heat_by_fuel",
        "TJ",
        [fuel, efficiency],
        label=f"{process.label}: heat imported",
        equation="2547 Annex II Eq 34: eta × E_in",
    )


def _by_usual_fuel(builder: GraphBuilder, process: ProductionProcess, tables: RuleTables) -> NodeId:
    efficiency = builder.constant(
        "constant/boiler_efficiency", tables.constant("boiler_efficiency"), "efficiency of a boiler"
    )
    fuel = builder.input(process.records["heat_fuel_factor"], f"{process.label}: usual industrial fuel")
    return builder.quotient(
        f"process/{process.id}/heat_factor_by_fuel",
        "tCO2/TJ",
        fuel,
        efficiency,
        label=f"{process.label}: emission factor of the heat imported",
        equation="2547 Annex III A.2.2(2): EF of the usual industrial fuel / 0.90",
    )
