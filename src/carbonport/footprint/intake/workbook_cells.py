"""The wanted cells of an .xlsx workbook, read in a child process that has limits.

Promises: the file's kind and size are checked before a process starts; the child gets the file as its
standard input, no environment with secrets, and limits on memory, processor time, files and output; what it
answers is bounded and must be canonical JSON; a child that dies or takes too long becomes an error. Does not
judge a cell: that is the business of the reader who knows what the cell means.
"""

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, cast

from carbonport.crypto.canonical import canonical_bytes, parse_canonical
from carbonport.errors import CarbonportError, Malformed, Misuse, Unavailable
from carbonport.footprint.intake.workbook_bounds import (
    CHILD_CPU_SECONDS,
    CHILD_MEMORY_BYTES,
    CHILD_OPEN_FILES,
    CHILD_WALL_SECONDS,
    MAX_FILE_BYTES,
    MAX_REPLY_BYTES,
)

CHILD_MODULE = "carbonport.footprint.intake.workbook_child"

ZIP_SIGNATURE = b"PK\x03\x04"
OLE_SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""A compound file: an .xls of before 2007, or an .xlsx that is encrypted with a password."""

KEPT_ENVIRONMENT = ("LD_LIBRARY_PATH",)
"""Where some interpreters find themselves; nothing else of the environment reaches the child."""

EXPECTED_LIMITS = {"cpu": CHILD_CPU_SECONDS, "files": CHILD_OPEN_FILES, "written": 0, "core": 0}


@dataclass(frozen=True, slots=True)
class SheetRequest:
    """A sheet that must be there unless it is `optional`: `template` is where the template has cells, `areas`
    what is wanted.
    """

    name: str
    template: str
    areas: tuple[str, ...]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a cell: number, date, iso-date, text, boolean, error, uncached or unreadable, and its
    text.

    A number's text is the shortest decimal that reads back as the cell's binary64. `uncached` is a formula
    whose result the file does not hold.
    """

    kind: str
    text: str


@dataclass(frozen=True)
class WorkbookCells:
    """The cells by sheet and reference; blank cells are not there. `limits` are those the child stated; `stray`
    names filled cells outside the template, by sheet."""

    document: str
    date_1904: bool
    sheets: Mapping[str, Mapping[str, Cell]]
    limits: Mapping[str, int]
    stray: Mapping[str, tuple[str, ...]]


def read_workbook_cells(path: Path, wanted: Sequence[SheetRequest]) -> WorkbookCells:
    """The wanted cells of the workbook at `path`. Malformed names sheet and cell, Misuse: no file."""
    request = canonical_bytes(
        {
            sheet.name: {
                "template": sheet.template,
                "areas": list(sheet.areas),
                "optional": sheet.optional,
            }
            for sheet in wanted
        }
    )
    with _opened(path) as file:
        reply = _believed(_ask_child(file, request.decode(), path.name), path.name)
    if "error" in reply:
        raise _told_by_child(reply["error"], path.name)
    if "exhausted" in reply:
        raise _over_limit(path.name, "memory")
    workbook = reply["workbook"]
    return WorkbookCells(
        document=path.name,
        date_1904=workbook["date_1904"],
        sheets=MappingProxyType(
            {
                name: MappingProxyType({place: Cell(kind, text) for place, (kind, text) in cells.items()})
                for name, cells in workbook["sheets"].items()
            }
        ),
        limits=MappingProxyType(reply["limits"]),
        stray=MappingProxyType({name: tuple(places) for name, places in workbook["stray"].items()}),
    )


