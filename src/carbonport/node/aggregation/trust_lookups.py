"""What a session asks the trust lists: seal keys, parties, and whether a statement is a listed verifier's."""

from collections.abc import Mapping, Sequence

from carbonport.attestation.statement import Statement, statement_digest, statement_kid, verify_statement
from carbonport.attestation.trust_store import TrustStore
from carbonport.errors import CarbonportError, FailedVerification
from carbonport.node.aggregation.examination import StatementOf


def add_lists(store: TrustStore, tokens: Sequence[str], *, now: int) -> None:
    """Add lists in whatever order they stand: those of anchored jurisdictions decide about the others. Raises the error
    of the first that cannot be added."""
    waiting = list(tokens)
    while waiting:
        problem: CarbonportError | None = None
        left = []
        for token in waiting:
            try:
                store.add(token, now=now)
            except CarbonportError as error:
                problem = problem or error
                left.append(token)
        if problem is not None and len(left) == len(waiting):
            raise problem
        waiting = left


def listed_statements(tokens: Mapping[str, str], store: TrustStore, *, at: int, now: int) -> StatementOf:
    """Statements of accredited, independent verifiers, out of the tokens by contributor.

    A statement counts when its signature holds under a verifier's key valid at `at`, the verifier is accredited for its
    activity groups, and verifier and contributor are not one group of undertakings. Whether it was withdrawn since is
    not seen here.
    """

    def read(contributor: str, digest: str) -> Statement:
        token = tokens.get(contributor, "")
        if not token or statement_digest(token) != digest:
            raise _failed(contributor, "no statement of the digest that the contribution names")
        kid = statement_kid(token)
        verifier = next(
            (
                entry
                for held in store.held_lists()
                for entry in held.trust_list.participants
                if entry.key(kid, "verifier-seal") is not None
            ),
            None,
        )
        if verifier is None:
            raise _failed(contributor, "a statement under the key of no listed verifier")
        statement = verify_statement(
            token, store.signing_key(verifier.id, kid, "verifier-seal", at=at, now=now).jwk
        )
        if statement.issuer != verifier.id:
            raise _failed(contributor, "a statement that names another verifier than its key's")
        store.accreditation(verifier.id, statement.activity_groups, at=at, now=now)
        if verifier.undertaking == store.participant(contributor, now=now).undertaking:
            raise _failed(contributor, "a verifier of the contributor's own group of undertakings")
        return statement

    return read


def _failed(contributor: str, found: str) -> FailedVerification:
    return FailedVerification(
        "aggregation-statement",
        found=found,
        expected="the current statement of an accredited, independent verifier",
        remedy="Leave the contribution out of the roster and tell its contributor.",
        where=contributor,
    )
