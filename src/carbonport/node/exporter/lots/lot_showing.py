"""What importers and regulators are shown of lots, and the give-back that an importer signs.

Entries and proofs of quantities hide what they are about, and every importer of a lot gets all of them; the opening of
an entry goes to the importer whose it is, and to nobody else. None of it is plant data: what a lot shows of the
production is that it suffices.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from carbonport.attestation.lots.lot_history import LotHistory
from carbonport.attestation.lots.lot_terms import StatedLot
from carbonport.attestation.lots.stated_lots import stated_lots
from carbonport.attestation.statement import Statement
from carbonport.crypto.log_entry import EntryType, FieldName
from carbonport.crypto.notes import SignedNote
from carbonport.errors import Misuse, Refused, Unavailable
from carbonport.node.exporter import issued
from carbonport.node.exporter.composition import Composer
from carbonport.node.exporter.lots import lot_rows
from carbonport.node.exporter.lots.lot_desk import (
    MAX_TRIES,
    LotDesk,
    entry_row,
    require_revoked,
    unknown_consignment,
)
from carbonport.node.exporter.lots.lot_rows import MOVED, EntryRow, StoredLot
from carbonport.node.exporter.lots.lot_witnesses import LotWitnesses
from carbonport.node.exporter.prepared_statement import verified_statement
from carbonport.node.exporter.statement_versions import StatementVersion, version_of
from carbonport.node.identity.names import Role
from carbonport.node.log.draft import Draft
from carbonport.node.log.exchange_log import ExchangeLog
from carbonport.node.participant import Participant

MAX_SHOWN_ENTRIES = 1000
"""Most entries of one answer; with their proofs they take some 1.2 MB."""

MAX_SHOWN_LOTS = 16
"""Most lots of one answer."""

MAX_KEPT_STATEMENTS = 16
"""Statements kept in memory once they were verified."""

MAX_SHOWN_BYTES = 2 * 2**20
"""Bytes of statements in one answer, but for its first lot."""

RETURNED = "consignment returned by its importer"
"""What the log says of a give-back."""


@dataclass(frozen=True, slots=True)
class ShownConsignment:
    """A consignment as its own importer is shown it, beside the lot's entries."""

    note: SignedNote
    k: int
    position: int
    remainder: bytes = field(repr=False)
    level: bytes = field(repr=False)
    blinding: int = field(repr=False)
    salt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ShownLot:
    """A lot as a regulator is shown it: its checkpoint and the statements it went by, each with its level's leaf."""

    origin: str
    note: SignedNote
    statements: tuple[tuple[StatementVersion, bytes], ...]


