"""The proofs of a contribution: what they claim, how they are made, how many are checked at once.

Claimed, by who made it under this plan, contributor id and metrics:

    A_0 - 10^d * C = delta*H      A_0 and the attested C (scaled by a public power of ten) hide the same v
    A_m = a*G + b*H, m >= 1       the openings of the other coefficients are known
    0 <= v < 2^b                  of A_0

Without the second, a contributor could take others' coefficient commitments, negated, into its own; without the first
and third, their values. All relations of a contribution are one linear relation, its ranges one aggregated proof a run
of metrics. Before its first challenge each proof absorbs the digest of the context: plan hash, contributor id,
parameters, and of every metric all commitments, the attested one and its power of ten.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from carbonport.crypto.ambient import RandomBytes, system_random
from carbonport.crypto.group import BLS12_381_G1, ORDER, H, Point
from carbonport.crypto.pedersen import Opening
from carbonport.crypto.proofs.linear_relation import BASE, ImageTerm, LinearRelation, RelationBuilder, Term
from carbonport.crypto.proofs.range_verifier import RangeClaim
from carbonport.crypto.proofs.ranges import prove_openings, verify_range_claims
from carbonport.crypto.proofs.relation_proofs import (
    Form,
    RelationClaim,
    prove_relation,
    relation_tag,
    verify_relation_batch,
)
from carbonport.crypto.sums.attested import AttestedCommitment, AttestedValue, scale_factors
from carbonport.crypto.sums.contribution import ContributionHead, decode_head, place
from carbonport.crypto.sums.parameters import SumParameters
from carbonport.crypto.tuplehash import HashField, tuple_hash
from carbonport.errors import CarbonportError, FailedVerification, Malformed, Misuse

CONTEXT_DOMAIN = "carbonport/sum-proof-context/v1"
"""Domain string of the digest that both kinds of proof absorb."""

RANGE_DOMAIN = "carbonport/sum-range-context/v1"
"""Domain string of one range proof's context: the digest, and which run of metrics."""

RELATION_PURPOSE = "carbonport/sum-contribution"
"""What the relation proof is for, in its tag."""

ScalarPair = tuple[int, int]
"""(a, b) of `a*G + b*H`."""

CheckRanges = Callable[[Sequence[RangeClaim[Point]]], None]
"""Raises unless every claim holds, as `verify_range_claims` does."""

Commitments = Sequence[Sequence[Point]]
"""[metric][m]: A_m."""


@dataclass(frozen=True, slots=True)
class SubmittedHead:
    """A head as it came, with what its contributor's statement says: one attested commitment a metric."""

    contributor: str
    attested: tuple[AttestedCommitment, ...]
    head: bytes


def prove_contribution(
    parameters: SumParameters,
    contributor: str,
    attested: Sequence[AttestedValue],
    commitments: Commitments,
    coefficients: Sequence[Sequence[ScalarPair]],
    *,
    nonce_secret: bytes,
    random_bytes: RandomBytes = system_random,
) -> tuple[bytes, tuple[bytes, ...]]:
    """The relation proof and the range proofs of these coefficients: `coefficients[i][m]` opens `commitments[i][m]`.

    Raises `Misuse` when they do not satisfy the claims, a value that is negative or too large among them.
    """
    public = [one.public for one in attested]
    factors = scale_factors(parameters, attested)
    context = proof_context(parameters, contributor, public, commitments)
    witness: list[int] = []
    for one, factor, pairs in zip(attested, factors, coefficients, strict=True):
        witness.append((pairs[0][1] - factor * one.opening.blinding) % ORDER)
        witness += [scalar for pair in pairs[1:] for scalar in pair]
    relation_proof = prove_relation(
        _relation(factors, public, commitments),
        witness,
        relation_tag(Form.BATCHABLE, RELATION_PURPOSE, context),
        form=Form.BATCHABLE,
        nonce_secret=nonce_secret,
        random_bytes=random_bytes,
    )
    openings = [Opening(*pairs[0]) for pairs in coefficients]
    range_proofs = tuple(
        prove_openings(
            run, widths, _range_context(context, i), nonce_secret=nonce_secret, random_bytes=random_bytes
        )
        for i, (run, widths) in enumerate(
            zip(parameters.per_range_proof(openings), parameters.range_widths, strict=True)
        )
    )
    return relation_proof, range_proofs


