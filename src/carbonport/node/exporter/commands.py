"""What the exporter's operator does: take data in, draw a statement up, add the signed one, decide, revoke.

Each function is an operation (`carbonport.node.operations`): arguments and results are JSON data, so that it runs the
same in a command's own process and in the serving one. Reading and calculating take seconds and are done in threads.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from sqlalchemy import Connection

from carbonport.attestation.good_graphs import good_graphs
from carbonport.attestation.sealed_form import Sealing
from carbonport.attestation.shown_graph import place_key
from carbonport.attestation.signed_figures import signed_figures
from carbonport.attestation.statement_draft import StatementDraft, draft_statement, seal_draft
from carbonport.classification.graded_ledger import graded_ledger
from carbonport.crypto.canonical import Json, b64url_decode
from carbonport.crypto.log_entry import EntryType, FieldName
from carbonport.errors import Misuse
from carbonport.footprint.calculation import Calculation, calculate
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.exact_decimal import decimal_text
from carbonport.footprint.intake import read_ledger
from carbonport.node.exporter import inbox, issued
from carbonport.node.exporter.attested_precursors import bundle_reader, unsealer, with_attested_precursors
from carbonport.node.exporter.inbox import RequestState, StoredApproval
from carbonport.node.exporter.ledgers import add_ledger, ledger_of, newest_ledger
from carbonport.node.exporter.precursor_bundles import keep_bundles
from carbonport.node.exporter.stated_operator import operator_notices, with_operator
from carbonport.node.exporter.statement_versions import (
    add_draft,
    all_versions,
    has_signed,
    last_signed,
)
from carbonport.node.file_problem import require_place
from carbonport.node.identity.names import Role
from carbonport.node.identity.private_files import write_private
from carbonport.node.log.draft import Draft
from carbonport.node.open_node import OpenNode
from carbonport.node.training.person_decides import (
    approve_training,
    asked_training,
    listed_trainings,
    refuse_training,
)

NONCE_BYTES = 32
"""Length of a statement version's nonce."""

SECONDS_PER_DAY = 86_400

Arguments = Mapping[str, Json]


async def intake(node: OpenNode, arguments: Arguments) -> Json:
    """Read a workbook or YAML ledger into the store; says what declaring the values at their decimals changes."""
    node.participant.require_role(Role.EXPORTER)
    return await asyncio.to_thread(_taken_in, node, arguments)


def _taken_in(node: OpenNode, arguments: Arguments) -> Json:
    path = Path(str(arguments["path"]))
    catalogue_file = str(arguments.get("catalogue", ""))
    catalogue = Catalogue.load(Path(catalogue_file)) if catalogue_file else Catalogue.load()
    ledger = with_operator(read_ledger(path, catalogue), str(arguments.get("operator") or ""), catalogue)
    pairs = cast(list[list[str]], arguments.get("precursors") or [])
    reader = bundle_reader(node.participant, node.participant.id)
    ledger, attested = with_attested_precursors(ledger, pairs, catalogue, reader, unsealer(node.participant))
    scope = Scope(str(arguments["scope"])) if arguments.get("scope") else None
    calculation = calculate(ledger, scope)
    now = node.participant.clock()
    with node.participant.store.writing() as connection:
        stored = add_ledger(
            connection, ledger, calculation.scope, ledger_id=node.participant.new_id(), now=now
        )
        for item in attested:
            keep_bundles(connection, stored.id, item.precursor, item.bundles)
    grades = graded_ledger(ledger, node.policy.table).counts()
    return {
        "ledger": stored.id,
        "version": stored.version,
        "installation": ledger.installation,
        "period": {"start": ledger.period.start.isoformat(), "end": ledger.period.end.isoformat()},
        "scope": calculation.scope.value,
        "records": len(ledger.records),
        "grades": {str(grade): count for grade, count in grades.items() if count},
        "goods": _goods_json(calculation),
        "attested_precursors": [item.to_json() for item in attested],
        "notices": [
            {"id": item.id, "text": item.text, "where": item.where}
            for item in (*operator_notices(ledger), *calculation.notices)
        ],
    }


