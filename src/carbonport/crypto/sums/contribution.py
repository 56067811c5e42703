"""A contribution's head: commitments, proofs and ciphertext hashes, as one sequence of bytes.

The contributor signs the head (with its node's seal, outside this room); through the hashes the signature covers the
ciphertexts too. A ciphertext is taken only after `check_ciphertext`: size, then hash, then parsing.

    place            64 bytes   tuple hash of version, plan, contributor and parameters
    commitments      k points a metric: A_0 .. A_(k-1), metric by metric
    ciphertexts      n SHA-256 hashes, holder by holder
    relation proof   one for all metrics: links of A_0 to C, knowledge of the openings of A_m, m >= 1
    range proofs     one a run of metrics (`SumParameters.range_widths`): 0 <= v < 2^b

Everything has a fixed length given the parameters, and one encoding.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from carbonport.crypto.group import POINT_BYTES, SCALAR_BYTES, Point
from carbonport.crypto.proofs.ranges import openings_proof_bytes
from carbonport.crypto.sums.bfv_constants import MAX_CIPHERTEXT_BYTES, MIN_CIPHERTEXT_BYTES
from carbonport.crypto.sums.parameters import SumParameters
from carbonport.crypto.tuplehash import TUPLE_HASH_BYTES, HashField, tuple_hash
from carbonport.errors import FailedVerification, Malformed, Misuse

PLACE_DOMAIN = "carbonport/sum-contribution/v1"
"""Domain string of a head's place, and the format's version."""

CIPHERTEXT_HASH_BYTES = 32
"""SHA-256."""

MAX_CONTRIBUTOR_BYTES = 256
"""Longest id of a contributor, in UTF-8."""


@dataclass(frozen=True, slots=True)
class ContributionHead:
    """A decoded head. `commitments[i][m]` is A_m of metric i; `ciphertext_hashes[j - 1]` is holder j's.

    Decoded means no more than that: `verify_heads` says whether the proofs hold.
    """

    contributor: str
    commitments: tuple[tuple[Point, ...], ...]
    ciphertext_hashes: tuple[bytes, ...]
    relation_proof: bytes
    range_proofs: tuple[bytes, ...]

    def encode(self, parameters: SumParameters) -> bytes:
        """The head's bytes: what is signed."""
        return b"".join(
            [
                place(parameters, self.contributor),
                *(point.encode() for points in self.commitments for point in points),
                *self.ciphertext_hashes,
                self.relation_proof,
                *self.range_proofs,
            ]
        )


@dataclass(frozen=True, slots=True)
class Contribution:
    """What a contributor sends: the head's bytes, and a ciphertext for each holder by index."""

    head: bytes
    ciphertexts: Mapping[int, bytes]


def place(parameters: SumParameters, contributor: str) -> bytes:
    """What a head begins with: where it belongs."""
    if not 1 <= len(contributor.encode("utf-8")) <= MAX_CONTRIBUTOR_BYTES:
        raise Misuse(
            "sum-contributor",
            found="a contributor without a usable id",
            expected=f"an id of 1 to {MAX_CONTRIBUTOR_BYTES} bytes",
            remedy="Take the ids from the signed list of the invited.",
        )
    threshold = parameters.threshold
    metrics: list[HashField] = []
    for metric in parameters.metrics:
        metrics += [metric.metric_id, metric.decimals, metric.bits]
    return tuple_hash(
        PLACE_DOMAIN,
        parameters.plan_hash,
        contributor,
        threshold.holders,
        threshold.threshold,
        len(parameters.metrics),
        *metrics,
    )


def head_bytes(parameters: SumParameters) -> int:
    """Length of every head under these parameters: what a receiver checks first."""
    return sum(_lengths(parameters))


def decode_head(parameters: SumParameters, contributor: str, head: bytes) -> ContributionHead:
    """The head of these bytes, sent by `contributor` for this plan; raises `Malformed` for anything else."""
    if len(head) != head_bytes(parameters):
        raise _malformed(contributor, f"{len(head)} bytes", f"{head_bytes(parameters)} bytes under this plan")
    at = 0

    def take(length: int) -> bytes:
        nonlocal at
        at += length
        return head[at - length : at]

    if take(TUPLE_HASH_BYTES) != place(parameters, contributor):
        raise _malformed(
            contributor, "a head of another plan, contributor or version", "one of this plan and contributor"
        )
    threshold = parameters.threshold
    try:
        commitments = tuple(
            tuple(Point.decode(take(POINT_BYTES)) for _ in range(threshold.threshold))
            for _ in parameters.metrics
        )
    except Malformed as error:
        raise _malformed(contributor, error.found, "commitments that are points of the group") from None
    hashes = tuple(take(CIPHERTEXT_HASH_BYTES) for _ in threshold.indices)
    relation_proof = take(_relation_proof_bytes(parameters))
    range_proofs = tuple(take(openings_proof_bytes(widths)) for widths in parameters.range_widths)
    return ContributionHead(contributor, commitments, hashes, relation_proof, range_proofs)


def check_ciphertext_size(ciphertext: bytes, where: str = "") -> None:
    """Raise `Malformed` for bytes that are too short or too long for a ciphertext."""
    if not MIN_CIPHERTEXT_BYTES <= len(ciphertext) <= MAX_CIPHERTEXT_BYTES:
        raise Malformed(
            "sum-ciphertext-size",
            found=f"a ciphertext of {len(ciphertext)} bytes",
            expected=f"{MIN_CIPHERTEXT_BYTES} to {MAX_CIPHERTEXT_BYTES} bytes",
            remedy="Ask its sender for it again; it was cut, or is no ciphertext.",
            where=where,
        )


def check_ciphertext(
    parameters: SumParameters, head: ContributionHead, holder: int, ciphertext: bytes
) -> None:
    """Raise unless these bytes have a ciphertext's size and are those whose hash the (signed) head names."""
    parameters.threshold.check_index(holder)
    check_ciphertext_size(ciphertext, head.contributor)
    if hashlib.sha256(ciphertext).digest() != head.ciphertext_hashes[holder - 1]:
        raise FailedVerification(
            "sum-ciphertext-hash",
            found="a ciphertext that its contributor did not sign",
            expected=f"the ciphertext for holder {holder} whose hash is in the contribution's head",
            remedy="Ask its sender for it again; it was changed or swapped on the way.",
            where=head.contributor,
        )


def _relation_proof_bytes(parameters: SumParameters) -> int:
    """Batchable form. Per metric: the link (one equation, one secret), and for each m >= 1 knowledge of an opening (one
    equation, two secrets)."""
    higher = parameters.threshold.threshold - 1
    return len(parameters.metrics) * ((1 + higher) * POINT_BYTES + (1 + 2 * higher) * SCALAR_BYTES)


def _lengths(parameters: SumParameters) -> list[int]:
    threshold = parameters.threshold
    return [
        TUPLE_HASH_BYTES,
        len(parameters.metrics) * threshold.threshold * POINT_BYTES,
        threshold.holders * CIPHERTEXT_HASH_BYTES,
        _relation_proof_bytes(parameters),
        *(openings_proof_bytes(widths) for widths in parameters.range_widths),
    ]


def _malformed(contributor: str, found: str, expected: str) -> Malformed:
    return Malformed(
        "sum-contribution-head",
        found=found,
        expected=expected,
        remedy="Ask the contributor for its contribution again; it was damaged or made for something else.",
        where=contributor,
    )
