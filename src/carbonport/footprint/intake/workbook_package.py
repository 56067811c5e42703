"""What a workbook's package says beside its sheets: their names and parts, the shared texts, which formats
are dates.

Source: ECMA-376 part 1, 18.2 (workbook), 18.4 (shared strings), 18.8.30 (number formats).
"""

import posixpath
import re
from collections.abc import Collection
from dataclasses import dataclass

from carbonport.errors import Malformed
from carbonport.footprint.intake.workbook_archive import Archive
from carbonport.footprint.intake.workbook_bounds import (
    MAX_PART_BYTES,
    MAX_SMALL_PART_BYTES,
    MAX_TEXT_CHARACTERS,
)
from carbonport.footprint.intake.workbook_xml import Attributes, stream_part

BUILTIN_DATE_FORMATS = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
"""Number format ids that mean dates or times without being defined in the file."""

NOT_PART_OF_THE_DATE = re.compile(r'"[^"]*"|\[(?!h+\]|m+\]|s+\])[^\]]*\]|\\.|_.|\*.', re.IGNORECASE)
"""Quoted and escaped text, colours, conditions, currencies and padding inside a number format."""

MAX_SHEETS = 256


@dataclass(frozen=True)
class Package:
    """The parts of a workbook by what they are; `sheets` maps a sheet's name to its part."""

    sheets: dict[str, str]
    shared_texts: str
    styles: str
    date_1904: bool


def read_package(archive: Archive) -> Package:
    """The table of contents. Raises Malformed when it is not a spreadsheet's."""
    if "[Content_Types].xml" not in archive:
        raise _not_a_workbook("a zip file without [Content_Types].xml")
    root = _relationships(archive, "")
    workbook = next((target for kind, target in root.values() if kind == "officeDocument"), "")
    if not workbook:
        raise _not_a_workbook("a package without a workbook")
    related = _relationships(archive, workbook)
    sheets: dict[str, str] = {}
    date_1904 = False

    def start(tag: str, attributes: Attributes) -> None:
        nonlocal date_1904
        if tag == "workbookPr":
            date_1904 = attributes.get("date1904", "0") in {"1", "true"}
        elif tag == "sheet":
            name = attributes.get("name", "")
            link = next((value for key, value in attributes.items() if key.endswith("relationships id")), "")
            kind, target = related.get(link, ("", ""))
            if kind != "worksheet":
                return
            if name in sheets or len(sheets) >= MAX_SHEETS:
                raise _not_a_workbook(f"the sheet {name[:40]!r} twice, or more than {MAX_SHEETS} sheets")
            sheets[name] = target

    stream_part(_small(archive, workbook), workbook, start, _nothing)
    by_kind = dict(related.values())
    return Package(sheets, by_kind.get("sharedStrings", ""), by_kind.get("styles", ""), date_1904)


def _relationships(archive: Archive, source: str) -> dict[str, tuple[str, str]]:
    """The relations of a part by id: last word of the type, and the target part. No external ones."""
    folder, name = posixpath.split(source)
    part = posixpath.join(folder, "_rels", f"{name}.rels")
    found: dict[str, tuple[str, str]] = {}

    def start(tag: str, attributes: Attributes) -> None:
        if tag == "Relationship" and attributes.get("TargetMode", "Internal") == "Internal":
            target = attributes.get("Target", "")
            path = (
                target[1:] if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
            )
            found[attributes.get("Id", "")] = (attributes.get("Type", "").rpartition("/")[2], path)

    stream_part(_small(archive, part), part, start, _nothing)
    return found


def read_shared_texts(archive: Archive, part: str, wanted: Collection[int]) -> dict[int, str]:
    """The texts with these indices; the others are passed over."""
    texts: dict[int, str] = {}
    if not wanted:
        return texts
    index = -1
    pieces: list[str] | None = None
    collecting = False
    phonetic = False

    def start(tag: str, _: Attributes) -> None:
        nonlocal index, pieces, collecting, phonetic
        if tag == "si":
            index += 1
            pieces = [] if index in wanted else None
        elif tag == "rPh":
            phonetic = True
        elif tag == "t":
            collecting = pieces is not None and not phonetic

    def end(tag: str) -> None:
        nonlocal collecting, phonetic
        collecting = False
        if tag == "rPh":
            phonetic = False
        elif tag == "si" and pieces is not None:
            texts[index] = "".join(pieces)[: MAX_TEXT_CHARACTERS + 1]

    def characters(text: str) -> None:
        if collecting and pieces is not None:
            pieces.append(text)

    if part in archive:
        stream_part(archive.chunks(part, MAX_PART_BYTES), part, start, end, characters)
    return texts


def read_date_styles(archive: Archive, part: str) -> frozenset[int]:
    """The cell styles (indices of cellXfs) whose number format is a date or a time."""
    date_formats = set(BUILTIN_DATE_FORMATS)
    styles: set[int] = set()
    inside = False
    index = -1

    def start(tag: str, attributes: Attributes) -> None:
        nonlocal inside, index
        if tag == "numFmt":
            number = attributes.get("numFmtId", "")
            if number.isdigit() and is_date_format(attributes.get("formatCode", "")):
                date_formats.add(int(number[:9]))
        elif tag == "cellXfs":
            inside = True
        elif tag == "xf" and inside:
            index += 1
            number = attributes.get("numFmtId", "")
            if number.isdigit() and int(number[:9]) in date_formats:
                styles.add(index)

    def end(tag: str) -> None:
        nonlocal inside
        if tag == "cellXfs":
            inside = False

    if part in archive:
        stream_part(archive.chunks(part, MAX_PART_BYTES), part, start, end)
    return frozenset(styles)


def is_date_format(code: str) -> bool:
    """Whether a number format shows a date or a time (`dd.mm.yyyy`, `[h]:mm`)."""
    bare = NOT_PART_OF_THE_DATE.sub("", code.split(";")[0][:255]).lower()
    return "general" not in bare and any(letter in bare for letter in "dmyhs")


def _small(archive: Archive, part: str) -> list[bytes]:
    """A part that only says where things are; it is read whole."""
    if part not in archive:
        raise _not_a_workbook(f"a package without its part {part[:100]!r}")
    if archive.size_of(part) > MAX_SMALL_PART_BYTES:
        raise Malformed(
            "intake-part-size",
            found=f"{archive.size_of(part)} bytes unpacked",
            expected=f"at most {MAX_SMALL_PART_BYTES}",
            remedy="Open the workbook in the spreadsheet program and save it anew.",
            where=part,
        )
    return list(archive.chunks(part, MAX_SMALL_PART_BYTES))


def _nothing(_: str) -> None:
    return


def _not_a_workbook(found: str) -> Malformed:
    return Malformed(
        "intake-not-a-workbook",
        found=found,
        expected="an .xlsx workbook",
        remedy="Save the communication template as an Excel workbook (.xlsx) and give that file.",
    )