async def commit(node: OpenNode, arguments: Arguments) -> Json:
    """Draw up the next statement version of a ledger, the newest if none is named, and seal its openings."""
    participant = node.participant
    participant.require_role(Role.EXPORTER)
    verifier, out = str(arguments["verifier"]), Path(str(arguments["out"]))
    sealing = Sealing(str(arguments.get("sealing") or Sealing.ATTRIBUTED))
    require_place(out)
    entry = participant.trust.participant(verifier, now=participant.clock())
    if "verifier" not in entry.roles:
        raise Misuse(
            "commit-verifier",
            found=f"{verifier}, which is no verifier in the trust list",
            expected="an accredited verifier",
            remedy="Name the verifier by its id in the trust list.",
        )
    hpke = participant.key_of(verifier, "hpke")
    nonce = participant.random_bytes(NONCE_BYTES)
    with participant.store.reading() as connection:
        ledger_id = str(arguments.get("ledger") or "")
        stored = ledger_of(connection, ledger_id) if ledger_id else newest_ledger(connection)
        before = last_signed(connection, stored.id)
        is_stated = has_signed(connection, stored.id)
    period = f"{stored.ledger.period.start.isoformat()}/{stored.ledger.period.end.isoformat()}"
    version = before.version + 1 if before is not None else 1
    supersedes = before.digest if before is not None else ""
    keys = participant.identity.period_keys
    period_key = keys.held(period) if is_stated else keys.obtain(period)

    def drawn_up() -> tuple[StatementDraft, bytes]:
        calculation = calculate(stored.ledger, stored.scope)
        draft = draft_statement(
            stored.ledger,
            signed_figures(stored.ledger, good_graphs(calculation), place_key(period_key, nonce), sealing),
            exporter=participant.id,
            scope=stored.scope.value,
            period_key=period_key,
            nonce=nonce,
            version=version,
            supersedes=supersedes,
        )
        public = b64url_decode(hpke.text)
        return draft, seal_draft(draft, verifier=verifier, hpke_kid=hpke.kid, hpke_public=public)

    draft, sealed = await asyncio.to_thread(drawn_up)
    statement_id = participant.new_id()
    with participant.store.writing() as connection:
        add_draft(
            connection,
            statement_id=statement_id,
            ledger_id=stored.id,
            version=version,
            supersedes=supersedes,
            verifier=verifier,
            nonce=nonce,
            sealing=sealing,
            now=participant.clock(),
        )
    write_private(out, sealed)
    return {
        "draft": statement_id,
        "version": version,
        "ledger": stored.id,
        "commitments": len(draft.leaves),
        "sealing": sealing,
        "openings": str(out),
    }


async def list_statements(node: OpenNode, _arguments: Arguments) -> Json:
    """Every statement version of this node."""
    with node.participant.store.reading() as connection:
        found = all_versions(connection)
    return {
        "statements": [
            {
                "statement": version.digest,
                "version": version.version,
                "state": version.state.value,
                "verifier": version.verifier,
                "ledger": version.ledger_id,
            }
            for version in found
        ]
    }


async def list_requests(node: OpenNode, arguments: Arguments) -> Json:
    """The inbox: pending requests and trainings, or all of them."""
    every = bool(arguments.get("all"))
    with node.participant.store.reading() as connection:
        found = inbox.entries(connection, None if every else RequestState.PENDING)
        trainings = listed_trainings(connection, every=every)
    return {
        "trainings": trainings,
        "requests": [
            {
                "request": entry.request.id,
                "importer": entry.request.importer,
                "cn": entry.request.cn,
                "installation": entry.request.installation,
                "consignment": entry.request.consignment,
                "net_mass_t": entry.request.net_mass_t,
                "purpose": entry.request.purpose,
                "items": list(entry.request.items),
                "threshold": entry.request.threshold,
                "form": entry.request.form,
                "state": entry.state.value,
                "attestation": entry.attestation,
                "decision": entry.decision,
                "reason": entry.reason,
                "asked_at": entry.asked_at,
            }
            for entry in found
        ],
    }