def verify_heads(
    parameters: SumParameters,
    submitted: Sequence[SubmittedHead],
    *,
    random_bytes: RandomBytes = system_random,
    check_ranges: CheckRanges | None = None,
) -> list[ContributionHead]:
    """The decoded heads, in order, all of whose proofs hold.

    Raises `Malformed` or `FailedVerification` with the contributor in `where` otherwise: when the batch fails, heads
    are checked singly to name the first false one. `random_bytes` must be unpredictable to the contributors. Work
    grows with the number of heads, about 2 ms for one metric, most of it for the ranges: `check_ranges` may do those of
    the whole batch in several processes.
    """
    heads = [decode_head(parameters, one.contributor, one.head) for one in submitted]
    claims = [_claims(parameters, one, head) for one, head in zip(submitted, heads, strict=True)]
    check_here = partial(verify_range_claims, random_bytes=random_bytes)
    try:
        _verify(claims, check_ranges or check_here, random_bytes)
    except (Malformed, FailedVerification):
        for one, claim in zip(submitted, claims, strict=True):
            try:
                _verify([claim], check_here, random_bytes)
            except (Malformed, FailedVerification) as error:
                raise _blame(one.contributor, error) from None
        raise
    return heads


def proof_context(
    parameters: SumParameters,
    contributor: str,
    attested: Sequence[AttestedCommitment],
    commitments: Commitments,
) -> bytes:
    """The digest that every proof of a contribution absorbs."""
    fields: list[HashField] = [place(parameters, contributor)]
    for one, factor, points in zip(attested, scale_factors(parameters, attested), commitments, strict=True):
        fields += [one.commitment.encode(), factor, *(point.encode() for point in points)]
    return tuple_hash(CONTEXT_DOMAIN, *fields)


def _relation(
    factors: Sequence[int], attested: Sequence[AttestedCommitment], commitments: Commitments
) -> LinearRelation[Point]:
    builder = RelationBuilder(BLS12_381_G1)
    blinding_base = builder.element(H)
    for factor, one, points in zip(factors, attested, commitments, strict=True):
        a_0, *higher = [builder.element(point) for point in points]
        c = builder.element(one.commitment)
        builder.equation([ImageTerm(a_0), ImageTerm(c, -factor)], [Term(builder.scalar(), blinding_base)])
        for a_m in higher:
            builder.equation(
                [ImageTerm(a_m)], [Term(builder.scalar(), BASE), Term(builder.scalar(), blinding_base)]
            )
    return builder.build()


def _range_context(context: bytes, run: int) -> bytes:
    return tuple_hash(RANGE_DOMAIN, context, run)


@dataclass(frozen=True, slots=True)
class _Claims:
    relation: RelationClaim[Point]
    ranges: list[RangeClaim[Point]]


def _claims(parameters: SumParameters, one: SubmittedHead, head: ContributionHead) -> _Claims:
    try:
        factors = scale_factors(parameters, one.attested)
        relation = _relation(factors, one.attested, head.commitments)
    except (Malformed, Misuse) as error:  # what others attested is foreign input here
        raise _blame(one.contributor, error) from None
    context = proof_context(parameters, one.contributor, one.attested, head.commitments)
    values = parameters.per_range_proof([points[0] for points in head.commitments])
    return _Claims(
        RelationClaim(relation_tag(Form.BATCHABLE, RELATION_PURPOSE, context), relation, head.relation_proof),
        [
            RangeClaim(run, widths, _range_context(context, i), proof)
            for i, (run, widths, proof) in enumerate(
                zip(values, parameters.range_widths, head.range_proofs, strict=True)
            )
        ],
    )


def _verify(claims: Sequence[_Claims], check_ranges: CheckRanges, random_bytes: RandomBytes) -> None:
    verify_relation_batch([claim.relation for claim in claims], random_bytes=random_bytes)
    check_ranges([one for claim in claims for one in claim.ranges])


def _blame(contributor: str, error: CarbonportError) -> FailedVerification:
    return FailedVerification(
        "sum-contribution-proof",
        found=f"a proof that does not hold ({error.id})",
        expected="proofs that its values are the attested ones, in range, and its own",
        remedy="Leave this contribution out of the roster and tell its contributor.",
        where=contributor,
    )
