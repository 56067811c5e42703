"""The prover of aggregated Bulletproofs.

Source: Buenz, Bootle, Boneh, Poelstra, Wuille, Maxwell, "Bulletproofs: Short Proofs for Confidential Transactions and
More" (IEEE S&P 2018), sections 3 and 4.2, with the sign and halving conventions of dalek's `bulletproofs`. Letters are
the paper's: `A`, `S` commit to the bits and their masks, `T1`, `T2` to the middle coefficients of t(X) = <l(X), r(X)>.

Where we leave the paper: values may have different widths (see `range_layout`; the vector 2^n is replaced by the
weights, which changes nothing in the argument: every position is proved to be a bit, and value j is the weighted sum of
its own); halving stops at a length of the system's choice, where l and r are sent. What makes it fast: A is a sum of
generators without a multiplication; L and R are one multi-scalar multiplication each over the *original* generators,
and generators are folded only after some rounds, when that pays.

Not constant time: never prove as a service whose time strangers can measure.
"""

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Generic

from carbonport.crypto.ambient import RandomBytes, system_random
from carbonport.crypto.group_interface import ElementT
from carbonport.crypto.proofs.field_codec import serialize_count, serialize_string
from carbonport.crypto.proofs.hedged_nonces import hedged_nonces
from carbonport.crypto.proofs.range_layout import RangeProof, powers
from carbonport.crypto.proofs.range_system import RangeSystem
from carbonport.crypto.proofs.range_transcript import RangeTranscript
from carbonport.errors import Misuse

FOLD_AFTER_ROUNDS = 4
"""Generators are folded 16 to 1 at once: folding them at every round costs more than the shorter sums save."""

FOLD_BEFORE_ROUNDS = 4
"""Fewer rounds than these ahead do not earn the folding back (measured: from 1024 positions on they do)."""

NONCES = 4
"""Blindings of A, S, T1 and T2; the masks of l and r come on top."""


def prove_range(
    system: RangeSystem[ElementT],
    values: Sequence[int],
    blindings: Sequence[int],
    commitments: Sequence[ElementT],
    widths: Sequence[int],
    context: bytes,
    *,
    nonce_secret: bytes,
    random_bytes: RandomBytes = system_random,
) -> bytes:
    """A proof that commitment j hides a value in [0, 2^widths[j]), for all j, bound to `context`.

    `commitments[j] = values[j]*base + blindings[j]*blinding_base` is the caller's promise; a proof for other
    commitments does not verify. Raises `Misuse` for a value outside its range.
    """
    layout = system.layout(widths)
    if not len(values) == len(blindings) == len(widths) or any(
        not 0 <= value < 1 << width for value, width in zip(values, widths, strict=True)
    ):
        raise Misuse(
            "range-value",
            found="a value outside the range that is to be proved",
            expected="for each width w a value from 0 to 2^w - 1",
            remedy="The claim is not true for these values, or the declared width is too small.",
        )
    group, order, size = system.group, system.group.order, layout.size
    transcript = system.transcript(context, widths, commitments)
    statement = b"".join(
        [serialize_string(context), *(serialize_count(width) for width in widths)]
        + [commitment.encode() for commitment in commitments]
    )
    alpha, rho, tau1, tau2, *masks = hedged_nonces(
        NONCES + 2 * size,
        order,
        nonce_secret=nonce_secret,
        statement=statement,
        witness=[*values, *blindings],
        random_bytes=random_bytes,
    )
    g, h = system.vectors(size)
    base, blinding_base = group.base, group.blinding_base

    bits = layout.bits(values)
    chosen = [g[i] if bit else -h[i] for i, bit in enumerate(bits)]
    a = reduce(add, chosen, blinding_base * alpha)
    s_l, s_r = masks[:size], masks[size:]
    s = group.multi_scalar_mul([blinding_base, *g, *h], [rho, *masks])
    transcript.element("A", a)
    transcript.element("S", s)
    y, z = transcript.challenge("y"), transcript.challenge("z")

    y_powers = powers(y, size, order)
    l0 = [bit - z for bit in bits]
    r0 = [
        (power * (bit - 1 + z) + weight) % order
        for power, bit, weight in zip(y_powers, bits, layout.weights(z, order), strict=True)
    ]
    r1 = [power * mask % order for power, mask in zip(y_powers, s_r, strict=True)]
    t0 = _inner(l0, r0) % order
    t1 = (_inner(l0, r1) + _inner(s_l, r0)) % order
    t2 = _inner(s_l, r1) % order
    big_t1 = group.multi_scalar_mul([base, blinding_base], [t1, tau1])
    big_t2 = group.multi_scalar_mul([base, blinding_base], [t2, tau2])
    transcript.element("T_1", big_t1)
    transcript.element("T_2", big_t2)
    x = transcript.challenge("x")

    t = (t0 + t1 * x + t2 * x * x) % order
    tau = (_inner(layout.value_powers(z, order), blindings) + tau1 * x + tau2 * x * x) % order
    mu = (alpha + rho * x) % order
    transcript.scalar("t_x", t)
    transcript.scalar("t_x_blinding", tau)
    transcript.scalar("e_blinding", mu)
    halving = _Halving(
        system,
        transcript,
        g,
        h,
        base * transcript.challenge("w"),
        [(left + mask * x) % order for left, mask in zip(l0, s_l, strict=True)],
        [(right + mask * x) % order for right, mask in zip(r0, r1, strict=True)],
        powers(pow(y, -1, order), size, order),
    )
    halving.run()
    proof = RangeProof(
        a,
        s,
        big_t1,
        big_t2,
        t,
        tau,
        mu,
        tuple(halving.L),
        tuple(halving.R),
        tuple(halving.l),
        tuple(halving.r),
    )
    return proof.encode(group)


