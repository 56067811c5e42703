"""The file that a result is published in: everything that is needed to check it offline, one canonical JSON object.

Tokens stand as their issuers signed them. Trust lists and anchors are pinned as in an importer's bundle; a reader with
anchors of its own uses those instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from carbonport.attestation.participants import JURISDICTION, PARTICIPANT_ID, read_public_jwk
from carbonport.attestation.statement import MAX_STATEMENT_BYTES
from carbonport.attestation.strict_fields import MAX_TIME, StrictFields
from carbonport.attestation.trust_list import MAX_TRUST_LIST_BYTES
from carbonport.crypto.canonical import Json, canonical_bytes, parse_canonical
from carbonport.crypto.jws import Jwk
from carbonport.errors import Malformed
from carbonport.node.aggregation.answers import MAX_ANSWER_BYTES
from carbonport.node.aggregation.ballots import MAX_VOTE_BYTES
from carbonport.node.aggregation.closing import MAX_CERTIFICATE_BYTES, ClosingCertificate, read_certificate
from carbonport.node.aggregation.consent import MAX_CONSENT_BYTES
from carbonport.node.aggregation.contribution import MAX_CONTRIBUTION_BYTES
from carbonport.node.aggregation.plan import MAX_ATTEMPTS, MAX_INVITED, MAX_PLAN_BYTES
from carbonport.node.aggregation.result_file_form import MAX_RESULT_FILE_BYTES, RESULT_FILE_FORMAT
from carbonport.node.aggregation.result_statement import MAX_RESULT_BYTES
from carbonport.node.aggregation.roster import MAX_ROSTER_BYTES
from carbonport.node.aggregation.verdict import MAX_VERDICT_BYTES

MAX_HOLDER_TOKENS = 32
"""Most votes, and most answers."""

MAX_LISTS = 64
"""Most trust lists, and most pinned keys of a jurisdiction."""


@dataclass(frozen=True, slots=True)
class ResultFile:
    """`issued_at` repeats the time in the signed result (unix seconds), so that lists can be looked at as of then
    before anything is opened. Mappings go from a participant's id to its token; `verdict` is the releaser's, empty
    without one."""

    coordinator: str
    issued_at: int
    plan: str
    consents: Mapping[str, str]
    contributions: Mapping[str, str]
    statements: Mapping[str, str]
    roster: str
    closed: tuple[ClosingCertificate, ...]
    votes: Mapping[str, str]
    answers: Mapping[str, str]
    result: str
    anchors: Mapping[str, tuple[Jwk, ...]]
    trust_lists: tuple[str, ...]
    verdict: str = ""

    def encode(self) -> bytes:
        """Canonical JSON."""
        return canonical_bytes(
            {
                "format": RESULT_FILE_FORMAT,
                "coordinator": self.coordinator,
                "iat": self.issued_at,
                "plan": self.plan,
                "consents": _tokens(self.consents),
                "contributions": _tokens(self.contributions),
                "statements": _tokens(self.statements),
                "roster": self.roster,
                "closed": [certificate.encode().decode() for certificate in self.closed],
                "votes": _tokens(self.votes),
                "answers": _tokens(self.answers),
                "result": self.result,
                "anchors": [
                    {"jurisdiction": name, "keys": [dict(jwk) for jwk in keys]}
                    for name, keys in sorted(self.anchors.items())
                ],
                "trustLists": list(self.trust_lists),
                "verdict": self.verdict,
            }
        )


def read_result_file(data: bytes) -> ResultFile:
    """Read a file strictly; whether anything in it holds is `carbonport.node.aggregation.result_check`'s matter."""
    fields = StrictFields(
        parse_canonical(data, max_bytes=MAX_RESULT_FILE_BYTES, where="aggregate"), "aggregate"
    )
    if fields.text("format") != RESULT_FILE_FORMAT:
        raise Malformed(
            "aggregation-file-format",
            found="a file of another format",
            expected=RESULT_FILE_FORMAT,
            remedy="Use a version of the program that knows the format.",
        )
    read = ResultFile(
        coordinator=fields.text("coordinator", pattern=PARTICIPANT_ID),
        issued_at=fields.integer("iat", maximum=MAX_TIME),
        plan=fields.text("plan", max_chars=MAX_PLAN_BYTES),
        consents=_read_tokens(fields, "consents", MAX_CONSENT_BYTES, MAX_INVITED),
        contributions=_read_tokens(fields, "contributions", MAX_CONTRIBUTION_BYTES, MAX_INVITED),
        statements=_read_tokens(fields, "statements", MAX_STATEMENT_BYTES, MAX_INVITED),
        roster=fields.text("roster", max_chars=MAX_ROSTER_BYTES),
        closed=tuple(
            read_certificate(_text(item, MAX_CERTIFICATE_BYTES).encode())
            for item in fields.items("closed", max_items=MAX_ATTEMPTS)
        ),
        votes=_read_tokens(fields, "votes", MAX_VOTE_BYTES, MAX_HOLDER_TOKENS),
        answers=_read_tokens(fields, "answers", MAX_ANSWER_BYTES, MAX_HOLDER_TOKENS),
        result=fields.text("result", max_chars=MAX_RESULT_BYTES),
        anchors=dict(fields.each("anchors", _read_anchors, max_items=MAX_LISTS)),
        trust_lists=tuple(
            _text(item, MAX_TRUST_LIST_BYTES) for item in fields.items("trustLists", max_items=MAX_LISTS)
        ),
        verdict=fields.text("verdict", max_chars=MAX_VERDICT_BYTES, empty=True),
    )
    fields.finish()
    return read


def _tokens(tokens: Mapping[str, str]) -> Json:
    return [{"id": name, "token": token} for name, token in sorted(tokens.items())]


def _read_tokens(fields: StrictFields, name: str, max_chars: int, max_items: int) -> Mapping[str, str]:
    def read(item: StrictFields) -> tuple[str, str]:
        return item.text("id", pattern=PARTICIPANT_ID), item.text("token", max_chars=max_chars)

    pairs = fields.each(name, read, max_items=max_items)
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed(
            "aggregation-file-twice",
            found=f"a participant that stands twice in {name}",
            expected="each once",
            remedy="Ask the coordinator for the file again.",
        )
    return found


def _read_anchors(fields: StrictFields) -> tuple[str, tuple[Jwk, ...]]:
    name = fields.text("jurisdiction", pattern=JURISDICTION)
    return name, tuple(read_public_jwk(item) for item in fields.items("keys", max_items=MAX_LISTS))


def _text(value: Json, max_chars: int) -> str:
    return StrictFields({"item": value}, "aggregate").text("item", max_chars=max_chars)
