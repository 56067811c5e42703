"""The importer's consignments: the key made for each of them, and what was seen of it in its exporter's lot.

A key is made when a consignment is first asked for, and kept until the consignment was given back: asking again for the
same one finds the same key, so that it is not sold twice. The private half stays in this store and signs a give-back,
nothing else. What was seen is kept so that a lot that is told in two versions shows.
"""

from dataclasses import dataclass, field

from sqlalchemy import Connection, Row, insert, select, update

from carbonport.attestation.lots.consignment_check import SeenConsignment
from carbonport.attestation.lots.consignment_key import new_consignment_key
from carbonport.attestation.lots.later_checkpoint import read_seen, seen_to_json
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.ambient import RandomBytes
from carbonport.crypto.canonical import Json, canonical_bytes, parse_canonical
from carbonport.errors import Misuse
from carbonport.node.store.lot_schema import consignment_keys

MAX_SEEN_BYTES = 4096
"""Largest stored memory of a consignment's entry."""


@dataclass(frozen=True, slots=True)
class Consignment:
    """A consignment that this node asked for: its key pair (32 bytes each), and what was seen of it (None before)."""

    public: bytes
    private: bytes = field(repr=False)
    seen: SeenConsignment | None
    returned_at: int


@dataclass(frozen=True, slots=True)
class ConsignmentName:
    """What tells one consignment from another. Goods that two installations made are two consignments, whatever the
    importer calls them: each is sold from a lot of its own."""

    exporter: str
    cn: str
    period_start: str
    period_end: str
    consignment: str
    installation: str = ""

    @property
    def in_column(self) -> str:
        """What the store keeps in its column: on a second line the installation, which no name of the wire has."""
        return f"{self.consignment}\n{self.installation}" if self.installation else self.consignment


def obtain_key(
    connection: Connection, name: ConsignmentName, *, random_bytes: RandomBytes, now: int
) -> bytes:
    """The public key of a consignment: the one it has, or a fresh one when it has none or was given back."""
    row = connection.execute(
        select(consignment_keys.c.public).where(
            consignment_keys.c.exporter == name.exporter,
            consignment_keys.c.cn == name.cn,
            consignment_keys.c.period_start == name.period_start,
            consignment_keys.c.period_end == name.period_end,
            consignment_keys.c.consignment == name.in_column,
            consignment_keys.c.returned_at == 0,
        )
    ).first()
    if row is not None:
        return bytes(row.public)
    private, public = new_consignment_key(random_bytes)
    connection.execute(
        insert(consignment_keys).values(
            public=public,
            private=private,
            exporter=name.exporter,
            cn=name.cn,
            period_start=name.period_start,
            period_end=name.period_end,
            consignment=name.in_column,
            seen=b"",
            made_at=now,
            returned_at=0,
        )
    )
    return public


def consignment_of_key(connection: Connection, public: bytes) -> Consignment:
    """The consignment that this key was made for."""
    row = connection.execute(select(consignment_keys).where(consignment_keys.c.public == public)).first()
    if row is None:
        raise Misuse(
            "consignment-key-missing",
            found="a request whose consignment key is not in the store",
            expected="the key that was made for the consignment",
            remedy="Restore the importer's store; without the key the consignment cannot be checked or returned.",
        )
    return _consignment(row)


def keep_seen(connection: Connection, public: bytes, seen: SeenConsignment) -> None:
    """Keep what was seen of a consignment in its lot."""
    connection.execute(
        update(consignment_keys)
        .where(consignment_keys.c.public == public)
        .values(seen=canonical_bytes(seen_to_json(seen)))
    )


def mark_returned(connection: Connection, public: bytes, *, now: int) -> None:
    """Note that the consignment was given back; another one of its name gets a key of its own."""
    connection.execute(
        update(consignment_keys)
        .where(consignment_keys.c.public == public, consignment_keys.c.returned_at == 0)
        .values(returned_at=now)
    )


def _consignment(row: Row[tuple[object, ...]]) -> Consignment:
    seen = None
    if row.seen:
        value: Json = parse_canonical(bytes(row.seen), max_bytes=MAX_SEEN_BYTES)
        fields = StrictFields(value, "seen consignment")
        seen = read_seen(fields)
        fields.finish()
    return Consignment(bytes(row.public), bytes(row.private), seen, row.returned_at)
