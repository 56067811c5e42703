"""`bench footprint`: what the footprint engine does a second, beside its yardsticks."""

from collections.abc import Sequence

from carbonport.node.bench.figures import Figure
from carbonport.node.bench.obligation_rates import obligation_rates


def bench_footprint(seconds: float) -> Sequence[Figure]:
    """Obligations a second, per core and on all cores, beside `opencbam` on the same lines."""
    return obligation_rates(seconds)
