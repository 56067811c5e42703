"""Writing down what this importer remembers of a consignment, for an exporter whose store was restored."""

from collections.abc import Mapping
from pathlib import Path

from carbonport.attestation.bundle import read_bundle
from carbonport.attestation.credential import attestation_kid, verify_attestation
from carbonport.attestation.lots.lot_memory import LotMemory
from carbonport.attestation.lots.stated_lots import stated_lot
from carbonport.attestation.presentation import Presentation
from carbonport.attestation.statement import statement_digest, statement_kid, verify_statement
from carbonport.crypto.canonical import Json
from carbonport.errors import Misuse
from carbonport.node.file_problem import require_place
from carbonport.node.identity.names import Role
from carbonport.node.identity.private_files import write_private
from carbonport.node.importer import queries
from carbonport.node.open_node import OpenNode


async def export_lot(node: OpenNode, arguments: Mapping[str, Json]) -> Json:
    """Write entries, proofs and the opening of the own consignment of a request that was fetched."""
    participant = node.participant
    participant.require_role(Role.IMPORTER)
    request_id, out = str(arguments["request"]), Path(str(arguments["out"]))
    require_place(out)
    with participant.store.reading() as connection:
        asked = queries.query_of(connection, request_id)
        received = queries.newest_bundle(connection, request_id)
    lot = None if received is None else read_bundle(received.bundle).lot
    if received is None or lot is None:
        raise Misuse(
            "consignment-not-fetched",
            found="a request without a bundle that shows a lot",
            expected="a request that was fetched, under a statement that names a lot",
            remedy="Run `carbonport fetch` first.",
            where=request_id[:40],
        )
    presentation, now = Presentation.decode(received.disclosure), participant.clock()
    exporter = participant.trust.participant(asked.exporter, now=now)
    seal = exporter.key(attestation_kid(presentation.credential), "seal")
    assert seal is not None, "it was checked when the bundle was received"
    attestation = verify_attestation(presentation.credential, seal.jwk)
    verifier = participant.trust.participant(attestation.header.statement.issuer, now=now)
    key = verifier.key(statement_kid(presentation.statement), "verifier-seal")
    assert key is not None, "it was checked when the bundle was received"
    statement = verify_statement(presentation.statement, key.jwk)
    stated = stated_lot(statement, statement_digest(presentation.statement), attestation.header.process)
    assert stated is not None, "the bundle has its lot"
    memory = LotMemory(
        importer=participant.id,
        consignment=attestation.text("consignment"),
        quantity=stated.terms.quantity(attestation.text("net_mass")),
        presentation=lot.presentation,
    )
    write_private(out, memory.encode())
    return {
        "request": request_id,
        "origin": stated.terms.origin,
        "k": lot.presentation.k,
        "entries": len(lot.presentation.entries),
        "out": str(out),
    }
