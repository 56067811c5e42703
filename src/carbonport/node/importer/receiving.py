"""Receiving: what an exporter sent is put together, checked as anybody would check it, logged, and only then kept.

An answer whose receipt does not cover exactly the received bytes is refused, whatever else it says. One whose receipt
or lot lacks the witnesses' quorum is kept as provisional and does not pass `verify` until it was upgraded by fetching
again. What was seen of a lot is kept too: one that does not continue it later is refused as a fork.
"""

import asyncio
import re
from dataclasses import dataclass, replace
from decimal import Decimal

from sqlalchemy import Connection

from carbonport.attestation.bundle import Bundle, only_known_signatures, write_bundle
from carbonport.attestation.bundled_lot import BundledLot, lot_note_keys, node_log_keys
from carbonport.attestation.check_report import Report
from carbonport.attestation.checks import verify_bundle
from carbonport.attestation.credential import Attestation, attestation_kid, verify_attestation
from carbonport.attestation.lots.consignment_check import SeenConsignment, read_view, seen
from carbonport.attestation.lots.later_checkpoint import require_continued
from carbonport.attestation.lots.lot_terms import StatedLot
from carbonport.attestation.lots.stated_lots import stated_lot
from carbonport.attestation.presentation import Presentation
from carbonport.attestation.proof_evidence import ProofEvidence
from carbonport.attestation.statement import (
    StatusReference,
    statement_digest,
    statement_kid,
    verify_statement,
)
from carbonport.attestation.witness_rules import known_note_keys
from carbonport.crypto.log_entry import EntryType, Event, FieldName, payload_digest
from carbonport.crypto.receipt import Receipt
from carbonport.errors import FailedVerification
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.importer import consignments, queries
from carbonport.node.importer.lot_fetching import fetch_lot
from carbonport.node.importer.queries import (
    COMPLETE,
    PROVISIONAL,
    REVOKED,
    UNWITNESSED,
    Query,
    ReceivedBundle,
)
from carbonport.node.log.draft import Draft
from carbonport.node.open_node import OpenNode
from carbonport.wire.v1 import status_pb2

WITNESSED = "exporter-receipt-witnessed"
"""The check that a provisional receipt fails."""

PLAIN_DECIMAL = re.compile(r"[0-9]{1,30}(?:\.[0-9]{1,30})?")
"""A mass as requests and attestations write it: 12.5 and 12.500 are the same."""

WITHDRAWN = frozenset({"status-revoked", "lot-cancelled", "lot-superseded"})
"""Error ids that say that an attestation or statement no longer holds, or the consignment was given back."""

LOT_STANDING = "lot-standing"
"""The check of what became of the consignment in its lot."""

INCOMPLETE = frozenset({"lot-provisional", "lot-unwitnessed"})
"""Error ids of that check with which a consignment is kept."""

INSTALLATION_ITEMS = ("installation_name", "registration_code", "unlocode")
"""Items of an attestation by which a query names an installation."""

NOT_CHECKED = "not checked"
"""How a report begins the finding of a check that could not be made because another failed."""

GET_STATUS_LIST = "/carbonport.wire.v1.StatusService/GetStatusList"


def bundle_state(report: Report) -> str:
    """The state of a bundle with this report, which has no fatal failures."""
    if report.ok:
        return COMPLETE
    errors = {check.error for check in report.checks if not check.ok}
    if errors & WITHDRAWN:
        return REVOKED
    return UNWITNESSED if errors == {"lot-unwitnessed"} else PROVISIONAL


