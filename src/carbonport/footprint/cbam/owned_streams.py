"""Direct emissions of a production process or a utility: what of the source streams belongs to it (2547 Annex
II Eq 4).
"""

from carbonport.footprint.cbam.reconciliation import share_of_stream
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.cbam.streams import stream_emissions
from carbonport.footprint.graph_builder import GraphBuilder, NodeId
from carbonport.footprint.ledger import Ledger, SourceStream
from carbonport.footprint.tables.rule_tables import RuleTables


def owned_terms(
    builder: GraphBuilder, owner: str, ledger: Ledger, tables: RuleTables, scope: Scope
) -> list[tuple[int, NodeId]]:
    """Signed terms of every stream, or part of one, that belongs to `owner`, in the order of ids."""
    terms: list[tuple[int, NodeId]] = []
    for stream in ledger.streams_of(owner):
        emissions = stream_emissions(builder, stream, ledger, tables, scope)
        terms.append((emissions.sign, owned_part(builder, stream, owner, emissions.fossil, ledger)))
    return terms


def owned_part(
    builder: GraphBuilder, stream: SourceStream, owner: str, whole: NodeId, ledger: Ledger
) -> NodeId:
    """`whole` itself when the stream is the owner's alone, else the owner's share of it."""
    if owner not in stream.shares:
        return whole
    return builder.product(
        f"stream/{stream.id}/emissions_of/{owner}",
        "tCO2e",
        [whole, share_of_stream(builder, stream, owner, ledger)],
        label=f"{stream.label}: emissions of {owner}",
        equation="2547 Annex III Eq 41/42: emissions × share of the amount used",
    )
