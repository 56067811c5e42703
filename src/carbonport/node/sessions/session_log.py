"""A document and its log entry in one transaction: nothing leaves, and nothing counts as received, without either.

A contribution is a *crossing* with the gate's decision on the contributor's side and an *arrival* on the coordinator's,
which names the crossing's receipt: a regulator reconciles the two. Every other document is an entry of the type
*session* on both sides. The exchange id is the same on both: it follows from the session, the document and who sent it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from carbonport.attestation.listed_log import receipt_log_key
from carbonport.crypto.log_entry import (
    EXCHANGE_ID_CHARACTERS,
    EntryType,
    Event,
    FieldName,
    payload_digest,
)
from carbonport.crypto.receipt import Receipt
from carbonport.crypto.tuplehash import tuple_hash
from carbonport.errors import Refused
from carbonport.node.log.draft import CompanionWrite, Condition, Draft, Logged
from carbonport.node.open_node import OpenNode
from carbonport.node.participant import Participant
from carbonport.node.sessions.records import Record, find, keep, said_before

EXCHANGE_DOMAIN = "carbonport/aggregation/exchange/v1"
"""Domain string of a document's exchange id."""

PURPOSE = "benchmarking"
"""What sums are for."""


@dataclass(frozen=True, slots=True)
class _SaidOnce:
    """The condition of an entry: none of its records was given otherwise before."""

    session: str
    records: tuple[Record, ...]
    also: Condition | None = None

    def require(self, connection: Connection) -> None:
        """Refuse otherwise."""
        for record in self.records:
            known = find(connection, self.session, record.kind, record.name)
            if known is not None and known != record.content:
                raise said_before(record)
        if self.also is not None:
            self.also.require(connection)


def exchange_id(session: str, kind: str, sender: str) -> str:
    """The exchange id of a document on both sides."""
    return tuple_hash(EXCHANGE_DOMAIN, session, kind, sender).hex()[:EXCHANGE_ID_CHARACTERS]


async def keep_logged(
    node: OpenNode,
    entry: EntryType,
    session: str,
    records: Sequence[Record],
    *,
    sender: str,
    counterparty: str,
    fields: Mapping[str, bytes] | None = None,
    write: CompanionWrite | None = None,
    condition: Condition | None = None,
) -> Logged:
    """Log the first record's document and keep all records, or raise and do neither; repeating it changes nothing.

    `sender` signed the document; `counterparty` is the other side of this node. `fields` are further fields of the
    entry.
    """
    document = records[0]
    now = node.participant.clock()

    def companion(connection: Connection, index: int) -> None:
        for record in records:
            keep(connection, session, record, now=now)
        if write is not None:
            write(connection, index)

    return await node.log.append(
        Draft(
            type=entry,
            exchange=exchange_id(session, document.kind, sender),
            request_digest=hashlib.sha256(document.content).digest(),
            fields={
                FieldName.PAYLOAD: payload_digest(document.content),
                FieldName.RECIPIENT: counterparty.encode(),
                FieldName.PURPOSE: PURPOSE.encode(),
                FieldName.SUBJECT: f"{session} {document.kind}".encode(),
                **(fields or {}),
            },
            opened=(FieldName.PAYLOAD, FieldName.RECIPIENT, FieldName.SUBJECT),
            write=companion,
            condition=_SaidOnce(session, tuple(records), condition),
        )
    )


def crossed_receipt(
    participant: Participant, exchange: str, sender: str, payload: bytes, receipt: bytes, *, recipient: str
) -> Receipt:
    """The receipt of what crossed from `sender` to `recipient`, held against the sender's log key: without an entry on
    its side nothing is taken."""
    read = Receipt.decode(receipt)
    receipt_log_key(
        participant.trust,
        read,
        sender,
        payload=payload,
        expected={FieldName.RECIPIENT: recipient.encode()},
        entry_type=EntryType.CROSSING,
        now=participant.clock(),
    )
    if Event.parse(read.event).exchange != exchange:
        raise wrong_document("a receipt of another exchange")
    return read


def wrong_document(found: str) -> Refused:
    """The refusal of a document that belongs elsewhere."""
    return Refused(
        "session-document-place",
        found=found,
        expected="a document of this session and attempt",
        remedy="Send what this session asks for.",
    )
