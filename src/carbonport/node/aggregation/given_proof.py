"""What shows that something was contributed: a contribution with the documents it names, and the file they travel in.

A contributor that was restored from a backup asks for these to rebuild its register. Coordinators hold them, and
whoever has a result file holds those of its roster. They prove themselves: the contribution is under the contributor's
own seal and names plan and statement by their hashes. Only that the attempt was closed rests on others' signatures,
the holders'.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from carbonport.attestation.participants import PARTICIPANT_ID
from carbonport.attestation.statement import MAX_STATEMENT_BYTES, known_statement
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import canonical_bytes, parse_canonical
from carbonport.errors import FailedVerification, Malformed
from carbonport.node.aggregation.closing import MAX_CERTIFICATE_BYTES, check_closed, read_certificate
from carbonport.node.aggregation.contribute_once import ContributedQuantity, Quantity, interval_of
from carbonport.node.aggregation.contribution import CONTRIBUTION, MAX_CONTRIBUTION_BYTES
from carbonport.node.aggregation.plan import MAX_PLAN_BYTES, PLAN
from carbonport.node.aggregation.result_file import read_result_file
from carbonport.node.aggregation.result_file_form import MAX_RESULT_FILE_BYTES, is_result_file
from carbonport.node.sessions.signed_document import SealKeys

GIVEN_FORMAT = "carbonport-given/1"
"""Names the format of the file."""

MAX_GIVEN = 10_000
"""Most contributions in a file."""


@dataclass(frozen=True, slots=True)
class GivenProof:
    """Tokens of a contribution, of the plan and of the statement that it names; the attempt's closing certificate,
    empty without one."""

    plan: str
    contribution: str
    statement: str
    certificate: bytes = b""


@dataclass(frozen=True, slots=True)
class ProvenContribution:
    """What was given, and in which session (its plan's nonce in hex) and attempt."""

    session: str
    attempt: int
    contribution: str
    quantities: tuple[ContributedQuantity, ...]


def proven_contribution(
    proof: GivenProof, contributor: str, *, own_keys: SealKeys, holder_keys: SealKeys
) -> ProvenContribution:
    """What `contributor` gave by this proof; raises `FailedVerification` or `Malformed` when it did not sign that.

    `own_keys` are all seal keys that it ever had: what it signed with a key that was retired since was given, too. A
    certificate that does not hold closes nothing.
    """
    contribution = CONTRIBUTION.open(proof.contribution, contributor, own_keys)
    content = contribution.content
    plan = PLAN.known(proof.plan, content.plan)
    statement = known_statement(proof.statement, content.statement)
    closed = False
    if proof.certificate:
        try:
            check_closed(plan, content.attempt, read_certificate(proof.certificate), holder_keys)
            closed = True
        except FailedVerification:
            # Without a certificate that holds the quantities stay used, which is the safe side.
            closed = False
    start, end = interval_of(plan.content.period)
    paths = dict.fromkeys(shown.leaf.label.path for given in content.metrics for shown in given.leaves)
    return ProvenContribution(
        plan.content.nonce.hex(),
        content.attempt,
        proof.contribution,
        tuple(
            ContributedQuantity(
                Quantity(statement.installation, path, start, end),
                plan.digest,
                content.attempt,
                closed=closed,
                shown=bool(plan.content.rule.releaser),
            )
            for path in paths
        ),
    )


def given_file(contributor: str, proofs: Sequence[GivenProof]) -> bytes:
    """The file in which a coordinator hands a contributor what it gave: canonical JSON."""
    return canonical_bytes(
        {
            "format": GIVEN_FORMAT,
            "contributor": contributor,
            "given": [
                {
                    "plan": proof.plan,
                    "contribution": proof.contribution,
                    "statement": proof.statement,
                    "certificate": proof.certificate.decode(),
                }
                for proof in proofs
            ],
        }
    )


def read_given_file(data: bytes, contributor: str) -> tuple[GivenProof, ...]:
    """What a file has of this contributor: one that a coordinator wrote for it, or a result file.

    Raises `Malformed`, also for a file of another contributor. Nothing in it is believed yet.
    """
    if is_result_file(data):
        result = read_result_file(data)
        if contributor not in result.contributions:
            raise _not_of(contributor)
        return (
            GivenProof(
                result.plan, result.contributions[contributor], result.statements.get(contributor, "")
            ),
        )
    fields = StrictFields(parse_canonical(data, max_bytes=MAX_RESULT_FILE_BYTES, where="given"), "given")
    if (
        fields.text("format") != GIVEN_FORMAT
        or fields.text("contributor", pattern=PARTICIPANT_ID) != contributor
    ):
        raise _not_of(contributor)
    proofs = fields.each("given", _read_proof, max_items=MAX_GIVEN)
    fields.finish()
    return proofs


def _read_proof(fields: StrictFields) -> GivenProof:
    return GivenProof(
        fields.text("plan", max_chars=MAX_PLAN_BYTES),
        fields.text("contribution", max_chars=MAX_CONTRIBUTION_BYTES),
        fields.text("statement", max_chars=MAX_STATEMENT_BYTES),
        fields.text("certificate", max_chars=MAX_CERTIFICATE_BYTES, empty=True).encode(),
    )


def _not_of(contributor: str) -> Malformed:
    return Malformed(
        "aggregation-given-file",
        found="a file of another format, or of another contributor",
        expected=f"what `carbonport aggregate register export` writes for {contributor}, or a result it is in",
        remedy="Ask the coordinator for the file of this node.",
    )
