"""Adding a signed statement: held against its draft, and entered into the lots that it names, in one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from carbonport.attestation.listed_log import receipt_log_key
from carbonport.attestation.lots.lot_terms import StatedLot
from carbonport.attestation.lots.stated_lots import stated_lots
from carbonport.attestation.statement import Statement, statement_digest, statement_kid, verify_statement
from carbonport.attestation.statement_verification import NO_QUORUM_ID
from carbonport.attestation.witness_rules import witness_requirement
from carbonport.crypto.canonical import Json
from carbonport.crypto.log_entry import EntryType
from carbonport.crypto.receipt import Receipt
from carbonport.errors import FailedVerification, Refused, Unavailable
from carbonport.node.exporter.lots.lot_desk import MAX_TRIES
from carbonport.node.exporter.lots.lot_rows import MOVED
from carbonport.node.exporter.prepared_statement import verified_statement
from carbonport.node.exporter.statement_versions import (
    StatementState,
    StatementVersion,
    accept_signed,
    all_versions,
    draft_with_nonce,
    last_signed,
    signed_version,
)
from carbonport.node.identity.names import Role
from carbonport.node.open_node import OpenNode
from carbonport.node.participant import Participant
from carbonport.node.signed_statement_file import read_signed_statement

Arguments = Mapping[str, Json]


async def add_statement(node: OpenNode, arguments: Arguments) -> Json:
    """Check a signed statement against its draft and keep it; it is what attestations rest on from now."""
    participant = node.participant
    participant.require_role(Role.EXPORTER)
    token, receipt = read_signed_statement(Path(str(arguments["path"])))
    with participant.store.reading() as connection:
        versions = {version.nonce: version for version in all_versions(connection)}
    statement = _signed_by_asked(participant, token, versions.values())
    digest = statement_digest(token)
    _require_witnessed(participant, statement.issuer, token, receipt)
    known = versions.get(statement.nonce)
    if known is None or (known.digest, known.state) != (digest, StatementState.CURRENT):
        await _enter(node, statement, digest, token, receipt)
    else:
        # A command that is run again finds its work done; what was signed must still follow from the ledger.
        with participant.store.reading() as connection:
            signed = signed_version(connection, digest)
        await node.composer.prepared(signed)
    # Attestations under the version before are not handed over any more.
    node.releases.forget()
    return {
        "statement": digest,
        "version": statement.version,
        "verifier": statement.issuer,
        "period": statement.period,
        "opinion": statement.opinion,
        "commitments": statement.leaf_count,
        "lots": len(statement.lots),
    }


def _signed_by_asked(participant: Participant, token: str, versions: Iterable[StatementVersion]) -> Statement:
    """What it says, once a verifier signed it to whom openings were sealed."""
    now, kid = participant.clock(), statement_kid(token)
    for verifier in {version.verifier for version in versions}:
        key = participant.trust.participant(verifier, now=now).key(kid, "verifier-seal")
        if key is not None:
            return verify_statement(token, key.jwk)
    raise Refused(
        "statement-foreign-verifier",
        found="a statement signed by nobody a draft was sealed for",
        expected="the verifier that the openings were sealed to",
        remedy="Ask the verifier for the statement it signed about the last draft.",
    )


async def _enter(node: OpenNode, statement: Statement, digest: str, token: str, receipt: Receipt) -> None:
    """Make it the current version, with its entries in the lots, in one transaction."""
    participant = node.participant
    for tries_left in reversed(range(MAX_TRIES)):
        with participant.store.reading() as connection:
            draft = draft_with_nonce(connection, statement.nonce)
            before = last_signed(connection, draft.ledger_id)
        signed = replace(draft, digest=digest, token=token, receipt=receipt.encode())
        # Preparing compares every commitment and graph with what was signed.
        prepared = await node.composer.prepared(signed)
        entries = await node.lot_desk.statement_entries(prepared, _lots(participant, before))
        try:
            with participant.store.writing() as connection:
                accept_signed(
                    connection,
                    draft,
                    digest=digest,
                    token=token,
                    receipt=receipt.encode(),
                    now=participant.clock(),
                )
                for entry in entries:
                    entry.write(connection, draft.id)
            return
        except Unavailable as error:
            # A consignment was sold since the entry was prepared.
            if error.id != MOVED or not tries_left:
                raise


def _lots(participant: Participant, version: StatementVersion | None) -> Sequence[StatedLot]:
    return () if version is None else stated_lots(verified_statement(participant, version), version.digest)


def _require_witnessed(participant: Participant, verifier: str, token: str, receipt: Receipt) -> None:
    """The receipt shows that the verifier logged exactly this statement, and when: attestations rest on that time."""
    trust, now = participant.trust, participant.clock()
    receipt_log_key(
        trust,
        receipt,
        verifier,
        payload=token.encode(),
        expected={},
        entry_type=EntryType.STATEMENT,
        now=now,
    )
    try:
        witness_requirement(trust, log_owner=verifier, reader=participant.id, now=now).check(
            receipt.checkpoint
        )
    except FailedVerification as error:
        if error.id != NO_QUORUM_ID:
            raise
        raise FailedVerification(
            "statement-provisional",
            found=f"a statement whose time no quorum vouches for: {error.found}",
            expected="the cosignatures that the jurisdictions of verifier and exporter ask for",
            remedy="Once the witnesses answer, have the verifier run `carbonport reissue`, and add its file.",
        ) from None