class _Halving(Generic[ElementT]):
    """The inner-product argument: l and r halve with each challenge, L and R carry the cross terms.

    `g[i] * g_factors[i]` summed over all i equal modulo the present length is the present generator; `h` likewise.
    """

    def __init__(
        self,
        system: RangeSystem[ElementT],
        transcript: RangeTranscript[ElementT],
        g: Sequence[ElementT],
        h: Sequence[ElementT],
        q: ElementT,
        l: list[int],  # noqa: E741 - the paper's letter
        r: list[int],
        h_factors: list[int],
    ) -> None:
        self._system, self._transcript = system, transcript
        self._g, self._h, self._q = g, h, q
        self.l, self.r = l, r
        self._g_factors, self._h_factors = [1] * len(l), h_factors
        self.L: list[ElementT] = []
        self.R: list[ElementT] = []

    def run(self) -> None:
        """Halve to the stop length."""
        self._transcript.begin_inner_product(len(self.l))
        while len(self.l) > self._system.stop_length:
            half = len(self.l) // 2
            self._send("L", self.L, self._cross(half, low_g=False))
            self._send("R", self.R, self._cross(half, low_g=True))
            self._halve(half, self._transcript.challenge("u"))
            if len(self._g) >> FOLD_AFTER_ROUNDS == half >= self._system.stop_length << FOLD_BEFORE_ROUNDS:
                self._fold(half)

    def _send(self, label: str, sent: list[ElementT], element: ElementT) -> None:
        sent.append(element)
        self._transcript.element(label, element)

    def _cross(self, half: int, *, low_g: bool) -> ElementT:
        """R: high half of l on low generators and low half of r on high ones; L: the other way round."""
        order = self._system.group.order
        length = 2 * half
        # The scalar that meets the generator at each place of one period, or None where it has no part.
        on_g = self.l[half:] if low_g else self.l[:half]
        on_h = self.r[:half] if low_g else self.r[half:]
        elements, scalars = [self._q], [_inner(on_g, on_h) % order]
        for block in range(0, len(self._g), length):
            g_start = block if low_g else block + half
            h_start = block + half if low_g else block
            elements += self._g[g_start : g_start + half]
            scalars += [
                scalar * factor % order
                for scalar, factor in zip(on_g, self._g_factors[g_start : g_start + half], strict=True)
            ]
            elements += self._h[h_start : h_start + half]
            scalars += [
                scalar * factor % order
                for scalar, factor in zip(on_h, self._h_factors[h_start : h_start + half], strict=True)
            ]
        return self._system.group.multi_scalar_mul(elements, scalars)

    def _halve(self, half: int, u: int) -> None:
        order = self._system.group.order
        inverse = pow(u, -1, order)
        self.l = [
            (low * u + high * inverse) % order for low, high in zip(self.l[:half], self.l[half:], strict=True)
        ]
        self.r = [
            (low * inverse + high * u) % order for low, high in zip(self.r[:half], self.r[half:], strict=True)
        ]
        for i in range(len(self._g)):
            low = i % (2 * half) < half
            self._g_factors[i] = self._g_factors[i] * (inverse if low else u) % order
            self._h_factors[i] = self._h_factors[i] * (u if low else inverse) % order

    def _fold(self, length: int) -> None:
        """Replace the generators by the present ones."""
        multiply = self._system.group.multi_scalar_mul
        self._g = [multiply(self._g[i::length], self._g_factors[i::length]) for i in range(length)]
        self._h = [multiply(self._h[i::length], self._h_factors[i::length]) for i in range(length)]
        self._g_factors, self._h_factors = [1] * length, [1] * length


def _inner(left: Sequence[int], right: Sequence[int]) -> int:
    return sum(a * b for a, b in zip(left, right, strict=True))
