"""Erasing what an entry says while the log stays provable: the body goes, a redaction entry says so.

The deletion and the redaction are one transaction. Afterwards the entry is a keyed hash whose key is gone
with the body, so nothing can be guessed from it; inclusion and consistency proofs are unchanged. Not erased
by this: what readers have opened and kept, what counterparties hold, and backups made before; `Store.scrub`
clears the database's own leftovers.
"""

import hashlib
from collections.abc import Mapping

from sqlalchemy import Connection, delete

from carbonport.crypto.log_entry import EntryType, Event, FieldName
from carbonport.errors import Malformed, Misuse
from carbonport.node.log.draft import Draft
from carbonport.node.log.preparation import EntryMaker
from carbonport.node.log.stored_log import MAX_RUN, StoredLog
from carbonport.node.store.schema import log_bodies


def redaction(log: StoredLog, index: int, reason: str) -> Draft:
    """The draft that, once appended, has erased the body of entry `index`.

    `reason` is for auditors (a request of a person, the end of the retention). Repeating it gives the same
    entry. Misuse (`log-not-erasable`) when the entry is a redaction itself or not in the log.
    """
    with log.reading() as rows:
        row = next(iter(rows.full_rows(index, 1)), None)
        if row is None or row.index != index or row.type == EntryType.REDACTION:
            raise Misuse(
                "log-not-erasable",
                where=f"entry {index}",
                found="no entry of this index, or one that records an erasure",
                expected="an entry whose body may be erased",
                remedy="Check the index; redactions stay readable, they explain what is missing.",
            )
        number = rows.head.log

    def erase(connection: Connection, _index: int) -> None:
        connection.execute(
            delete(log_bodies).where(log_bodies.c.log == number, log_bodies.c.position == index)
        )

    return Draft(
        type=EntryType.REDACTION,
        exchange=row.exchange,
        request_digest=hashlib.sha256(b"redaction\n%d" % index).digest(),
        fields={FieldName.INDEX: b"%d" % index, FieldName.REASON: reason.encode()},
        opened=(FieldName.INDEX, FieldName.REASON),
        write=erase,
    )


def redacted_index(values: Mapping[str, bytes]) -> int:
    """Which entry a redaction erased; Malformed (`log-redaction-format`) when its field says no index."""
    text = values.get(FieldName.INDEX, b"")
    if not text.isdigit() or len(text) > 16 or (text != b"0" and text.startswith(b"0")):
        raise Malformed(
            "log-redaction-format",
            found="a redaction that names no entry",
            expected="a field index with a decimal number",
            remedy="Treat it as an audit finding: a body is missing without an explanation.",
        )
    return int(text)


def expired(log: StoredLog, maker: EntryMaker, *, now: int, retention_s: int) -> list[int]:
    """The entries whose bodies are older than the retention, oldest first; redactions never expire.

    Bodies of a log are in order of time, so reading ends at the first that is young enough. An entry that
    does not open is no reason to erase it: the error is raised.
    """
    found: list[int] = []
    start = 0
    while True:
        with log.reading() as rows:
            run = rows.full_rows(start, MAX_RUN)
        for row in run:
            start = row.index + 1
            if row.body is None or row.own_key is None or row.type == EntryType.REDACTION:
                continue
            if Event.parse(maker.reopen(row.entry, row.body, row.own_key).event).time > now - retention_s:
                return found
            found.append(row.index)
        if len(run) < MAX_RUN:
            return found
