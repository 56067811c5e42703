"""Whether the statements that contributions rest on still hold: asked of their verifiers' status lists.

Coordinator and holders ask themselves, for whoever would bring the answer along could keep the one from before the
withdrawal. A list is fetched once for all statements of a verifier. A statement that was withdrawn, or superseded by
a new version, and a list that is too old both refuse the contribution; a verifier that does not answer is waited for.
"""

from collections.abc import Mapping

from carbonport.attestation.statement import Statement, statement_digest
from carbonport.attestation.trust_store import TrustStore
from carbonport.crypto.jws import peek_header
from carbonport.crypto.statuslist import verify_status
from carbonport.errors import FailedVerification
from carbonport.node.aggregation.trust_lookups import listed_statements
from carbonport.node.open_node import OpenNode
from carbonport.wire.v1 import status_pb2

GET_STATUS_LIST = "/carbonport.wire.v1.StatusService/GetStatusList"


async def require_standing(node: OpenNode, statements: Mapping[str, str]) -> None:
    """Raise `FailedVerification` naming the contributor unless every statement, by contributor, holds now.

    `Unavailable` when a verifier does not answer.
    """
    store, now = node.participant.trust, node.participant.clock()
    read = listed_statements(statements, store, at=now, now=now)
    lists: dict[tuple[str, str], str] = {}
    for contributor, token in statements.items():
        statement = read(contributor, statement_digest(token))
        source = (statement.issuer, statement.status.uri)
        if source not in lists:
            answer = await node.peers.ask(
                statement.issuer,
                GET_STATUS_LIST,
                status_pb2.GetStatusListRequest(uri=statement.status.uri),
                status_pb2.GetStatusListResponse,
            )
            lists[source] = answer.token
        _check_entry(contributor, statement, lists[source], store, now=now)


def _check_entry(contributor: str, statement: Statement, token: str, store: TrustStore, *, now: int) -> None:
    """Hold one entry of a list, which a status key of the verifier or its seal signed."""
    kid = str(peek_header(token).get("kid", ""))
    verifier = store.participant(statement.issuer, now=now)
    try:
        key = verifier.key(kid, "status") or verifier.key(kid, "verifier-seal")
        if key is None:
            raise _not_standing(contributor, "a status list under a key that its verifier does not have")
        as_of = verify_status(
            token,
            key.jwk,
            issuer=statement.issuer,
            uri=statement.status.uri,
            index=statement.status.index,
            now=now,
        )
        store.signing_key(statement.issuer, kid, key.usage, at=as_of, now=now)
    except FailedVerification as problem:
        raise _not_standing(contributor, problem.found) from problem


def _not_standing(contributor: str, found: str) -> FailedVerification:
    return FailedVerification(
        "aggregation-statement-standing",
        found=found,
        expected="a statement that its verifier's fresh status list shows as valid",
        remedy="Leave the contribution out; its contributor takes part with its current statement.",
        where=contributor,
    )
