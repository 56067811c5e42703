"""The status lists a node publishes: attestations an exporter revoked, statements a verifier withdrew.

A list is signed anew when something changed, the key was rotated or its token is half through its life, never per
call.
"""

from collections.abc import Iterable

from carbonport.crypto.statuslist import StatusBits, status_token
from carbonport.errors import Misuse
from carbonport.node.exporter.issued import STATUS_LIST_ENTRIES, revoked_indices, status_uri
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.participant import Participant
from carbonport.node.verifier.signed import statements_uri, withdrawn_indices

TOKEN_LIFETIME_S = 30 * 86_400
"""How long a token can be used at all; a reader's allowed staleness is usually far shorter."""

TOKEN_TTL_S = 86_400
"""How long a reader may rely on a copy unless its own rules say otherwise."""


class StatusLists:
    """The lists of one node, by URI."""

    def __init__(self, participant: Participant) -> None:
        self._participant = participant
        self._signed: dict[str, tuple[frozenset[int], int, str, str]] = {}

    def token(self, uri: str) -> str:
        """The current token of a list of this node; Misuse (`status-list-unknown`) for any other URI."""
        participant = self._participant
        with participant.store.reading() as connection:
            lists = {
                status_uri(participant): revoked_indices,
                statements_uri(participant): withdrawn_indices,
            }
            if uri not in lists:
                raise Misuse(
                    "status-list-unknown",
                    found="the URI of no status list of this node",
                    expected=" or ".join(lists),
                    remedy="Ask the issuer of the credential, by the URI that stands in it.",
                )
            set_indices = lists[uri]
            indices: Iterable[int] = set_indices(connection)
        revoked, now = frozenset(indices), participant.clock()
        kid = participant.identity.record(KeyUse.STATUS).kid
        known = self._signed.get(uri)
        if known is None or (known[0], known[2]) != (revoked, kid) or now - known[1] >= TOKEN_TTL_S // 2:
            bits = StatusBits(STATUS_LIST_ENTRIES, revoked)
            token = status_token(
                participant.signing_key(KeyUse.STATUS),
                issuer=participant.id,
                uri=uri,
                bits=bits,
                iat=now,
                exp=now + TOKEN_LIFETIME_S,
                ttl=TOKEN_TTL_S,
            )
            known = self._signed[uri] = (revoked, now, kid, token)
        return known[3]
