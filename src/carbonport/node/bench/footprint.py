"""`bench footprint`: what the footprint engine does a second, beside its yardsticks."""

from collections.abc import Sequence
from pathlib import Path

from carbonport.node.bench.figures import Figure
from carbonport.node.bench.installation_rates import installation_rates
from carbonport.node.bench.obligation_rates import obligation_rates


def bench_footprint(seconds: float, workbook: Path | None = None) -> Sequence[Figure]:
    """Obligations a second beside `opencbam`, and installations a second: `workbook`, or an invented one."""
    return (*obligation_rates(seconds / 2), *installation_rates(seconds / 2, workbook))
