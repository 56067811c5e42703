"""Making a contribution: fresh commitments, polynomials, proofs, and a ciphertext for each holder.

Source: Pedersen, "Non-Interactive and Information-Theoretic Secure Verifiable Secret Sharing" (CRYPTO 1991).
Polynomials f, g of degree k - 1 over the group order with f(0) = v, g(0) = r; A_m commits to their coefficients of
degree m; holder j gets (f(j), g(j)), which anyone can check in the exponent: `f(j)*G + g(j)*H = sum(A_m * j^m)`.
"""

import hashlib
from collections.abc import Callable, Sequence

from carbonport.crypto.ambient import RandomBytes, system_random
from carbonport.crypto.group import ORDER, random_scalar
from carbonport.crypto.pedersen import Opening, commit_scalars
from carbonport.crypto.sums.attested import AttestedValue, scale_factors
from carbonport.crypto.sums.contribution import Contribution, ContributionHead
from carbonport.crypto.sums.contribution_proofs import ScalarPair, prove_contribution
from carbonport.crypto.sums.parameters import SumParameters
from carbonport.crypto.sums.polynomials import evaluate
from carbonport.crypto.sums.share_slots import SharePair, slots_of_shares

Encrypt = Callable[[int, Sequence[int]], bytes]
"""Slots to a ciphertext under the key of the holder with this index (`BfvWorker.encrypt`)."""


def make_contribution(
    parameters: SumParameters,
    contributor: str,
    values: Sequence[AttestedValue],
    encrypt: Encrypt,
    *,
    nonce_secret: bytes,
    random_bytes: RandomBytes = system_random,
) -> tuple[Contribution, tuple[Opening, ...]]:
    """A contribution of these attested values, one a metric, and the openings of its A_0 (a secret, for a releaser).

    Every call draws fresh commitments and polynomials: a new attempt is a new contribution. `nonce_secret` is 32 bytes
    or more of the contributor's own, see `hedged_nonces`. Raises `Misuse` for a value that is negative, exceeds the
    metric's bit bound, or has more decimals than the metric.
    """
    factors = scale_factors(parameters, values)
    coefficients: list[list[ScalarPair]] = [
        [(factor * one.opening.value, random_scalar(random_bytes))]
        + [
            (random_scalar(random_bytes), random_scalar(random_bytes))
            for _ in range(parameters.threshold.threshold - 1)
        ]
        for one, factor in zip(values, factors, strict=True)
    ]
    commitments = tuple(tuple(commit_scalars(*pair) for pair in pairs) for pairs in coefficients)
    relation_proof, range_proofs = prove_contribution(
        parameters,
        contributor,
        values,
        commitments,
        coefficients,
        nonce_secret=nonce_secret,
        random_bytes=random_bytes,
    )
    ciphertexts = {
        holder: encrypt(holder, slots_of_shares([_share(pairs, holder) for pairs in coefficients]))
        for holder in parameters.threshold.indices
    }
    hashes = tuple(hashlib.sha256(ciphertexts[holder]).digest() for holder in parameters.threshold.indices)
    head = ContributionHead(contributor, commitments, hashes, relation_proof, range_proofs)
    openings = tuple(Opening(*pairs[0]) for pairs in coefficients)
    return Contribution(head.encode(parameters), ciphertexts), openings


def _share(pairs: Sequence[ScalarPair], holder: int) -> SharePair:
    f, g = zip(*pairs, strict=True)
    return evaluate(f, holder, ORDER), evaluate(g, holder, ORDER)
