"""Proofs of knowledge of the secrets of a linear relation, without interaction.

Source: draft-irtf-cfrg-sigma-protocols, "Non-interactive Sigma Protocols", suite sigma-proofs_Shake128_BLS12381, with
the challenge of draft-irtf-cfrg-fiat-shamir; both of the repository mmaker/draft-irtf-cfrg-sigma-protocols, state of
2026-08-16, whose proofs this module reproduces byte for byte. Two forms: *compact* (challenge, responses: the short
one) and *batchable* (commitments, responses: many are verified with one multiplication). A proof verifies in its own
form only, under its own tag only.

Promised: who makes a proof that verifies knows secrets satisfying the relation; the proof shows nothing else about
them; the tag binds it to its form, suite, purpose and context digest. Where we leave the draft: a challenge of zero is
refused, nonces are hedged, and batch weights are fresh random bytes drawn after every proof is parsed. Not promised:
constant time, or that a proof is the only one of its statement (never use its bytes as an identifier).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic

from carbonport.crypto.ambient import RandomBytes, system_random
from carbonport.crypto.group import GENERATOR_DERIVATION
from carbonport.crypto.group_interface import ElementT, Group
from carbonport.crypto.proofs.duplex_sponge import DuplexSponge, derive_session_id
from carbonport.crypto.proofs.field_codec import OVERSAMPLING_BYTES, decode_residue, serialize_string
from carbonport.crypto.proofs.hedged_nonces import hedged_nonces
from carbonport.crypto.proofs.linear_relation import LinearRelation
from carbonport.errors import FailedVerification, Malformed, Misuse

SUITE_ID = "sigma-proofs_Shake128_BLS12381"
"""The draft's name of transcript and group; part of every tag."""

TAG_PREFIX = "CARBONPORT-V01-0001"
"""Application, version and epoch in our tags, in the form the draft recommends."""

CONTEXT_BYTES = 64
"""Length of the digest of everything a proof is bound to: a tuple hash."""

BATCH_WEIGHT_BYTES = 16
"""Weight of one equation in a batch: a false proof passes with probability 2^-128."""


class Form(StrEnum):
    """Which of the two forms a proof has; the value is the draft's marker in the tag."""

    BATCHABLE = "DSFS"
    COMPACT = "CMPT"


@dataclass(frozen=True, slots=True)
class RelationClaim(Generic[ElementT]):
    """A batchable proof with what it is to prove, as a batch takes it."""

    tag: bytes
    relation: LinearRelation[ElementT]
    proof: bytes


def relation_tag(form: Form, purpose: str, context: bytes) -> bytes:
    """The tag of one of our proofs: form, suite, derivation of the generators, what the proof is for, and the 64-byte
    digest of its context."""
    if len(context) != CONTEXT_BYTES:
        raise Misuse(
            "proof-context",
            found=f"a context digest of {len(context)} bytes",
            expected=f"a tuple hash of {CONTEXT_BYTES} bytes",
            remedy="Hash the whole context; this is a defect of the calling program.",
        )
    head = f"{TAG_PREFIX}-{form}-with-{SUITE_ID}".encode("ascii")
    fields = (GENERATOR_DERIVATION.encode("utf-8"), purpose.encode("utf-8"), context)
    return head + b"".join(serialize_string(field) for field in fields)


def prove_relation(
    relation: LinearRelation[ElementT],
    witness: Sequence[int],
    tag: bytes,
    *,
    form: Form = Form.COMPACT,
    nonce_secret: bytes,
    random_bytes: RandomBytes = system_random,
) -> bytes:
    """A proof that the maker knows `witness` (one integer for each scalar of the relation).

    `nonce_secret` is 32 bytes or more of the maker's own, see `hedged_nonces`. Raises `Misuse` when the witness does
    not satisfy the relation or the tag lacks the form's marker or the suite.
    """
    _check_tag(tag, form)
    if len(witness) != relation.scalar_count or relation.evaluate(witness) != list(relation.images):
        raise Misuse(
            "relation-witness",
            found="secrets that do not satisfy the relation",
            expected="the openings of the committed values, which satisfy the formula",
            remedy="Check that values, blindings and formula belong to the same statement version.",
        )
    nonces = hedged_nonces(
        relation.scalar_count,
        relation.group.order,
        nonce_secret=nonce_secret,
        statement=serialize_string(tag) + relation.encode(),
        witness=witness,
        random_bytes=random_bytes,
    )
    return _prove(relation, witness, tag, form, nonces)


def verify_relation(
    relation: LinearRelation[ElementT], proof: bytes, tag: bytes, *, form: Form = Form.COMPACT
) -> None:
    """Raise unless `proof` proves `relation` under `tag`: `Malformed` for bytes that are no proof of this shape,
    `FailedVerification` for a proof that does not hold."""
    _check_tag(tag, form)
    if form is Form.COMPACT:
        _verify_compact(relation, proof, tag)
    else:
        transcript = _parse(RelationClaim(tag, relation, proof))
        group = relation.group
        for commitment, image, expected in zip(
            transcript.commitments, relation.images, relation.evaluate(transcript.responses), strict=True
        ):
            if commitment + group.multi_scalar_mul([image], [transcript.challenge]) != expected:
                raise _failed("an equation that does not hold")


