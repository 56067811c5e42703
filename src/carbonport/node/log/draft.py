"""What is asked of a log, and what it answers: drafts and their receipts."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from sqlalchemy import Connection

from carbonport.crypto.log_entry import EntryType
from carbonport.crypto.receipt import Receipt

REQUEST_DIGEST_BYTES = 32
"""Length of the digest of the request behind an entry (SHA-256)."""

CompanionWrite: TypeAlias = Callable[[Connection, int], None]
"""Writes the caller's own rows in the entry's transaction; gets the entry's index. Runs in the log's thread,
must be quick, and must not begin, commit or roll back."""


class Condition(Protocol):
    """What must hold when an entry is written; two that compare equal ask the same, and one answer serves a
    batch."""

    def __hash__(self) -> int: ...

    def require(self, connection: Connection) -> None:
        """Raise unless it holds, reading in the entry's transaction, after the writes of the drafts before it; as
        quick and as careful as `CompanionWrite`."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An event to be logged.

    (`exchange`, `type`, `request_digest`) is the key of the entry: a second append with the same key gives
    the same entry, adds nothing and does not run `write`. Unless `condition` holds in the transaction nothing
    is logged, and nothing found again. `fields` are the values of the event, `opened` the
    names of those that the receipt shows. The body is sealed to the log's readers and to `readers` (raw
    X25519 keys by key id).
    """

    type: EntryType
    exchange: str
    request_digest: bytes
    fields: Mapping[str, bytes] = field(repr=False)
    opened: Collection[str] = ()
    readers: Mapping[str, bytes] = field(default_factory=dict)
    write: CompanionWrite | None = None
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Logged:
    """A durable entry and its receipt.

    `repeated`: the key was logged before, and this is that entry. `provisional`: the witnesses' quorum is
    missing; ask for the receipt again later. `quorum_time`: unix seconds vouched for by the quorum, None when
    none is asked or met.
    """

    index: int
    repeated: bool
    provisional: bool
    quorum_time: int | None
    receipt: Receipt
