"""The verifier of aggregated Bulletproofs: one proof or many with a single multi-scalar multiplication.

Source: as `range_prover`; the single equation is section 6.2 of the paper, in dalek's form. Each proof has two
equations, one for t(x) against the commitments and one for the inner product. Each is multiplied by a fresh random
128-bit weight of its own, drawn after all proofs were read, and everything is added up: the sum is the identity, or
something is false (but for a chance of 2^-128). Openings of other commitments are equations too, and cost next to
nothing in the same sum.

Promised: `verify_ranges` returns for true claims, and raises `Malformed` or `FailedVerification` for anything else a
stranger may send. Not promised: which proof of a batch is false (check singly), nor anything about context, widths and
commitments: they come from where the verifier trusts them, never from the prover.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

from carbonport.crypto.ambient import RandomBytes, system_random
from carbonport.crypto.group_interface import ElementT
from carbonport.crypto.proofs.range_layout import decode_range_proof, powers
from carbonport.crypto.proofs.range_system import RangeSystem
from carbonport.errors import FailedVerification

WEIGHT_BYTES = 16
"""Weight of one equation of one proof."""


@dataclass(frozen=True)
class RangeClaim(Generic[ElementT]):
    """Commitment j hides a value in [0, 2^widths[j]); `context` is the digest the proof is bound to."""

    commitments: tuple[ElementT, ...]
    widths: tuple[int, ...]
    context: bytes
    proof: bytes


@dataclass(frozen=True)
class OpenedCommitment(Generic[ElementT]):
    """The claim that `commitment = value*base + blinding*blinding_base`, with both shown."""

    commitment: ElementT
    value: int
    blinding: int


def verify_ranges(
    system: RangeSystem[ElementT],
    claims: Sequence[RangeClaim[ElementT]],
    opened: Sequence[OpenedCommitment[ElementT]] = (),
    *,
    random_bytes: RandomBytes = system_random,
) -> None:
    """Raise unless every claim and every opening holds; none is no error. `random_bytes` must be unpredictable to the
    provers."""
    replayed = [_Replayed(system, claim) for claim in claims]
    if not replayed and not opened:
        return

    def weight() -> int:
        return int.from_bytes(random_bytes(WEIGHT_BYTES), "little")

    total = _Sum[ElementT](max((one.layout.size for one in replayed), default=0))
    for one in replayed:
        one.add_inner_product(total, weight())
        one.add_t(total, weight())
    for shown in opened:
        total.add_opening(shown, weight())
    group = system.group
    g, h = system.vectors(len(total.on_g))
    product = group.multi_scalar_mul(
        [group.base, group.blinding_base, *g, *h, *total.elements],
        [total.on_base, total.on_blinding_base, *total.on_g, *total.on_h, *total.scalars],
    )
    if not product.is_identity:
        raise FailedVerification(
            "range-proof",
            found="a range proof, or an opening, that does not hold",
            expected="a proof of these ranges for these commitments under this context",
            remedy="Do not rely on the claim; the proof belongs to other values or another context, or was changed.",
        )


class _Sum(Generic[ElementT]):
    """Scalars on the generators that all proofs share, and terms of each proof's own."""

    def __init__(self, size: int) -> None:
        self.on_base = self.on_blinding_base = 0
        self.on_g = [0] * size
        self.on_h = [0] * size
        self.elements: list[ElementT] = []
        self.scalars: list[int] = []

    def add(self, elements: Sequence[ElementT], scalars: Sequence[int]) -> None:
        """More terms of one proof's own."""
        self.elements += elements
        self.scalars += scalars

    def add_opening(self, opened: OpenedCommitment[ElementT], weight: int) -> None:
        """commitment - value*base - blinding*blinding_base = 0"""
        self.add([opened.commitment], [weight])
        self.on_base -= weight * opened.value
        self.on_blinding_base -= weight * opened.blinding


