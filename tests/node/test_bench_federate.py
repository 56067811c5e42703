"""`bench federate`: each training through shares beside the same one with plain sums. No figure is judged."""

from carbonport.node.bench.federated_training import bench_federate


def test_trainings_through_shares_stand_beside_plain_ones() -> None:
    figures = {figure.name: figure for figure in bench_federate(0.0)}
    for task in ("ridge", "recalculation", "boosting"):
        secure = figures[f"{task}-secure-sums"]
        assert secure.yardstick == f"{task}-plain-sums"
        assert secure.ratio is not None
        assert secure.ratio > 0
        assert secure.unit == figures[f"{task}-plain-sums"].unit == "s"
    assert figures["memory-peak"].unit == "MB"
