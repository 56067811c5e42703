"""`bench proofs`: every figure beside a multiplication of the same run, on proofs that hold. No figure is judged."""

import pytest

from carbonport.node.bench.proofs import bench_proofs


def test_proofs_stand_beside_multiplications_of_their_size(capsys: pytest.CaptureFixture[str]) -> None:
    figures = {figure.name: figure for figure in bench_proofs(0.0)}
    timed = {
        f"{name}-{what}" for name in ("direct", "indirect", "default-share") for what in ("prove", "verify")
    }
    timed |= {
        f"sealed-{name}-{what}"
        for name in ("attributed", "streams", "factors")
        for what in ("prove", "verify")
    }
    timed |= {"range-64-prove", "range-64-verify", "range-64-batch", "lot-check-10"}
    assert timed <= figures.keys()
    for name in timed:
        against = figures[name].yardstick
        assert against is not None
        assert against.startswith("multiplication-")
        assert figures[against].unit == figures[name].unit
        assert (figures[name].unit == "ms") == (name in ("range-64-batch", "lot-check-10"))
        assert figures[name].ratio is not None
    assert all(figure.median > 0 for figure in figures.values())
    assert {name for name, figure in figures.items() if figure.unit == "bytes"} >= {"direct-size"}
    told = capsys.readouterr()
    assert not told.out
    assert ("wallycore" in told.err) == ("native-range-64-prove" not in figures)
