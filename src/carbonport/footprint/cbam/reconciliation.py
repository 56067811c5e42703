"""Reconciling what processes metered with what the installation metered (2547 Annex III A.1).

    Eq 41/42   RecF = D_inst / sum(D_process),  each process's value × RecF

A field with a total in the ledger is reconciled over all processes that state it; one without is taken as it
is. A source stream that several processes used is split the same way: each gets its part of the sum of what
they metered.
"""

from carbonport.footprint.graph_builder import GraphBuilder, NodeId
from carbonport.footprint.ledger import Ledger, ProductionProcess, SourceStream

ACT = "2547 Annex III Eq 41/42"


def reconciled(
    builder: GraphBuilder, process: ProductionProcess, field: str, ledger: Ledger, label: str
) -> NodeId:
    """The process's figure `field`, times the reconciliation factor when the installation states a total."""
    stated = builder.input(process.records[field], label)
    total = ledger.totals.get(field)
    if total is None:
        return stated
    what = field.replace("_", " ")
    parts = [
        (1, builder.input(other.records[field], f"{other.label}: {what}"))
        for other in sorted(ledger.processes, key=lambda other: other.id)
        if field in other.records
    ]
    base = f"installation/reconciliation/{field}"
    factor = builder.quotient(
        f"{base}/factor",
        "1",
        builder.input(total, f"Installation: {what}"),
        builder.sum(
            f"{base}/processes",
            ledger.records[total].unit,
            parts,
            label=f"Sum of the processes: {what}",
            equation=f"{ACT}: sum(D_process)",
        ),
        label=f"Reconciliation factor: {what}",
        equation=f"{ACT}: RecF = D_inst / sum(D_process)",
    )
    return builder.product(
        f"process/{process.id}/{field}_reconciled",
        ledger.records[process.records[field]].unit,
        [stated, factor],
        label=f"{label}, reconciled",
        equation=f"{ACT}: D_process × RecF",
    )


def share_of_stream(builder: GraphBuilder, stream: SourceStream, owner: str, ledger: Ledger) -> NodeId:
    """The part of a shared stream that belongs to the process or utility `owner`."""
    amounts = {
        each: builder.input(path, f"{stream.label}: used by {each}")
        for each, path in sorted(stream.shares.items())
    }
    base = f"stream/{stream.id}/share"
    whole = builder.sum(
        f"{base}/sum",
        ledger.records[stream.shares[owner]].unit,
        [(1, amount) for amount in amounts.values()],
        label=f"{stream.label}: used by all",
        equation=f"{ACT}: sum(D_process)",
    )
    return builder.quotient(
        f"{base}/of/{owner}",
        "1",
        amounts[owner],
        whole,
        label=f"{stream.label}: share of {owner}",
        equation=f"{ACT}: D_process / sum(D_process)",
    )
