"""The zip package of a workbook, checked before any of it is parsed.

Promises: member count, directory size, names, sizes, compression ratios and overlaps are checked from the
directory alone; no part is unpacked beyond the size its directory entry states; nothing is written to disk.
Does not promise that a part is well-formed. Sources: APPNOTE.TXT 6.3 (zip), ECMA-376 part 2 (packages);
overlapping members as in D. Fifield, "A better zip bomb" (WOOT 2019).
"""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from carbonport.errors import Malformed
from carbonport.footprint.intake.workbook_bounds import (
    CHUNK_BYTES,
    MAX_DIRECTORY_BYTES,
    MAX_INFLATED_BYTES,
    MAX_MEMBERS,
    MAX_PART_BYTES,
    MAX_RATIO,
    RATIO_FREE_BYTES,
)

END_RECORD = struct.Struct("<4s4H2LH")
"""End of central directory: signature, four counts, directory size and offset, comment length."""

END_SIGNATURE = b"PK\x05\x06"
ZIP64_LOCATOR_SIGNATURE = b"PK\x06\x07"
ZIP64_LOCATOR_BYTES = 20
LOCAL_HEADER_BYTES = 30
"""The fixed part of the header that stands before each member's data."""

MAX_COMMENT_BYTES = 65_535
ENCRYPTED_FLAG = 0x1
METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""What ECMA-376 allows; the others are slower to check and unknown to spreadsheets."""


class Archive:
    """A workbook's package. Opening it checks the directory; `oversized` tells which part is too large."""

    def __init__(self, file: BinaryIO) -> None:
        """`file` is seekable and stays open as long as the archive is used. Raises Malformed."""
        _check_end_record(file)
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
            raise _damaged(str(error)) from None
        self._members = _checked_members(self._zip)

    def __contains__(self, part: str) -> bool:
        return part in self._members

    def size_of(self, part: str) -> int:
        """The part's unpacked size in bytes."""
        return self._members[part].file_size

    def oversized(self) -> tuple[str, str] | None:
        """The first part that breaks a size bound and what is wrong with it, or None."""
        for name, member in self._members.items():
            if member.file_size > MAX_PART_BYTES:
                return name, f"{member.file_size} bytes unpacked from {member.compress_size}"
            if member.file_size > max(RATIO_FREE_BYTES, MAX_RATIO * member.compress_size):
                return name, f"{member.file_size} bytes unpacked from only {member.compress_size}"
        total = sum(member.file_size for member in self._members.values())
        if total > MAX_INFLATED_BYTES:
            largest = max(self._members, key=self.size_of)
            return largest, f"{total} bytes unpacked in all parts together"
        return None

    def chunks(self, part: str, limit: int) -> Iterator[bytes]:
        """The part's bytes, unpacked piece by piece, `limit` bytes at most."""
        left = limit
        try:
            with self._zip.open(self._members[part]) as stream:
                while left > 0 and (chunk := stream.read(min(CHUNK_BYTES, left))):
                    left -= len(chunk)
                    yield chunk
        except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, zlib.error) as error:
            raise _damaged(str(error) or "a part that ends too early", part) from None


def _check_end_record(file: BinaryIO) -> None:
    """The end record, read by hand: its counts decide whether the directory may be read at all."""
    size = file.seek(0, 2)
    tail_size = min(size, END_RECORD.size + MAX_COMMENT_BYTES)
    file.seek(size - tail_size)
    tail = file.read(tail_size)
    at = tail.rfind(END_SIGNATURE)
    if at < 0 or len(tail) - at < END_RECORD.size:
        raise _damaged("no zip directory at its end (a truncated file?)")
    _, _, _, _, members, directory_bytes, _, _ = END_RECORD.unpack_from(tail, at)
    locator = tail[max(0, at - ZIP64_LOCATOR_BYTES) : at]
    if locator.startswith(ZIP64_LOCATOR_SIGNATURE):
        raise _hostile("a zip64 directory", "a plain zip directory, as spreadsheets write it")
    if members > MAX_MEMBERS or directory_bytes > MAX_DIRECTORY_BYTES:
        raise _hostile(
            f"{members} parts in a directory of {directory_bytes} bytes",
            f"at most {MAX_MEMBERS} parts in {MAX_DIRECTORY_BYTES} bytes",
        )


def _checked_members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    members: dict[str, zipfile.ZipInfo] = {}
    folded: set[str] = set()
    end = 0
    for member in sorted(archive.infolist(), key=lambda entry: entry.header_offset):
        name = member.filename
        if member.flag_bits & ENCRYPTED_FLAG:
            raise Malformed(
                "intake-encrypted",
                found=f"an encrypted part {name[:100]!r}",
                expected="a workbook without a password",
                remedy="Open it with its password and save it without one.",
            )
        if "\\" in name or name.startswith("/") or ".." in name.split("/") or not name.isprintable():
            raise _hostile(f"a part named {name[:100]!r}", "plain part names")
        if name.casefold() in folded:
            raise _hostile(f"two parts named {name[:100]!r}", "one part per name")
        if member.compress_type not in METHODS:
            raise _hostile(f"compression method {member.compress_type} of {name[:100]!r}", "deflate or none")
        if member.header_offset < end:
            raise _hostile(
                f"a part {name[:100]!r} that overlaps another one", "parts that stand one after another"
            )
        end = member.header_offset + LOCAL_HEADER_BYTES + member.compress_size
        folded.add(name.casefold())
        members[name] = member
    if len(members) > MAX_MEMBERS:
        raise _hostile(f"{len(members)} parts", f"at most {MAX_MEMBERS}")
    return members


def _damaged(found: str, part: str = "") -> Malformed:
    return Malformed(
        "intake-damaged",
        found=found[:200],
        expected="a complete .xlsx file",
        remedy="Get the file again, or open it in the spreadsheet program and save it anew.",
        where=part,
    )


def _hostile(found: str, expected: str) -> Malformed:
    return Malformed(
        "intake-archive",
        found=found,
        expected=expected,
        remedy="This was not written by a spreadsheet program; ask where the file comes from.",
    )