class _Replayed(Generic[ElementT]):
    """A decoded proof with its challenges."""

    def __init__(self, system: RangeSystem[ElementT], claim: RangeClaim[ElementT]) -> None:
        self.layout = system.layout(claim.widths)
        self.order = system.group.order
        self.claim = claim
        self.proof = proof = decode_range_proof(system.group, self.layout, claim.proof)
        transcript = system.transcript(claim.context, claim.widths, claim.commitments)
        transcript.element("A", proof.A)
        transcript.element("S", proof.S)
        self.y, self.z = transcript.challenge("y"), transcript.challenge("z")
        transcript.element("T_1", proof.T1)
        transcript.element("T_2", proof.T2)
        self.x = transcript.challenge("x")
        transcript.scalar("t_x", proof.t)
        transcript.scalar("t_x_blinding", proof.tau)
        transcript.scalar("e_blinding", proof.mu)
        self.w = transcript.challenge("w")
        transcript.begin_inner_product(self.layout.size)
        self.u = []
        for left, right in zip(proof.L, proof.R, strict=True):
            transcript.element("L", left)
            transcript.element("R", right)
            self.u.append(transcript.challenge("u"))
        self.u_inverse = [pow(u, -1, self.order) for u in self.u]

    def add_inner_product(self, total: _Sum[ElementT], weight: int) -> None:
        """A + x*S + sum(u^2*L + u^-2*R) - mu*blinding_base + w*(t - <l, r>)*base
        - sum((z + l_i*s_i)*g_i) + sum((z + y^-i*(weight_i - r_i/s_i))*h_i) = 0
        """
        proof, order, z, stop = self.proof, self.order, self.z, self.layout.stop_length
        squares = [u * u % order for u in self.u]
        inverse_squares = [u * u % order for u in self.u_inverse]
        total.add([proof.A, proof.S], [weight, weight * self.x])
        total.add(proof.L, [weight * square for square in squares])
        total.add(proof.R, [weight * square for square in inverse_squares])
        total.on_blinding_base -= weight * proof.mu
        product = sum(left * right for left, right in zip(proof.l, proof.r, strict=True))
        total.on_base += weight * self.w * (proof.t - product)

        s = _block_factors(self.u, self.u_inverse, order)
        y_inverse_powers = powers(pow(self.y, -1, order), self.layout.size, order)
        bit_weights = self.layout.weights(z, order)
        # 1/s of a block is s of the block with all its bits turned: the same list from its end.
        for block, (factor, inverse) in enumerate(zip(s, reversed(s), strict=True)):
            for k in range(stop):
                i = block * stop + k
                on_h = z + y_inverse_powers[i] * (bit_weights[i] - proof.r[k] * inverse) % order
                total.on_g[i] -= weight * (z + proof.l[k] * factor)
                total.on_h[i] += weight * on_h

    def add_t(self, total: _Sum[ElementT], weight: int) -> None:
        """(t - delta)*base + tau*blinding_base - sum(z^(2+j)*V_j) - x*T1 - x^2*T2 = 0,
        delta = (z - z^2)*sum(y^i) - z*sum(weight_i)
        """
        proof, order, z, x = self.proof, self.order, self.z, self.x
        y_sum = sum(powers(self.y, self.layout.size, order))
        delta = (z - z * z) * y_sum - z * sum(self.layout.weights(z, order))
        total.on_base += weight * ((proof.t - delta) % order)
        total.on_blinding_base += weight * proof.tau
        total.add(self.claim.commitments, [-weight * power for power in self.layout.value_powers(z, order)])
        total.add([proof.T1, proof.T2], [-weight * x, -weight * x * x])


def _block_factors(u: Sequence[int], u_inverse: Sequence[int], order: int) -> list[int]:
    """What the generators of each final-length block were multiplied by in all halvings.

    The first challenge meets the highest bit of the block's number: u where it is set, its inverse where not.
    """
    factors = [1]
    for challenge, inverse in zip(u, u_inverse, strict=True):
        factors = [factor * by % order for factor in factors for by in (inverse, challenge)]
    return factors