@dataclass(frozen=True)
class Receiver:
    """Receives for one importer node."""

    node: OpenNode

    async def receive(
        self, asked: Query, *, fetch_id: str, disclosure: bytes, receipt: bytes
    ) -> tuple[ReceivedBundle, Report]:
        """Check, log and keep what a fetch brought: it must be about what was asked for."""
        now, exporter = self.node.participant.clock(), asked.exporter
        _require_exchange(receipt, fetch_id)
        attestation = self._attestation(exporter, Presentation.decode(disclosure))
        _require_asked(asked, attestation)
        bundle, lot = await self._bundle(asked, disclosure, receipt, received_at=now)
        data = self._sealed(bundle)
        report = await self._checked(data, now)
        received = ReceivedBundle(
            fetch_id=fetch_id,
            request_id=asked.request_id,
            attestation=attestation.header.id,
            state=bundle_state(report),
            disclosure=disclosure,
            receipt=receipt,
            bundle=data,
            received_at=now,
        )

        def write(connection: Connection, _index: int) -> None:
            if queries.bundle_of_fetch(connection, fetch_id) is None:
                queries.add_bundle(connection, received)
            if lot is not None:
                consignments.keep_seen(connection, asked.consignment_key, lot)

        await self.node.log.append(
            Draft(
                type=EntryType.ARRIVAL,
                exchange=fetch_id,
                request_digest=payload_digest(disclosure),
                fields={
                    FieldName.PAYLOAD: payload_digest(disclosure),
                    FieldName.RECIPIENT: exporter.encode(),
                    FieldName.SUBJECT: received.attestation.encode(),
                    FieldName.PEER: Receipt.decode(receipt).peer_field(),
                },
                write=write,
            )
        )
        return received, report

    async def refresh(self, received: ReceivedBundle, asked: Query, receipt: bytes) -> tuple[bytes, Report]:
        """The bundle anew, with fresh status tokens and trust lists (and a receipt that now has its quorum).

        What was withdrawn since is written too: whoever verifies the fresh bundle has to see it.
        """
        now = self.node.participant.clock()
        _require_exchange(receipt, received.fetch_id)
        bundle, lot = await self._bundle(
            asked, received.disclosure, receipt, received_at=received.received_at
        )
        data = self._sealed(bundle)
        report = await self._checked(data, now, tolerated=WITHDRAWN)
        with self.node.participant.store.writing() as connection:
            if lot is not None:
                consignments.keep_seen(connection, asked.consignment_key, lot)
            queries.replace_bundle(
                connection,
                received.fetch_id,
                state=bundle_state(report),
                receipt=receipt,
                bundle=data,
            )
        return data, report

    async def _checked(self, data: bytes, now: int, *, tolerated: frozenset[str] = frozenset()) -> Report:
        """Everything that anybody would check, with our own anchors; only a missing quorum is not fatal, nor what is
        `tolerated` (error ids).
        """
        participant = self.node.participant
        report = await asyncio.to_thread(
            verify_bundle,
            data,
            now=now,
            anchors=participant.trust.anchors,
            importer=participant.id,
            seen=participant.trust.seen_lists(),
            verify_ranges=self.node.range_processes.verify,
        )
        fatal = [
            check
            for check in report.checks
            if not check.ok
            and check.id != WITNESSED
            and not (check.id == LOT_STANDING and check.error in INCOMPLETE)
            and check.error not in tolerated
            and not check.found.startswith(NOT_CHECKED)
        ]
        if fatal:
            raise FailedVerification(
                "answer-refused",
                found=f"{fatal[0].id}: {fatal[0].found}",
                expected=fatal[0].expected,
                remedy="Nothing was kept. Tell the exporter, quoting the check.",
            )
        return report

    async def _bundle(
        self, asked: Query, disclosure: bytes, receipt: bytes, *, received_at: int
    ) -> tuple[Bundle, SeenConsignment | None]:
        """The parts of the bundle, unsealed, and what to keep of its lot."""
        participant, exporter = self.node.participant, asked.exporter
        presentation = Presentation.decode(disclosure)
        attestation = self._attestation(exporter, presentation)
        pointer = attestation.header.statement
        verifier = participant.trust.participant(pointer.issuer, now=participant.clock())
        seal = verifier.key(statement_kid(presentation.statement), "verifier-seal")
        if seal is None:
            raise FailedVerification(
                "answer-statement-key",
                found=f"a statement signed by no listed key of {pointer.issuer}",
                expected="a verifier of the trust lists",
                remedy="Nothing was kept. Fetch the newest trust lists, then ask the exporter.",
            )
        statement = verify_statement(presentation.statement, seal.jwk)
        digest, process = statement_digest(presentation.statement), attestation.header.process
        # A claim is about the good: it sells nothing.
        stated = None if attestation.bounds else stated_lot(statement, digest, process)
        lot, kept = (None, None) if stated is None else await self._lot(asked, attestation.header.id, stated)
        known = only_known_signatures(Receipt.decode(receipt), known_note_keys(participant.trust))
        bundle = Bundle(
            importer=participant.id,
            received_at=received_at,
            presentation=disclosure,
            receipt=known.encode(),
            attestation_status=await self._status(exporter, attestation.header.status.uri),
            statement_status=await self._status(statement.issuer, statement.status.uri),
            trust_lists=tuple(held.token for held in participant.trust.held_lists()),
            anchors=participant.trust.anchors,
            lot=lot,
            supplier_status=await self._supplier_status(presentation),
        )
        return bundle, kept

    async def _supplier_status(self, presentation: Presentation) -> dict[str, str]:
        """Status tokens of the suppliers' statements that a proof shows, by statement, from their verifiers' nodes."""
        evidence = presentation.evidence
        suppliers = evidence.suppliers if isinstance(evidence, ProofEvidence) else ()
        found = {}
        for supplier in suppliers:
            issuer, reference = self._supplier_statement(supplier.token)
            found[supplier.digest] = await self._status(issuer, reference.uri)
        return found

    def _supplier_statement(self, token: str) -> tuple[str, StatusReference]:
        """Who verified a supplier, and where the statement's standing is told; signed by a key of the trust lists."""
        kid = statement_kid(token)
        for held in self.node.participant.trust.held_lists():
            for listed in held.trust_list.participants:
                key = listed.key(kid, "verifier-seal")
                if key is not None:
                    statement = verify_statement(token, key.jwk)
                    return statement.issuer, statement.status
        raise FailedVerification(
            "answer-statement-key",
            found="a supplier's statement signed by no listed key",
            expected="a verifier of the trust lists",
            remedy="Nothing was kept. Fetch the newest trust lists, then ask the exporter.",
        )

    def _sealed(self, bundle: Bundle) -> bytes:
        return write_bundle(bundle, self.node.participant.signing_key(KeyUse.SEAL))

    async def _lot(
        self, asked: Query, attestation_id: str, stated: StatedLot
    ) -> tuple[BundledLot, SeenConsignment]:
        """What the exporter shows of the lot now; FailedVerification (`lot-forked`) when it does not continue what it
        showed before. The rest is checked with the bundle."""
        participant, now = self.node.participant, self.node.participant.clock()
        with participant.store.reading() as connection:
            own = consignments.consignment_of_key(connection, asked.consignment_key)
        shown = await fetch_lot(self.node.peers, asked.exporter, attestation_id)
        shown = replace(shown, note=shown.note.only(lot_note_keys(participant.trust, stated, now=now)))
        view = read_view(
            shown.note,
            shown.entries,
            stated,
            node_log_keys(participant.trust, stated.exporter, now=now),
        )
        if own.seen is not None:
            require_continued(own.seen, view)
        if not 1 <= shown.k < view.history.size:
            raise FailedVerification(
                "lot-entry-missing",
                found=f"no consignment at position {shown.k} of {view.history.size}",
                expected="the consignment's own entry in the lot's log",
                remedy="Nothing was kept. Fetch again; if it stays so, tell the exporter.",
            )
        return BundledLot(own.public, shown), seen(view, shown.k)

    def _attestation(self, exporter: str, presentation: Presentation) -> Attestation:
        participant = self.node.participant
        kid = attestation_kid(presentation.credential)
        key = participant.trust.participant(exporter, now=participant.clock()).key(kid, "seal")
        if key is None:
            raise FailedVerification(
                "answer-issuer-key",
                found=f"an attestation signed by no listed key of {exporter}",
                expected="a seal key of the exporter that was asked",
                remedy="Nothing was kept. Fetch the newest trust lists, then ask the exporter.",
            )
        return verify_attestation(presentation.credential, key.jwk)

    async def _status(self, issuer: str, uri: str) -> str:
        answer = await self.node.peers.ask(
            issuer,
            GET_STATUS_LIST,
            status_pb2.GetStatusListRequest(uri=uri),
            status_pb2.GetStatusListResponse,
        )
        return answer.token


