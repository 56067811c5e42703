"""Drawing statements up for the verifier, and listing what was drawn up and signed.

Each function is an operation (`carbonport.node.operations`). Committing to a ledger takes seconds and is done in a
thread. How the signed statement comes back is in `statement_adding`.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from carbonport.attestation.good_graphs import good_graphs
from carbonport.attestation.sealed_form import Sealing
from carbonport.attestation.shown_graph import place_key
from carbonport.attestation.signed_figures import signed_figures
from carbonport.attestation.statement_draft import StatementDraft, draft_statement, seal_draft
from carbonport.crypto.canonical import Json, b64url_decode
from carbonport.errors import Misuse
from carbonport.footprint.calculation import calculate
from carbonport.node.exporter.ledgers import ledger_of, newest_ledger
from carbonport.node.exporter.statement_versions import (
    add_draft,
    all_versions,
    has_signed,
    last_signed,
)
from carbonport.node.file_problem import require_place
from carbonport.node.identity.names import Role
from carbonport.node.identity.private_files import write_private
from carbonport.node.open_node import OpenNode

NONCE_BYTES = 32
"""Length of a statement version's nonce."""

Arguments = Mapping[str, Json]


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
