"""The lots that this node witnesses: those of statements it was shown, that name it.

A witness believes a statement as any reader does: signed by a listed, accredited verifier, and in the verifier's log
under the quorum that the lists ask for. It keeps which lots it accepted, and refuses a second one over the same
production: a process in an overlapping period, under whatever origin.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select, update

from carbonport.attestation.lots.lot_identity import LOT_PATH, Lot
from carbonport.attestation.lots.lot_periods import require_no_overlap
from carbonport.attestation.lots.lot_terms import StatedLot
from carbonport.attestation.lots.lot_witnessing import accepted_lot_keys
from carbonport.attestation.lots.stated_lots import stated_lots
from carbonport.attestation.statement import statement_digest
from carbonport.crypto.notes import TYPE_ED25519, VerifierKey
from carbonport.crypto.receipt import Receipt
from carbonport.errors import FailedVerification, Refused
from carbonport.node.participant import Participant
from carbonport.node.store.lot_schema import witnessed_lots
from carbonport.node.verified_statement import verified_with_receipt


class WitnessedLots:
    """The witness's memory of lots. Methods may be called from any thread."""

    def __init__(self, participant: Participant) -> None:
        self._participant = participant

    def show(self, token: str, receipt: Receipt) -> list[str]:
        """Accept the lots of a statement that name this witness; gives their origins.

        Raises FailedVerification for a statement that does not hold, Refused `lot-not-witnessed-here` when none of its
        lots names this node, and `lot-period-overlap` for a production that was accepted as another lot.
        """
        participant, now = self._participant, self._participant.clock()
        statement = verified_with_receipt(participant, token, receipt)
        digest = statement_digest(token)
        mine = [each for each in stated_lots(statement, digest) if participant.id in each.terms.witnesses]
        if not mine:
            raise Refused(
                "lot-not-witnessed-here",
                found=f"a statement whose lots do not name {participant.id} as their witness",
                expected="a statement that names this witness for a lot",
                remedy="Ask the witnesses that the statement names.",
            )
        exporter = participant.trust.participant(statement.exporter, now=now)
        node_keys = [VerifierKey.parse(key.text) for key in exporter.keys if key.usage == "log"]
        for each in mine:
            accepted_lot_keys(each, node_keys, witness=participant.id)
        with participant.store.writing() as connection:
            for each in mine:
                accept_lot(connection, each, now=now)
        return [each.terms.origin for each in mine]

    def keys(self, origin: str) -> Sequence[VerifierKey]:
        """The keys that sign the checkpoints of a lot accepted here, newest first; none for an unknown origin."""
        if LOT_PATH not in origin:
            return ()
        participant, now = self._participant, self._participant.clock()
        with participant.store.reading() as connection:
            row = connection.execute(select(witnessed_lots).where(witnessed_lots.c.origin == origin)).first()
        if row is None:
            return ()
        try:
            exporter = participant.trust.participant(row.exporter, now=now)
        except FailedVerification:
            return ()
        listed = sorted(
            (key for key in exporter.keys if key.usage == "log" and key.status != "revoked"),
            key=lambda key: -key.valid_from,
        )
        return [VerifierKey(origin, TYPE_ED25519, VerifierKey.parse(key.text).public) for key in listed]


def accept_lot(connection: Connection, stated: StatedLot, *, now: int) -> None:
    """Keep that a lot is witnessed here; Refused (`lot-period-overlap`) when another one covers days of its process."""
    lot, origin = stated.lot, stated.terms.origin
    rows = connection.execute(
        select(witnessed_lots).where(
            witnessed_lots.c.installation == lot.installation, witnessed_lots.c.process == lot.process
        )
    ).all()
    same = [Lot(row.installation, row.process, row.period_start, row.period_end) for row in rows]
    own = [each for each, row in zip(same, rows, strict=True) if row.origin == origin]
    others = [each for each, row in zip(same, rows, strict=True) if row.origin != origin]
    require_no_overlap([lot], own, elsewhere=others)
    values = {"statement": stated.digest, "shown_at": now}
    known = witnessed_lots.c.origin == origin
    if connection.execute(update(witnessed_lots).where(known).values(**values)).rowcount:
        return
    connection.execute(
        insert(witnessed_lots).values(
            origin=origin,
            exporter=stated.exporter,
            installation=lot.installation,
            process=lot.process,
            period_start=lot.start,
            period_end=lot.end,
            **values,
        )
    )