def _opened(path: Path) -> IO[bytes]:
    """The file, checked for kind and size; a pipe or a device is not waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _no_file(type(error).__name__, path.name) from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise _no_file("a folder, pipe or device", path.name)
    file = os.fdopen(descriptor, "rb")
    try:
        _check_kind(file, status.st_size, path.name)
    except BaseException:
        file.close()
        raise
    return file


def _no_file(found: str, document: str) -> Misuse:
    return Misuse(
        "intake-file",
        found=found,
        expected="a readable file",
        remedy="Check the path and its permissions.",
        where=document,
    )


def _check_kind(file: IO[bytes], size: int, document: str) -> None:
    if size > MAX_FILE_BYTES:
        raise Malformed(
            "intake-file-size",
            found=f"{size} bytes",
            expected=f"at most {MAX_FILE_BYTES}; a filled template has about 1.3 million",
            remedy="Check that this is the right file; remove pictures and foreign sheets.",
            where=document,
        )
    head = file.read(len(OLE_SIGNATURE))
    file.seek(0)
    if head == OLE_SIGNATURE:
        raise Malformed(
            "intake-encrypted",
            found="an encrypted workbook, or one in the format of before 2007 (.xls)",
            expected="an .xlsx workbook without a password",
            remedy="Open it in the spreadsheet program and save it as .xlsx without a password.",
            where=document,
        )
    if not head.startswith(ZIP_SIGNATURE):
        raise Malformed(
            "intake-not-a-workbook",
            found="a file that does not begin as a workbook does" if head else "an empty file",
            expected="an .xlsx workbook",
            remedy="Save the communication template as an Excel workbook (.xlsx) and give that file.",
            where=document,
        )


def _ask_child(file: IO[bytes], request: str, document: str) -> bytes:
    """What the child wrote, once it ended well. Spawned, never forked: nothing of this process is in it."""
    environment = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
    command = [sys.executable, "-I", "-m", CHILD_MODULE, request]
    try:
        child = subprocess.Popen(
            command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )
    except OSError as error:
        raise Unavailable(
            "intake-reader-start",
            found=type(error).__name__,
            expected="a process that reads the workbook",
            remedy="Check free memory and the limit of processes, then try again.",
            where=document,
        ) from None
    alarm = threading.Timer(CHILD_WALL_SECONDS, child.kill)
    alarm.start()
    try:
        with child, cast(IO[bytes], child.stdout) as output:
            try:
                reply = output.read(MAX_REPLY_BYTES + 1)
            except BaseException:
                child.kill()
                raise
            if len(reply) > MAX_REPLY_BYTES:
                child.kill()
    finally:
        alarm.cancel()
    if len(reply) > MAX_REPLY_BYTES:
        raise _over_limit(document, "size of what was read")
    if child.returncode in {-signal.SIGXCPU, -signal.SIGKILL}:
        raise _over_limit(document, "time")
    if child.returncode != 0:
        raise _over_limit(document, "memory or parser, which ended the reading process")
    return reply


def _believed(reply: bytes, document: str) -> dict[str, Any]:
    """The answer, if it is canonical JSON from a child that had its limits."""
    read = parse_canonical(reply, max_bytes=MAX_REPLY_BYTES, where=document)
    limits = read.get("limits") if isinstance(read, dict) else None
    wanted = EXPECTED_LIMITS | ({"memory": CHILD_MEMORY_BYTES} if sys.platform == "linux" else {})
    if limits != wanted or not isinstance(read, dict):
        raise Malformed(
            "intake-reader-limits",
            found="a reading process without its limits",
            expected="limits on memory, processor time, files and output",
            remedy="Report this; nothing of the workbook was used.",
            where=document,
        )
    return read


def _told_by_child(error: Mapping[str, str], document: str) -> CarbonportError:
    """The error that the child met, as the same error here."""
    return Malformed(
        error["id"],
        found=error["found"],
        expected=error["expected"],
        remedy=error["remedy"],
        where=f"{document} {error['where']}".strip(),
    )


def _over_limit(document: str, what: str) -> Malformed:
    return Malformed(
        "intake-limit",
        found=f"a workbook that goes beyond the limit of {what}",
        expected=f"a template that is read within {CHILD_CPU_SECONDS} s and {CHILD_MEMORY_BYTES} bytes",
        remedy="Delete blank rows and foreign sheets, save the workbook anew, and try again.",
        where=document,
    )
