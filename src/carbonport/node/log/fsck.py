"""The integrity check of a log's rows: everything that can be derived from the entries is derived again and
compared.

Checked: positions without gaps, the form of every entry, every stored node, size and root of the head, the
signature of the last note and the root it names, and (with the node's own key) that every body opens and
recomputes to its entry, with the exchange id and request digest of its row; a missing body must have its
redaction. Not checked: anything another party holds; a log that was rewritten from its first entry on, keys
in hand, is consistent in itself, and only witnesses and receipts tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from carbonport.crypto.log_body import Body
from carbonport.crypto.log_entry import Entry, EntryType, Event, FieldName
from carbonport.crypto.merkle import EMPTY_ROOT, Frontier, leaf_hash
from carbonport.crypto.notes import SignedNote, VerifierKey
from carbonport.errors import CarbonportError, FailedVerification
from carbonport.node.log.erasure import redacted_index
from carbonport.node.log.log_keys import open_with_any
from carbonport.node.log.preparation import EntryMaker
from carbonport.node.log.stored_log import MAX_RUN, FullRow, LogRows, StoredLog
from carbonport.node.log.tree_rows import Head

MAX_FINDINGS = 100
"""Findings kept; the first ones tell where to look."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be: an error id of the documentation, where, and what was found."""

    id: str
    where: str
    found: str


@dataclass(frozen=True, slots=True)
class Fsck:
    """What was checked: entries, nodes, bodies that were opened, bodies that were erased."""

    origin: str
    entries: int
    nodes: int
    bodies: int
    erased: int
    findings: tuple[Finding, ...]


class LogDamagedError(FailedVerification):
    """The check found something; `fsck` says what."""

    fsck: Fsck


def check_log(log: StoredLog, *, keys: Sequence[VerifierKey], maker: EntryMaker | None = None) -> Fsck:
    """Check everything inside one snapshot; `keys` are the log's keys, retired ones too.

    Without `maker` (the node's own body key) bodies are not opened. Raises `LogDamagedError` (`log-damaged`)
    with the findings when there are any.
    """
    with log.reading() as rows:
        checked = _Check(rows, keys, maker).run()
    if checked.findings:
        first = checked.findings[0]
        error = LogDamagedError(
            "log-damaged",
            where=f"{log.origin}, {first.where}",
            found=f"{len(checked.findings)} findings, the first: {first.id}, {first.found}",
            expected="rows that all follow from the entries",
            remedy="Stop the node, keep the store as it is, and restore the newest backup that passes this check.",
        )
        error.fsck = checked
        raise error
    return checked


class _Check:
    """One walk over the rows; findings are collected, so that one damaged row does not hide another."""

    def __init__(self, rows: LogRows, keys: Sequence[VerifierKey], maker: EntryMaker | None) -> None:
        self._rows = rows
        self._keys = keys
        self._maker = maker
        self._frontier = Frontier()
        self._findings: list[Finding] = []
        self._note_root: bytes | None = None
        self._erased: set[int] = set()
        self._redacted: set[int] = set()
        self._nodes = 0
        self._bodies = 0

    def run(self) -> Fsck:
        head = self._rows.head
        while self._run_of_entries(head):
            pass
        if self._rows.count_nodes() != self._nodes:
            self._find("log-node-missing", "tree", "more stored nodes than the entries give")
        if (self._frontier.size, self._frontier.root()) != (head.size, head.root):
            self._find(
                "log-root-mismatch", "head", f"size {head.size}; the entries give {self._frontier.size}"
            )
        self._note(head)
        if self._maker is not None:
            for index in sorted(self._erased - self._redacted):
                self._find("log-body-erased", f"entry {index}", "no body, and no redaction that says why")
        return Fsck(
            origin=head.origin,
            entries=self._frontier.size,
            nodes=self._nodes,
            bodies=self._bodies,
            erased=len(self._erased),
            findings=tuple(self._findings),
        )

    def _run_of_entries(self, head: Head) -> bool:
        start = self._frontier.size
        completed: list[tuple[int, int, bytes]] = []
        rows = self._rows.full_rows(start, MAX_RUN)
        for row in rows:
            if row.index != self._frontier.size:
                self._find("log-root-mismatch", f"entry {self._frontier.size}", "a gap in the entries")
                return False
            if self._frontier.size == head.note_size:
                self._note_root = self._frontier.root()
            self._entry(row)
            completed += self._frontier.append(leaf_hash(row.entry))
        if self._frontier.size == head.note_size:
            self._note_root = self._frontier.root()
        self._compare_nodes(start, completed)
        return len(rows) == MAX_RUN

    def _compare_nodes(self, start: int, completed: Sequence[tuple[int, int, bytes]]) -> None:
        stored = self._rows.nodes_between(start, self._frontier.size)
        for level, index, digest in completed:
            if level == 0:
                continue
            if stored.get((level, index)) == digest:
                self._nodes += 1
            else:
                self._find("log-node-missing", f"node {level}/{index}", "no stored hash, or another")

    def _entry(self, row: FullRow) -> None:
        where = f"entry {row.index}"
        try:
            entry = Entry.parse(row.entry)
            if int(entry.type) != row.type:
                self._find("log-row-mismatch", where, f"type {row.type} beside an entry of {int(entry.type)}")
            if row.body is None or row.own_key is None:
                self._erased.add(row.index)
            elif self._maker is not None:
                self._body(row, self._maker.reopen(row.entry, row.body, row.own_key))
        except CarbonportError as error:
            self._find(error.id, where, error.found)

    def _body(self, row: FullRow, body: Body) -> None:
        values = body.values()
        event = Event.parse(body.event)
        if event.exchange != row.exchange or values.get(FieldName.REQUEST) != row.request_digest:
            self._find("log-row-mismatch", f"entry {row.index}", "another exchange id or request digest")
        if event.type is EntryType.REDACTION:
            self._redacted.add(redacted_index(values))
        self._bodies += 1

    def _note(self, head: Head) -> None:
        if not head.note:
            return
        try:
            checkpoint = open_with_any(SignedNote.parse(head.note), self._keys)
        except CarbonportError as error:
            self._find(error.id, "last checkpoint", error.found)
            return
        root = EMPTY_ROOT if checkpoint.size == 0 else self._note_root
        if checkpoint.size != head.note_size or checkpoint.root != root:
            self._find("log-note-mismatch", "last checkpoint", "a root that the entries do not give")

    def _find(self, error_id: str, where: str, found: str) -> None:
        if len(self._findings) < MAX_FINDINGS:
            self._findings.append(Finding(error_id, where, found))