def _require_exchange(receipt: bytes, fetch_id: str) -> None:
    if Event.parse(Receipt.decode(receipt).event).exchange != fetch_id:
        raise FailedVerification(
            "answer-exchange",
            found="a receipt of another exchange",
            expected=f"the entry of the exchange {fetch_id}",
            remedy="Nothing was kept. Fetch again; if it stays so, tell the exporter.",
        )


def _tonnes(text: str) -> Decimal | str:
    return Decimal(text) if PLAIN_DECIMAL.fullmatch(text) else text


def _require_asked(asked: Query, attestation: Attestation) -> None:
    """A valid attestation of another consignment is still not the answer to this query."""
    content = asked.content
    assert isinstance(content, dict), "this node wrote the query"
    header = attestation.header
    expected = {
        "attestation": asked.attestation,
        "issuer": asked.exporter,
        "purpose": content["purpose"],
        "cn": content["cn"],
        "period": f"{content['period_start']}/{content['period_end']}",
        "consignment": content.get("consignment", ""),
        "net mass": _tonnes(str(content.get("net_mass_t", ""))),
        "threshold": content.get("table", ""),
        "form": content.get("form", ""),
    }
    found = {
        "attestation": header.id,
        "issuer": header.issuer,
        "purpose": header.purpose,
        "cn": attestation.text("cn"),
        "period": attestation.period,
        "consignment": attestation.items.get("consignment", ""),
        "net mass": _tonnes(str(attestation.items.get("net_mass", ""))),
        "threshold": " ".join(bound.table for bound in attestation.bounds.values()),
        "form": "commitment" if attestation.committed else "",
    }
    other = [name for name, value in expected.items() if found[name] != value]
    installation = content.get("installation", "")
    if installation and installation not in [attestation.items.get(name) for name in INSTALLATION_ITEMS]:
        other.append("installation")
    if other:
        raise FailedVerification(
            "answer-not-asked",
            found=f"an attestation with another {', '.join(other)}",
            expected=f"what the request {asked.request_id} asked for",
            remedy="Nothing was kept. Tell the exporter which request was answered with what.",
        )
