"""Hostile files: bombs, nesting, overlaps, entities. Bounded before and while they are read."""

import io
import json
import os
import random
import struct
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from filled_template import fill, part_of, rewrite

from carbonport.errors import CarbonportError, Malformed, Misuse
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.intake import read_ledger
from carbonport.footprint.intake import workbook_bounds as bounds
from carbonport.footprint.intake.template_map import SHEETS
from carbonport.footprint.intake.workbook_archive import Archive
from carbonport.footprint.intake.workbook_cells import CHILD_MODULE, read_workbook_cells
from carbonport.footprint.intake.workbook_child import read_cells
from carbonport.footprint.intake.workbook_package import is_date_format

CATALOGUE = Catalogue.load()
MEGABYTE = 1024 * 1024
NOTHING_BYTES = 100 * MEGABYTE


def error_of(path: Path) -> CarbonportError:
    with pytest.raises(Malformed) as caught:
        read_ledger(path, CATALOGUE)
    return caught.value


def with_part(path: Path, part: str, pieces: Iterator[bytes]) -> Path:
    """Replaces a part by one that is written piece by piece."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist() if name != part}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
        with archive.open(part, "w") as stream:
            for piece in pieces:
                stream.write(piece)
    return path


def blank_rows(first: bytes) -> Iterator[bytes]:
    yield b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>' + first
    row = b'<row r="20"/>' * 10_000
    for _ in range(NOTHING_BYTES // len(row) + 1):
        yield row
    yield b"</sheetData></worksheet>"


def edit_zip(path: Path, edit: int, value: bytes, *, name: str) -> Path:
    """Overwrites bytes at an offset of the directory entry of the part `name`."""
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02", 0, data.rindex(name.encode()))
    data[at + edit : at + edit + len(value)] = value
    path.write_bytes(data)
    return path


def test_the_child_has_its_limits_and_the_parent_asks_for_them(tmp_path: Path) -> None:
    limits = dict(read_workbook_cells(fill(tmp_path / "plant.xlsx"), SHEETS).limits)
    memory = limits.pop("memory", bounds.CHILD_MEMORY_BYTES)
    assert memory == bounds.CHILD_MEMORY_BYTES
    assert limits == {
        "core": 0,
        "cpu": bounds.CHILD_CPU_SECONDS,
        "files": bounds.CHILD_OPEN_FILES,
        "written": 0,
    }


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps a limit on address space")
def test_a_process_with_these_limits_gets_no_memory_beyond_them_and_writes_no_file(tmp_path: Path) -> None:
    program = (
        "from carbonport.footprint.intake.workbook_limits import apply_limits\n"
        "apply_limits()\n"
        "try:\n"
        f"    bytearray({bounds.CHILD_MEMORY_BYTES})\n"
        "except MemoryError:\n"
        "    print('no memory')\n"
        "try:\n"
        f"    open({str(tmp_path / 'written')!r}, 'w', buffering=1).write('x\\n')\n"
        "except OSError:\n"
        "    print('no file')\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, check=False, text=True)
    assert done.stdout.split("\n")[:2] == ["no memory", "no file"]


def test_the_child_answers_nothing_but_canonical_json_and_never_a_traceback(tmp_path: Path) -> None:
    broken = tmp_path / "broken.xlsx"
    broken.write_bytes(b"PK\x03\x04 and nothing else")
    with broken.open("rb") as file:
        done = subprocess.run(
            [sys.executable, "-I", "-m", CHILD_MODULE, "{}"], stdin=file, capture_output=True, check=False
        )
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["error"]["id"] == "intake-damaged"


def test_a_hundred_megabytes_of_blank_rows_name_the_sheet_and_the_cell_before_them(tmp_path: Path) -> None:
    first = b'<row r="17"><c r="C17"><v>1</v></c></row>'
    path = with_part(fill(tmp_path / "plant.xlsx"), part_of("B_EmInst"), blank_rows(first))
    assert path.stat().st_size < bounds.MAX_FILE_BYTES
    error = error_of(path)
    assert (error.id, error.where) == ("intake-part-size", "plant.xlsx B_EmInst!C17")


def test_a_hundred_megabytes_of_nothing_in_a_sheet_that_is_not_read_name_the_sheet(tmp_path: Path) -> None:
    path = with_part(fill(tmp_path / "plant.xlsx"), part_of("a_Contents"), blank_rows(b""))
    error = error_of(path)
    assert (error.id, error.where) == ("intake-part-size", "plant.xlsx a_Contents")


def test_a_far_cell_inside_an_oversized_sheet_is_what_is_named(tmp_path: Path) -> None:
    first = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    path = with_part(fill(tmp_path / "plant.xlsx"), part_of("B_EmInst"), blank_rows(first))
    assert error_of(path).where == "plant.xlsx B_EmInst!XFD1048576"


def test_blank_shared_texts_are_bounded(tmp_path: Path) -> None:
    text = b"<si><t>" + b" " * 1_000 + b"</t></si>"

    def pieces() -> Iterator[bytes]:
        yield b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        for _ in range(NOTHING_BYTES // len(text)):
            yield text
        yield b"</sst>"

    path = with_part(fill(tmp_path / "plant.xlsx"), "xl/sharedStrings.xml", pieces())
    error = error_of(path)
    assert (error.id, error.where) == ("intake-part-size", "plant.xlsx xl/sharedStrings.xml")


def test_a_bomb_of_many_middling_parts_is_bounded_by_their_sum(tmp_path: Path) -> None:
    path = fill(tmp_path / "plant.xlsx")
    noise = bytes(range(256)) * 64
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(9):
            archive.writestr(f"xl/media/{number}.bin", noise * (8 * MEGABYTE // len(noise)))
    assert error_of(path).id == "intake-part-size"


def test_a_directory_that_understates_a_part_does_not_unpack_it(tmp_path: Path) -> None:
    path = with_part(fill(tmp_path / "plant.xlsx"), part_of("B_EmInst"), blank_rows(b""))
    edit_zip(path, 24, struct.pack("<L", 4_000), name=part_of("B_EmInst"))
    assert error_of(path).id in {"intake-damaged", "intake-xml"}


def test_more_rows_or_cells_than_a_template_has_are_refused_inside_the_size_bound(tmp_path: Path) -> None:
    head = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    rows = fill(tmp_path / "rows.xlsx")
    rewrite(rows, part_of("B_EmInst"), lambda _: head + b"<row/>" * (bounds.MAX_ROW_ELEMENTS + 1))
    assert error_of(rows).id == "intake-sheet"
    cells = fill(tmp_path / "cells.xlsx")
    row = b"<row>" + b"<c/>" * 200 + b"</row>"
    count = bounds.MAX_CELLS // 200 + 1
    rewrite(cells, part_of("B_EmInst"), lambda _: head + row * count)
    assert error_of(cells).id == "intake-sheet"


def test_more_text_than_a_template_has_is_refused(tmp_path: Path) -> None:
    long = random.Random(17).randbytes(16_000).hex()  # a text that does not compress below the ratio's bound
    texts = {("B_EmInst", f"{column}{row}"): long for column in "DEG" for row in range(17, 92)}
    assert error_of(fill(tmp_path / "plant.xlsx", texts)).id == "intake-limit"


def test_nested_archives_are_never_opened(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("deeper.zip", b"PK\x03\x04")
    path = fill(tmp_path / "plant.xlsx")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("xl/embeddings/inner.zip", inner.getvalue())
    assert read_ledger(path, CATALOGUE).country == "CN"
    outer = tmp_path / "outer.xlsx"
    with zipfile.ZipFile(outer, "w") as archive:
        archive.write(path, "plant.xlsx")
    assert error_of(outer).id == "intake-not-a-workbook"


def test_overlapping_parts_are_refused(tmp_path: Path) -> None:
    path = fill(tmp_path / "plant.xlsx")
    with zipfile.ZipFile(path) as archive:
        offset = archive.getinfo(part_of("D_Processes")).header_offset
    edit_zip(path, 42, struct.pack("<L", offset + 40), name=part_of("E_PurchPrec"))
    assert error_of(path).id == "intake-archive"


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "xl\\workbook.xml", "XL/WORKBOOK.XML"])
def test_names_that_leave_the_package_or_stand_twice_are_refused(tmp_path: Path, name: str) -> None:
    path = fill(tmp_path / "plant.xlsx")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"x")
    assert error_of(path).id == "intake-archive"


def test_too_many_parts_are_refused_before_the_directory_is_read(tmp_path: Path) -> None:
    path = fill(tmp_path / "plant.xlsx")
    with zipfile.ZipFile(path, "a") as archive:
        for number in range(bounds.MAX_MEMBERS):
            archive.writestr(f"xl/media/{number}", b"")
    assert error_of(path).id == "intake-archive"


def test_unusual_compression_and_encrypted_parts_are_refused(tmp_path: Path) -> None:
    path = fill(tmp_path / "lzma.xlsx")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_LZMA) as archive:
        archive.writestr("xl/extra.xml", b"x" * 1_000)
    assert error_of(path).id == "intake-archive"
    locked = edit_zip(fill(tmp_path / "locked.xlsx"), 8, b"\x01\x00", name=part_of("B_EmInst"))
    assert error_of(locked).id == "intake-encrypted"


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_damaged(tmp_path: Path, kept: float) -> None:
    path = fill(tmp_path / "plant.xlsx")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    assert error_of(path).id == "intake-damaged"


def test_a_flipped_byte_in_a_part_is_damage(tmp_path: Path) -> None:
    path = fill(tmp_path / "plant.xlsx")
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo(part_of("B_EmInst"))
    data = bytearray(path.read_bytes())
    data[member.header_offset + 30 + len(member.filename) + member.compress_size // 2] ^= 0xFF
    path.write_bytes(data)
    assert error_of(path).id in {"intake-damaged", "intake-xml", "intake-sheet"}


@pytest.mark.parametrize(
    ("content", "error_id"),
    [
        (b"", "intake-not-a-workbook"),
        (b"carbonport: ledger/v1\n", "intake-not-a-workbook"),
        (b"%PDF-1.7\n", "intake-not-a-workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 4096, "intake-encrypted"),
    ],
)
def test_a_file_that_is_something_else_is_refused_without_a_process(
    tmp_path: Path, content: bytes, error_id: str
) -> None:
    path = tmp_path / "plant.xlsx"
    path.write_bytes(content)
    assert error_of(path).id == error_id


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "plant.xlsx"
    with path.open("wb") as file:
        file.write(b"PK\x03\x04")
        file.truncate(bounds.MAX_FILE_BYTES + 1)
    assert error_of(path).id == "intake-file-size"


def test_what_is_no_file_is_misuse(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.xlsx")
    for name in ("pipe.xlsx", "absent.xlsx", "."):
        path = tmp_path / name if name != "." else tmp_path / "folder.xlsx"
        if name == ".":
            path.mkdir()
        with pytest.raises(Misuse) as caught:
            read_ledger(path, CATALOGUE)
        assert caught.value.id == "intake-file"
    with pytest.raises(Misuse) as caught:
        read_ledger(tmp_path / "plant.csv", CATALOGUE)
    assert caught.value.id == "intake-suffix"


def test_a_workbook_called_yaml_is_refused(tmp_path: Path) -> None:
    assert error_of(fill(tmp_path / "plant.xlsx").rename(tmp_path / "plant.yaml")).family == "malformed"


EXTERNAL = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>'
LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize("declaration", [EXTERNAL, LAUGHS, b"<!DOCTYPE x>"])
@pytest.mark.parametrize("part", [part_of("B_EmInst"), "xl/workbook.xml", "_rels/.rels", "xl/styles.xml"])
def test_a_document_type_is_refused_in_any_part(tmp_path: Path, part: str, declaration: bytes) -> None:
    path = fill(tmp_path / "plant.xlsx")

    def declared(data: bytes) -> bytes:
        prolog, end, rest = data.partition(b"?>") if data.startswith(b"<?xml") else (b"", b"", data)
        return prolog + end + declaration + rest.replace(b"Natural gas", b"&e;")

    rewrite(path, part, declared)
    error = error_of(path)
    assert error.id == "intake-document-type"
    assert error.where == "plant.xlsx " + ("B_EmInst" if "worksheets" in part else part)


def test_deep_nesting_and_broken_xml_are_refused(tmp_path: Path) -> None:
    deep = fill(tmp_path / "deep.xlsx")
    rewrite(
        deep,
        part_of("B_EmInst"),
        lambda data: data.replace(b"<sheetData>", b"<sheetData>" + b"<x>" * 100_000),
    )
    assert (error_of(deep).id, error_of(deep).where) == ("intake-xml", "deep.xlsx B_EmInst")
    cut = fill(tmp_path / "cut.xlsx")
    rewrite(cut, part_of("B_EmInst"), lambda data: data[: len(data) // 2])
    assert error_of(cut).id == "intake-xml"


def test_a_package_without_its_table_of_contents_is_no_workbook(tmp_path: Path) -> None:
    for number, part in enumerate(("[Content_Types].xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels")):
        path = tmp_path / f"{number}.xlsx"
        with zipfile.ZipFile(fill(tmp_path / "plant.xlsx")) as full, zipfile.ZipFile(path, "w") as bare:
            for name in full.namelist():
                if name != part:
                    bare.writestr(name, full.read(name))
        assert error_of(path).id == "intake-not-a-workbook"


def test_a_sheet_outside_the_package_is_a_missing_sheet(tmp_path: Path) -> None:
    path = fill(tmp_path / "plant.xlsx")
    target = b'Target="/xl/worksheets/sheet3.xml"'
    rewrite(
        path,
        "xl/_rels/workbook.xml.rels",
        lambda data: data.replace(target, b'Target="file:///tmp/x.xml" TargetMode="External"'),
    )
    error = error_of(path)
    assert (error.id, error.where) == ("intake-missing-sheet", "plant.xlsx B_EmInst")


def test_the_reader_itself_keeps_to_the_wanted_areas(tmp_path: Path) -> None:
    path = fill(tmp_path / "plant.xlsx")
    with path.open("rb") as file:
        found = read_cells(file, {"B_EmInst": {"template": "A1:BW124", "areas": ["F17:F18", "D17"]}})
    assert set(found["sheets"]["B_EmInst"]) == {"F17", "F18", "D17"}


def test_an_archive_tells_the_sizes_it_checked(tmp_path: Path) -> None:
    with fill(tmp_path / "plant.xlsx").open("rb") as file:
        archive = Archive(file)
        assert archive.oversized() is None
        part = part_of("B_EmInst")
        assert sum(map(len, archive.chunks(part, bounds.MAX_PART_BYTES))) == archive.size_of(part)


@pytest.mark.parametrize(
    ("code", "dated"),
    [
        ("dd\\.mm\\.yyyy", True),
        ("[h]:mm:ss", True),
        ("[$-407]d. mmmm yyyy", True),
        ("General", False),
        ("#,##0.00 [$\u20ac-407]", False),
        ('0.00" days"', False),
        ("[Red]-0.0;[Blue]0.0", False),
        ("0.00E+00", False),
    ],
)
def test_date_formats_are_told_from_number_formats(code: str, dated: bool) -> None:
    assert is_date_format(code) is dated