def verify_relation_batch(
    claims: Sequence[RelationClaim[ElementT]], *, random_bytes: RandomBytes = system_random
) -> None:
    """Raise unless every claim's batchable proof holds; nothing to check is no error.

    One multiplication for all of them, and no word on which one failed. All claims are over one group. `random_bytes`
    must not be predictable to the makers of the proofs.
    """
    if not claims:
        return
    transcripts = []
    for claim in claims:
        _check_tag(claim.tag, Form.BATCHABLE)
        transcripts.append(_parse(claim))
    elements: list[ElementT] = []
    scalars: list[int] = []
    for claim, transcript in zip(claims, transcripts, strict=True):
        relation = claim.relation
        for row, equation in enumerate(relation.equations):
            weight = int.from_bytes(random_bytes(BATCH_WEIGHT_BYTES), "little")
            elements += [transcript.commitments[row], relation.images[row]]
            scalars += [weight, weight * transcript.challenge]
            elements += [relation.elements[term.element] for term in equation.terms]
            scalars += [
                -weight * term.coefficient * transcript.responses[term.scalar] for term in equation.terms
            ]
    if not claims[0].relation.group.multi_scalar_mul(elements, scalars).is_identity:
        raise _failed("a batch in which an equation does not hold")


def proof_bytes(relation: LinearRelation[ElementT], form: Form) -> int:
    """Length of a proof of this relation."""
    group = relation.group
    head = group.scalar_bytes if form is Form.COMPACT else group.element_bytes * len(relation.equations)
    return head + group.scalar_bytes * relation.scalar_count


@dataclass(frozen=True, slots=True)
class _Transcript(Generic[ElementT]):
    commitments: list[ElementT]
    challenge: int
    responses: list[int]


def _prove(
    relation: LinearRelation[ElementT], witness: Sequence[int], tag: bytes, form: Form, nonces: Sequence[int]
) -> bytes:
    """The draft's prover for given nonces; the tests reach it to repeat the draft's vectors, nobody else may."""
    group = relation.group
    commitment = b"".join(element.encode() for element in relation.evaluate(nonces))
    challenge = _challenge(relation, commitment, tag)
    responses = [
        (nonce + secret * challenge) % group.order for nonce, secret in zip(nonces, witness, strict=True)
    ]
    head = group.encode_scalar(challenge) if form is Form.COMPACT else commitment
    return head + b"".join(group.encode_scalar(response) for response in responses)


def _challenge(relation: LinearRelation[ElementT], commitment: bytes, tag: bytes) -> int:
    group = relation.group
    sponge = DuplexSponge(derive_session_id(tag))
    sponge.absorb(relation.encode())
    sponge.absorb(commitment)
    challenge = decode_residue(sponge.squeeze(group.scalar_bytes + OVERSAMPLING_BYTES), group.order)
    if challenge == 0:
        raise _failed("a challenge of zero, which would accept anything")
    return challenge


def _verify_compact(relation: LinearRelation[ElementT], proof: bytes, tag: bytes) -> None:
    _check_length(relation, proof, Form.COMPACT)
    group = relation.group
    challenge, *responses = _decode_scalars(group, proof)
    # One multiplication an equation: what the prover must have committed to, given challenge and responses.
    commitments = [
        group.multi_scalar_mul(
            [image, *(relation.elements[term.element] for term in equation.terms)],
            [-challenge, *(term.coefficient * responses[term.scalar] for term in equation.terms)],
        )
        for equation, image in zip(relation.equations, relation.images, strict=True)
    ]
    if any(commitment.is_identity for commitment in commitments):
        raise _failed("a commitment that is the identity")
    if _challenge(relation, b"".join(commitment.encode() for commitment in commitments), tag) != challenge:
        raise _failed("a challenge that does not follow from statement and commitments")


def _parse(claim: RelationClaim[ElementT]) -> _Transcript[ElementT]:
    relation, proof, group = claim.relation, claim.proof, claim.relation.group
    _check_length(relation, proof, Form.BATCHABLE)
    split = group.element_bytes * len(relation.equations)
    commitments = [
        group.decode_element(proof[start : start + group.element_bytes])
        for start in range(0, split, group.element_bytes)
    ]
    responses = _decode_scalars(group, proof[split:])
    return _Transcript(commitments, _challenge(relation, proof[:split], claim.tag), responses)


def _decode_scalars(group: Group[ElementT], data: bytes) -> list[int]:
    step = group.scalar_bytes
    return [group.decode_scalar(data[start : start + step]) for start in range(0, len(data), step)]


def _check_length(relation: LinearRelation[ElementT], proof: bytes, form: Form) -> None:
    expected = proof_bytes(relation, form)
    if len(proof) != expected:
        raise Malformed(
            "relation-proof-length",
            found=f"{len(proof)} bytes",
            expected=f"{expected} bytes for a proof of this relation",
            remedy="Ask for the proof again; it was cut, extended, or belongs to another relation or form.",
        )


def _check_tag(tag: bytes, form: Form) -> None:
    if form.encode() not in tag or SUITE_ID.encode() not in tag:
        raise Misuse(
            "relation-tag",
            found="a tag without the form's marker or without the suite",
            expected=f"{form} and {SUITE_ID} in the tag, as the draft demands",
            remedy="Make the tag with relation_tag; this is a defect of the calling program.",
        )


def _failed(found: str) -> FailedVerification:
    return FailedVerification(
        "relation-proof",
        found=found,
        expected="a proof of this relation under this context",
        remedy="Do not rely on the claim; the proof belongs to another statement, context or form, or was changed.",
    )
