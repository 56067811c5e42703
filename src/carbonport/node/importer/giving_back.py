"""Giving a consignment back: signed with the key that was made for it, once its attestation is revoked."""

from collections.abc import Mapping

from carbonport.attestation.lots.consignment_key import sign_give_back
from carbonport.crypto.canonical import Json
from carbonport.errors import Misuse
from carbonport.node.identity.names import Role
from carbonport.node.importer import consignments, queries
from carbonport.node.importer.lot_fetching import GIVE_BACK
from carbonport.node.open_node import OpenNode
from carbonport.wire.v1 import lots_pb2


async def give_back(node: OpenNode, arguments: Mapping[str, Json]) -> Json:
    """Return the consignment of a request that was fetched; its quantity can be sold again, its attestation counts no
    more."""
    participant = node.participant
    participant.require_role(Role.IMPORTER)
    request_id = str(arguments["request"])
    with participant.store.reading() as connection:
        asked = queries.query_of(connection, request_id)
        own = consignments.consignment_of_key(connection, asked.consignment_key)
    if own.seen is None:
        raise Misuse(
            "consignment-not-fetched",
            found="a request whose consignment was never seen in a lot",
            expected="a request that was fetched, under a statement that names a lot",
            remedy="Run `carbonport fetch` first.",
            where=request_id[:40],
        )
    # The lot's id is what its origin ends with: nothing else is signed than what was seen and checked.
    lot_id = bytes.fromhex(own.seen.checkpoint.origin.rpartition("/")[2])
    answer = await node.peers.ask(
        asked.exporter,
        GIVE_BACK,
        lots_pb2.GiveBackConsignmentRequest(
            attestation_id=asked.attestation,
            signature=sign_give_back(own.private, lot_id, own.seen.k),
        ),
        lots_pb2.GiveBackConsignmentResponse,
    )
    with participant.store.writing() as connection:
        consignments.mark_returned(connection, own.public, now=participant.clock())
    return {
        "request": request_id,
        "attestation": asked.attestation,
        "exporter": asked.exporter,
        "origin": own.seen.checkpoint.origin,
        "k": own.seen.k,
        "entry": answer.position,
    }
