"""The statements a verifier signed, as its own store keeps them, and its status list of withdrawn ones."""

from collections.abc import Mapping

from sqlalchemy import Connection, func, insert, select, update

from carbonport.attestation.bench import EarlierStatement, SignedStatement
from carbonport.attestation.statement import statement_kid, verify_statement
from carbonport.crypto.ambient import RandomBytes
from carbonport.crypto.jws import Jwk
from carbonport.errors import Misuse, Refused
from carbonport.node.exporter.issued import MAX_DRAWS, STATUS_LIST_ENTRIES
from carbonport.node.participant import Participant
from carbonport.node.store.exchange_schema import verifications

STATUS_LIST_NAME = "statements"
"""Last part of the list's URI."""


def statements_uri(participant: Participant) -> str:
    """The URI of this verifier's status list, as its statements name it."""
    return f"carbonport:status/{participant.id}/{STATUS_LIST_NAME}"


def free_statement_index(connection: Connection, random_bytes: RandomBytes) -> int:
    """A random unused entry of the status list."""
    for _ in range(MAX_DRAWS):
        index = int.from_bytes(random_bytes(4), "big") % STATUS_LIST_ENTRIES
        query = select(verifications.c.statement).where(verifications.c.status_index == index)
        if connection.execute(query).first() is None:
            return index
    raise Refused(
        "statement-list-full",
        found="a status list without a free entry",
        expected=f"fewer than {STATUS_LIST_ENTRIES} statements",
        remedy="Start a new node for further statements.",
    )


def add_signed(
    connection: Connection,
    *,
    digest: str,
    exporter: str,
    status_index: int,
    token: str,
    after: int,
    now: int,
) -> None:
    """Keep a statement in the transaction that logs its digest; its receipt follows.

    `after` is how many statements its checks knew of: one that was signed meanwhile refuses it.
    """
    count = select(func.count()).select_from(verifications)
    if connection.execute(count).scalar_one() != after:
        raise Refused(
            "sign-meanwhile",
            found="another statement, signed at the same time",
            expected="one after the other, for periods and versions are held against all earlier ones",
            remedy="Run the command again.",
        )
    connection.execute(
        insert(verifications).values(
            statement=digest,
            exporter=exporter,
            status_index=status_index,
            token=token,
            receipt=b"",
            signed_at=now,
            withdrawn_at=0,
        )
    )


def keep_receipt(connection: Connection, digest: str, receipt: bytes) -> None:
    """Keep the log's receipt beside the statement."""
    connection.execute(
        update(verifications).where(verifications.c.statement == digest).values(receipt=receipt)
    )


def earlier_statements(connection: Connection, jwk_of: Mapping[str, Jwk]) -> list[EarlierStatement]:
    """Every statement this verifier signed, for whichever exporter; `jwk_of` are its own seal keys by kid."""
    rows = connection.execute(select(verifications))
    return [
        EarlierStatement(row.statement, verify_statement(row.token, jwk_of[statement_kid(row.token)]))
        for row in rows
    ]


def signed_statement(connection: Connection, digest: str, jwk_of: Mapping[str, Jwk]) -> SignedStatement:
    """The statement of this digest; Misuse (`statement-not-signed-here`) when this verifier signed none."""
    row = connection.execute(select(verifications).where(verifications.c.statement == digest)).first()
    if row is None:
        raise Misuse(
            "statement-not-signed-here",
            found="no statement of this digest",
            expected="a statement this verifier signed",
            remedy="Give the digest that `carbonport sign` printed.",
            where=digest[:64],
        )
    return SignedStatement(row.token, digest, verify_statement(row.token, jwk_of[statement_kid(row.token)]))


def mark_withdrawn(connection: Connection, digest: str, *, now: int) -> None:
    """Withdraw a statement; once."""
    changed = connection.execute(
        update(verifications)
        .where(verifications.c.statement == digest, verifications.c.withdrawn_at == 0)
        .values(withdrawn_at=now)
    )
    if changed.rowcount != 1:
        raise not_withdrawable(digest)


def not_withdrawable(digest: str) -> Misuse:
    """The error of withdrawing what does not hold any more."""
    return Misuse(
        "statement-not-withdrawable",
        found="no statement of this digest that still holds",
        expected="a statement this verifier signed and has not withdrawn",
        remedy="Give the digest that `carbonport sign` printed.",
        where=digest[:64],
    )


def mark_superseded(connection: Connection, digest: str, *, now: int) -> None:
    """Set the status of the version that a new one replaces; nothing to do when it was withdrawn before."""
    connection.execute(
        update(verifications)
        .where(verifications.c.statement == digest, verifications.c.withdrawn_at == 0)
        .values(withdrawn_at=now)
    )


def withdrawn_indices(connection: Connection) -> list[int]:
    """The status list entries that are set."""
    rows = connection.execute(select(verifications.c.status_index).where(verifications.c.withdrawn_at != 0))
    return [row.status_index for row in rows]
