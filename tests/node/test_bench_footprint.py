"""`bench footprint`: figures beside their yardstick, on lines that are all answered."""

import pytest

from carbonport.node.bench.footprint import bench_footprint

pytest.importorskip("opencbam")


def test_obligations_stand_beside_opencbam_on_the_same_lines() -> None:
    figures = {figure.name: figure for figure in bench_footprint(0.1)}
    assert {"obligations", "obligations-repeated", "opencbam"} <= figures.keys()
    assert figures["obligations"].yardstick == "opencbam"
    assert all(figure.median > 0 for figure in figures.values())
    ratio = figures["obligations-repeated"].ratio
    assert ratio is not None
    assert ratio > 0
