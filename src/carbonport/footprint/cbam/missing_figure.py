"""The error for a figure that a production process has to state."""

from carbonport.errors import Malformed
from carbonport.footprint.ledger import ProductionProcess


def missing_figure(process: ProductionProcess, field: str, label: str) -> Malformed:
    """The error for a figure that a process has to state."""
    return Malformed(
        "process-missing-figure",
        found=f"no {label} ({field})",
        expected=f"the {label} of the production process",
        remedy="State it in the workbook or ledger file.",
        where=f"production process {process.id}",
    )
