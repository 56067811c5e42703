"""An exporter's store read as it lies on the disk: is anything half done?"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, select

from carbonport.crypto.ambient import system_random
from carbonport.crypto.log_entry import EntryType
from carbonport.crypto.notes import TYPE_ED25519, NoteSigner
from carbonport.node.home import open_home
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.log.fsck import check_log
from carbonport.node.log.preparation import EntryMaker
from carbonport.node.log.stored_log import StoredLog
from carbonport.node.own_log import own_key
from carbonport.node.participant import Participant
from carbonport.node.store.exchange_schema import attestations, bundles, requests
from carbonport.node.store.lot_schema import lot_attestations, lot_entries, lot_openings, lots
from carbonport.node.store.schema import log_entries


@dataclass(frozen=True)
class Rows:
    """What the store holds: states by request, attestations by request, log entries by (exchange, type)."""

    states: dict[str, str]
    attestations: Counter[str]
    entries: Counter[tuple[str, EntryType]]
    bundles: Counter[str]

    def issued(self, request: str) -> int:
        """Entries that say an attestation was issued for a request."""
        return self.entries[request, EntryType.ISSUE]

    def crossings(self, fetch: str) -> int:
        """Entries that say an attestation crossed in a fetch."""
        return self.entries[fetch, EntryType.CROSSING]


def checked_rows(home: Path) -> Rows:
    """Read the store of a home whose node does not run; fails when the log or a request is half done."""
    participant = Participant.open(open_home(home, environ={}))
    try:
        config, identity = participant.config, participant.identity
        signer = NoteSigner(config.log_origin, TYPE_ED25519, identity.ed25519(KeyUse.LOG))
        maker = EntryMaker(
            config.log_origin, own_key=own_key(participant), readers={}, random_bytes=system_random
        )
        log = StoredLog(participant.store, config.log_origin)
        checked = check_log(log, keys=[signer.verifier], maker=maker)
        with participant.store.reading() as connection:
            asked = connection.execute(select(requests)).all()
            issued = connection.execute(select(attestations)).all()
            logged = connection.execute(select(log_entries)).all()
            received = connection.execute(select(bundles.c.fetch)).all()
            _check_lots(connection, {row.attestation for row in issued})
    finally:
        participant.close()
    rows = Rows(
        states={row.request: row.state for row in asked},
        attestations=Counter(row.request for row in issued),
        entries=Counter((row.exchange, EntryType(row.type)) for row in logged),
        bundles=Counter(row.fetch for row in received),
    )
    assert checked.entries == len(logged)
    assert set(rows.attestations) <= set(rows.states), "an attestation without its request"
    for row in asked:
        whole = int(row.state == "issued")
        assert rows.attestations[row.request] == whole, (row.request, row.state)
        assert rows.issued(row.request) == whole, (row.request, row.state)
        assert bool(row.attestation) == bool(whole)
        assert rows.entries[row.request, EntryType.REFUSAL] == int(row.state == "refused")
    return rows


def _check_lots(connection: Connection, issued: set[str]) -> None:
    """Every attestation has its consignment, and every consignment its entry, proofs, opening and attestation."""
    sold = connection.execute(select(lot_attestations)).all()
    assert {row.attestation for row in sold} == issued
    for lot in connection.execute(select(lots)).all():
        entries = connection.execute(select(lot_entries).where(lot_entries.c.lot == lot.lot)).all()
        openings = connection.execute(select(lot_openings.c.k).where(lot_openings.c.lot == lot.lot)).all()
        consignments = {row.position for row in entries if row.proof}
        assert sorted(row.position for row in entries) == list(range(lot.size))
        assert consignments == {row.k for row in openings} == {row.k for row in sold if row.lot == lot.lot}
        assert all(row.remainder for row in entries if row.proof)
