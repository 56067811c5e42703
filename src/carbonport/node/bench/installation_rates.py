"""Installations a second: a whole workbook read, its graphs built, both readers run over them.

The workbook is the caller's, or an invented one that fills every block of the template. Three things are
measured apart: reading it (child process included, wall-clock time, beside openpyxl reading the same sheets in
the same run); calculating and explaining every good of the ledger (one core, processor time); and everything
together, from file to explanation, on all cores.
"""

import os
import tempfile
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from carbonport.footprint.calculation import calculate
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.evaluate import source_values
from carbonport.footprint.explain import explain
from carbonport.footprint.intake import read_ledger
from carbonport.footprint.intake.template_map import SHEETS
from carbonport.footprint.ledger import Ledger
from carbonport.node.bench.figures import Figure
from carbonport.node.bench.invented_workbook import write_invented_workbook

MAX_ROUNDS = 9
"""Turns; the median is over them."""

YARDSTICK_ROUNDS = 3
"""Turns of openpyxl, which takes several times as long."""


def installation_rates(seconds: float, workbook: Path | None = None) -> Sequence[Figure]:
    """Measure for about `seconds`, one round at least."""
    with tempfile.TemporaryDirectory(prefix="carbonport-bench-") as folder:
        if workbook is None:
            workbook = Path(folder) / "invented.xlsx"
            write_invented_workbook(workbook)
        return _rates(seconds, workbook)


def _rates(seconds: float, workbook: Path) -> Sequence[Figure]:
    catalogue = Catalogue.load()
    ledger = read_ledger(workbook, catalogue)
    _calculate_and_explain(ledger)
    stop = time.monotonic() + seconds
    cores = len(os.sched_getaffinity(0))
    reading: list[float] = []
    theirs: list[float] = []
    calculating: list[float] = []
    together: list[float] = []
    with ProcessPoolExecutor(cores, get_context("spawn")) as pool:
        list(pool.map(_whole, [str(workbook)] * cores))
        for number in range(MAX_ROUNDS):
            began = time.perf_counter()
            read_ledger(workbook, catalogue)
            reading.append(time.perf_counter() - began)
            if number < YARDSTICK_ROUNDS:
                began = time.perf_counter()
                _read_with_openpyxl(workbook)
                theirs.append(time.perf_counter() - began)
            began = time.process_time()
            _calculate_and_explain(ledger)
            calculating.append(1 / (time.process_time() - began))
            began = time.perf_counter()
            list(pool.map(_whole, [str(workbook)] * cores))
            together.append(cores / (time.perf_counter() - began))
            if time.monotonic() > stop:
                break
    yardstick = Figure.of("openpyxl-reads", theirs, "s")
    return (
        Figure.of("intake", reading, "s", yardstick=yardstick),
        yardstick,
        Figure.of("installations-calculated-and-explained", calculating, "installations/s/core"),
        Figure.of(f"installations-from-file-{cores}-cores", together, "installations/s"),
    )


def _calculate_and_explain(ledger: Ledger) -> None:
    calculation = calculate(ledger)
    values = source_values(ledger)
    for good in calculation.goods:
        explain(good.graph, ledger, values)
    explain(calculation.installation.graph, ledger, values)


def _whole(workbook: str) -> None:
    _calculate_and_explain(read_ledger(Path(workbook), Catalogue.load()))


def _read_with_openpyxl(workbook: Path) -> None:
    """The sheets that intake reads, every cell of them, as values."""
    import openpyxl

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        book = openpyxl.load_workbook(workbook, read_only=True, data_only=True)
        for request in SHEETS:
            if request.name in book.sheetnames:
                for row in book[request.name].iter_rows(values_only=True):
                    len(row)
        book.close()
