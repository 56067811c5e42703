"""The verifier's bench as operations: look at an exporter's data on site, sign, withdraw.

The exporter's store is opened read-only, by folder, file or database URL; the openings come in a file sealed to this
verifier. Nothing of either is kept: the store of the verifier holds statements and receipts only. Recomputing takes
seconds: it is done in a thread, for the operation may run in the serving process.
"""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlalchemy import Connection

from carbonport.attestation.bench import (
    EarlierStatement,
    Examination,
    SignedStatement,
    examine,
    sign_examined,
)
from carbonport.attestation.examined_precursors import SuppliersOnSite
from carbonport.attestation.materiality import DEFAULT_PROFILE
from carbonport.attestation.statement import AccreditationReference, StatusReference
from carbonport.attestation.statement_draft import MAX_SEALED_BYTES, StatementDraft, open_draft
from carbonport.crypto.canonical import Json
from carbonport.crypto.log_entry import EntryType, FieldName, payload_digest
from carbonport.errors import Malformed, Misuse
from carbonport.footprint.intake.operator_report import read_operator_report
from carbonport.node.bounded_file import read_bounded
from carbonport.node.exporter.attested_precursors import bundle_reader
from carbonport.node.exporter.ledgers import StoredLedger, newest_ledger
from carbonport.node.exporter.precursor_bundles import bundles_of
from carbonport.node.file_problem import require_place
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.identity.names import Role
from carbonport.node.log.draft import CompanionWrite, Draft
from carbonport.node.open_node import OpenNode
from carbonport.node.participant import Participant
from carbonport.node.signed_statement_file import write_signed_statement
from carbonport.node.store import Store
from carbonport.node.verifier import signed
from carbonport.node.verifier.lot_witnesses import lot_witnessing

Arguments = Mapping[str, Json]


async def verify_data(node: OpenNode, arguments: Arguments) -> Json:
    """Recompute everything from the exporter's ledger and say what does not agree; signs nothing."""
    examination, stored = await asyncio.to_thread(_examine, node.participant, arguments)
    return _examination_json(examination, stored)


async def sign(node: OpenNode, arguments: Arguments) -> Json:
    """Recompute, sign, log the digest at once, and write the statement with its receipt for the exporter.

    Run again over the same openings it signs nothing more: it finds what it signed, and writes the file.
    """
    participant = node.participant
    examination, stored = await asyncio.to_thread(_examine, participant, arguments)
    out, now = Path(str(arguments["out"])), participant.clock()
    require_place(out)
    listed = participant.trust.participant(participant.id, now=now)
    if listed.accreditation is None:
        raise Misuse(
            "sign-not-accredited",
            found="no accreditation of this verifier in the trust list",
            expected="an accredited verifier",
            remedy="Have the accreditation entered into the trust list, and add the new list.",
        )
    held = listed.accreditation
    seals = _own_seals(participant)
    with participant.store.reading() as connection:
        earlier = signed.earlier_statements(connection, seals)
        index = signed.free_statement_index(connection, participant.random_bytes)
        again = _signed_before(examination, earlier, str(arguments["opinion"]), _comments(arguments))
        known = signed.signed_statement(connection, again, seals) if again else None
    statement = known or sign_examined(
        examination,
        key=participant.signing_key(KeyUse.VERIFIER_SEAL),
        verifier=participant.id,
        accreditation=AccreditationReference(held.body, held.certificate, held.scheme),
        opinion=str(arguments["opinion"]),
        comments=_comments(arguments),
        status=StatusReference(signed.statements_uri(participant), index),
        clock=participant.clock,
        earlier=earlier,
        lots=lot_witnessing(participant, examination, earlier, arguments),
    )

    def write(connection: Connection, _index: int) -> None:
        signed.add_signed(
            connection,
            digest=statement.digest,
            exporter=examination.exporter,
            status_index=index,
            token=statement.token,
            after=len(earlier),
            now=now,
        )
        if examination.supersedes:
            signed.mark_superseded(connection, examination.supersedes, now=now)

    lots: list[Json] = [terms.to_json() for terms in statement.statement.lots]
    return {
        **_examination_json(examination, stored),
        **await _hand_over(node, statement, out, write),
        "lots": lots,
    }


async def reissue(node: OpenNode, arguments: Arguments) -> Json:
    """Write the file of a signed statement again, with a receipt under the newest checkpoint: when the witnesses'
    quorum was missing, or the file was lost."""
    participant = node.participant
    participant.require_role(Role.VERIFIER)
    digest, out = str(arguments["statement"]), Path(str(arguments["out"]))
    require_place(out)
    with participant.store.reading() as connection:
        statement = signed.signed_statement(connection, digest, _own_seals(participant))
    return await _hand_over(node, statement, out, None)


