"""A file of imports through the obligation rules and out again: bounded reading, portions, both cores, progress.

Reads the file twice when the 50 t rule applies (a year has to be known before its first line), else once.
Portions go to worker processes when the file is large; at most `PORTIONS_IN_FLIGHT` of them are in memory. The
result is written beside its name and takes it when it is complete.
"""

import csv
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from carbonport.errors import CarbonportError, Malformed
from carbonport.footprint.obligation.assess import Obligation
from carbonport.footprint.obligation.batch import assess_lines
from carbonport.footprint.obligation.calendar_year import ImporterYear, YearMasses, YearTotals
from carbonport.footprint.obligation.import_line import ImportLine
from carbonport.footprint.obligation.import_table import (
    RESULT_COLUMNS,
    ForAllLines,
    ImportTable,
    TableLine,
    result_row,
    versions_text,
)
from carbonport.footprint.obligation.line_rules import RuleFinder
from carbonport.footprint.obligation.obligation_tables import ObligationTables, TableChoice

MAX_FILE_BYTES = 1024 * 1024 * 1024
"""Largest file of imports."""

MAX_ROW_CHARACTERS = 100_000
"""Longest line of the file."""

MAX_LINES = 5_000_000
"""Lines of one file."""

PORTION_LINES = 2_000
"""Lines assessed together."""

PORTIONS_IN_FLIGHT = 6
"""Portions read and not yet written."""

PARALLEL_BYTES = 2 * 1024 * 1024
"""Size from which worker processes are worth their start."""

MAX_WORKERS = 8
"""Worker processes at most."""

Progress = Callable[[int, int], None]
"""Called with lines done and bytes read."""


@dataclass(frozen=True)
class BatchRequest:
    """What to do: the file, tables, what is said for all lines, and whether the file is one importer's year."""

    imports: Path
    out: Path
    choice: TableChoice
    for_all: ForAllLines
    whole_year: bool = False


@dataclass
class BatchSummary:
    """What came of it. `years` by importer and year; `copied` are columns that were not used."""

    lines: int = 0
    errors: int = 0
    first_errors: list[tuple[int, str, str]] = field(default_factory=list)
    years: dict[ImporterYear, YearTotals] = field(default_factory=dict)
    copied: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    threshold_applied: bool = False


MAX_SHOWN_ERRORS = 20
"""Errors that the summary repeats; the result has all."""

_Portion = Sequence[tuple[int, list[str]]]
_Answer = tuple[list[list[str]], dict[ImporterYear, YearTotals], list[tuple[int, str, str]], int]


class BatchWorker:
    """Answers portions; one per process."""

    def __init__(
        self,
        choice: TableChoice,
        header: Sequence[str],
        for_all: ForAllLines,
        exempt: frozenset[ImporterYear],
    ) -> None:
        tables = ObligationTables.load(choice)
        self.finder = RuleFinder(tables)
        self.table = ImportTable(header, tables.prices, for_all)
        self.exempt = exempt
        self.versions = versions_text(tables.versions)

    def answer(self, portion: _Portion) -> _Answer:
        """Result rows, totals, the first errors, and how many there were."""
        rows = [self.table.read(number, cells) for number, cells in portion]
        lines = [self._for_year(row, row.line) for row in rows if isinstance(row.line, ImportLine)]
        outcomes = iter(assess_lines(lines, self.finder))
        written: list[list[str]] = []
        totals: dict[ImporterYear, YearTotals] = {}
        errors: list[tuple[int, str, str]] = []
        for row in rows:
            outcome = row.line if isinstance(row.line, CarbonportError) else next(outcomes)
            written.append(result_row(row, outcome, self.versions))
            if isinstance(outcome, Obligation):
                key = (row.importer, outcome.line.year)
                if key not in totals:
                    totals[key] = YearTotals(*key)
                totals[key].add(outcome)
            else:
                errors.append((row.number, outcome.id, outcome.found))
        return written, totals, errors[:MAX_SHOWN_ERRORS], len(errors)

    def _for_year(self, row: TableLine, line: ImportLine) -> ImportLine:
        return line.exempted() if (row.importer, line.year) in self.exempt else line


def run_batch(request: BatchRequest, progress: Progress) -> BatchSummary:
    """Assess the file; gives the summary, and leaves the result at `request.out`."""
    size = _size(request.imports)
    header, _ = _opened_header(request.imports)
    tables = ObligationTables.load(request.choice)
    table = ImportTable(header, tables.prices, request.for_all)
    summary = BatchSummary(copied=table.copied, versions=dict(tables.versions))
    exempt: frozenset[ImporterYear] = frozenset()
    if table.names_importers or request.whole_year:
        summary.threshold_applied = True
        exempt = _exempt_years(request, table, RuleFinder(tables))
    workers = min(os.cpu_count() or 1, MAX_WORKERS) if size >= PARALLEL_BYTES else 1
    setting = (request.choice, header, request.for_all, exempt)
    partial = request.out.with_name(request.out.name + ".part")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            writer = _writer(request.out, file, [*RESULT_COLUMNS, *table.copied])
            for rows, totals, errors, failed, read in _answers(request.imports, setting, workers):
                writer.write(rows)
                summary.lines += len(rows)
                summary.errors += failed
                summary.first_errors += errors[: MAX_SHOWN_ERRORS - len(summary.first_errors)]
                for key, total in totals.items():
                    if key in summary.years:
                        summary.years[key].join(total)
                    else:
                        summary.years[key] = total
                progress(summary.lines, read)
            writer.finish(summary)
        partial.replace(request.out)
    except OSError as error:
        raise _unreadable(request.out, type(error).__name__, "a place that can be written") from None
    finally:
        partial.unlink(missing_ok=True)
    return summary