class LotShowing:
    """Shows the lots of one node."""

    def __init__(
        self,
        participant: Participant,
        log: ExchangeLog,
        composer: Composer,
        desk: LotDesk,
        witnesses: LotWitnesses,
    ) -> None:
        self._participant = participant
        self._log = log
        self._composer = composer
        self._desk = desk
        self._witnesses = witnesses
        self._statements: dict[str, Statement] = {}

    async def consignment(self, attestation_id: str, *, importer: str) -> ShownConsignment:
        """The importer's own consignment under the newest checkpoint; Misuse `consignment-unknown`, Refused
        `lot-closed` when nothing shows that it fits the production."""
        with self._participant.store.reading() as connection:
            lot_id, k = self._own(connection, attestation_id, importer)
            statement_id = issued.attestation_of(connection, attestation_id).statement_id
            begin, end, level = _in_force(connection, lot_id, statement_id)
            opening = lot_rows.opening_of(connection, lot_id, k)
            # The consignment's own entry where it can be; after a correction the first that proves a remainder.
            proved = lot_rows.first_remainder(connection, lot_id, max(begin, k), end)
            stated = self._stated(connection, lot_id)
        if opening is None or opening.importer != importer:
            raise unknown_consignment()
        if proved is None:
            raise Refused(
                "lot-closed",
                found="a lot of which more is sold than its corrected production",
                expected="a lot whose remainder can be proved",
                remedy="Wait until consignments are returned, or the production is verified again.",
            )
        published = await self._witnesses.checkpoint(stated)
        return ShownConsignment(
            note=published.note,
            k=k,
            position=proved[0],
            remainder=proved[1],
            level=level,
            blinding=opening.opening.blinding,
            salt=opening.opening.salt,
        )

    def entries(
        self, origin: str, start: int, limit: int, *, caller: str, roles: frozenset[str]
    ) -> list[EntryRow]:
        """A run of a lot's entries. An importer without a consignment in the lot gets none of it; one that has gets no
        remainders but its own consignment's."""
        with self._participant.store.reading() as connection:
            lot = lot_rows.lot_of_origin(connection, origin)
            regulator = Role.REGULATOR in roles
            if lot is None or not (regulator or lot_rows.has_consignment(connection, lot.id, caller)):
                raise unknown_consignment()
            rows = lot_rows.entries_of(connection, lot.id, start, min(limit, MAX_SHOWN_ENTRIES))
        return rows if regulator else [EntryRow(row.position, row.entry, row.proof) for row in rows]

    async def lots(self, start: int) -> list[ShownLot]:
        """Lots from the `start`-th on, each with its checkpoint and statements."""
        with self._participant.store.reading() as connection:
            stored = lot_rows.all_lots(connection)[start : start + MAX_SHOWN_LOTS]
            each = [(lot, self._stated(connection, lot.id), _statements(connection, lot)) for lot in stored]
        found: list[ShownLot] = []
        size = 0
        for lot, stated, statements in each:
            size += sum(len(version.token) + len(version.receipt) for version, _ in statements)
            if found and size > MAX_SHOWN_BYTES:
                break
            found.append(ShownLot(lot.origin, (await self._witnesses.checkpoint(stated)).note, statements))
        return found

    async def give_back(self, attestation_id: str, signature: bytes, *, importer: str) -> int:
        """Write the importer's give-back of its consignment; gives the position of its entry.

        Refused (`lot-give-back-unrevoked`) while an attestation of it stands; FailedVerification
        (`lot-give-back-signature`) for another key's signature. Repeated, it finds what was written.
        """
        for _ in range(MAX_TRIES):
            with self._participant.store.reading() as connection:
                lot_id, k = self._own(connection, attestation_id, importer)
                stored = issued.attestation_of(connection, attestation_id)
                require_revoked(connection, lot_id, k)
                rows = lot_rows.entries_of(connection, lot_id)
                stated = self._stated(connection, lot_id)
                version = version_of(connection, lot_rows.statements_of(connection, lot_id)[-1].statement)
            prepared = await self._composer.prepared(version)
            known = LotHistory.read(stated.lot, [row.entry for row in rows]).returned.get(k)
            if known is not None:
                return known
            step = await self._desk.returned(prepared, stated, k, signature)
            row = entry_row(step)

            def write(connection: Connection, _index: int) -> None:
                require_revoked(connection, lot_id, k)  # noqa: B023 - run before the loop goes on
                lot_rows.append_entries(connection, lot_id, [row])  # noqa: B023

            try:
                await self._log.append(
                    Draft(
                        type=EntryType.REVOCATION,
                        exchange=stored.request_id,
                        request_digest=hashlib.sha256(f"give-back\n{lot_id}\n{k}".encode()).digest(),
                        fields={
                            FieldName.SUBJECT: attestation_id.encode(),
                            FieldName.RECIPIENT: importer.encode(),
                            FieldName.REASON: RETURNED.encode(),
                        },
                        write=write,
                    )
                )
            except Unavailable as error:
                if error.id != MOVED:
                    raise
                continue
            await self._witnesses.checkpoint(stated)
            return row.position
        raise _busy()

    def _own(self, connection: Connection, attestation_id: str, importer: str) -> tuple[str, int]:
        standing = issued.standing_of(connection, attestation_id)
        found = lot_rows.consignment_of(connection, attestation_id)
        if standing is None or standing.importer != importer or found is None:
            raise unknown_consignment()
        return found

    def _stated(self, connection: Connection, lot_id: str) -> StatedLot:
        """The lot under the statement in force."""
        version = version_of(connection, lot_rows.statements_of(connection, lot_id)[-1].statement)
        statement = self._statements.get(version.digest)
        if statement is None:
            if len(self._statements) >= MAX_KEPT_STATEMENTS:
                self._statements.clear()
            statement = self._statements[version.digest] = verified_statement(self._participant, version)
        return next(each for each in stated_lots(statement, version.digest) if each.lot.id.hex() == lot_id)


def _in_force(connection: Connection, lot_id: str, statement_id: str) -> tuple[int, int, bytes]:
    """From which position to which the lot goes by a statement version, and its level's leaf."""
    rows = lot_rows.statements_of(connection, lot_id)
    for row, after in zip(rows, [*rows[1:], None], strict=True):
        if row.statement == statement_id:
            stored = lot_rows.stored_lot(connection, lot_id)
            assert stored is not None, "it has statements"
            return row.position, stored.size if after is None else after.position, row.level
    raise Misuse(
        "consignment-statement",
        found="an attestation under a statement that its lot never went by",
        expected="a statement of the lot",
        remedy="Ask the exporter for a new attestation.",
    )


def _statements(connection: Connection, lot: StoredLot) -> tuple[tuple[StatementVersion, bytes], ...]:
    rows: Sequence[lot_rows.StatementRow] = lot_rows.statements_of(connection, lot.id)
    return tuple((version_of(connection, row.statement), row.level) for row in rows)


def _busy() -> Unavailable:
    return Unavailable(
        MOVED,
        found="entries of the lot that others wrote again and again at the same time",
        expected="a moment's quiet",
        remedy="Try again.",
    )
