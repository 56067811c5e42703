"""`bench aggregate`: every part runs, on sums that are exact, beside its yardsticks. No figure is judged."""

import pytest

from carbonport.errors import FailedVerification
from carbonport.node.bench.aggregate import bench_aggregate
from carbonport.node.bench.sum_case import require_sums


def test_sums_stand_beside_plain_shamir_and_paillier(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tenseal")
    figures = {figure.name: figure for figure in bench_aggregate(0.0)}
    assert figures["sum-2x2"].yardstick == "shamir-2x2"
    assert figures["sum-2x2"].unit == figures["shamir-2x2"].unit == "s of processor"
    assert figures["sum-2x2-carried"].yardstick == "shamir-2x2-carried"
    assert figures["sum-2x2-bytes"].median > figures["shamir-2x2-bytes"].median
    assert "shamir-40x4096" in figures
    assert {"contribution-16", "contribution-64", "stream-4", "stream-4-memory"} <= figures.keys()
    for name in ("final-check-4", "full-check-4"):
        assert (figures[name].yardstick or "").startswith("multiplication-")
    assert "full-check-4-1-core" in figures
    assert all(figure.median > 0 for figure in figures.values())
    told = capsys.readouterr()
    assert not told.out
    assert ("phe is not installed" in told.err) == ("paillier-2x2" not in figures)


def test_figures_of_a_sum_that_is_not_exact_are_withheld() -> None:
    require_sums([3, 4], [[1, 2], [2, 2]])
    for wrong in ([3, 5], [3], []):
        with pytest.raises(FailedVerification) as caught:
            require_sums(wrong, [[1, 2], [2, 2]])
        assert caught.value.id == "bench-sum"
