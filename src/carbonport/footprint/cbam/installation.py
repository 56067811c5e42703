"""Totals of the installation: Eq 4 over all source streams, biomass apart, indirect emissions of all
processes.

Results of the graph: `direct_emissions` and `direct_emissions_rounded` (whole tonnes, 2547 Annex II),
`biomass_emissions`, and `indirect_emissions` when every process states its electricity and has a factor.
"""

from carbonport.footprint.cbam.attribution import attributed_indirect, direct_emissions
from carbonport.footprint.cbam.categories import makes_electricity
from carbonport.footprint.cbam.electricity import electricity_factor
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.cbam.streams import stream_emissions
from carbonport.footprint.graph import Graph
from carbonport.footprint.graph_builder import GraphBuilder, NodeId
from carbonport.footprint.ledger import Ledger
from carbonport.footprint.tables.rule_tables import RuleTables

INSTALLATION_DECIMALS = 0
"""2547: emissions of an installation are rounded to whole tonnes."""


def installation_graph(ledger: Ledger, scope: Scope, tables: RuleTables) -> Graph:
    """The installation's totals: over its source streams, or over the processes' own records when it has
    none.
    """
    builder = GraphBuilder(ledger)
    fossil: list[tuple[int, NodeId]] = []
    biomass: list[tuple[int, NodeId]] = []
    for stream in sorted(ledger.streams, key=lambda stream: stream.id):
        emissions = stream_emissions(builder, stream, ledger, tables, scope)
        fossil.append((emissions.sign, emissions.fossil))
        if emissions.biomass is not None:
            biomass.append((emissions.sign, emissions.biomass))
    equation = "2547 Annex II Eq 4: sum over source streams, outputs of mass balances subtracted"
    if not ledger.streams:
        fossil = [
            (1, direct_emissions(builder, process, ledger, tables, scope)) for process in ledger.processes
        ]
        equation = "sum over the production processes; the ledger has no source streams"
    direct = builder.sum(
        "installation/direct_emissions",
        "tCO2e",
        fossil,
        label="Direct emissions of the installation",
        equation=equation,
    )
    builder.output("direct_emissions", direct)
    builder.output(
        "direct_emissions_rounded",
        builder.round(
            "installation/direct_emissions_rounded",
            direct,
            INSTALLATION_DECIMALS,
            label="Direct emissions of the installation, as stated",
            equation="2547 Annex II: whole tonnes",
        ),
    )
    builder.output(
        "biomass_emissions",
        builder.sum(
            "installation/biomass_emissions",
            "tCO2e",
            biomass,
            label="Biomass emissions, zero-rated",
            equation="2547 Annex II Eq 10: sum over source streams of the biomass part",
        ),
    )
    _indirect(builder, ledger, scope, tables)
    return builder.build()


def _indirect(builder: GraphBuilder, ledger: Ledger, scope: Scope, tables: RuleTables) -> None:
    terms: list[tuple[int, NodeId]] = []
    for process in ledger.processes:
        if "electricity" not in process.records and makes_electricity(process, tables):
            continue
        factor = electricity_factor(builder, process, ledger, scope, tables)
        if "electricity" not in process.records or factor.node is None:
            return
        terms.append((1, attributed_indirect(builder, process, factor.node, ledger, tables)))
    builder.output(
        "indirect_emissions",
        builder.sum(
            "installation/indirect_emissions",
            "tCO2e",
            terms,
            label="Indirect emissions of the production processes",
            equation="2547 Annex III Eq 56, summed",
        ),
    )