async def approve(node: OpenNode, arguments: Arguments) -> Json:
    """A person approves a pending request: stored, counted, expiring; then it is answered. Or a training's plan."""
    participant = node.participant
    settings, now = participant.config.exchange, participant.clock()
    days = int(str(arguments.get("days") or settings.approval_days))
    with participant.store.reading() as connection:
        training = asked_training(connection, str(arguments["request"]))
    if training is not None:
        return await approve_training(node, training, str(arguments["by"]), days)
    uses = int(str(arguments.get("uses") or settings.approval_fetches))
    by = str(arguments["by"])
    reference = participant.new_id()
    with participant.store.reading() as connection:
        entry = inbox.pending_request(connection, str(arguments["request"]))
    approval = StoredApproval(
        reference=reference,
        importer=entry.request.importer,
        request_id=entry.request.id,
        purpose=entry.request.purpose,
        approved_by=by,
        expires_at=now + days * SECONDS_PER_DAY,
        uses_allowed=uses,
        uses=0,
    )

    def write(connection: Connection, _index: int) -> None:
        inbox.add_approval(connection, approval, now=now)

    await node.log.append(
        Draft(
            type=EntryType.APPROVAL,
            exchange=entry.request.id,
            request_digest=entry.request.digest,
            fields={
                FieldName.RECIPIENT: entry.request.importer.encode(),
                FieldName.PURPOSE: entry.request.purpose.encode(),
                FieldName.APPROVAL: reference.encode(),
                FieldName.REASON: f"approved by {by} until {approval.expires_at}, {uses} uses".encode(),
            },
            write=write,
        )
    )
    settled = await node.answers.answer(entry.request)
    with participant.store.reading() as connection:
        # The one that counts: when two people approve at once, or one does twice, the first word stands.
        counted = inbox.approval_for(connection, entry.request.importer, entry.request.id)
    assert counted is not None, "it was stored with its log entry"
    return {
        "request": entry.request.id,
        "approval": counted.reference,
        "expires_at": counted.expires_at,
        "uses": counted.uses_allowed,
        "state": settled.state.value,
        "attestation": settled.attestation,
        "reason": settled.reason,
    }


async def refuse(node: OpenNode, arguments: Arguments) -> Json:
    """A person refuses a pending request; the importer learns that it was refused, the log keeps who and why."""
    with node.participant.store.reading() as connection:
        training = asked_training(connection, str(arguments["request"]))
        if training is None:
            entry = inbox.pending_request(connection, str(arguments["request"]))
    if training is not None:
        return await refuse_training(node, training, str(arguments["by"]), str(arguments["reason"]))
    said = f"{arguments['by']}: {arguments['reason']}"
    settled = await node.answers.refuse_by_person(entry, said)
    return {"request": entry.request.id, "state": settled.state.value, "reason": settled.reason}


async def revoke(node: OpenNode, arguments: Arguments) -> Json:
    """Withdraw an attestation: logged, set in the status list, and no longer released."""
    participant = node.participant
    attestation_id, reason = str(arguments["attestation"]), str(arguments["reason"])
    superseded_by = str(arguments.get("superseded_by") or "")
    now = participant.clock()
    with participant.store.reading() as connection:
        stored = issued.attestation_of(connection, attestation_id)
        if superseded_by:
            issued.attestation_of(connection, superseded_by)

    def write(connection: Connection, _index: int) -> None:
        issued.mark_revoked(connection, attestation_id, reason=reason, superseded_by=superseded_by, now=now)

    logged = await node.log.append(
        Draft(
            type=EntryType.REVOCATION,
            exchange=stored.request_id,
            request_digest=bytes.fromhex(attestation_id) * 2,
            fields={
                FieldName.SUBJECT: attestation_id.encode(),
                FieldName.RECIPIENT: stored.importer.encode(),
                FieldName.REASON: reason.encode(),
            },
            write=write,
        )
    )
    if logged.repeated:
        raise issued.not_revocable(attestation_id)
    return {"attestation": attestation_id, "revoked_at": now, "superseded_by": superseded_by}


def _goods_json(calculation: Calculation) -> list[Json]:
    goods: list[Json] = []
    for good in calculation.goods:
        results: dict[str, Json] = {"process": good.process, "cn": good.cn}
        for name in ("see_direct", "see_indirect"):
            if name in good.source:
                results[name] = good.attested(name)
                results[f"{name}_source"] = decimal_text(good.source[name])
                difference = good.declared[name] - good.source[name]
                results[f"{name}_declared_difference"] = decimal_text(difference)
        goods.append(results)
    return goods
