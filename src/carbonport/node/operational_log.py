"""The operational log: one JSON object a line, about the process and never about data.

    HOME/operational-log/2026-11-21.jsonl

A line has `time` (unix seconds), `event` and what the event names: methods, error ids, participants' ids, key ids,
counts. No value, no key, no passphrase and no text that a peer wrote gets in: fields are whole numbers, truth values,
or texts of a narrow alphabet, and anything else is replaced. Files older than `[retention] operational_days` are
removed. It explains what a node did; the exchange log proves it.
"""

import json
import logging
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from carbonport.crypto.ambient import Clock
from carbonport.node.identity.private_files import make_private_folder

OPERATIONAL_FOLDER = "operational-log"
"""Inside the home folder."""

MAX_TEXT_CHARACTERS = 200
"""Longest text of a field; ids, methods and key ids are far shorter."""

_PLAIN = re.compile(r"[A-Za-z0-9_./:#@+, -]*")
_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})\.jsonl")

Field = str | int | bool
"""What a line may say."""


class OperationalLog:
    """Appends lines for one node; a day has one file."""

    def __init__(self, home: Path, *, keep_days: int, clock: Clock) -> None:
        self._folder = home / OPERATIONAL_FOLDER
        self._keep_days = keep_days
        self._clock = clock
        self._day = ""

    def write(self, event: str, **fields: Field) -> None:
        """Append one line. A full disk stops no exchange: what cannot be written is dropped."""
        now = self._clock()
        line = {"time": now, "event": event} | {name: _plain(value) for name, value in fields.items()}
        try:
            self._append(datetime.fromtimestamp(now, UTC).date().isoformat(), json.dumps(line) + "\n")
        except OSError:
            return

    def _append(self, day: str, line: str) -> None:
        if day != self._day:
            make_private_folder(self._folder)
            self._remove_old(day)
            self._day = day
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self._folder / f"{day}.jsonl", flags, 0o600)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)

    def _remove_old(self, day: str) -> None:
        oldest = (datetime.fromisoformat(day) - timedelta(days=self._keep_days)).date().isoformat()
        for path in self._folder.iterdir():
            name = _NAME.fullmatch(path.name)
            if name is not None and name[1] < oldest:
                path.unlink(missing_ok=True)


class OperationalHandler(logging.Handler):
    """Takes the lines that the transport logs (method and error id, see `transport.calls`) into the operational log."""

    def __init__(self, log: OperationalLog) -> None:
        super().__init__(logging.INFO)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record as the event `transport`."""
        self._log.write("transport", level=record.levelname.lower(), text=record.getMessage())


def _plain(value: Field) -> Field:
    if isinstance(value, bool | int):
        return value
    text = value[:MAX_TEXT_CHARACTERS]
    return text if _PLAIN.fullmatch(text) else re.sub(r"[^A-Za-z0-9_./:#@+, -]", "?", text)