async def _hand_over(
    node: OpenNode, statement: SignedStatement, out: Path, write: CompanionWrite | None
) -> dict[str, Json]:
    """Log the digest, or find its entry again, and write statement and receipt for the exporter."""
    logged = await node.log.append(
        Draft(
            type=EntryType.STATEMENT,
            exchange=statement.digest[:32],
            request_digest=bytes.fromhex(statement.digest),
            fields={
                FieldName.PAYLOAD: payload_digest(statement.token.encode()),
                FieldName.SUBJECT: statement.digest.encode(),
                FieldName.RECIPIENT: statement.statement.exporter.encode(),
            },
            opened=(FieldName.PAYLOAD, FieldName.SUBJECT),
            write=write,
        )
    )
    with node.participant.store.writing() as connection:
        signed.keep_receipt(connection, statement.digest, logged.receipt.encode())
    write_signed_statement(out, statement.token, logged.receipt)
    return {
        "statement": statement.digest,
        "opinion": statement.statement.opinion,
        "signed_at": logged.quorum_time,
        "provisional": logged.provisional,
        "out": str(out),
    }


def _signed_before(
    examination: Examination, earlier: Sequence[EarlierStatement], opinion: str, comments: Sequence[str]
) -> str:
    """The digest of the statement that this very examination led to before, when the command is run again."""
    for before in earlier:
        of = before.statement
        if (of.nonce, of.root, of.goods) == (examination.nonce, examination.root, examination.goods) and (
            of.opinion,
            of.comments,
            of.materiality,
        ) == (opinion, tuple(comments), examination.materiality):
            return before.digest
    return ""


async def withdraw(node: OpenNode, arguments: Arguments) -> Json:
    """Withdraw a statement: logged, and set in the status list."""
    participant = node.participant
    participant.require_role(Role.VERIFIER)
    digest, reason, now = str(arguments["statement"]), str(arguments["reason"]), participant.clock()
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise Misuse(
            "statement-digest",
            found="something that is no statement digest",
            expected="64 lowercase hexadecimal digits",
            remedy="Give the digest that `carbonport sign` printed.",
        )

    def write(connection: Connection, _index: int) -> None:
        signed.mark_withdrawn(connection, digest, now=now)

    logged = await node.log.append(
        Draft(
            type=EntryType.REVOCATION,
            exchange=digest[:32],
            request_digest=bytes.fromhex(digest),
            fields={FieldName.SUBJECT: digest.encode(), FieldName.REASON: reason.encode()},
            write=write,
        )
    )
    if logged.repeated:
        raise signed.not_withdrawable(digest)
    return {"statement": digest, "withdrawn_at": now}


def _examine(participant: Participant, arguments: Arguments) -> tuple[Examination, StoredLedger]:
    participant.require_role(Role.VERIFIER)
    draft = _opened(participant, Path(str(arguments["openings"])))
    site = Store.open_read_only(str(arguments["store"]))
    try:
        with site.reading() as connection:
            stored = newest_ledger(connection, draft.installation, draft.period)
            bundles = bundles_of(connection, stored.id)
    finally:
        site.close()
    place = arguments.get("report")
    report = read_operator_report(Path(str(place))) if place else None
    profile = str(arguments.get("profile") or DEFAULT_PROFILE)
    suppliers = SuppliersOnSite(bundles, bundle_reader(participant, draft.exporter))
    examination = examine(
        stored.ledger, draft, scope=stored.scope, report=report, profile=profile, suppliers=suppliers
    )
    return examination, stored


def _opened(participant: Participant, path: Path) -> StatementDraft:
    """Opened with the key in force, else with the retired one that the exporter still sealed to."""
    sealed, identity = read_bounded(path, MAX_SEALED_BYTES), participant.identity
    current = identity.record(KeyUse.HPKE)
    others = [item for item in reversed(identity.ring.records(KeyUse.HPKE)) if item.kid != current.kid]
    problem: Malformed | None = None
    for record in (current, *others):
        private = identity.x25519(record).private_bytes_raw()
        try:
            return open_draft(sealed, verifier=participant.id, hpke_kid=record.kid, hpke_private=private)
        except Malformed as error:
            if error.id != "openings-addressee":
                raise
            problem = problem or error
    assert problem is not None, "there is a key in force"
    raise problem


def _own_seals(participant: Participant) -> dict[str, dict[str, str]]:
    return {record.kid: record.jwk for record in participant.identity.ring.records(KeyUse.VERIFIER_SEAL)}


def _comments(arguments: Arguments) -> list[str]:
    comments = arguments.get("comments")
    return [str(comment) for comment in comments] if isinstance(comments, list) else []


def _examination_json(examination: Examination, stored: StoredLedger) -> dict[str, Json]:
    return {
        "exporter": examination.exporter,
        "installation": examination.installation,
        "period": examination.period,
        "scope": examination.scope,
        "sealing": examination.sealing,
        "ledger": stored.id,
        "version": examination.version,
        "commitments": examination.leaf_count,
        "goods": [{"process": good.process, "cn": good.cn} for good in examination.goods],
        "materiality": {
            "threshold_percent": examination.materiality.threshold_percent,
            "largest_percent": examination.materiality.largest_percent,
            "outcome": examination.materiality.outcome,
            "profile": examination.materiality.profile,
            "basis": examination.materiality.basis,
        },
        "differences": [
            {
                "where": item.where,
                "result": item.result,
                "reported": item.reported,
                "recomputed": item.recomputed,
                "unit": item.unit,
                "percent": item.percent,
                "beyond": item.beyond,
                "place": item.place,
                "cells": list(item.cells),
            }
            for item in examination.differences
        ],
        "deviations": [
            {"where": item.where, "found": item.found, "expected": item.expected}
            for item in examination.deviations
        ],
    }