def _answers(
    path: Path,
    setting: tuple[TableChoice, Sequence[str], ForAllLines, frozenset[ImporterYear]],
    workers: int,
) -> Iterator[tuple[list[list[str]], dict[ImporterYear, YearTotals], list[tuple[int, str, str]], int, int]]:
    if workers == 1:
        worker = BatchWorker(*setting)
        for portion, read in _portions(path):
            yield *worker.answer(portion), read
        return
    # Started afresh rather than forked: the program may hold threads and open connections.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=setting) as pool:
        waiting: list[tuple[Future[_Answer], int]] = []
        for portion, read in _portions(path):
            waiting.append((pool.submit(_answer_portion, portion), read))
            if len(waiting) >= PORTIONS_IN_FLIGHT:
                future, done = waiting.pop(0)
                yield *future.result(), done
        for future, done in waiting:
            yield *future.result(), done


_worker: BatchWorker | None = None


def _start_worker(
    choice: TableChoice, header: Sequence[str], for_all: ForAllLines, exempt: frozenset[ImporterYear]
) -> None:
    global _worker
    _worker = BatchWorker(choice, header, for_all, exempt)


def _answer_portion(portion: _Portion) -> _Answer:
    if _worker is None:
        raise RuntimeError("a worker answers before it was started")
    return _worker.answer(portion)


def _exempt_years(request: BatchRequest, table: ImportTable, finder: RuleFinder) -> frozenset[ImporterYear]:
    masses = YearMasses(finder)
    for portion, _ in _portions(request.imports):
        for _, cells in portion:
            mass = table.mass_of(cells)
            if mass is not None:
                masses.add(*mass)
    return frozenset(key for key in masses.tonnes if masses.exempt(*key))


def _portions(path: Path) -> Iterator[tuple[list[tuple[int, list[str]]], int]]:
    """Numbered rows in portions, with the bytes read so far; empty lines are skipped."""
    header_read = False
    portion: list[tuple[int, list[str]]] = []
    read = 0
    try:
        with path.open("r", encoding="utf-8-sig", newline="") as file:
            lines = _bounded_lines(file, path)
            reader = csv.reader(lines, delimiter=_opened_header(path)[1], strict=True)
            for cells in reader:
                if not cells:
                    continue
                if not header_read:
                    header_read = True
                    continue
                read += sum(map(len, cells)) + len(cells)
                portion.append((reader.line_num, cells))
                if len(portion) >= PORTION_LINES:
                    yield portion, read
                    portion = []
                if reader.line_num > MAX_LINES:
                    raise _unreadable(path, f"more than {MAX_LINES} lines", "a file in several parts")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _unreadable(path, f"{type(error).__name__}", "a CSV file in UTF-8") from None
    if portion:
        yield portion, read


def _opened_header(path: Path) -> tuple[list[str], str]:
    """The header and the delimiter: a semicolon where the header has one and no comma."""
    try:
        with path.open("r", encoding="utf-8-sig", newline="") as file:
            first = next(_bounded_lines(file, path), "")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, type(error).__name__, "a CSV file in UTF-8") from None
    delimiter = ";" if ";" in first and "," not in first else ","
    header = next(csv.reader([first], delimiter=delimiter), [])
    if not any(cell.strip() for cell in header):
        raise _unreadable(path, "no header", "a first line with the names of the columns")
    return header, delimiter


def _bounded_lines(file: IO[str], path: Path) -> Iterator[str]:
    while line := file.readline(MAX_ROW_CHARACTERS + 1):
        if len(line) > MAX_ROW_CHARACTERS:
            raise _unreadable(path, f"a line of more than {MAX_ROW_CHARACTERS} characters", "shorter lines")
        yield line


class _CsvWriter:
    def __init__(self, file: IO[str], columns: Sequence[str]) -> None:
        self._writer = csv.writer(file, lineterminator="\n")
        self._writer.writerow(columns)

    def write(self, rows: list[list[str]]) -> None:
        self._writer.writerows(rows)

    def finish(self, summary: BatchSummary) -> None:
        """A table has no place for a summary; the command prints it."""


class _JsonWriter:
    """One object; `lines` holds an object per line, each on a line of its own."""

    def __init__(self, file: IO[str], columns: Sequence[str]) -> None:
        self._file, self._columns, self._first = file, columns, True
        file.write('{"lines": [')

    def write(self, rows: list[list[str]]) -> None:
        for row in rows:
            data = {name: cell for name, cell in zip(self._columns, row, strict=True) if name != "tables"}
            self._file.write(("\n" if self._first else ",\n") + json.dumps(data, ensure_ascii=False))
            self._first = False

    def finish(self, summary: BatchSummary) -> None:
        rest = {"tables": summary.versions, "count": summary.lines, "errors": summary.errors}
        self._file.write("\n], " + json.dumps(rest, ensure_ascii=False)[1:] + "\n")


def _writer(out: Path, file: IO[str], columns: Sequence[str]) -> "_CsvWriter | _JsonWriter":
    return _JsonWriter(file, columns) if out.suffix.lower() == ".json" else _CsvWriter(file, columns)


def _size(path: Path) -> int:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise _unreadable(path, type(error).__name__, "a readable CSV file") from None
    if size > MAX_FILE_BYTES:
        raise _unreadable(path, "a file above the size limit", f"at most {MAX_FILE_BYTES} bytes")
    return size


def _unreadable(path: Path, found: str, expected: str) -> CarbonportError:
    return Malformed(
        "obligation-file",
        found=found,
        expected=expected,
        remedy="Check path, form and size of the file.",
        where=path.name,
    )
