"""The benches by name. A bench takes the seconds it may measure and gives its figures."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from carbonport.errors import Misuse
from carbonport.node.bench.aggregate import bench_aggregate
from carbonport.node.bench.exchange import bench_exchange
from carbonport.node.bench.federated_training import bench_federate
from carbonport.node.bench.figures import Figure
from carbonport.node.bench.footprint import bench_footprint
from carbonport.node.bench.proofs import bench_proofs

Bench = Callable[[float], Sequence[Figure]]

BENCHES: Mapping[str, Bench] = MappingProxyType(
    {
        "aggregate": bench_aggregate,
        "exchange": bench_exchange,
        "federate": bench_federate,
        "footprint": bench_footprint,
        "proofs": bench_proofs,
    }
)
"""Every bench, by the name `carbonport bench` knows it by."""


def find_bench(name: str) -> Bench:
    """The bench of this name."""
    bench = BENCHES.get(name)
    if bench is None:
        raise Misuse(
            "bench-unknown",
            found=f"the bench {name[:40]!r}",
            expected=" or ".join(sorted(BENCHES)),
            remedy="Name one of them.",
        )
    return bench
