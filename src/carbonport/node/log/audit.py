"""A regulator's audit of a log: the tree recomputed from its entries, every body opened and recomputed, what
crossed.

The auditor trusts the log's key for signatures and nothing else: size and root must follow from the entries
it was given, the history must continue what it saw before, and every entry's body must open for it and
recompute to the entry, or be explained by a redaction. Any of it failing raises `AuditFailedError` with
everything that was found. Not seen by an audit of one log: what was never logged. That takes both sides' logs
(`carbonport.node.log.reconciliation`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from carbonport.crypto.checkpoint import Checkpoint
from carbonport.crypto.log_body import SealedBody, open_body
from carbonport.crypto.log_entry import Entry, EntryType
from carbonport.crypto.merkle import EMPTY_ROOT, Frontier, leaf_hash
from carbonport.crypto.notes import SignedNote, VerifierKey
from carbonport.crypto.witness_policy import WitnessPolicy
from carbonport.errors import CarbonportError, FailedVerification
from carbonport.node.log.audited_entry import AuditedEntry, audited_entry
from carbonport.node.log.erasure import redacted_index
from carbonport.node.log.fsck import MAX_FINDINGS, Finding
from carbonport.node.log.log_keys import open_with_any
from carbonport.node.log.log_source import LogSource
from carbonport.node.log.stored_log import StoredEntry

RUN = 500
"""Entries asked for at a time."""


@dataclass(frozen=True, slots=True)
class Auditor:
    """Who audits: the key id and raw X25519 key that bodies are sealed to, and the auditor's retired keys, which
    older bodies are sealed to."""

    reader: str
    private: bytes
    retired: Mapping[str, bytes] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Auditor({self.reader!r})"

    def key_for(self, sealed: SealedBody) -> tuple[str, bytes]:
        """The key that opens this body; the current one when none does, so that the error names it."""
        keys = {**self.retired, self.reader: self.private}
        kid = next((kid for kid in sealed.keys if kid in keys), self.reader)
        return kid, keys[kid]


@dataclass(frozen=True, slots=True)
class SeenCheckpoint:
    """What this auditor found the log to be the last time: size and root."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found. `entries` are those whose bodies opened, in log order; `erased` maps erased
    entries to the redaction that explains each; `witnessed_at` is the quorum's time (None when the policy
    asks for none)."""

    origin: str
    size: int
    root: bytes
    witnessed_at: int | None
    entries: tuple[AuditedEntry, ...]
    erased: tuple[tuple[int, int], ...]
    findings: tuple[Finding, ...]

    @property
    def crossings(self) -> tuple[AuditedEntry, ...]:
        """The entries by which data left."""
        return tuple(each for each in self.entries if each.type is EntryType.CROSSING)

    @property
    def seen(self) -> SeenCheckpoint:
        """What to keep for the next audit."""
        return SeenCheckpoint(self.size, self.root)

    def by_grade(self) -> dict[str, int]:
        """How many items crossed, per grade."""
        counts: dict[str, int] = {}
        for crossing in self.crossings:
            for item in crossing.items:
                counts[item.grade] = counts.get(item.grade, 0) + 1
        return dict(sorted(counts.items()))


class AuditFailedError(FailedVerification):
    """The audit found a change, a gap or something it could not open; `audit` says all of it."""

    audit: Audit


async def audit_log(
    source: LogSource,
    *,
    keys: Sequence[VerifierKey],
    policy: WitnessPolicy,
    auditor: Auditor,
    seen: SeenCheckpoint | None = None,
) -> Audit:
    """Audit the log that `source` gives, up to its newest checkpoint.

    `keys` are the log's keys by the trust list, newest first; `seen` is the result of the last audit. Raises
    `AuditFailedError` (`audit-failed`), or the error of a checkpoint that cannot be believed at all.
    """
    note = SignedNote.parse(await source.checkpoint())
    checkpoint = open_with_any(note, keys)
    walk = _Walk(checkpoint, auditor, seen)
    while walk.next_index < checkpoint.size:
        run = await source.entries(walk.next_index, min(RUN, checkpoint.size - walk.next_index))
        if not run or not walk.take(run):
            break
    audit = walk.finish(_quorum_time(note, policy, walk))
    if audit.findings:
        first = audit.findings[0]
        error = AuditFailedError(
            "audit-failed",
            where=f"{audit.origin}, {first.where}",
            found=f"{len(audit.findings)} findings, the first: {first.id}, {first.found}",
            expected="entries that give the signed root and continue what was seen, bodies that open and match",
            remedy="Keep checkpoint, entries and bodies as evidence, and ask the operator and the other regulator.",
        )
        error.audit = audit
        raise error
    return audit


class _Walk:
    """One pass over the entries in order."""

    def __init__(self, checkpoint: Checkpoint, auditor: Auditor, seen: SeenCheckpoint | None) -> None:
        self._checkpoint = checkpoint
        self._auditor = auditor
        self._seen = seen
        self._seen_root: bytes | None = EMPTY_ROOT if seen is not None and seen.size == 0 else None
        self._frontier = Frontier()
        self._entries: list[AuditedEntry] = []
        self._missing: list[int] = []
        self._redactions: dict[int, int] = {}
        self._requests: set[tuple[EntryType, str, bytes]] = set()
        self._findings: list[Finding] = []

    @property
    def next_index(self) -> int:
        return self._frontier.size

    def take(self, run: Sequence[StoredEntry]) -> bool:
        """Add a run of entries; False when they do not follow on, and nothing more can be said."""
        for each in run[: self._checkpoint.size - self._frontier.size]:
            if each.index != self._frontier.size:
                self.find("audit-entries", f"entry {self._frontier.size}", "a gap in the entries")
                return False
            self._frontier.append(leaf_hash(each.entry))
            if self._seen is not None and self._seen.size == self._frontier.size:
                self._seen_root = self._frontier.root()
            try:
                self._open(each)
            except CarbonportError as error:
                self.find(error.id, f"entry {each.index}", error.found)
        return True

    def finish(self, witnessed_at: int | None) -> Audit:
        """The result, after the checks of the whole."""
        checkpoint = self._checkpoint
        if (self._frontier.size, self._frontier.root()) != (checkpoint.size, checkpoint.root):
            found = f"{self._frontier.size} entries that do not give the root of {checkpoint.size}"
            self.find("audit-root", "checkpoint", found)
        if self._seen is not None and self._seen_root != self._seen.root:
            found = f"a log that is no continuation of the {self._seen.size} entries seen before"
            self.find("audit-history", "checkpoint", found)
        for index in self._missing:
            if index not in self._redactions:
                self.find("audit-body-missing", f"entry {index}", "no body, and no redaction that says why")
        return Audit(
            origin=checkpoint.origin,
            size=checkpoint.size,
            root=checkpoint.root,
            witnessed_at=witnessed_at,
            entries=tuple(self._entries),
            erased=tuple((index, self._redactions.get(index, -1)) for index in self._missing),
            findings=tuple(self._findings),
        )

    def find(self, error_id: str, where: str, found: str) -> None:
        """Keep a finding."""
        if len(self._findings) < MAX_FINDINGS:
            self._findings.append(Finding(error_id, where, found))

    def _open(self, each: StoredEntry) -> None:
        entry = Entry.parse(each.entry)
        if each.body is None:
            self._missing.append(each.index)
            return
        sealed = SealedBody.parse(each.body)
        reader, private = self._auditor.key_for(sealed)
        body = open_body(sealed, origin=self._checkpoint.origin, entry=entry, reader=reader, private=private)
        audited = audited_entry(each.index, entry, body)
        if audited.request in self._requests:
            self.find("audit-request-twice", f"entry {each.index}", "a second entry for one request")
        self._requests.add(audited.request)
        if audited.type is EntryType.REDACTION:
            self._redactions[redacted_index(audited.values)] = each.index
        self._entries.append(audited)


def _quorum_time(note: SignedNote, policy: WitnessPolicy, walk: _Walk) -> int | None:
    try:
        return policy.check(note)
    except CarbonportError as error:
        walk.find(error.id, "checkpoint", error.found)
        return None
